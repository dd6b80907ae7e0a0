"""Repair from what was there before somebody wrote over an object, where a bucket keeps it (BYTES 5.4)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactstore.jobs.content import Sources
from artifactstore.jobs.homes import log_home
from artifactstore.jobs.keeper.check import Unreachable, check
from artifactstore.jobs.keeper.repair import repair
from artifactstore.store import Store
from artifactstore.stores.base import SMALL
from artifactstore.stores.config import StoresConfig
from artifactstore.stores.keys import key_in
from artifactstore.stores.opening import Stores
from tests.stores.kept import begin, connected, ingest, live, put, work
from tests.stores.seaweed import seaweed

CONTENT = b"what is kept"
HARMS: dict[str, list[bytes | None]] = {
    "written over": [b"something else"],
    "written over twice": [b"something else", b"WHAT IS KEPT"],
    "written over by a large one": [bytes(SMALL + 1)],
    "deleted": [None],
    "deleted after it was written over": [b"something else", None],
}
"""What somebody does to an object: writes these bytes, or deletes it (None)."""


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A log."""
    with connected(database) as made:
        yield made


def test_earlier_versions_are_tried_before_a_copy_is_lost(store: Store, tmp_path: Path) -> None:
    """Nothing is lost but what no version has."""
    del tmp_path
    server = seaweed()
    settings, client = server.settings("versioned"), server.client()
    stores = Stores(StoresConfig(None, 1, {"main": settings}))
    place = stores["main"]
    begin(store, place)
    contents = {harm: f"{harm}: ".encode() + CONTENT for harm in HARMS}
    uris = {harm: put(store, place, content) for harm, content in contents.items()}
    for harm, uri in uris.items():
        ingest(store, contents[harm], ("main", uri))
        for data in HARMS[harm]:
            _harm(client, settings.bucket, settings.prefix + str(key_in(uri)), data)
    never = f"store:{store.objects.new_keys(1)[0]}"
    _harm(client, settings.bucket, settings.prefix + str(key_in(never)), b"never good")
    ingest(store, b"never there", ("main", never))

    check(work(store, settings, place), Unreachable())
    job = work(store, settings, place)
    repair(job, Sources(stores, log_home(store)))
    counts = job.tally.counts
    assert (counts["bad"], counts["repaired"], counts["earlier_versions"], counts["lost"]) == (6, 5, 5, 1)
    states = store.connection.execute(
        "SELECT f.blake3, f.state FROM artifactstore.artifact_files f ORDER BY 2"
    ).fetchall()
    assert [state for _, state in states] == ["corrupted", *["ingested"] * 5]
    found = {
        b"".join(place.read(str(key_in(uri)))) for uri in live(store, "main") - set(uris.values()) - {never}
    }
    assert found == set(contents.values())
    stores.close()


def _harm(client: object, bucket: str | None, key: str, data: bytes | None) -> None:
    if data is None:
        client.delete_object(Bucket=bucket, Key=key)  # type: ignore[attr-defined]
    else:
        client.put_object(Bucket=bucket, Key=key, Body=data)  # type: ignore[attr-defined]
