"""What operators do to a long log while writers go on.

online_stall_seconds   longest time that a replay beside the live views held the append lock, with 4 writers
                       and 1 % of the packages changed behind the log's back
online_append_seconds  longest time that one append of these writers took meanwhile
online_replay          events per second of that replay; baseline: replay() that truncates, nobody else there
from_snapshot          what the last 1 % of the log adds to a replay from a snapshot, in % of a full replay
from_snapshot_constant seconds of a replay from a snapshot of the head: reading, copying, comparing all rows
compare                rows of all views per second that are compared with those of a snapshot of the head by
                       their digests, as replay does; baseline: paired by their keys, as verify does
operate_memory         peak resident memory of this client and of the server's process for it together
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from time import perf_counter

import psycopg

from artifactstore.events import FileIngested, NewEvent, PackageCreated, new_id
from artifactstore.jobs import snapshots
from artifactstore.jobs.replay import ReplayedOnline, replay_online
from artifactstore.store import Store, ViewSet
from bench.database import Server, load, past_the_doors, peak_megabytes, reset_peak, scratch_database
from bench.figures import ROUNDS, Figure, Measured, interleaved
from bench.plan import Bench, Events, Failed, Say
from bench.workload import realistic

WRITERS = 4
STALL_GOAL = 1.0
TAIL_GOAL = 3.0
MEMORY_GOAL = 300.0

_BY_DIGEST = b"SELECT cardinality(artifactstore.different_views(%s, %s))"
_BY_KEY = b"SELECT count(*) FROM artifactstore.compare_view_sets(%s, %s)"
_TAMPER = b"""
    UPDATE artifactstore.artifact_files SET size = size + 1 WHERE package_id IN (
        SELECT package_id FROM artifactstore.artifact_packages WHERE created_sequence % 100 = 0)
"""


@dataclass
class Beside:
    """What went on beside a replay: ``longest`` append in seconds, ``failures`` of writers and readers."""

    longest: float = 0.0
    appended: int = 0
    failures: list[str] = field(default_factory=list)


def measure(server: Server, size: Events, say: Say) -> list[Figure]:
    """The figures, for a log of ``size.events`` events."""
    events = size.events
    reset_peak()
    with scratch_database(server.conninfo) as conninfo:
        rows = realistic(events)
        early = events * 99 // 100
        with _session(conninfo) as store:
            say(f"writing and replaying a log of {events:,} events")
            load(store.connection, islice(rows, early))
            full = store.rebuilds.replay()["seconds"] * events / early
            before = snapshots.create(store)
            load(store.connection, rows)
            store.rebuilds.replay(before.schema_name)
            now = snapshots.create(store)
        say("replaying from a snapshot of the head, and from one at 99 %")
        constant = _seconds_from(conninfo, now)
        tail = _seconds_from(conninfo, before)
        say(f"comparing all rows by digest and by key, {ROUNDS} times in turn")
        compared, by_digest, by_key = _comparisons(conninfo, now)
        say(f"replaying beside the live views, {WRITERS} writers")
        done, beside, peak = _online(conninfo, server)
    if beside.failures:
        raise Failed("; ".join(beside.failures))
    figures = [
        Figure("online_stall_seconds", done.longest_stall, "s", goal=STALL_GOAL),
        Figure("online_append_seconds", beside.longest, "s"),
        Figure("online_replay", done.head / done.seconds, "events/s", events / full),
        Figure("from_snapshot", 100 * max(0.0, tail - constant) / full, "% of a full replay", goal=TAIL_GOAL),
        Figure("from_snapshot_constant", constant, "s"),
        Figure("compare", compared / by_digest, "rows/s", compared / by_key),
    ]
    if peak:
        figures.append(Figure("operate_memory", peak, "MB", goal=MEMORY_GOAL))
    return figures


def _seconds_from(conninfo: str, snapshot: ViewSet) -> float:
    with _session(conninfo) as store:
        done = replay_online(store, lambda: _connect(conninfo), snapshot=snapshot)
    if done.packages:
        raise Failed("a replay from a snapshot found differences")
    return done.seconds


def _comparisons(conninfo: str, snapshot: ViewSet) -> tuple[int, Measured, Measured]:
    """Rows of the live views, and the seconds to compare them with a snapshot by digest and by key."""
    pair = ("artifactstore", snapshot.schema_name)
    with _connect(conninfo) as connection:

        def seconds(statement: bytes) -> float:
            started = perf_counter()
            if connection.execute(statement, pair).fetchone() != (0,):
                raise Failed("the live views are not those of a snapshot of the head")
            return perf_counter() - started

        by_digest, by_key = interleaved(ROUNDS, lambda: seconds(_BY_DIGEST), lambda: seconds(_BY_KEY))
    return sum(view["rows"] for view in snapshot.digests.values()), by_digest, by_key


def _online(conninfo: str, server: Server) -> tuple[ReplayedOnline, Beside, float]:
    with _session(conninfo) as store:
        with past_the_doors(store.connection):
            store.connection.execute(_TAMPER)
        with _busy(conninfo) as beside:
            done = replay_online(store, lambda: _connect(conninfo))
        if not done.packages:
            raise Failed("the replay found nothing to mend")
        if replay_online(store, lambda: _connect(conninfo)).packages:
            raise Failed("the views are not equal after a replay")
        peak = 0.0
        if server.local:
            peak = peak_megabytes(store.connection.info.backend_pid) + peak_megabytes("self")
    return done, beside, peak


@contextmanager
def _busy(conninfo: str) -> Iterator[Beside]:
    """Writers, and a reader that must always see a full table."""
    beside, stop, numbers = Beside(), threading.Event(), count(1)

    def write() -> None:
        with _session(conninfo) as store:
            while not stop.is_set():
                package = new_id()
                created = PackageCreated(purl=f"pkg:generic/beside@{next(numbers)}")
                file = FileIngested(package_id=package, path="a", size=1, blake3=bytes(32))
                started = perf_counter()
                store.writes.append(
                    [NewEvent(created, package, "bench:w"), NewEvent(file, new_id(), "bench:w")]
                )
                beside.longest = max(beside.longest, perf_counter() - started)
                beside.appended += 2

    def read() -> None:
        query = b"SELECT count(*) FROM artifactstore.artifact_packages"
        with _connect(conninfo) as connection:
            full = connection.execute(query).fetchone()
            while not stop.wait(0.2):
                seen = connection.execute(query).fetchone()
                if seen is None or full is None or seen[0] < full[0]:
                    beside.failures.append(f"a reader saw {seen} packages of {full}")
                    return

    def noted(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as failure:  # reported by the caller
            beside.failures.append(str(failure))

    threads = [threading.Thread(target=noted, args=(work,)) for work in [write] * WRITERS + [read]]
    for thread in threads:
        thread.start()
    try:
        yield beside
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def _session(conninfo: str) -> Iterator[Store]:
    with _connect(conninfo) as connection:
        yield Store(connection)


def _connect(conninfo: str) -> psycopg.Connection:
    return psycopg.connect(conninfo, autocommit=True)


BENCH = Bench(
    __doc__,
    (
        "online_stall_seconds",
        "online_append_seconds",
        "online_replay",
        "from_snapshot",
        "from_snapshot_constant",
        "compare",
        "operate_memory",
    ),
    measure,
    full=Events(1_000_000),
    quick=Events(10_000),
)
