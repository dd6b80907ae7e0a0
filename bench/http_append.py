"""Appends over HTTP, with the load generator on the same machine.

group_append          64 clients that create single packages; baseline: the same service with group append off
group_commands        median number of commands that one transaction appended meanwhile
group_append_refusals the same with one command in ten refused (accepted ones count); baseline: with none
http_append           the rate of group_append; baseline: pgbench with 16 clients that insert single rows
                      into a table with a bigserial key; where there is no pgbench, as many threads of
                      psycopg, and the report names them
"""

import asyncio
import statistics
from dataclasses import dataclass

from bench import plain_inserts
from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.load import Service, create_packages, metric, service
from bench.plan import Bench, Say

CLIENTS = 64


@dataclass(frozen=True, slots=True)
class Rates:
    """For how many seconds each rate is measured, each time."""

    seconds: float


def measure(server: Server, size: Rates, say: Say) -> list[Figure]:
    """The figures, from rates over ``size.seconds``."""
    with scratch_database(server.conninfo) as conninfo:
        return appends(conninfo, size.seconds, say)


def appends(conninfo: str, seconds: float, say: Say) -> list[Figure]:
    """The figures, measured in a database."""
    sizes: list[float] = []
    against, insert_plainly = plain_inserts.prepare(conninfo)
    with service(conninfo, group=False) as alone, service(conninfo) as grouped:

        def in_groups() -> float:
            rate = asyncio.run(create_packages(grouped, CLIENTS, seconds))
            sizes.append(_median_size(grouped))
            return rate

        say(f"plain inserts, and appends of {CLIENTS} clients, {ROUNDS} times in turn")
        plain, single, group, refused = interleaved(
            ROUNDS,
            lambda: insert_plainly(seconds),
            lambda: asyncio.run(create_packages(alone, CLIENTS, seconds)),
            in_groups,
            lambda: asyncio.run(create_packages(grouped, CLIENTS, seconds, refused=10)),
        )
    return [
        Figure("group_append", group, "commands/s", baseline=single, goal=1.5),
        Figure("group_commands", statistics.median(sizes), "commands"),
        Figure("group_append_refusals", refused, "commands/s", group, goal=0.5),
        Figure("http_append", group, "commands/s", baseline=plain, goal=1.0, against=against),
    ]


def _median_size(running: Service) -> float:
    """The bucket in which the median of the group sizes is."""
    samples = asyncio.run(metric(running, "artifactstore_group_commands"))
    half = samples["_count"] / 2
    bounds = {
        float(key.partition('le="')[2].partition('"')[0]): count
        for key, count in samples.items()
        if key.startswith("_bucket")
    }
    return min(bound for bound, count in bounds.items() if count >= half)


BENCH = Bench(
    __doc__,
    ("group_append", "group_commands", "group_append_refusals", "http_append"),
    measure,
    full=Rates(4.0),
    quick=Rates(0.5),
)
