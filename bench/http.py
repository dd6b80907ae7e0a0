"""The service over HTTP, with the load generator on the same machine.

group_append          64 clients that create single packages; baseline: the same service with group append off
group_commands        median number of commands that one transaction appended meanwhile
group_append_refusals the same with one command in ten refused (accepted ones count); baseline: with none
http_append           the rate of group_append; baseline: 16 direct connections that insert single rows into
                      a table with a bigserial key
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
import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from bench.database import Server, scratch_database
from bench.figures import Figure
from bench.load import Connection, Service, create_package, create_packages, metric, service

DEFAULT_EVENTS = 2_000
"""Clients that wait; the goals are for this number."""

CLIENTS = 64
SECONDS = 4.0
ROUNDS = 3
WATCHED = 100


def measure(server: Server, events: int, tell: Callable[[str], None]) -> list[Figure]:
    """Measure all; ``events``: how many clients wait."""
    with scratch_database(server.conninfo) as conninfo:
        tell("plain inserts")
        plain = _plain_inserts(conninfo)
        return [*_appends(conninfo, plain, tell), *_waiters(conninfo, events, tell)]


def _appends(conninfo: str, plain: float, tell: Callable[[str], None]) -> list[Figure]:
    rates: dict[str, list[float]] = {"alone": [], "group": [], "refused": []}
    sizes: list[float] = []
    with service(conninfo, group=False) as alone, service(conninfo) as grouped:
        for number in range(ROUNDS):
            tell(f"appends, round {number + 1} of {ROUNDS}")
            rates["alone"].append(asyncio.run(create_packages(alone, CLIENTS, SECONDS)))
            rates["group"].append(asyncio.run(create_packages(grouped, CLIENTS, SECONDS)))
            sizes.append(_median_size(grouped))
            rates["refused"].append(asyncio.run(create_packages(grouped, CLIENTS, SECONDS, refused=10)))
    group, alone_rate = statistics.median(rates["group"]), statistics.median(rates["alone"])
    return [
        Figure("group_append", group, "commands/s", baseline=alone_rate, goal=1.5),
        Figure("group_commands", statistics.median(sizes), "commands"),
        Figure("group_append_refusals", statistics.median(rates["refused"]), "commands/s", group, goal=0.5),
        Figure("http_append", group, "commands/s", baseline=plain),
    ]


def _waiters(conninfo: str, clients: int, tell: Callable[[str], None]) -> list[Figure]:
    with service(conninfo) as running:
        latencies: list[float] = []
        resident: list[float] = []
        for number in range(ROUNDS):
            tell(f"{clients} wait, round {number + 1} of {ROUNDS}")
            latencies.append(asyncio.run(_reach_all(running, clients)))
            resident.append(running.resident_mib)
        tell("appends while nobody waits, and while they wait")
        free, beside = asyncio.run(_append_beside(running, clients))
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


async def _append_beside(running: Service, clients: int) -> tuple[float, float]:
    """Appends per second while nobody waits, and while clients come back whenever they were answered."""
    watched = [await create_package(running) for _ in range(WATCHED)]
    rates: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        rates[False].append(await create_packages(running, CLIENTS, SECONDS, watched=watched))
        paths = [f"/events?since=head&wait=55&subject_id={watched[n % WATCHED]}" for n in range(clients)]
        waiting = await _wait(running, paths)
        again = [
            asyncio.create_task(_wait_again(connection, path))
            for connection, path in zip(waiting, paths, strict=True)
        ]
        rates[True].append(await create_packages(running, CLIENTS, SECONDS, watched=watched))
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


def _connections(conninfo: str) -> int:
    """Connections of the service that are not its pool's."""
    query = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'artifactstore %' AND application_name <> 'artifactstore reader'
        """
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query).fetchone()
    return 0 if row is None else int(row[0])


def _plain_inserts(conninfo: str, clients: int = 16) -> float:
    """Rows per second of direct connections that insert one row each time."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE plain (id bigserial PRIMARY KEY, payload bytea NOT NULL)")
    end = time.perf_counter() + SECONDS
    counts = [0] * clients

    def insert(client: int) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            while time.perf_counter() < end:
                connection.execute("INSERT INTO plain (payload) VALUES (%s)", (bytes(200),))
                counts[client] += 1

    threads = [threading.Thread(target=insert, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS
