"""Contents that files tell of in two ways: one digest with two sizes, or with two other digests (F51)."""

from uuid import UUID

import pytest

from artifactstore.events import FileIngested, FileRemoved, NewEvent, PackageCreated, new_id
from artifactstore.jobs.doctor import CONTRADICTIONS, examine
from artifactstore.store import Store
from tests.databases import Connect

A, B, C = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32


@pytest.fixture
def store(connect: Connect) -> Store:
    return Store(connect())


def ingest(
    store: Store, number: int, size: int, blake3: bytes, sha256: bytes | None = None
) -> tuple[UUID, UUID]:
    """A file in a package of its own: package, file."""
    package, file = new_id(), new_id()
    created = PackageCreated(purl=f"pkg:generic/a{number}@1")
    ingested = FileIngested(package_id=package, path="a", size=size, blake3=blake3, sha256=sha256)
    store.writes.append([NewEvent(created, package, "user:ann"), NewEvent(ingested, file, "user:ann")])
    return package, file


def told(store: Store) -> list[str]:
    return [one.what for one in examine(store) if one.check == "content"]


def test_f51_one_content_of_two_sizes_is_told(store: Store) -> None:
    """The log takes it, as each package is judged by itself; doctor names both files."""
    _, first = ingest(store, 1, 5, A)
    ingest(store, 2, 5, A)
    assert told(store) == []
    package, other = ingest(store, 3, 6, A)
    (what,) = told(store)
    assert f"3 files have blake3:{A.hex()}" in what
    assert f"5 bytes and 6 bytes, files {first} and {other}" in what

    store.writes.append([NewEvent(FileRemoved(package_id=package, reason="wrong"), other, "user:ann")])
    assert told(store) == []


@pytest.mark.parametrize(
    ("one", "other", "digest", "values"),
    [
        ((A, B), (A, C), f"blake3:{A.hex()}", (B, C)),
        ((A, C), (B, C), f"sha256:{C.hex()}", (A, B)),
    ],
    ids=["two sha256", "two blake3"],
)
def test_f51_one_content_of_two_digests_is_told(
    store: Store,
    one: tuple[bytes, bytes],
    other: tuple[bytes, bytes],
    digest: str,
    values: tuple[bytes, bytes],
) -> None:
    ingest(store, 1, 5, *one)
    ingest(store, 2, 5, one[0])
    ingest(store, 3, 5, *other)
    (what,) = (line for line in told(store) if digest in line)
    assert f"{values[0].hex()} and {values[1].hex()}" in what


def test_f51_contradictions_are_told_up_to_a_number(store: Store) -> None:
    for number in range(CONTRADICTIONS + 1):
        ingest(store, 2 * number, 1, bytes([number]) * 32)
        ingest(store, 2 * number + 1, 2, bytes([number]) * 32)
    assert len(told(store)) == CONTRADICTIONS
