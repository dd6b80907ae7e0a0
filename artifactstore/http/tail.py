"""The feed of a process: pages from memory or from the database, and requests that wait for new events.

One task reads what is new, once for all who wait: when the bell rings, and every ``REREAD_SECONDS`` in case
that it did not. It rests while nobody waits.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from artifactstore import feed
from artifactstore.errors import ArtifactstoreError, Damaged, error
from artifactstore.feed import Query
from artifactstore.http import metrics
from artifactstore.http.bell import listen
from artifactstore.http.representation import Answered, Entry, Form, compose
from artifactstore.http.request import ClientLeftError
from artifactstore.http.ring import MAX_EVENTS, Ring
from artifactstore.http.service import Service
from artifactstore.http.waiters import Waiter, Waiters
from artifactstore.store import LoggedEvent, Position, Store

REREAD_SECONDS = 2.0
_REST_SECONDS = 0.02
"""Between two reads of what is new: under load, events of many commits are read together."""

_LONGEST_CATCH_UP = 100_000
"""Events that are read one after the other for those who wait; after more, each reads for itself."""

_log = logging.getLogger("artifactstore.feed")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asks of the feed.

    Attributes:
        wait: seconds to wait for the first event.
        epoch, since_digest: what the client knows of the log, which must still be so.
        min_sequence: the log must go to it.
    """

    query: Query
    form: Form
    wait: float = 0
    epoch: str | None = None
    since_digest: bytes | None = None
    min_sequence: int | None = None


class Tail:
    """The feed of one process; opened and closed by the lifespan of the application."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ring = Ring()
        self._waiters = Waiters()
        self._rung = asyncio.Event()
        self._wanted: asyncio.Future[None] | None = None
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to listen and to read; connects in the background."""
        settings = self._service.settings
        listening = listen(settings.database_url, self._rung.set, connect_timeout=settings.connect_timeout)
        self._tasks = [asyncio.create_task(listening), asyncio.create_task(self._follow())]

    async def close(self) -> None:
        """Stop everything."""
        self.stop()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def stop(self) -> None:
        """Answer those who wait with an empty page; nobody waits from now on."""
        self._stopping = True
        self._waiters.wake_all(look=False)

    async def page(self, ask: Ask, client_left: Callable[[], Awaitable[None]]) -> Answered:
        """The page that is asked for.

        Memory answers full pages, and all that it has for those who would wait; for others the database is
        asked, so that they see what was committed before their request.

        Raises:
            Refused: cursor-ahead, epoch-mismatch, diverged.
            Damaged: log-damaged.
            ClientLeftError: the client left while it waited.
        """
        looked = self._look(ask)
        if looked is None and ask.wait:
            # A hole in what is new is no answer to those who ask for what is old: they read for themselves.
            with suppress(Damaged):
                await self._refreshed()
                looked = self._judge(ask)
        if looked is None or not (ask.wait or (looked.full and looked.has_more)):
            looked = await self._read(ask, client_left)
        if ask.wait and _nothing_yet(ask, looked):
            looked = await self._wait(ask, looked, client_left)
        metrics.FEED_PAGES.labels(looked.source).inc()
        metrics.FEED_EVENTS.inc(looked.count)
        return looked

    async def head(self) -> int:
        """The head of the log now; those who ask at once share one read."""
        with suppress(Damaged):
            await self._refreshed()
            if self._ring.position is not None:
                return self._ring.position.head
        return await self._service.read(lambda store: store.head())

    async def _wait(self, ask: Ask, looked: Answered, client_left: Callable[[], Awaitable[None]]) -> Answered:
        if len(self._waiters) >= self._service.settings.max_waiters:
            return replace(looked, busy=True)
        deadline = asyncio.get_running_loop().time() + ask.wait
        left = asyncio.ensure_future(client_left())
        try:
            ask = _from(ask, looked.next)
            seen = self._look(ask)
            while not self._stopping:
                if seen is not None:
                    if not _nothing_yet(ask, seen):
                        return seen
                    looked, ask = seen, _from(ask, seen.next)
                # Nothing can come between that look and the wait: there is no await between the two.
                since = await self._woken(ask, left, deadline)
                if since is None:
                    return self._look(ask) or looked
                ask = _from(ask, since)
                seen = self._judge(ask) or await self._read(ask, client_left)
            return looked
        finally:
            left.cancel()

    async def _woken(self, ask: Ask, left: "asyncio.Future[None]", deadline: float) -> int | None:
        """The cursor after which there is something to look at; None: the time is over, or the service stops.

        It lies after what was seen not to be for this request while it waited, so that memory still has what
        comes next.
        """
        query = ask.query
        if query.since < self._ring.last:
            # Memory went on, out of sight of this request.
            return query.since
        waiter = Waiter(query.where, query.since, query.until)
        if not self._waiters or query.since > self._ring.last:
            # Nothing was read while nobody waited, and the client knows of more than was read.
            self._rung.set()
        self._waiters.add(waiter)
        metrics.WAITERS.set(len(self._waiters))
        try:
            seconds = deadline - asyncio.get_running_loop().time()
            first = (waiter.woken, left)
            await asyncio.wait(first, timeout=max(0, seconds), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiters.remove(waiter)
            metrics.WAITERS.set(len(self._waiters))
        if left.done():
            raise ClientLeftError
        return waiter.woken.result() if waiter.woken.done() else None

    def _look(self, ask: Ask) -> Answered | None:
        """The page from memory; None when that does not go so far."""
        query, position = ask.query, self._ring.position
        if position is None or not self._ring.covers(query.since):
            return None
        if ask.min_sequence is not None and ask.min_sequence > position.head:
            return None
        # What differs is not to be judged by what may be old: the log may have been restored meanwhile.
        if ask.epoch not in (None, position.epoch_name):
            return None
        if ask.since_digest is not None:
            at_cursor = self._ring.event(query.since)
            if at_cursor is None or at_cursor.payload_digest != ask.since_digest:
                return None
        return self._ring.page(query, ask.form)

    def _judge(self, ask: Ask) -> Answered | None:
        """As ``_look``, when memory is as new as the request: then what differs is refused."""
        position = self._ring.position
        if position is None:
            return None
        feed.check_epoch(ask.epoch, position)
        feed.check_cursor(ask.query.since, position)
        at_cursor = self._ring.event(ask.query.since)
        if ask.since_digest is not None and at_cursor is not None:
            feed.check_digest(ask.since_digest, at_cursor, position)
        return self._look(ask)

    async def _refreshed(self) -> None:
        """Return when memory was read after this call; raises what that read raised."""
        if self._wanted is None:
            self._wanted = asyncio.get_running_loop().create_future()
            self._rung.set()
        await asyncio.shield(self._wanted)

    async def _read(self, ask: Ask, client_left: Callable[[], Awaitable[None]]) -> Answered:
        """The page from the database."""
        position: list[Position] = []

        def work(store: Store) -> Answered:
            return _stored(store, ask, position[-1])

        return await self._service.read(work, ask.min_sequence, position.append, client_left=client_left)

    async def _follow(self) -> None:
        failing = False
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), REREAD_SECONDS)
            self._rung.clear()
            wanted, self._wanted = self._wanted, None
            if not self._waiters and wanted is None:
                continue
            failure = await self._try_refresh()
            if failure is not None and not failing:
                _log.warning("cannot read what is new", extra={"problem": failure.message})
            failing = failure is not None
            if wanted is not None and not wanted.done():
                if failure is None:
                    wanted.set_result(None)
                else:
                    wanted.set_exception(failure)
                    wanted.exception()  # nobody may be left who asks for it
            await asyncio.sleep(_REST_SECONDS)

    async def _try_refresh(self) -> ArtifactstoreError | None:
        """Read what is new; returns why it could not be read."""
        try:
            await self._refresh()
        except Damaged as failure:
            # Each who waits reads for itself and is told.
            self._ring.clear()
            self._waiters.wake_all()
            return failure
        except ArtifactstoreError as failure:
            return failure
        except Exception:
            _log.exception("defect")
            return error("internal", {"problem": "the feed failed"})
        return None

    async def _refresh(self) -> None:
        newest, position = self._ring.newest, self._ring.position
        noted: list[Position] = []
        # With nobody to tell, what is older than what memory holds need not pass through it.
        longest = _LONGEST_CATCH_UP if self._waiters else MAX_EVENTS
        page = await self._service.read(
            lambda store: _new(store, newest, longest, noted[-1]), None, noted.append
        )
        same = position is not None and position.epoch_id == page.position.epoch_id
        if same and newest is not None and page.events[:1] == [newest]:
            self._ring.extend(page.position, page.events[1:])
            if len(page.events) > 1:
                self._waiters.notify(page.events[1:])
        else:
            # The first look, too much to catch up with, or a log that is not the one of before.
            self._ring.reset(page.position, page.events)
            self._waiters.wake_all()
        if page.has_more:
            self._rung.set()


