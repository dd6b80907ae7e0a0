"""Events to append, append itself, and what must not change when it refuses."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import args_row
from psycopg.sql import SQL, Identifier

from artifactstore import codec
from artifactstore.errors import ERRORS
from artifactstore.events import Event, FileIngested, Location, NewEvent, PackageCreated, Request, new_id

ANN = "user:ann"
_APPEND = """
    SELECT "position", sequence, created_at, appended FROM artifactstore.append(
        %s::text[], %s::uuid[], %s::text[], %b::bytea[], %b::bytea[], %s::bigint[])
    """


class Row(NamedTuple):
    """A row of what ``append`` returns."""

    position: int
    sequence: int
    created_at: datetime
    appended: bool


def created(purl: str | None = None, actor: str = ANN, **more: Any) -> NewEvent:
    """A new package, under a purl of its own unless one is given; ``more`` goes to ``NewEvent``."""
    package_id = new_id()
    event = PackageCreated(purl=purl or f"pkg:generic/{package_id}@1")
    return NewEvent(event, package_id, actor, **more)


def ingested(package_id: UUID, path: str, content: bytes = b"", actor: str = ANN, **more: Any) -> NewEvent:
    """A new file with one location; ``more`` goes to ``NewEvent``."""
    location = Location(location_id=new_id(), backend="file", uri=f"file:///{path}")
    event = FileIngested(
        package_id=package_id,
        path=path,
        size=len(content),
        blake3=codec.digest(content),
        locations=(location,),
    )
    return NewEvent(event, new_id(), actor, **more)


def about(subject: NewEvent | UUID, event: Event, actor: str = ANN, **more: Any) -> NewEvent:
    """``event`` with the same subject as another one; ``more`` goes to ``NewEvent``."""
    subject_id = subject.subject_id if isinstance(subject, NewEvent) else subject
    return NewEvent(event, subject_id, actor, **more)


def id_of(event: NewEvent) -> UUID:
    """The subject of an event that has one."""
    assert event.subject_id is not None
    return event.subject_id


def request(key: str, events: int = 1, body: bytes = b"body") -> Request:
    """An idempotent request of so many events."""
    return Request(key=key, digest=codec.digest(body), events=events)


def append(connection: psycopg.Connection, *events: NewEvent) -> list[Row]:
    """Append events with the payload, digest and expectation that they have."""
    return append_payloads(connection, events, [event.payload() for event in events])


def append_payloads(
    connection: psycopg.Connection, events: Sequence[NewEvent], payloads: Sequence[bytes]
) -> list[Row]:
    """Append events with these payloads instead of their own."""
    return append_arrays(
        connection,
        [event.event.event_type for event in events],
        [event.subject_id for event in events],
        [event.actor for event in events],
        payloads,
        [codec.digest(payload) for payload in payloads],
        [event.expected for event in events],
    )


def append_arrays(connection: psycopg.Connection, *arrays: Sequence[Any] | None) -> list[Row]:
    """Call ``append`` with its arrays: types, subjects, actors, payloads, digests and expectations."""
    parameters = [None if array is None else list(array) for array in arrays]
    with connection.cursor(row_factory=args_row(Row)) as cursor:
        return cursor.execute(_APPEND, parameters).fetchall()


def append_json(
    connection: psycopg.Connection,
    event_type: str | None,
    subject_id: UUID | None,
    payload: object,
    expected: int | None = None,
) -> int:
    """Call ``append_json``; a payload that is no text is turned into JSON."""
    text = payload if isinstance(payload, str) or payload is None else json.dumps(payload)
    sequence = scalar(
        connection,
        "SELECT artifactstore.append_json(%s, %s, %s, %s)",
        (event_type, subject_id, text, expected),
    )
    assert isinstance(sequence, int)
    return sequence


def scalar(connection: psycopg.Connection, query: str, parameters: Sequence[object] = ()) -> Any:
    """The one value of a query with one row."""
    ((value,),) = connection.execute(query.encode(), parameters or None).fetchall()
    return value


def rows_of(connection: psycopg.Connection, table: str, schema: str = "artifactstore") -> int:
    """Number of rows of a table or view."""
    query = SQL("SELECT count(*) FROM {}").format(Identifier(schema, table))
    ((count,),) = connection.execute(query).fetchall()
    return int(count)


def sequences(connection: psycopg.Connection) -> list[int]:
    """The numbers in the log, ascending."""
    query = "SELECT sequence FROM artifactstore.events ORDER BY sequence"
    return [sequence for (sequence,) in connection.execute(query)]


def state(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Every row of the log and of every view as text, by table."""
    names = ["events", *scalar(connection, "SELECT artifactstore.view_names()")]
    rows = {}
    for name in names:
        query = SQL('SELECT t::text COLLATE "C" FROM {} t ORDER BY 1').format(
            Identifier("artifactstore", name)
        )
        rows[name] = [text for (text,) in connection.execute(query)]
    return rows


@dataclass(slots=True)
class Refusal:
    """What a refusal said: its DETAIL, once the block of ``refused`` is left."""

    detail: dict[str, Any] = field(default_factory=dict)


@contextmanager
def refused(observer: psycopg.Connection, code: str) -> Iterator[Refusal]:
    """The block is refused with ``code``, by SQLSTATE and DETAIL, and log and views stay as they were."""
    before = state(observer)
    refusal = Refusal()
    with pytest.raises(psycopg.Error) as caught:
        yield refusal
    failure = caught.value
    assert failure.sqlstate == ERRORS[code].sqlstate, f"{failure.sqlstate}: {failure}"
    assert failure.diag.message_detail is not None
    refusal.detail.update(json.loads(failure.diag.message_detail))
    assert refusal.detail["code"] == code
    assert failure.diag.message_hint == ERRORS[code].hint
    assert state(observer) == before


@contextmanager
def denied(observer: psycopg.Connection) -> Iterator[None]:
    """PostgreSQL denies the block for lack of a privilege, and log and views stay as they were."""
    before = state(observer)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        yield
    assert state(observer) == before
