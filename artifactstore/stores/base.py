"""What a store does, whatever it is made of.

An object is written once under a key that is never used again, and never changed. All methods block and may
be called from several threads at once. What goes wrong is an error of errors.py:
``store-unavailable`` (try again later), ``store-refused`` (it says no: rights, a lock; with its own code),
``store-full``, ``digest-mismatch`` (what came is not what was said), ``id-taken`` (there is an object of this
key), ``not-found``, ``bad-uri`` (no key of ours); never with a secret. ``detail`` has ``store``, its name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

SMALL = 8 * 1024 * 1024
"""Bytes up to which an object goes in one piece, from memory."""
PIECE = 1024 * 1024
"""Most bytes of a piece that is read."""
MOST_PARTS = 9_000
"""Parts of an upload, at most."""
_PART = 16 * 1024 * 1024


def part_size(size: int) -> int:
    """Bytes of each part but the last of an object of ``size`` bytes: whole MiB, 16 at least."""
    return max(_PART, -(-size // (MOST_PARTS * PIECE)) * PIECE)


Removed = Literal["deleted", "not_found", "locked"]
"""What became of an object that was to be deleted; ``locked``: the store keeps it, whoever asks."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store says of an object.

    Attributes:
        size: in bytes. modified: by the store's clock, which is not to be trusted.
        sha256: of the whole object, if the store keeps one. versions: how many it has, where they are
            counted.
    """

    key: str
    size: int
    modified: datetime | None = None
    sha256: bytes | None = None
    versions: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an upload that is there: ``number`` from 1, ``sha256`` if the store tells it."""

    number: int
    size: int
    etag: str
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """An upload that was begun and neither completed nor aborted."""

    key: str
    upload_id: str
    began: datetime


class PartsStore(Protocol):
    """Where objects come together in parts; its name is the ``backend`` of locations."""

    @property
    def name(self) -> str: ...

    def settle(self, keys: Sequence[str]) -> None:
        """Return when everything written under these keys is durable (local: fsync of the directories)."""
        ...

    def begin(self, key: str, size: int) -> str:
        """Begin an upload of ``size`` bytes in parts; its upload id, which any process can go on with."""
        ...

    def write_part(self, key: str, upload_id: str, number: int, data: bytes, sha256: bytes) -> Part:
        """Write a part, which replaces one of the same number."""
        ...

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """The parts that are there, ascending; NotFound if there is no such upload."""
        ...

    def abort(self, key: str, upload_id: str) -> None:
        """Give an upload up; nothing happens if there is none."""
        ...


class ObjectStore(PartsStore, Protocol):
    """A place that keeps objects."""

    @property
    def part_size(self) -> int:
        """Bytes that each part of an upload but the last has at least; ``part_size`` says it for a size."""
        ...

    def put(self, key: str, data: bytes, sha256: bytes) -> None:
        """Write a whole object of at most ``SMALL`` bytes, checked by the store; durable after ``settle``.

        Raises ``id-taken`` if there is one: of several at once, one succeeds.
        """
        ...

    def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Make the object of its parts, each checked; durable after ``settle``.

        An answer that was lost is decided by looking at the object: to complete again is right.
        """
        ...

    def unfinished(self) -> Iterator[UnfinishedUpload]:
        """Uploads that were begun, in any order."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """What the store says of an object; None if it has none."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end``, in pieces of at most 1 MiB; NotFound if there is none.

        The first piece is fetched before this returns: what is not there is known before an answer begins.
        """
        ...

    def delete(self, keys: Sequence[str]) -> Mapping[str, Removed]:
        """Delete objects with all their versions; what became of each. To delete again is right."""
        ...

    def list(self, after: str = "") -> Iterator[ObjectInfo]:
        """All objects behind ``after``, by key in the order of bytes; what has no key of ours, too."""
        ...

    def free(self) -> float | None:
        """The share of the place that is free, 0 to 1; None where nobody can say."""
        ...

    def read_marker(self) -> tuple[bytes, str] | None:
        """``artifactstore.json`` and its version (ETag or the like); None if there is none."""
        ...

    def write_marker(self, data: bytes, version: str | None) -> str:
        """Replace the marker if it still has ``version`` (None: if there is none); its new version.

        Raises ``store-mismatch`` with ``raced`` in its detail if somebody else wrote it.
        """
        ...

    def outer_marker(self) -> str | None:
        """Where a place that this one lies in has a marker: a store in a store is none."""
        ...

    def presigned_get(self, key: str, seconds: int, disposition: str, media_type: str) -> str | None:
        """A URL that clients can read the object from; None if this store has none."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class KeepsVersions(Protocol):
    """A store where what somebody wrote over, or deleted, may still be there."""

    def versions(self, key: str) -> Sequence[str]:
        """Ids of what was there under a key before what is there now, the newest first."""
        ...

    def read_version(self, key: str, version: str, start: int = 0) -> Iterator[bytes]:
        """The bytes of one of them, as ``ObjectStore.read``."""
        ...
