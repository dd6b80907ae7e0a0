"""One caller that appends while somebody keeps an old snapshot.

old_snapshot  v1.file.ingested, each a commit of its own, all into one open package, while a REPEATABLE READ
              transaction is held open for 60 s; baseline: the same for 12 s with none
"""

from dataclasses import dataclass
from time import perf_counter
from uuid import UUID

import psycopg

from artifactstore import db
from artifactstore.store import Store
from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.files import new_files, open_package
from bench.plan import Bench, Say

GOAL = 0.9
FREE = 0.2
"""The baseline is measured for this part of the time."""


@dataclass(frozen=True, slots=True)
class Held:
    """For how many seconds the snapshot is held, each time."""

    seconds: float


def measure(server: Server, size: Held, say: Say) -> list[Figure]:
    """The figure, from snapshots that are held for ``size.seconds``."""
    with (
        scratch_database(server.conninfo) as conninfo,
        db.connect(conninfo) as connection,
        db.connect(conninfo) as other,
    ):
        store = Store(connection)
        package = open_package(store)
        say(f"appending without and with a snapshot of {size.seconds:g} s, {ROUNDS} times in turn")
        free, held = interleaved(
            ROUNDS,
            lambda: _rate(store, package, size.seconds * FREE),
            lambda: _rate_beside_snapshot(store, package, size.seconds, other),
        )
    return [Figure("old_snapshot", held, "events/s", free, GOAL)]


def _rate(store: Store, package: UUID, seconds: float) -> float:
    appended, started = 0, perf_counter()
    while perf_counter() - started < seconds:
        store.writes.append(new_files(package, 1))
        appended += 1
    return appended / (perf_counter() - started)


def _rate_beside_snapshot(store: Store, package: UUID, seconds: float, other: psycopg.Connection) -> float:
    with db.one_snapshot(other):
        # A snapshot is taken by the first query of the transaction.
        other.execute("SELECT count(*) FROM artifactstore.artifact_packages")
        return _rate(store, package, seconds)


BENCH = Bench(__doc__, ("old_snapshot",), measure, full=Held(60.0), quick=Held(5.0))
