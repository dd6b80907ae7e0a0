"""The service over HTTP, with the load generator on the same machine: the figures of http_append, and

waiters_latency       2,000 clients wait; 99th percentile of the time from the answer of an append to its
                      event at the client
waiters_memory        resident memory of the service when it has answered all of them for the last time;
                      baseline: for the first time
waiters_connections   connections of the service besides its pool for reads
waiters_append        appends while 2,000 wait, 20 for changes of each of 100 packages, of which one append in
                      100 is one; who was answered waits again; baseline: nobody waits
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from bench import http_append
from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure
from bench.http_append import CLIENTS
from bench.load import Connection, Service, create_package, create_packages, metric, service
from bench.plan import Bench, Say

WATCHED = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many clients wait for ``events``, and for how many seconds each rate is measured."""

    events: int
    seconds: float


def measure(server: Server, size: Waiting, say: Say) -> list[Figure]:
    """All figures; the goals are for 2,000 clients that wait."""
    with scratch_database(server.conninfo) as conninfo:
        figures = http_append.appends(conninfo, size.seconds, say)
        return figures + _waiters(conninfo, size, say)


def _waiters(conninfo: str, size: Waiting, say: Say) -> list[Figure]:
    with service(conninfo) as running:
        latencies: list[float] = []
        resident: list[float] = []
        for number in range(ROUNDS):
            say(f"{size.events} wait, round {number + 1} of {ROUNDS}")
            latencies.append(asyncio.run(_reach_all(running, size.events)))
            resident.append(running.resident_mib)
        say("appends while nobody waits, and while they wait")
        free, beside = asyncio.run(_append_beside(running, size))
        besides = _connections(conninfo)
    return [
        Figure("waiters_latency", 1000 * statistics.median(latencies), "ms", goal=1000),
        Figure("waiters_memory", resident[-1], "MiB", baseline=resident[0]),
        Figure("waiters_connections", besides, "connections", goal=4),
        Figure("waiters_append", beside, "commands/s", baseline=free, goal=0.8),
    ]


async def _reach_all(running: Service, clients: int) -> float:
    """Seconds until 99 % of those who wait have the event of an append, from its answer on."""
    arrived: list[float] = []

    async def receive(connection: Connection) -> None:
        await connection.receive()
        arrived.append(time.perf_counter())

    waiting = await _wait(running, ["/events?since=head&wait=55"] * clients)
    receivers = [asyncio.create_task(receive(connection)) for connection in waiting]
    await create_package(running)
    answered = time.perf_counter()
    await asyncio.gather(*receivers)
    for connection in waiting:
        connection.close()
    return statistics.quantiles(arrived, n=100)[98] - answered


async def _append_beside(running: Service, size: Waiting) -> tuple[float, float]:
    """Appends per second while nobody waits, and while clients come back whenever they were answered."""
    watched = [await create_package(running) for _ in range(WATCHED)]
    rates: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        rates[False].append(await create_packages(running, CLIENTS, size.seconds, watched=watched))
        paths = [f"/events?since=head&wait=55&subject_id={watched[n % WATCHED]}" for n in range(size.events)]
        waiting = await _wait(running, paths)
        again = [
            asyncio.create_task(_wait_again(connection, path))
            for connection, path in zip(waiting, paths, strict=True)
        ]
        rates[True].append(await create_packages(running, CLIENTS, size.seconds, watched=watched))
        for task, connection in zip(again, waiting, strict=True):
            task.cancel()
            connection.close()
        await asyncio.gather(*again, return_exceptions=True)
        await _until_waiting(running, 0)
    return statistics.median(rates[False]), statistics.median(rates[True])


async def _wait_again(connection: Connection, path: str) -> None:
    while True:
        await connection.receive()
        await connection.send("GET", path)


async def _wait(running: Service, paths: Sequence[str]) -> list[Connection]:
    waiting = [Connection(running) for _ in paths]
    for connection, path in zip(waiting, paths, strict=True):
        await connection.send("GET", path)
    await _until_waiting(running, len(waiting))
    return waiting


async def _until_waiting(running: Service, clients: int) -> None:
    while (await metric(running, "artifactstore_feed_waiters"))[""] != clients:
        await asyncio.sleep(0.2)


def _connections(conninfo: str) -> int:
    """Connections of the service that are not its pool's."""
    query = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'artifactstore %' AND application_name <> 'artifactstore reader'
        """
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query).fetchone()
    return 0 if row is None else int(row[0])


BENCH = Bench(
    __doc__,
    (
        *http_append.BENCH.figures,
        "waiters_latency",
        "waiters_memory",
        "waiters_connections",
        "waiters_append",
    ),
    measure,
    full=Waiting(2_000, 4.0),
    quick=Waiting(500, 0.5),
)
