"""A log with a store in a directory, and what one does with both in tests of the keeper."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from artifactstore import codec, db
from artifactstore.events import (
    FileIngested,
    Location,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    new_id,
)
from artifactstore.jobs.homes import log_home
from artifactstore.jobs.keeper.pace import Pace
from artifactstore.jobs.keeper.work import KeeperJob
from artifactstore.store import Store
from artifactstore.stores import marker
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.keys import key_in, key_of, uri_of
from artifactstore.stores.local import LocalStore

ANN = "user:ann"


def local(name: str, root: Path) -> tuple[StoreConfig, LocalStore]:
    """A store in a directory, which is made; it has no marker yet."""
    root.mkdir(exist_ok=True)
    given = StoreConfig(name=name, type="local", root=root, min_free=0.0)
    return given, LocalStore(given)


@contextmanager
def connected(conninfo: str) -> Iterator[Store]:
    """A session of the log."""
    with closing(db.connect(conninfo)) as connection:
        yield Store(connection)


def begin(store: Store, *places: ObjectStore) -> None:
    """Begin the log, and give it its stores."""
    store.writes.append([_created(new_id())])
    for place in places:
        marker.init(place, log_home(store))


def work(
    store: Store, given: StoreConfig, place: ObjectStore, *, stopping: threading.Event | None = None
) -> KeeperJob:
    """What a job of the keeper gets, without a budget."""
    ends = stopping or threading.Event()
    return KeeperJob(
        store=store,
        place=place,
        settings=given,
        instant=store.log.clock(),
        requests=Pace(None, ends),
        bytes=Pace(None, ends),
        stopping=ends,
    )


def put(store: Store, place: ObjectStore, content: bytes) -> str:
    """A new object; its URI."""
    (key,) = store.objects.new_keys(1)
    place.put(key, content, hashlib.sha256(content).digest())
    place.settle([key])
    return uri_of(key)


def ingest(store: Store, content: bytes, *copies: tuple[str, str], path: str = "file") -> UUID:
    """A new package with one file, whose copies are given by backend and URI."""
    package = new_id()
    locations = tuple(Location(location_id=new_id(), backend=backend, uri=uri) for backend, uri in copies)
    file = FileIngested(
        package_id=package, path=path, size=len(content), blake3=codec.digest(content), locations=locations
    )
    store.writes.append([_created(package), NewEvent(file, new_id(), ANN)])
    return package


def purge(store: Store, package: UUID) -> None:
    """Delete and purge a package of one file."""
    store.writes.append(
        [
            NewEvent(PackageDeleted(reason="r"), package, ANN),
            NewEvent(PackagePurged(reason="r", file_count=1), package, ANN),
        ]
    )


def live_without_bytes(store: Store, *places: ObjectStore) -> list[str]:
    """URIs that live locations name, still after it was seen that the store has nothing there."""
    broken = []
    for place in places:
        keys = {uri: key for uri in live(store, place.name) if (key := key_in(uri)) is not None}
        gone = [uri for uri, key in keys.items() if place.head(key) is None]
        broken += sorted(set(gone) & set(live(store, place.name)))
    return broken


def live(store: Store, backend: str) -> set[str]:
    """URIs that live locations of a store name."""
    return {row["uri"] for row in store.objects.all(backend) if row["live"]}


def keys(place: ObjectStore) -> list[str]:
    """What is in a store."""
    return [info.key for info in place.list()]


def old_key(days: float) -> str:
    """A key that was made so long ago."""
    milliseconds = int((datetime.now(UTC) - timedelta(days=days)).timestamp() * 1000)
    tail = os.urandom(10).hex()
    return key_of(UUID(f"{milliseconds:012x}7{tail[:3]}8{tail[3:18]}"))


def set_upload_limit(conninfo: str, limit: timedelta) -> None:
    """Let uploads expire after this, in a database of a test."""
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(
            "CREATE OR REPLACE FUNCTION artifactstore.upload_limit() RETURNS interval LANGUAGE sql "
            f"IMMUTABLE PARALLEL SAFE AS $$ SELECT interval '{limit.total_seconds()} seconds' $$"
        )


def _created(package: UUID) -> NewEvent:
    return NewEvent(PackageCreated(purl=f"pkg:generic/{package}@1"), package, ANN)
