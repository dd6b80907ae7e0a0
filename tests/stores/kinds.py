"""Kinds of stores that must keep the same contract; whoever adds one adds it to ``KINDS``."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

from obstore.store import MemoryStore

from artifactstore.events import new_id
from artifactstore.stores.base import ObjectStore, Part
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.keys import key_of
from artifactstore.stores.marker import LogHome, init
from artifactstore.stores.opening import open_store
from artifactstore.stores.other import OtherStore
from tests.stores.seaweed import BUCKETS, seaweed

HOME = LogHome(uuid4(), 7_000_000_000_000_000_001, 16_384, 10, ((uuid4(), 0),))
"""The log that the stores of these tests belong to."""


@dataclass(frozen=True)
class Tried:
    """A store that was made for a test and is this test's own.

    Attributes:
        again: opens the same place as another process would.
        put_foreign: puts something there, past the store, under any name.
    """

    store: ObjectStore
    settings: StoreConfig
    again: Callable[[], ObjectStore]
    put_foreign: Callable[[str, bytes], None]


Kind: TypeAlias = Callable[[Path], AbstractContextManager[Tried]]


@contextmanager
def local(directory: Path) -> Iterator[Tried]:
    """A directory."""
    root = directory / "root"
    settings = StoreConfig(name="shelf", type="local", root=root, min_free=0.0)

    def put_foreign(name: str, data: bytes) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)

    yield Tried(open_store(settings), settings, lambda: open_store(settings), put_foreign)


@contextmanager
def in_bucket(bucket: str, _: Path) -> Iterator[Tried]:
    """A prefix of its own in a bucket of SeaweedFS."""
    server = seaweed()
    settings, client = server.settings(bucket), server.client()

    def put_foreign(name: str, data: bytes) -> None:
        client.put_object(Bucket=bucket, Key=settings.prefix + name, Body=data)

    yield Tried(open_store(settings), settings, lambda: open_store(settings), put_foreign)
    client.close()


@contextmanager
def in_memory(_: Path) -> Iterator[Tried]:
    """What stores through obstore alone have in common, on one of its own that is gone with the process."""
    settings, client = StoreConfig(name="cloud", type="azure", bucket="none", prefix="as/"), MemoryStore()

    def put_foreign(name: str, data: bytes) -> None:
        client.put(f"as/{name}", data)

    yield Tried(OtherStore(settings, client), settings, lambda: OtherStore(settings, client), put_foreign)


KINDS: dict[str, Kind] = {
    "local": local,
    "obstore": in_memory,
    **{f"s3-{bucket}": partial(in_bucket, bucket) for bucket in BUCKETS},
}


@contextmanager
def initialised(kind: Kind, directory: Path) -> Iterator[Tried]:
    """A new store of a kind that belongs to ``HOME``."""
    with kind(directory) as tried:
        init(tried.store, HOME)
        yield tried
        tried.store.close()


def new_key() -> str:
    """A key that was never used."""
    return key_of(new_id())


def sha256(data: bytes) -> bytes:
    """As the log gets it."""
    return hashlib.sha256(data).digest()


def put(store: ObjectStore, data: bytes, key: str | None = None) -> str:
    """Write an object, durably; its key."""
    key = key or new_key()
    store.put(key, data, sha256(data))
    store.settle([key])
    return key


def content(store: ObjectStore, key: str) -> bytes:
    """All bytes of an object."""
    return b"".join(store.read(key))


def write_part(store: ObjectStore, key: str, upload: str, number: int, data: bytes) -> Part:
    """Write a part that is what it says."""
    return store.write_part(key, upload, number, data, sha256(data))
