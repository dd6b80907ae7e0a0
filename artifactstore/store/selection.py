"""Which events of the log: the one vocabulary of ``store.log``, the feed, its parameters, and the client.

The fields of a filter are columns of ``events``; parameters of ``GET /events`` and of ``Client.tail`` have
the same names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from uuid import UUID

from artifactstore.events import types_of
from artifactstore.store.rows import LoggedEvent


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: OR within a field, AND across fields; an empty field takes all.

    The most selective field comes first. ``event_type`` may name groups such as ``v1.retention.*`` until they
    are ``resolved``.
    """

    subject_id: frozenset[UUID] = frozenset()
    actor: frozenset[str] = frozenset()
    event_type: frozenset[str] = frozenset()
    subject_kind: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return any(self.chosen())

    def chosen(self) -> Iterator[tuple[str, frozenset[UUID] | frozenset[str]]]:
        """Each column that is asked for, and its values."""
        for column in FILTERED:
            if values := getattr(self, column):
                yield column, values

    def resolved(self) -> "EventFilter":
        """The same with the types of each group; raises ``BadInput`` usage for what is neither."""
        return replace(self, event_type=frozenset(t for name in self.event_type for t in types_of(name)))

    def matches(self, event: LoggedEvent) -> bool:
        """Whether it takes the event."""
        return (
            (not self.subject_id or event.subject_id in self.subject_id)
            and (not self.actor or event.actor in self.actor)
            and (not self.event_type or event.event_type in self.event_type)
            and (not self.subject_kind or event.subject_kind in self.subject_kind)
        )


FILTERED = tuple(field.name for field in fields(EventFilter))
"""Columns that a filter can ask for."""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A range of the log, and what of it.

    Attributes:
        since: sequence, exclusive. until: sequence, inclusive; None: to the head.
    """

    since: int = 0
    until: int | None = None
    where: EventFilter = EventFilter()

    @property
    def contiguous(self) -> bool:
        """Whether no event of the range is left out."""
        return not self.where

    def end(self, head: int) -> int:
        """The last sequence to read when the log goes to ``head``."""
        return head if self.until is None else min(head, self.until)


@dataclass(frozen=True, slots=True)
class PageQuery(EventQuery):
    """At most ``limit`` events of a range."""

    limit: int = 1000


@dataclass(frozen=True, slots=True)
class LogQuery(EventQuery):
    """Events of a range; ``package_id``: only of this package, its files, their copies and its retention."""

    package_id: UUID | None = None

    @property
    def contiguous(self) -> bool:
        """Whether no event of the range is left out."""
        return self.package_id is None and not self.where


@dataclass(frozen=True, slots=True)
class PackageQuery:
    """Which packages; None takes all. ``labels`` must all be there with these values.

    ``purl_prefix`` is the beginning of canonical purls, ``namespace`` percent-decoded.
    """

    purl: str | None = None
    purl_prefix: str | None = None
    type: str | None = None
    namespace: str | None = None
    name: str | None = None
    state: str | None = None
    producer: str | None = None
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FileQuery:
    """Which files; None takes all. ``removed``: also those that were removed from their package."""

    package_id: UUID | None = None
    path: str | None = None
    blake3: bytes | None = None
    sha256: bytes | None = None
    state: str | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class CopyQuery:
    """Which copies: those of a package or of all, in a backend, last checked before an instant or never.

    ``scheme`` of their URIs: file, or store for the objects of a store.
    """

    backend: str
    package_id: UUID | None = None
    checked_before: datetime | None = None
    scheme: str = "file"

    def parameters(self) -> dict[str, object]:
        """As the queries name them."""
        return {
            "backend": self.backend,
            "package": self.package_id,
            "before": self.checked_before,
            "scheme": self.scheme,
        }
