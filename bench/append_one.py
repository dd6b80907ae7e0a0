"""One caller that appends one event at a time.

append_one  v1.file.ingested into one open package through Store.append, each a commit of its own; baseline:
            as many plain INSERTs of ready rows, the same columns, by the same driver in the same mode, into a
            table with the same indexes that a bigserial numbers
"""

from collections.abc import Sequence
from time import perf_counter

import psycopg

from artifactstore import codec, db
from artifactstore.events import NewEvent
from artifactstore.store import Store
from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.files import new_files, open_package
from bench.plan import Bench, Events, Say

GOAL = 0.6
WARM_UP = 30
"""Appends before the first round: statements are prepared and planned by then, on either side."""

_PLAIN_TABLE = (
    "CREATE TABLE public.plain (LIKE artifactstore.events INCLUDING INDEXES)",
    "CREATE SEQUENCE public.plain_sequence OWNED BY public.plain.sequence",
    "ALTER TABLE public.plain ALTER sequence SET DEFAULT nextval('public.plain_sequence')",
)
_INSERT = b"""
    INSERT INTO public.plain
        (created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest)
    VALUES (clock_timestamp(), %b, %b, %b, %b, %b, %b)
"""


def measure(server: Server, size: Events, say: Say) -> list[Figure]:
    """The figure, from rounds of ``size.events`` events."""
    with (
        scratch_database(server.conninfo) as conninfo,
        db.connect(conninfo) as connection,
        db.connect(conninfo) as plain,
    ):
        store = Store(connection)
        package = open_package(store)
        for statement in _PLAIN_TABLE:
            plain.execute(statement)
        seconds_to_append(store, new_files(package, WARM_UP))
        _seconds_to_insert(plain, new_files(package, WARM_UP))
        say(f"appending and inserting {size.events:,} single events, {ROUNDS} times in turn")
        inserting, appending = interleaved(
            ROUNDS,
            lambda: _seconds_to_insert(plain, new_files(package, size.events)),
            lambda: seconds_to_append(store, new_files(package, size.events)),
        )
    return [Figure("append_one", size.events / appending, "events/s", size.events / inserting, GOAL)]


def seconds_to_append(store: Store, events: Sequence[NewEvent]) -> float:
    """Seconds for as many appends, each a commit of its own."""
    started = perf_counter()
    for event in events:
        store.writes.append([event])
    return perf_counter() - started


def _seconds_to_insert(connection: psycopg.Connection, events: Sequence[NewEvent]) -> float:
    rows = [_row(event) for event in events]
    with connection.cursor(binary=True) as cursor:
        started = perf_counter()
        for row in rows:
            cursor.execute(_INSERT, row)
        return perf_counter() - started


def _row(event: NewEvent) -> tuple[object, ...]:
    model, payload = event.event, event.payload()
    digest = codec.digest(payload)
    return model.event_type, model.subject_kind, event.subject_id, event.actor, payload, digest


BENCH = Bench(__doc__, ("append_one",), measure, full=Events(2_000), quick=Events(150))
