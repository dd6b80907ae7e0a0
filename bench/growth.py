"""What a long log costs: the same work beside 5,000,000 events and beside 100,000, in turn.

growth_append  median time of Store.append of one v1.file.ingested, a commit of its own, into a new package;
               baseline: with the short log
growth_feed    time of a page of 1,000 events of GET /events as a CBOR sequence, from anywhere in the log;
               baseline: of the short log
"""

import asyncio
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from time import perf_counter
from uuid import UUID

from artifactstore import db
from artifactstore.store import Store
from bench.database import Server, scratch_database
from bench.feed import CBOR, PAGE, read_page
from bench.figures import ROUNDS, Figure, interleaved
from bench.files import new_files, open_package
from bench.grown import grow
from bench.load import Connection, Service, service
from bench.plan import Bench, Say
from bench.workload import SEED

GOAL = 1.2
WARM_UP = 30


@dataclass(frozen=True, slots=True)
class Growth:
    """Events of the long log and of the short one; how many appends and pages are timed in each round."""

    events: int
    short: int
    appends: int
    pages: int


@dataclass(frozen=True, slots=True)
class _Log:
    """A log of some length, with a package to append to and a service that reads it."""

    store: Store
    package: UUID
    service: Service
    last: int
    rng: Random

    def milliseconds_to_append(self, times: int) -> float:
        """Median over single appends."""
        taken = []
        for event in new_files(self.package, times):
            started = perf_counter()
            self.store.writes.append([event])
            taken.append(perf_counter() - started)
        return 1000 * statistics.median(taken)

    def milliseconds_to_read(self, times: int) -> float:
        """Median over single pages."""
        return 1000 * asyncio.run(self._read(times))

    async def _read(self, times: int) -> float:
        client = Connection(self.service, accept=CBOR)
        taken = []
        try:
            await read_page(client, 0)
            for _ in range(times):
                since = self.rng.randrange(max(self.last - PAGE, 1))
                started = perf_counter()
                await read_page(client, since)
                taken.append(perf_counter() - started)
        finally:
            client.close()
        return statistics.median(taken)


def measure(server: Server, size: Growth, say: Say) -> list[Figure]:
    """The figures, for logs of ``size.events`` and ``size.short`` events."""
    with ExitStack() as stack:
        short, long = (stack.enter_context(_log(server, n, say)) for n in (size.short, size.events))
        say(f"appending {size.appends} times and reading {size.pages} pages, {ROUNDS} times in turn")
        before, after, page_before, page_after = interleaved(
            ROUNDS,
            lambda: short.milliseconds_to_append(size.appends),
            lambda: long.milliseconds_to_append(size.appends),
            lambda: short.milliseconds_to_read(size.pages),
            lambda: long.milliseconds_to_read(size.pages),
        )
    return [
        Figure("growth_append", after, "ms", before, GOAL, at_most=True),
        Figure("growth_feed", page_after, "ms", page_before, GOAL, at_most=True),
    ]


@contextmanager
def _log(server: Server, events: int, say: Say) -> Iterator[_Log]:
    with scratch_database(server.conninfo) as conninfo, db.connect(conninfo) as connection:
        grow(connection, events, say)
        store = Store(connection)
        with service(conninfo) as running:
            log = _Log(store, open_package(store), running, events, Random(SEED))  # noqa: S311 - reproducible
            log.milliseconds_to_append(WARM_UP)
            yield log


BENCH = Bench(
    __doc__,
    ("growth_append", "growth_feed"),
    measure,
    full=Growth(5_000_000, short=100_000, appends=500, pages=100),
    quick=Growth(20_000, short=2_000, appends=100, pages=20),
)
