"""A log for tests of SQL functions: what an event changed, in any view, or why it was refused."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from artifactstore import codec
from artifactstore.errors import ERRORS
from artifactstore.events import (
    Event,
    FileIngested,
    Location,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    PackageSealed,
    Retention,
    StorageFailed,
    StorageRegistered,
    StorageRetired,
    StorageRetiring,
    StorageVerified,
    SystemInitialized,
    manifest_digest,
    new_id,
)

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[Any, Row]
"""Rows of a view by primary key, which is a tuple when it has several columns."""
Views: TypeAlias = dict[str, Rows]

KEYS: Mapping[str, tuple[str, ...]] = {
    "artifact_packages": ("package_id",),
    "artifact_files": ("file_id",),
    "storage_locations": ("location_id",),
    "retention_state": ("package_id",),
    "retention_holds": ("package_id", "hold_id"),
    "requests": ("actor", "key"),
    "log_epochs": ("epoch",),
}
"""Every view with its primary key."""

ANN = "user:ann"
BOB = "user:bob"
FAR = datetime(2100, 1, 1, tzinfo=UTC)
"""An end of retention that no test outlives."""
CONTENT = codec.digest(b"abc")
"""BLAKE3 of the three bytes that ``Log.file`` gives its files."""
NOBODY = UUID("018f0000-0000-7000-8000-000000000000")
"""An id that no event names."""


class Log:
    """A log, written by a superuser.

    Attributes:
        connection: where it is.
        log_id, epoch_id: identities of the log and its first epoch, once it has begun.
        head: sequence of the latest event.
        time: its created_at.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.log_id = new_id()
        self.epoch_id = new_id()
        self.head = 0
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def beginning(self) -> SystemInitialized:
        """The first event of the log."""
        return SystemInitialized(
            log_id=self.log_id, epoch=1, epoch_id=self.epoch_id, payload_profile="AS-CBOR/1"
        )

    def append(self, subject_id: UUID, event: Event, actor: str = ANN) -> int:
        """Append an event by ``artifactstore.append``; returns its sequence."""
        return self.append_all([NewEvent(event, subject_id, actor)])[0]

    def append_all(self, events: Sequence[NewEvent]) -> list[int]:
        """Append events in one call; returns their sequences."""
        payloads = [event.payload() for event in events]
        rows = self.query(
            "SELECT sequence, created_at FROM artifactstore.append("
            "%s::text[], %s::uuid[], %s::text[], %s::bytea[], %s::bytea[], %s::bigint[])",
            [event.event.event_type for event in events],
            [event.subject_id for event in events],
            [event.actor for event in events],
            payloads,
            [codec.digest(payload) for payload in payloads],
            [event.expected for event in events],
        )
        self.head, self.time = rows[-1]["sequence"], rows[-1]["created_at"]
        return [row["sequence"] for row in rows]

    def append_json(self, event_type: str, subject_id: UUID, payload: str) -> int:
        """Append an event by ``artifactstore.append_json``; returns its sequence."""
        return cast(
            int,
            self.value("SELECT artifactstore.append_json(%s, %s, %s::json)", event_type, subject_id, payload),
        )

    def insert(
        self,
        new: NewEvent,
        *,
        created_at: datetime | None = None,
        sequence: int | None = None,
        event_type: str | None = None,
        payload: bytes | None = None,
    ) -> int:
        """Write an event behind the log's back, as only a superuser can; the views do not follow.

        The keywords replace what the event would have. Returns its sequence.
        """
        data = new.payload() if payload is None else payload
        with self.guard_off():
            [row] = self.query(
                "INSERT INTO artifactstore.events VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
                " RETURNING sequence, created_at",
                self.stored_head() + 1 if sequence is None else sequence,
                created_at or self.time,
                event_type or new.event.event_type,
                new.event.subject_kind,
                new.subject_id,
                new.actor,
                data,
                codec.digest(data),
            )
        self.head, self.time = row["sequence"], row["created_at"]
        return self.head

    def append_at(self, created_at: datetime, subject_id: UUID, event: Event, actor: str = ANN) -> int:
        """An event with a time of its own, projected as replay would; returns its sequence."""
        sequence = self.insert(NewEvent(event, subject_id, actor), created_at=created_at)
        self.project(sequence, sequence)
        return sequence

    def project(self, first: int, last: int) -> None:
        """Apply a range of the log to the live views, as replay would."""
        with self.guard_off():
            self.set("search_path", "artifactstore, pg_temp")
            self.query("SELECT artifactstore.project(%s, %s)", first, last)
            self.set("search_path", "public")

    @contextmanager
    def guard_off(self) -> Iterator[None]:
        """Lift the guard of log and views, as only those who may write them can."""
        self.set("artifactstore.projecting", "on")
        yield
        self.set("artifactstore.projecting", "off")

    def set(self, name: str, value: str) -> None:
        """Set a parameter for the rest of the transaction."""
        self.query("SELECT set_config(%s, %s, true)", name, value)

    def query(self, statement: str, *parameters: object) -> list[Row]:
        """All rows of a query."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.encode(), parameters or None).fetchall()

    def execute(self, statement: str, *parameters: object) -> None:
        """Run a statement that returns no rows."""
        self.connection.execute(statement.encode(), parameters or None)

    def value(self, statement: str, *parameters: object) -> Any:
        """The only column of the only row of a query."""
        [row] = self.query(statement, *parameters)
        return next(iter(row.values()))

    def stored_head(self) -> int:
        """The head that the database sees."""
        return cast(int, self.value("SELECT artifactstore.log_head()"))

    def rows(self, view: str, schema: str = "artifactstore") -> Rows:
        """Every row and column of a view."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, view)))
            return {_key(view, row): row for row in cursor}

    def views(self, schema: str = "artifactstore") -> Views:
        """Every row and column of every view."""
        return {view: self.rows(view, schema) for view in KEYS}

    def dump(self, schema: str = "artifactstore") -> dict[str, list[str]]:
        """Every row of every view as text, byte for byte, ordered by key."""
        return {view: [row["text"] for row in self._texts(schema, view)] for view in KEYS}

    def _texts(self, schema: str, view: str) -> list[Row]:
        query = sql.SQL("SELECT v::text AS text FROM {} v ORDER BY {}").format(
            sql.Identifier(schema, view), sql.SQL(", ").join(map(sql.Identifier, KEYS[view]))
        )
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query).fetchall()

    def effect(self, subject_id: UUID, event: Event, actor: str = ANN) -> Views:
        """Append an event and return all that it changed.

        View → key → the columns that changed with their new values; all columns of a new row.
        """
        before = self.views()
        self.append(subject_id, event, actor)
        return difference(before, self.views())

    def refused(self, code: str, subject_id: UUID, event: Event, *, at_door: bool = False) -> Row:
        """Assert that an event is refused with ``code``, head and views unchanged; return DETAIL.

        Twice: by append, and by the projector alone as if the event were in the log already; with the same
        facts, but that an event that is not appended has no sequence. ``at_door``: append says so before it
        knows the views.
        """
        where = {"position": 1} if at_door else {"position": 1, **_named(subject_id, event)}
        with self.unchanged():
            detail = self.failure(code, lambda: self.append(subject_id, event))
        assert {key: detail.get(key) for key in where} == where
        assert "sequence" not in detail
        replayed = self.refused_by_projector(code, subject_id, event)
        if not at_door:
            assert _facts(detail) == _facts(replayed)
        return replayed

    def refused_by_projector(
        self, code: str, subject_id: UUID, event: Event, created_at: datetime | None = None
    ) -> Row:
        """As the second half of ``refused``, at an instant: by default that of the head."""
        where = {"sequence": self.head + 1, **_named(subject_id, event)}
        with self.unchanged():
            detail = self.failure(code, lambda: self.append_at(created_at or self.time, subject_id, event))
        assert {key: detail.get(key) for key in where} == where
        return detail

    def failure(self, code: str, act: Callable[[], object]) -> Row:
        """Assert that ``act`` is refused with ``code``; undo it and return DETAIL."""
        state = self.head, self.time
        with pytest.raises(psycopg.Error) as caught, self.connection.transaction():
            act()
        self.head, self.time = state
        assert caught.value.sqlstate == ERRORS[code].sqlstate, caught.value
        detail = cast(Row, json.loads(caught.value.diag.message_detail or "{}"))
        assert detail["code"] == code
        return detail

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Assert that the head and every view are the same after as before."""
        before = self.stored_head(), self.views()
        yield
        assert (self.stored_head(), self.views()) == before

    def package(self, name: str = "tool", retention: Retention | None = None) -> UUID:
        """A new open package."""
        package = new_id()
        self.append(package, PackageCreated(purl=f"pkg:generic/{name}@1", retention=retention))
        return package

    def file(self, package: UUID, path: str = "a.txt", *uris: str) -> UUID:
        """A new file of three bytes, with an inline location at each URI."""
        file = new_id()
        self.append(
            file,
            FileIngested(
                package_id=package,
                path=path,
                size=3,
                blake3=CONTENT,
                locations=tuple(Location(location_id=new_id(), backend="file", uri=uri) for uri in uris)
                or None,
            ),
        )
        return file

    def location(self, package: UUID, file: UUID, uri: str = "file:///a") -> UUID:
        """A new location of a file made by ``file``."""
        location = new_id()
        self.append(
            location,
            StorageRegistered(
                package_id=package, file_id=file, backend="file", uri=uri, size=3, blake3=CONTENT
            ),
        )
        return location

    def verified(self, location: UUID) -> StorageVerified:
        """The event that says a location is good."""
        row = self.rows("storage_locations")[location]
        return StorageVerified(package_id=row["package_id"], file_id=row["file_id"], method="full_read")

    def failed(self, location: UUID, failure: str = "missing") -> StorageFailed:
        """The event that says a location is bad."""
        row = self.rows("storage_locations")[location]
        return StorageFailed(package_id=row["package_id"], file_id=row["file_id"], failure=failure)

    def retiring(self, location: UUID) -> StorageRetiring:
        """The event that says a location is to go."""
        row = self.rows("storage_locations")[location]
        return StorageRetiring(package_id=row["package_id"], file_id=row["file_id"], reason="moved")

    def retired(self, location: UUID, outcome: str = "deleted") -> StorageRetired:
        """The event that says a location is no longer kept."""
        row = self.rows("storage_locations")[location]
        return StorageRetired(
            package_id=row["package_id"], file_id=row["file_id"], outcome=outcome, reason="no longer kept"
        )

    def manifest(self, package: UUID) -> PackageSealed:
        """The event that would seal a package now."""
        files = [row for row in self.rows("artifact_files").values() if row["package_id"] == package]
        live = [row for row in files if row["removed_at"] is None]
        return PackageSealed(
            manifest_digest=manifest_digest((row["path"], row["size"], row["blake3"]) for row in live),
            file_count=len(live),
            total_bytes=sum(row["size"] for row in live),
            as_of=max((row["last_sequence"] for row in files), default=0),
        )

    def sealed(self, name: str = "tool") -> UUID:
        """A new sealed package with one file."""
        package = self.package(name)
        self.file(package)
        self.append(package, self.manifest(package))
        return package

    def purged(self, name: str = "tool") -> UUID:
        """A new purged package without files."""
        package = self.package(name)
        self.append(package, PackageDeleted(reason="old"))
        self.append(package, PackagePurged(reason="old", file_count=0))
        return package


def difference(before: Views, after: Views) -> Views:
    """What changed: view → key → changed columns with their new values; None for a row that is gone."""
    changes: Views = {}
    for view, rows in after.items():
        assert before[view].keys() <= rows.keys(), "no event removes a row of a view"
        for key, row in rows.items():
            old = before[view].get(key)
            new = row if old is None else {name: value for name, value in row.items() if value != old[name]}
            if new:
                changes.setdefault(view, {})[key] = new
    return changes


def _key(view: str, row: Row) -> Any:
    values = tuple(row[column] for column in KEYS[view])
    return values if len(values) > 1 else values[0]


def _facts(detail: Row) -> Row:
    """What a refusal says beside where and when."""
    return {key: value for key, value in detail.items() if key not in ("position", "sequence", "created_at")}


def _named(subject_id: UUID, event: Event) -> Row:
    return {"event_type": event.event_type, "subject_id": str(subject_id)}
