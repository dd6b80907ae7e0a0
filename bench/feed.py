"""One client that reads the whole log over HTTP.

feed_json  GET /events, 1,000 events a page, as JSON; baseline: the same rows with psycopg, binary, by pages
           of 1,000 (WHERE sequence > … ORDER BY sequence LIMIT 1000)
feed_cbor  the same as a CBOR sequence, what mirrors read
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import psycopg

from artifactstore import db
from artifactstore.store import Store
from bench.database import Server, load, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.load import Connection, Service, service
from bench.plan import Bench, Events, Failed, Say
from bench.workload import realistic

JSON = "application/json"
CBOR = "application/cbor-seq"
PAGE = 1_000

_PAGE = b"""
    SELECT sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest
    FROM artifactstore.events WHERE sequence > %s ORDER BY sequence LIMIT 1000
"""


def measure(server: Server, size: Events, say: Say) -> list[Figure]:
    """The figures, for a log of ``size.events`` events."""
    with served_log(server, size, say) as (connection, running, head):
        say(f"reading it with psycopg, as JSON and as CBOR, {ROUNDS} times in turn")
        plain, json, cbor = interleaved(
            ROUNDS,
            lambda: seconds_to_select(connection, head),
            lambda: asyncio.run(_seconds_to_read(running, JSON, head)),
            lambda: asyncio.run(_seconds_to_read(running, CBOR, head)),
        )
    return [
        Figure("feed_json", head / json, "events/s", head / plain, goal=0.18),
        Figure("feed_cbor", head / cbor, "events/s", head / plain, goal=0.4),
    ]


@contextmanager
def served_log(
    server: Server, size: Events, say: Say
) -> Iterator[tuple[psycopg.Connection[Any], Service, int]]:
    """A log of ``size.events`` events, a connection to it, a service that has it, and its head."""
    with scratch_database(server.conninfo) as conninfo, db.connect(conninfo) as connection:
        say(f"writing and replaying a log of {size.events:,} events")
        load(connection, realistic(size.events))
        # The service checks rows of the views from time to time.
        Store(connection).rebuilds.replay()
        with service(conninfo) as running:
            yield connection, running, Store(connection).log.head()


def seconds_to_select(connection: psycopg.Connection, head: int) -> float:
    """Seconds that psycopg takes for all rows up to ``head``."""
    started, since = perf_counter(), 0
    while since < head:
        rows = connection.execute(_PAGE, (since,), prepare=True, binary=True).fetchall()
        since = rows[-1][0]
    return perf_counter() - started


async def _seconds_to_read(running: Service, form: str, head: int) -> float:
    client = Connection(running, accept=form)
    try:
        started, since = perf_counter(), 0
        while since < head:
            since = await read_page(client, since)
        return perf_counter() - started
    finally:
        client.close()


async def read_page(client: Connection, since: int) -> int:
    """Read a page of the feed; where the next one begins. Raises ``Failed`` if it was not answered."""
    status, body = await client.ask("GET", f"/events?since={since}&limit={PAGE}")
    following = client.number("artifactstore-next") if status == 200 else since
    if following == since:
        raise Failed(f"GET /events after {since}: {status}, {body[:300]!r}")
    return following


BENCH = Bench(__doc__, ("feed_json", "feed_cbor"), measure, full=Events(100_000), quick=Events(10_000))
