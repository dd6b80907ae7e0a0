"""Share a fold of the log out among several sessions, by package.

The package is what events must stay in order with, so each session folds those of its packages alone. Only
keys and bytes are shared by packages: keys by unique indexes, bytes by a question when all are done. Whatever
is refused, or missing, is a reason to fold all again in the order of the log, in one session: that tells
which event is the first.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from psycopg import Connection, Error

from artifactstore.errors import OUTER_CAUSES, ArtifactstoreError, translated
from artifactstore.store import Store

MOST_JOBS = 8
WORTH = 200
"""Events that one session folds before others have connected: more are shared out."""
_WAITED_FOR_ANOTHER = ("40P01", "55P03")
"""Deadlock, and a lock that was not given in time: two parts take the same key, so the log has it twice."""

_MEANWHILE = 5.0
"""Seconds between signs of life of whoever waits."""

Connecting = Callable[[], Connection[Any]]
Step = Callable[[Store, int], bool]
"""Takes a step of a part, by its number; whether the part is done."""


def usual_jobs() -> int:
    """As many sessions as this process may use cores, at most ``MOST_JOBS``."""
    return min(MOST_JOBS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)


def by_order(failure: ArtifactstoreError) -> bool:
    """Whether the log is to be asked in its own order what this failure means.

    A failure that says what it means by itself, such as a lost connection, is told as it is.
    """
    if failure.sqlstate in _WAITED_FOR_ANOTHER:
        return True
    return failure.code not in (*OUTER_CAUSES, "rebuild-outdated")


@contextmanager
def sessions(connect: Connecting, most: int) -> Iterator[list[Store]]:
    """Up to so many sessions: as many as the server lets in."""
    with ExitStack() as stack:
        stores: list[Store] = []
        for _ in range(most):
            try:
                stores.append(Store(stack.enter_context(connect())))
            except ArtifactstoreError as failure:
                if failure.code != "unavailable":
                    raise
                break
        yield stores


def _settled(working: Sequence[Future[None]]) -> list[Future[None]]:
    """Those that failed, or all when they are done; none when neither is so for a while."""
    done, others = wait(working, _MEANWHILE, FIRST_EXCEPTION)
    return [one for one in working if one in done and one.exception()] or ([] if others else list(done))


def fold(
    stores: Sequence[Store], parts: Sequence[int], step: Step, meanwhile: Callable[[], object] = bool
) -> None:
    """Take all steps of all parts, each part in one session at a time; ``meanwhile`` is called now and then.

    At the first failure, also of whoever waits here, the steps that are under way are cancelled, and the
    failure is raised when they are over.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for part in parts:
        waiting.put(part)
    stopping = Event()

    def work(store: Store) -> None:
        with suppress(Empty), translated():
            while not stopping.is_set():
                part = waiting.get_nowait()
                while not stopping.is_set() and not step(store, part):
                    pass

    with ThreadPoolExecutor(len(stores), "parts") as pool:
        working = [pool.submit(work, store) for store in stores]
        try:
            while not (done := _settled(working)):
                meanwhile()
            for one in done:
                one.result()
        finally:
            stopping.set()
            for store, one in zip(stores, working, strict=True):
                if not one.done():
                    with suppress(Error):
                        store.connection.cancel_safe()
