"""Many things in turn: in batches, some on their way at once, and events appended while others append too."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import inf
from typing import TypeVar

from artifactstore.errors import Busy, Refused
from artifactstore.events import NewEvent
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.registry import Registry
from artifactstore.store import Appended

T = TypeVar("T")
R = TypeVar("R")

_BUSY_SECONDS = 600.0
"""How long a batch is tried again while others hold the log, e.g. for a replay."""
_OVERTAKEN = frozenset(
    {
        "changed",
        "gone",
        "legal-hold",
        "manifest-changed",
        "purged",
        "retention-active",
        "retired",
        "wrong-state",
    }
)
"""Refusals of one event because somebody else was there first; any other is about all of them."""


def append_patiently(
    store: Registry, events: Sequence[NewEvent], progress: Progress = quiet
) -> list[Appended]:
    """As ``Store.append``, again and again while others hold the log, for ten minutes."""
    started = time.monotonic()
    while True:
        try:
            return store.writes.append(events)
        except Busy as busy:
            # After any other failure of the connection nobody knows whether the events are in the log.
            if busy.code != "busy" or time.monotonic() - started > _BUSY_SECONDS:
                raise
            progress("waiting for the log", 0, 0, "")


def in_flight(send: Callable[[T], R], items: Iterable[T], most: int) -> Iterator[R]:
    """What sending each item gave, in their order, with up to ``most`` on their way at once.

    With 1 all is done in this thread. After a failure what is on its way is waited for, and no more is sent.
    """
    if most == 1:
        yield from map(send, items)
        return
    with ThreadPoolExecutor(most) as pool:
        sent: deque[Future[R]] = deque()
        try:
            for item in items:
                sent.append(pool.submit(send, item))
                if len(sent) == most:
                    yield sent.popleft().result()
            while sent:
                yield sent.popleft().result()
        finally:
            for future in sent:
                future.cancel()


def in_batches(
    items: Iterable[T], most: int, size: Callable[[T], int] = lambda _: 0, most_size: float = inf
) -> Iterator[list[T]]:
    """Items in their order; a list ends with its ``most``-th, or with the one that makes ``most_size``."""
    batch: list[T] = []
    total = 0
    for item in items:
        batch.append(item)
        total += size(item)
        if len(batch) == most or total >= most_size:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def append_each(
    store: Registry,
    events: Sequence[NewEvent],
    progress: Progress = quiet,
    of_one: frozenset[str] = frozenset(),
) -> list[Appended | Refused]:
    """Append every event that can be; for each, where it landed or why the state does not allow it any more.

    All go in one append. If it is refused, its halves are tried, so that one event that came too late
    costs a few appends, and never stops another one. Raises as ``Store.append`` for what concerns all of
    them; halves that were appended before stay.

    Args:
        of_one: further refusals that concern one event.
    """
    if not events:
        return []
    most = min(store.writes.together(type(one.event)) for one in events)
    if len(events) > most:
        parts = (events[start : start + most] for start in range(0, len(events), most))
        return [result for part in parts for result in append_each(store, part, progress, of_one)]
    try:
        return list(append_patiently(store, events, progress))
    except Refused as refusal:
        if refusal.code not in _OVERTAKEN | of_one:
            raise
        if len(events) == 1:
            return [refusal]
    middle = len(events) // 2
    halves = events[:middle], events[middle:]
    return [result for half in halves for result in append_each(store, half, progress, of_one)]