def _nothing_yet(ask: Ask, looked: Answered) -> bool:
    """Whether an event may still come that is not there now."""
    until = ask.query.until
    return not looked.count and not looked.has_more and (until is None or looked.next < until)


def _from(ask: Ask, since: int) -> Ask:
    """The same from another cursor, at which the client has seen no event."""
    if since == ask.query.since:
        return ask
    return replace(ask, query=replace(ask.query, since=since), since_digest=None)


def _stored(store: Store, ask: Ask, position: Position) -> Answered:
    query = ask.query
    feed.check_epoch(ask.epoch, position)
    feed.check_cursor(query.since, position)
    if ask.since_digest is not None:
        at_cursor = feed.read_event(store.connection, query.since, position)
        feed.check_digest(ask.since_digest, at_cursor, position)
    page = feed.read_page(store.connection, query, position)
    return compose(
        map(Entry, page.events),
        ask.form,
        limit=query.limit,
        examined=page.next,
        end=page.end,
        position=position,
        source="database",
        full=page.full,
    )


def _new(store: Store, newest: LoggedEvent | None, longest: int, position: Position) -> feed.Page:
    """The first that was appended after ``newest``, which is read again to see that it is still there.

    When the head is more than ``longest`` events away: the last events.
    """
    known = 0 if newest is None else newest.sequence - 1
    since = known if known < position.head <= known + longest else max(0, position.head - MAX_EVENTS)
    return feed.read_page(store.connection, Query(since, MAX_EVENTS), position)
