"""How fast the log is proved.

verify  artifactstore verify of the whole log: every event, and all views against a rebuild; baseline: the
        same log by SQL replay()
"""

import psycopg

from bench.clocks import seconds_to_replay, seconds_to_verify
from bench.database import Server, load, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.plan import Bench, Events, Say
from bench.workload import realistic

GOAL = 0.625
"""At most 1.6 times the time of a replay."""


def measure(server: Server, size: Events, say: Say) -> list[Figure]:
    """The figure, for a log of ``size.events`` events."""
    with scratch_database(server.conninfo) as conninfo:
        say(f"writing a log of {size.events:,} events")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            load(connection, realistic(size.events))
        say(f"replaying and verifying it, {ROUNDS} times in turn")
        replaying, verifying = interleaved(
            ROUNDS, lambda: seconds_to_replay(conninfo, server, []), lambda: seconds_to_verify(conninfo)
        )
    return [figure(size.events, verifying, replaying)]


def figure(events: int, verifying: float, replaying: float) -> Figure:
    """The figure from the seconds of either."""
    return Figure("verify", events / verifying, "events/s", events / replaying, GOAL)


BENCH = Bench(__doc__, ("verify",), measure, full=Events(1_000_000), quick=Events(10_000))
