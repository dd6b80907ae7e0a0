"""Pages of the log in order: what ``GET /events`` is made of, and what no reader of it can miss.

A page is read in one snapshot together with the head, so ``next`` never passes an event that the snapshot
does not hold: numbers are in commit order and without holes (docs/adr/0001), hence everything up to the head
is there. A hole is damage, and is told as that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, LiteralString, TypeVar

from psycopg import Connection, Cursor
from psycopg.rows import RowMaker, scalar_row
from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.numeric import Int8BinaryLoader
from psycopg.types.string import ByteaBinaryLoader

from artifactstore.errors import error, translated
from artifactstore.leaves import MAKE, Columns
from artifactstore.store import LoggedEvent, PageQuery, Position

T = TypeVar("T")
EventT = TypeVar("EventT", Columns, LoggedEvent)

CHANNEL = "artifactstore_events"
"""Where every append rings (NOTIFY); what is sent with it is no data."""

PROOF_CHANNEL = "artifactstore_bell"
"""On which services ring themselves, to know whether they hear."""

LOOK = SQL(
    """
    SELECT artifactstore.log_head(), artifactstore.bell_rings(), pg_notification_queue_usage(),
        pg_backend_pid()
    """
)
"""Where the log stands, whether appends ring, how full the queue of notifications is (0…1), the backend."""

MAX_BYTES = 4 * 1024 * 1024
"""Bytes of payloads in a page."""

MAX_EXAMINED = 10_000
"""Events that a page with a filter looks at."""

_COLUMNS: LiteralString = """
    sequence, created_at + interval '262968 hours' AS created_at, event_type, subject_kind, subject_id, actor,
    payload, payload_digest
    """
"""As ``_cursor`` reads them. PostgreSQL sends µs since 2000: of a time so many hours later, µs since 1970."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of the event at its cursor.

    Attributes:
        digest: 32 bytes.
        algorithm: sha256: it is the identity of the event (``leaves.identity``); blake3: digest of its
            payload, which other events may have too; None: it may be either.
    """

    digest: bytes
    algorithm: Literal["sha256", "blake3"] | None = "sha256"

    def fits(self, event: Columns, identity: bytes) -> bool:
        """Whether it was this event, as far as the digest can tell."""
        return (self.algorithm != "blake3" and self.digest == identity) or (
            self.algorithm != "sha256" and self.digest == event.payload_digest
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[EventT]):
    """Events in order, and how far the log was examined for them.

    Attributes:
        position: where the log stood in the same snapshot.
        next: highest sequence examined: ``since`` of the next page.
        end: last sequence that the query could have in this snapshot.
    """

    position: Position
    events: Sequence[EventT]
    next: int
    end: int

    @property
    def has_more(self) -> bool:
        """Whether there is more to examine now."""
        return self.next < self.end

    @property
    def full(self) -> bool:
        """Whether more would not fit."""
        return self.has_more and bool(self.events) and self.next == self.events[-1].sequence


def read_page(connection: Connection[Any], query: PageQuery, position: Position) -> Page[Columns]:
    """The page, in the snapshot of a transaction (REPEATABLE READ) in which ``position`` was read.

    Raises:
        Refused: cursor-ahead when the log does not go to ``since``.
        Damaged: log-damaged naming the first missing sequence of what was examined.
    """
    check_cursor(query.since, position)
    end = query.end(position.head)
    if query.since >= end:
        return Page(position, (), query.since, end)
    last = min(end, query.since + MAX_EXAMINED) if query.where else end
    events, found = _read(connection, query, last)
    if query.where:
        examined = last if len(events) == found < query.limit else events[-1].sequence
        _check_whole(connection, query.since, examined)
    else:
        expected = min(query.limit, last - query.since)
        if found < expected or events[-1].sequence - query.since != len(events):
            _check_whole(connection, query.since, query.since + expected)
        examined = events[-1].sequence
    return Page(position, events, examined, end)


def read_event(connection: Connection[Any], sequence: int, position: Position) -> Columns:
    """One event; raises ``NotFound``, or ``Damaged`` log-damaged when it must be there and is not."""
    if sequence > position.head:
        problem = f"event {sequence}; the log ends at {position.head}"
        raise error("not-found", {"problem": problem, "sequence": sequence, "head": position.head})
    query = SQL("SELECT {} FROM artifactstore.events WHERE sequence = %s").format(SQL(_COLUMNS))
    with translated(), _cursor(connection, MAKE) as cursor:
        found = cursor.execute(query, (sequence,), binary=True).fetchone()
    if found is None:
        raise _hole(sequence)
    return found


def check_cursor(since: int, position: Position) -> None:
    """Raise ``Refused`` cursor-ahead when the log does not go to ``since``."""
    if since > position.head:
        problem = f"since is {since}, the log ends at {position.head}"
        raise error(
            "cursor-ahead",
            {"problem": problem, "since": since, "head": position.head, "epoch": position.epoch_name},
        )


def check_epoch(epoch: str | None, position: Position) -> None:
    """Raise ``Refused`` epoch-mismatch when the log has another epoch than the one given."""
    if epoch is not None and epoch != position.epoch_name:
        problem = f"the epoch is {position.epoch_name or 'not begun'}, not {epoch}"
        raise error(
            "epoch-mismatch", {"problem": problem, "epoch": position.epoch_name, "head": position.head}
        )


def check_digest(seen: Seen, event: Columns, identity: bytes, position: Position) -> None:
    """Raise ``Refused`` diverged when an event, whose identity is given too, is not the one seen there."""
    if not seen.fits(event, identity):
        problem = f"event {event.sequence} is another one than the client read"
        facts = {
            "sequence": event.sequence,
            "digest": f"sha256:{identity.hex()}",
            "payload_digest": f"blake3:{event.payload_digest.hex()}",
        }
        raise error(
            "diverged",
            {"problem": problem, **facts, "head": position.head, "epoch": position.epoch_name},
        )


def _read(connection: Connection[Any], query: PageQuery, last: int) -> tuple[list[Columns], int]:
    """The events that fit into a page, and how many there were within the limit."""
    # Almost always all of them fit; to ask that first takes half the time of counting bytes event by event.
    if not query.where and (events := _read_all(connection, query, last)):
        return events, len(events)
    return _read_what_fits(connection, query, last)


def _read_all(connection: Connection[Any], query: PageQuery, last: int) -> list[Columns]:
    """All events within the limit; none if they have more than ``MAX_BYTES``."""
    statement = SQL(
        """
        SELECT {columns} FROM artifactstore.events
        WHERE sequence > %(since)s AND sequence <= %(last)s AND %(max_bytes)s >= (
            SELECT sum(octet_length(payload)) FROM (
                SELECT payload FROM artifactstore.events
                WHERE sequence > %(since)s AND sequence <= %(last)s ORDER BY sequence LIMIT %(limit)s
            ) e
        )
        ORDER BY sequence LIMIT %(limit)s
        """
    ).format(columns=SQL(_COLUMNS))
    parameters = {"since": query.since, "last": last, "limit": query.limit, "max_bytes": MAX_BYTES}
    with translated(), _cursor(connection, MAKE) as cursor:
        return cursor.execute(statement, parameters, binary=True).fetchall()


def _read_what_fits(connection: Connection[Any], query: PageQuery, last: int) -> tuple[list[Columns], int]:
    """The events up to ``MAX_BYTES``, and how many there were within the limit."""
    chosen = dict(query.where.chosen())
    condition = SQL(" AND {} = ANY ({})")
    conditions = [condition.format(Identifier(name), Placeholder(name)) for name in chosen]
    statement = SQL(
        """
        SELECT {columns}, found FROM (
            SELECT e.*, sum(octet_length(payload)) OVER (ORDER BY sequence) AS bytes,
                count(*) OVER () AS found
            FROM (
                SELECT * FROM artifactstore.events
                WHERE sequence > %(since)s AND sequence <= %(last)s{conditions}
                ORDER BY sequence LIMIT %(limit)s
            ) e
        ) e
        WHERE bytes <= %(max_bytes)s ORDER BY sequence
        """
    ).format(columns=SQL(_COLUMNS), conditions=SQL("").join(conditions))
    parameters = {
        "since": query.since,
        "last": last,
        "limit": query.limit,
        "max_bytes": MAX_BYTES,
        **{name: list(values) for name, values in chosen.items()},
    }
    with translated(), _cursor(connection, tuple) as cursor:
        rows = cursor.execute(statement, parameters, binary=True).fetchall()
    return [MAKE(row[:-1]) for row in rows], rows[0][-1] if rows else 0


def _cursor(connection: Connection[Any], make: RowMaker[T]) -> Cursor[T]:
    """A cursor whose binary results are CBOR values, as ``Columns`` have them."""
    cursor = connection.cursor(row_factory=lambda _: make)
    cursor.adapters.register_loader("timestamptz", Int8BinaryLoader)
    cursor.adapters.register_loader("uuid", ByteaBinaryLoader)
    return cursor


def _check_whole(connection: Connection[Any], since: int, last: int) -> None:
    """Raise ``Damaged`` log-damaged unless every event after ``since`` up to ``last`` is there."""
    with translated(), connection.cursor(row_factory=scalar_row) as cursor:
        count = SQL("SELECT count(*) FROM artifactstore.events WHERE sequence > %s AND sequence <= %s")
        if cursor.execute(count, (since, last)).fetchone() == last - since:
            return
        missing = SQL(
            """
            SELECT min(s) FROM generate_series(%s::bigint + 1, %s::bigint) s
            WHERE NOT EXISTS (SELECT FROM artifactstore.events e WHERE e.sequence = s)
            """
        )
        raise _hole(cursor.execute(missing, (since, last)).fetchone() or since + 1)


def _hole(sequence: int) -> Exception:
    return error("log-damaged", {"problem": f"event {sequence} is missing", "sequence": sequence})
