"""Callers that append one event at a time, beside other event stores that do the same on the same server.

Each is installed from its registry into a directory of its own, by pinned versions. What cannot be had (no
node, no registry) is left out and said by name. Not part of all.

peer_message_db       one caller, single events by Store.append; baseline: write_message of message-db (npm)
peer_message_db_http  64 clients over HTTP, single packages; baseline: write_message by 16 direct clients
peer_eventsourcing    one caller; baseline: insert_events of eventsourcing's PostgreSQL recorder (PyPI)
peer_emmett           one caller; baseline: appendToStream of Emmett's PostgreSQL store (npm)
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from artifactstore import codec, db
from artifactstore.events import NewEvent
from artifactstore.store import Store
from bench.append_one import WARM_UP, seconds_to_append
from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.files import new_files, open_package
from bench.peers import over_http
from bench.peers.emmett import EMMETT
from bench.peers.eventsourcing import EVENTSOURCING
from bench.peers.message_db import MESSAGE_DB, install_schema
from bench.peers.peer import Append, Peer, Unavailable, installed
from bench.plan import Bench, Say

PEERS = (MESSAGE_DB, EVENTSOURCING, EMMETT)


@dataclass(frozen=True, slots=True)
class Callers:
    """Events of each round of one caller; for how many seconds many callers are measured, each time."""

    events: int
    seconds: float


def measure(server: Server, size: Callers, say: Say) -> list[Figure]:
    """The figures of the peers that can be had."""
    figures = []
    for peer in PEERS:
        try:
            directory = installed(peer, say)
        except Unavailable as reason:
            say(f"{peer.figure} is left out: {reason}")
            continue
        with _empty_database(server.conninfo, peer.figure) as conninfo:
            figures.append(_beside(server, peer, peer.prepare(directory, conninfo), size.events, say))
        if peer is MESSAGE_DB:
            with _empty_database(server.conninfo, over_http.FIGURE) as conninfo:
                there = install_schema(directory, conninfo)
                figures.append(over_http.beside(server, there, size.seconds, say))
    return figures


def _beside(server: Server, peer: Peer, append: Append, number: int, say: Say) -> Figure:
    """Both append the same files, in turn."""
    with scratch_database(server.conninfo) as conninfo, db.connect(conninfo) as connection:
        store = Store(connection)
        files = partial(new_files, open_package(store))
        seconds_to_append([store], [files(WARM_UP)])
        say(f"appending {number:,} single events to both, {ROUNDS} times in turn")
        theirs, ours = interleaved(
            ROUNDS, lambda: append(_data(files(number))), lambda: seconds_to_append([store], [files(number)])
        )
    against = ", ".join(peer.packages)
    return Figure(peer.figure, number / ours, "events/s", number / theirs, against=against)


def _data(events: Sequence[NewEvent]) -> list[str]:
    """What the events say, as JSON."""
    return [json.dumps(codec.decode(event.payload()), default=bytes.hex) for event in events]


@contextmanager
def _empty_database(conninfo: str, name: str) -> Iterator[str]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield make_conninfo(conninfo, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


BENCH = Bench(
    __doc__,
    (MESSAGE_DB.figure, over_http.FIGURE, EVENTSOURCING.figure, EMMETT.figure),
    measure,
    full=Callers(1_000, seconds=4.0),
    quick=Callers(100, seconds=1.0),
)
