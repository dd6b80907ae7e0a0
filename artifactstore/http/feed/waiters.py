"""Requests that wait for events: no thread and no connection each, only a future."""

import asyncio
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias

from artifactstore.store import EventFilter, LoggedEvent
from artifactstore.store.selection import FILTERED

_Key: TypeAlias = tuple[str, Hashable]
_ANY: _Key = ("any", None)


class Waiter:
    """One request.

    Attributes:
        since: it has seen, or does not want, what is not after this.
        woken: becomes the sequence after which there is something to look at, None when waiting has ended.
    """

    __slots__ = ("since", "until", "where", "woken")

    def __init__(self, where: EventFilter, since: int, until: int | None) -> None:
        self.where = where
        self.since = since
        self.until = until
        self.woken: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def wake(self, since: int | None) -> None:
        """Wake it, once."""
        if not self.woken.done():
            self.woken.set_result(since)


class Waiters:
    """All that wait in this process, by filter: an event is matched once per filter that it may fit."""

    def __init__(self) -> None:
        self._groups: dict[EventFilter, set[Waiter]] = {}
        self._index: dict[_Key, set[EventFilter]] = {}
        self._bounded: set[Waiter] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, waiter: Waiter) -> None:
        """Let it wait."""
        group = self._groups.get(waiter.where)
        if group is None:
            group = self._groups[waiter.where] = set()
            for key in _keys(waiter.where):
                self._index.setdefault(key, set()).add(waiter.where)
        group.add(waiter)
        if waiter.until is not None:
            self._bounded.add(waiter)
        self._count += 1

    def remove(self, waiter: Waiter) -> None:
        """Let it wait no more."""
        group = self._groups[waiter.where]
        group.remove(waiter)
        self._bounded.discard(waiter)
        self._count -= 1
        if group:
            return
        del self._groups[waiter.where]
        for key in _keys(waiter.where):
            filters = self._index[key]
            filters.remove(waiter.where)
            if not filters:
                del self._index[key]

    def notify(self, events: Sequence[LoggedEvent]) -> None:
        """Wake those for whom one of these new events is, or whose last event is among them."""
        found: dict[EventFilter, tuple[int, int]] = {}
        for event in events:
            for where in self._candidates(event):
                if where.matches(event):
                    oldest, _ = found.get(where, (event.sequence, 0))
                    found[where] = oldest, event.sequence
        for where, (oldest, newest) in found.items():
            for waiter in self._groups[where]:
                # One that waits for a later event, or only for earlier ones, has nothing to see here.
                if waiter.since < newest:
                    waiter.wake(max(waiter.since, oldest - 1))
        for waiter in self._bounded:
            if waiter.until is not None and waiter.until <= events[-1].sequence:
                waiter.wake(waiter.since)

    def wake_all(self, look: bool = True) -> None:
        """Wake everyone; ``look`` False: because waiting ends."""
        for group in self._groups.values():
            for waiter in group:
                waiter.wake(waiter.since if look else None)

    def _candidates(self, event: LoggedEvent) -> Iterator[EventFilter]:
        yield from self._index.get(_ANY, ())
        for column in FILTERED:
            yield from self._index.get((column, getattr(event, column)), ())


def _keys(where: EventFilter) -> Iterable[_Key]:
    """Where a filter is found: by the values of its most selective column."""
    for column, values in where.chosen():
        return [(column, value) for value in values]
    return [_ANY]
