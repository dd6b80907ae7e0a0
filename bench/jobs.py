"""What several sessions gain where the log is folded beside the live views; the same log, the same server.

replay_jobs  artifactstore replay --jobs 2; baseline: --jobs 1
verify_jobs  artifactstore verify --jobs 2; baseline: --jobs 1. The program computes all digests meanwhile in
             either
"""

from functools import partial
from time import perf_counter

import psycopg

from artifactstore import db
from artifactstore.jobs.replay import replay_online
from artifactstore.store import Store
from bench.clocks import seconds_to_verify
from bench.database import Server, load, scratch_database
from bench.figures import Figure, interleaved
from bench.plan import Bench, Events, Failed, Say
from bench.workload import realistic

JOBS = 2
REPLAY_GOAL = 1.8
VERIFY_GOAL = 1.5
_ROUNDS = 3
"""Not more: a round folds the log four times."""


def measure(server: Server, size: Events, say: Say) -> list[Figure]:
    """The figures, for a log of ``size.events`` events."""
    events = size.events
    with scratch_database(server.conninfo) as conninfo:
        say(f"writing and replaying a log of {events:,} events")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            load(connection, realistic(events))
            connection.execute("SELECT * FROM artifactstore.replay()")
        say(f"replaying and verifying it with 1 and {JOBS} jobs, {_ROUNDS} times in turn")
        replayed, replayed_by_jobs, verified, verified_by_jobs = interleaved(
            _ROUNDS,
            partial(_seconds_to_replay, conninfo, 1),
            partial(_seconds_to_replay, conninfo, JOBS),
            partial(seconds_to_verify, conninfo),
            partial(seconds_to_verify, conninfo, JOBS),
        )
        say(f"replaying and verifying it with {2 * JOBS} jobs: nothing may differ")
        _seconds_to_replay(conninfo, 2 * JOBS)
        seconds_to_verify(conninfo, 2 * JOBS)
    return [
        Figure("replay_jobs", events / replayed_by_jobs, "events/s", events / replayed, REPLAY_GOAL),
        Figure("verify_jobs", events / verified_by_jobs, "events/s", events / verified, VERIFY_GOAL),
    ]


def _seconds_to_replay(conninfo: str, jobs: int) -> float:
    """Seconds for a replay beside the live views; raises ``Failed`` if a row differs."""
    with db.connect(conninfo) as connection:
        started = perf_counter()
        done = replay_online(Store(connection), lambda: db.connect(conninfo), jobs=jobs)
        seconds = perf_counter() - started
    if done.packages:
        raise Failed(f"a replay of {jobs} jobs found differences")
    return seconds


BENCH = Bench(__doc__, ("replay_jobs", "verify_jobs"), measure, full=Events(1_000_000), quick=Events(10_000))
