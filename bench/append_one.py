"""Callers that append one event at a time.

append_one  v1.file.ingested into one open package through Store.append, each a commit of its own; baseline:
            the floor, the finished rows of events, artifact_files and storage_locations in one statement by
            the same driver in the same mode, into tables with the same indexes, numbered by a sequence,
            unchecked
append_16   the same by 16 sessions at once, all together; baseline: append_one
"""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from time import perf_counter

from artifactstore import db
from artifactstore.events import NewEvent
from artifactstore.store import Store
from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.files import new_files, open_package
from bench.floor import make_floor, seconds_to_insert
from bench.plan import Bench, Events, Say

GOAL = 0.6
GOAL_TOGETHER = 0.9
SESSIONS = 16
WARM_UP = 30
"""Appends of each session before the first round: statements are planned by then, on either side."""


def measure(server: Server, size: Events, say: Say) -> list[Figure]:
    """The figures, from rounds of ``size.events`` events."""
    with scratch_database(server.conninfo) as conninfo, ExitStack() as stack:
        floor, *connections = (stack.enter_context(db.connect(conninfo)) for _ in range(SESSIONS + 1))
        stores = [Store(connection) for connection in connections]
        package = open_package(stores[0])
        make_floor(floor)
        seconds_to_insert(floor, new_files(package, WARM_UP))
        for store in stores:
            _append(store, new_files(package, WARM_UP))
        each = -(-size.events // SESSIONS)
        say(f"{size.events:,} single events, inserted, appended by 1, by {SESSIONS}, {ROUNDS} times in turn")
        inserting, alone, together = interleaved(
            ROUNDS,
            lambda: seconds_to_insert(floor, new_files(package, size.events)),
            lambda: seconds_to_append(stores[:1], [new_files(package, size.events)]),
            lambda: seconds_to_append(stores, [new_files(package, each) for _ in stores]),
        )
    one, many = size.events / alone, each * SESSIONS / together
    return [
        Figure("append_one", one, "events/s", size.events / inserting, GOAL),
        Figure("append_16", many, "events/s", one, GOAL_TOGETHER),
    ]


def seconds_to_append(stores: Sequence[Store], shares: Sequence[Sequence[NewEvent]]) -> float:
    """Seconds until every store has appended its share, each in a thread."""
    threads = [threading.Thread(target=_append, args=work) for work in zip(stores, shares, strict=True)]
    started = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return perf_counter() - started


def _append(store: Store, events: Sequence[NewEvent]) -> None:
    for event in events:
        store.writes.append([event])


BENCH = Bench(__doc__, ("append_one", "append_16"), measure, full=Events(2_000), quick=Events(150))
