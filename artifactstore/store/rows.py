"""What ``Store`` gives and takes, beside events and rows of views."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

Row: TypeAlias = dict[str, Any]


class Appended(NamedTuple):
    """Where an event landed; ``appended`` is False when its request was known and nothing was written."""

    position: int
    sequence: int
    created_at: datetime
    appended: bool


class LoggedEvent(NamedTuple):
    """A row of ``events``, as stored."""

    sequence: int
    created_at: datetime
    event_type: str
    subject_kind: str
    subject_id: UUID | None
    actor: str
    payload: bytes
    payload_digest: bytes


class ManifestEntry(NamedTuple):
    """A live file as its package's manifest lists it: size in bytes, BLAKE3 (32 bytes)."""

    path: str
    size: int
    blake3: bytes


class Difference(NamedTuple):
    """A value in which two view sets differ; column ``(row)``: the row is on one side only."""

    view: str
    key: str
    column: str
    left: str | None
    right: str | None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events to read: OR within a field, AND across fields; an empty field takes all.

    Attributes:
        since: sequence, exclusive.
        until: sequence, inclusive; None: to the head.
        event_types: slugs, or groups such as ``v1.retention.*``.
        package_id: only events of this package, its files, their locations and its retention.
    """

    since: int = 0
    until: int | None = None
    event_types: Sequence[str] = ()
    subject_kinds: Sequence[str] = ()
    subject_ids: Sequence[UUID] = ()
    actors: Sequence[str] = ()
    package_id: UUID | None = None

    @property
    def contiguous(self) -> bool:
        """Whether no event between ``since`` and ``until`` is left out."""
        selective = (self.event_types, self.subject_kinds, self.subject_ids, self.actors, self.package_id)
        return not any(selective)


class Manifest(NamedTuple):
    """A sealed package: manifest digest, number of files and bytes as sealed, and as its files are now."""

    purl: str
    stated: tuple[bytes, int, int]
    found: tuple[bytes, int, int]
