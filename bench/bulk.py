"""One caller that appends many events at a time.

bulk  10,000 v1.file.ingested of one package, 1,000 per call of Store.append, all views kept; baseline: the
      same rows of the log by COPY, and the finished rows of the views by INSERT … SELECT, in one transaction,
      into tables with the same columns, checks and indexes
"""

from itertools import islice
from time import perf_counter
from typing import LiteralString

from psycopg import Connection, sql
from psycopg.rows import tuple_row

from artifactstore import db
from artifactstore.store import Store
from bench.database import Server, copy_events, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.files import new_files, open_package
from bench.plan import Bench, Events, Say

GOAL = 0.45
TOGETHER = 1_000
VIEWS = ("artifact_files", "storage_locations")
"""The views that a new file with a location has rows in."""

_LOGGED = b"SELECT * FROM artifactstore.events WHERE sequence > %s ORDER BY sequence"


def measure(server: Server, size: Events, say: Say) -> list[Figure]:
    """The figure, from rounds of ``size.events`` events."""
    with scratch_database(server.conninfo) as conninfo, db.connect(conninfo) as connection:
        rounds = _Rounds(connection, size.events)
        say(f"appending {size.events:,} events by {TOGETHER:,} and copying them, {ROUNDS} times in turn")
        appending, copying = interleaved(ROUNDS, rounds.append, rounds.copy)
    return [Figure("bulk", size.events / appending, "events/s", size.events / copying, GOAL)]


class _Rounds:
    """Appends events, then copies the rows that they made. Both sides grow alike from round to round."""

    def __init__(self, connection: Connection, events: int) -> None:
        self._connection = connection
        self._store = Store(connection)
        self._events = events
        self._logged: list[tuple[object, ...]] = []
        for table in ("events", *VIEWS):
            self._run("CREATE TABLE public.{0} (LIKE artifactstore.{0} INCLUDING ALL)", table)

    def append(self) -> float:
        package = open_package(self._store)
        head = self._store.log.head()
        events = iter(new_files(package, self._events))
        batches = list(iter(lambda: list(islice(events, TOGETHER)), []))
        started = perf_counter()
        for batch in batches:
            self._store.writes.append(batch)
        seconds = perf_counter() - started
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            self._logged = cursor.execute(_LOGGED, (head,), binary=True).fetchall()
        for view in VIEWS:
            self._run("DROP TABLE IF EXISTS pg_temp.{0}", view)
            self._run("CREATE TEMPORARY TABLE {0} (LIKE artifactstore.{0})", view)
            source = "INSERT INTO pg_temp.{0} SELECT * FROM artifactstore.{0} WHERE created_sequence > {1}"
            self._run(source, view, head)
        return seconds

    def copy(self) -> float:
        started = perf_counter()
        with self._connection.transaction():
            copy_events(self._connection, self._logged, "public")
            for view in VIEWS:
                self._run("INSERT INTO public.{0} SELECT * FROM pg_temp.{0}", view)
        return perf_counter() - started

    def _run(self, statement: LiteralString, table: str, *values: int) -> None:
        """Run a statement about a table, its name for {0}."""
        names = (sql.Identifier(table), *map(sql.Literal, values))
        self._connection.execute(sql.SQL(statement).format(*names))


BENCH = Bench(__doc__, ("bulk",), measure, full=Events(10_000), quick=Events(5_000))
