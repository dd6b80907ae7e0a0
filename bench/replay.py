"""How fast the log becomes the views again.

replay             all views from the whole log with SQL replay(); baseline: the log itself copied
                   (INSERT … SELECT) into a table with the same indexes. Goal: 0.15 of it, and 0.3 for a log
                   of 1,000,000 events or more
replay_one_by_one  the first events in the usual ranges; baseline: the same function, project(), called
                   with ranges of one event, in one transaction
replay_worst_case  one package whose files are added and removed in turn: no two events can be folded together
replay_memory      peak resident memory of this client and of the server's process for it together, shared
                   buffers included
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import psycopg

from bench import verify
from bench.clocks import seconds_to_copy, seconds_to_replay, seconds_to_verify
from bench.database import Server, load, past_the_doors, plan_as_replay, reset_peak, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.plan import Bench, Say
from bench.workload import realistic, worst_case

ONE_BY_ONE_GOAL = 4.0
MEMORY_GOAL = 300.0

_IN_RANGES = b"SELECT artifactstore.project_ranges('artifactstore', 1, %s)"
_ONE_BY_ONE = b"SELECT count(artifactstore.project(n, n)) FROM generate_series(1, %s) AS n"


@dataclass(frozen=True, slots=True)
class Replays:
    """How many events are replayed, and at most: one by one, and of the worst case.

    verified: whether the log is verified too, in turn with the replays.
    """

    events: int
    one_by_one: int = 20_000
    worst_case: int = 10_000
    verified: bool = False


def measure(server: Server, size: Replays, say: Say) -> list[Figure]:
    """The figures, from a log of ``size.events`` events and shorter ones where said."""
    events, peaks = size.events, list[float]()
    reset_peak()
    with (
        scratch_database(server.conninfo) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        say(f"writing a log of {events:,} events")
        load(connection, realistic(events))
        say(f"copying it, replaying it{' and verifying it' * size.verified}, {ROUNDS} times in turn")
        clocks: list[Callable[[], float]] = [
            lambda: seconds_to_copy(conninfo),
            lambda: seconds_to_replay(conninfo, server, peaks),
        ]
        if size.verified:
            clocks.append(lambda: seconds_to_verify(conninfo))
        copying, replaying, *verifying = interleaved(ROUNDS, *clocks)
        few = min(events, size.one_by_one)
        say(f"projecting {few:,} events in ranges and one by one")
        in_ranges, one_by_one = interleaved(
            ROUNDS,
            lambda: _seconds_to_project(connection, few, _IN_RANGES),
            lambda: _seconds_to_project(connection, few, _ONE_BY_ONE),
        )
    worst = min(events, size.worst_case)
    say(f"replaying the worst case, {worst:,} events")
    worst_replaying = _seconds_of_worst_case(server, worst)
    figures = [
        Figure("replay", events / replaying, "events/s", events / copying, goal(events)),
        Figure("replay_one_by_one", few / in_ranges, "events/s", few / one_by_one, ONE_BY_ONE_GOAL),
        Figure("replay_worst_case", worst / worst_replaying, "events/s"),
    ]
    if peaks:
        figures.append(Figure("replay_memory", max(peaks), "MB", goal=MEMORY_GOAL))
    return figures + [verify.figure(events, seconds, replaying) for seconds in verifying]


def goal(events: int) -> float:
    """What the ratio of ``replay`` must reach for a log of so many events."""
    return 0.3 if events >= 1_000_000 else 0.15


def _seconds_to_project(connection: psycopg.Connection, events: int, statement: bytes) -> float:
    """Seconds for a projection into the emptied live views, in one transaction that is undone."""
    with past_the_doors(connection, force_rollback=True):
        # As project_ranges sets them: what differs is the length of the ranges alone.
        plan_as_replay(connection)
        connection.execute(
            "TRUNCATE artifact_packages, artifact_files, storage_locations, retention_state, retention_holds,"
            " requests, log_epochs"
        )
        started = perf_counter()
        connection.execute(statement, (events,))
        return perf_counter() - started


def _seconds_of_worst_case(server: Server, events: int) -> float:
    with (
        scratch_database(server.conninfo) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        load(connection, worst_case(events))
        (seconds,) = interleaved(ROUNDS, lambda: seconds_to_replay(conninfo, server, []))
    return seconds


_FIGURES = ("replay", "replay_one_by_one", "replay_worst_case", "replay_memory")
_QUICK = Replays(10_000, one_by_one=2_000, worst_case=1_000)
BENCH = Bench(__doc__, _FIGURES, measure, full=Replays(200_000), quick=_QUICK)
WITH_VERIFY = Bench(
    __doc__,
    (*_FIGURES, "verify"),
    measure,
    full=Replays(1_000_000, verified=True),
    quick=replace(_QUICK, verified=True),
)
"""Both from one log, which takes minutes to write and to replay."""
