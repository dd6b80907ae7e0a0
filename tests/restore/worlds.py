"""Random histories that are dumped, lost and restored in place, with what stands beside the log."""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from artifactstore.jobs import snapshots
from artifactstore.store import Store, ViewSet
from tests.property.histories import Writer, make_random
from tests.property.runs import append_rows

Open = Callable[[], psycopg.Connection[Any]]

_STATE = ("tokens", "view_sets", "home")
"""What a dump of the schema holds beside the log and its views."""


@dataclass(slots=True)
class Dump:
    """What the schema held: rows by table, the identities of its events, and what the writer knew."""

    tables: dict[str, bytes]
    log: list[bytes]
    writer: Writer


@dataclass(slots=True)
class World:
    """A log with what stands beside it, on a database of its own.

    Attributes:
        store: of a superuser.
        log: identity of each event that the log must have.
        seen: identity of each event of the history of the last restore, as somebody outside saw it.
        kept: the last event that both histories share. longest: how far any history has gone.
        read: what a follower has read, and the epochs that it knew then.
        told: what has become of the steps, for the message of a failure.
    """

    rng: Random
    store: Store
    connect: Open
    writer: Writer = field(init=False)
    log: list[bytes] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    dumps: list[Dump] = field(default_factory=list)
    kept: int = 0
    longest: int = 0
    read: list[bytes] = field(default_factory=list)
    epochs: list[tuple[int, UUID]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = Writer(self.rng, live=True)

    def append(self, events: int = 1) -> None:
        """Events that are allowed."""
        before = len(self.writer.rows)
        for _ in range(events):
            self.writer.allowed()
        append_rows(self.store.connection, self.writer.rows[before:])
        self.log += self.identities(len(self.log))
        self.longest = max(self.longest, len(self.log))
        self.told.append(f"append {events} to {len(self.log)}")

    def identities(self, since: int = 0) -> list[bytes]:
        """Those of the events after ``since``, as the database has them."""
        query = "SELECT hash FROM artifactstore.log_leaves WHERE sequence > %s ORDER BY sequence"
        return [bytes(row[0]) for row in self.store.connection.execute(query, (since,))]

    def follow(self) -> None:
        """A follower reads on; what the epochs that are new to it did not keep, it gives up first."""
        found = self.store.identity.epochs()
        new = [one for one in found if (one.epoch, one.epoch_id) not in self.epochs]
        kept = min([len(self.read), *(one.from_sequence or 0 for one in new if self.read)])
        del self.read[kept:]
        assert self.read == self.log[:kept], "it trusts events that it never saw"
        self.read += self.identities(kept)
        self.epochs = [(one.epoch, one.epoch_id) for one in found]

    def snapshot(self) -> None:
        """Of the live views, which are those of the log."""
        self.told.append(f"snapshot of {snapshots.create(self.store).sequence}")

    def leave_rebuild(self) -> None:
        """Begin a rebuild, or go on with it, and leave it somewhere: the session ends."""
        with self.connect() as connection:
            other = Store(connection)
            candidates = snapshots.newest(other) if self.rng.random() < 0.3 else []
            begun, _ = snapshots.begin(
                candidates,
                lambda one: other.view_sets.begin_rebuild(one and one.schema_name),
                self.refused,
            )
            last = self.rng.choice((len(self.log), self.rng.randint(begun.sequence, len(self.log))))
            connection.execute("SELECT artifactstore.rebuild_next(%s)", (last,))
        self.wait_for_others()
        self.told.append(f"rebuild left at {last}, from {begun}")

    def refused(self, snapshot: ViewSet, problem: str) -> None:
        """Note which snapshot could not be used."""
        self.told.append(f"{snapshot.schema_name} refused: {problem}")

    def wait_for_others(self) -> None:
        """Until no backend works for somebody who left: they end after their clients."""
        query = """
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1
            """
        while self.store.connection.execute(query).fetchall():
            time.sleep(0.005)

    def dump(self) -> None:
        """Keep what the schema holds."""
        tables = {}
        for table in self._tables():
            with self.store.connection.cursor().copy(_copy(table, "TO STDOUT")) as stream:
                tables[table] = b"".join(bytes(part) for part in stream)
        self.dumps.append(Dump(tables, list(self.log), copy.deepcopy(self.writer)))
        self.told.append(f"dump at {len(self.log)}")

    def restore(self, mode: str) -> None:
        """Go back to a dump in place; other schemas stay as they are.

        ``mode``: whole, as pg_restore --clean of the schema; log, the data of events, tokens and home, with
        the views emptied; newer, the same with the views of what was lost. There the list of snapshots stays.
        """
        dump = self.rng.choice(self.dumps)
        emptied = self._views() if mode == "log" else []
        filled = self._tables() if mode == "whole" else ["events", "tokens", "home"]
        self.seen = list(self.log)
        with _unguarded(self.store.connection, self._tables()):
            for table in {*emptied, *filled}:
                self.store.connection.execute(SQL("TRUNCATE {}").format(_name(table)))
            for table in filled:
                with self.store.connection.cursor().copy(_copy(table, "FROM STDIN")) as stream:
                    stream.write(dump.tables[table])
        self.goes_back_to(dump)
        self.told.append(f"restore of {mode} to {len(self.log)}")

    def goes_back_to(self, dump: Dump) -> None:
        """What is known of the history is again what was known of the dump."""
        self.log = list(dump.log)
        self.writer = copy.deepcopy(dump.writer)
        # Another history from here on, with the same ids and names as far as they come up again.
        self.rng = make_random(self.rng.getrandbits(32))
        self.writer.rng = self.writer.world.rng = self.rng
        both = zip(self.log, self.seen, strict=False)
        self.kept = next(
            (n for n, (new, old) in enumerate(both) if new != old), min(len(self.log), len(self.seen))
        )

    def restored(self, last_shared: int | None = None) -> int:
        """Begin a new epoch; the last event that it says to have kept."""
        self.store.identity.restored("a drill", last_shared=last_shared)
        self.writer.world.tick()
        self.writer.world.epoch += 1
        self.log += self.identities(len(self.log))
        kept = self.store.identity.epochs()[-1].from_sequence
        assert kept is not None
        self.told.append(f"restored from {kept}")
        return kept

    def forget(self) -> None:
        """Empty everything for the next history."""
        with _unguarded(self.store.connection, self._tables()):
            for table in self._tables():
                self.store.connection.execute(SQL("TRUNCATE {}").format(_name(table)))
        query = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^artifactstore_'"
        for (schema,) in self.store.connection.execute(query).fetchall():
            self.store.connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))

    def _views(self) -> list[str]:
        (row,) = self.store.connection.execute("SELECT artifactstore.view_names()").fetchall()
        return list(row[0])

    def _tables(self) -> list[str]:
        return ["events", *self._views(), *_STATE]


@contextmanager
def _unguarded(connection: psycopg.Connection[Any], tables: Sequence[str]) -> Iterator[None]:
    """One transaction in which a superuser writes what nobody may write."""
    query = "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
    with connection.transaction():
        guards = [
            (table, guard)
            for table in tables
            for (guard,) in connection.execute(query, (f"artifactstore.{table}",)).fetchall()
        ]
        for table, guard in guards:
            disable = SQL("ALTER TABLE {} DISABLE TRIGGER {}")
            connection.execute(disable.format(_name(table), Identifier(guard)))
        yield
        for table, guard in guards:
            enable = SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}")
            connection.execute(enable.format(_name(table), Identifier(guard)))


def _name(table: str) -> Identifier:
    return Identifier("artifactstore", table)


def _copy(table: str, direction: str) -> Composed:
    return SQL("COPY {} {} (FORMAT binary)").format(_name(table), SQL(direction))
