"""The feed of a process: pages from memory or from the database, and requests that wait for new events.

Memory answers nobody before it was compared with the log by a read that began after the request came: the log
may have been restored, or another server may answer. Those who ask at once share that read, which also brings
what is new. While somebody waits it is done when the bell rings too, and every ``REREAD_SECONDS``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from artifactstore import feed
from artifactstore.errors import ArtifactstoreError, Damaged, error
from artifactstore.feed import Seen
from artifactstore.http.feed.bell import Bell
from artifactstore.http.feed.encoding import Form
from artifactstore.http.feed.representation import Answered, compose, pack_events
from artifactstore.http.feed.ring import MAX_EVENTS, Ring
from artifactstore.http.feed.waiters import Waiter, Waiters
from artifactstore.http.service import Service
from artifactstore.http.web import metrics
from artifactstore.http.web.links import GRACE_SECONDS, no_answer
from artifactstore.http.web.request import ClientLeftError
from artifactstore.leaves import Columns, from_columns
from artifactstore.store import LoggedEvent, PageQuery, Position, Store

REREAD_SECONDS = 0.5
"""Without a bell: notifications get lost, and a log that is restored rings none."""

_REST_SECONDS = 0.02
"""After a read for the bell: under load, events of many commits are read together."""

_LONGEST_CATCH_UP = 100_000
"""Events that are read one after the other for those who wait; after more, each reads for itself."""

_log = logging.getLogger("artifactstore.feed")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asks of the feed.

    Attributes:
        wait: seconds to wait for the first event.
        epoch, seen: what the client knows of the log, which must still be so; ``seen`` of the event at since.
        min_sequence: the log must go to it.
    """

    query: PageQuery
    form: Form
    wait: float = 0
    epoch: str | None = None
    seen: Seen | None = None
    min_sequence: int | None = None


class LiveFeed:
    """The feed of one process; opened and closed by the lifespan of the application."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ring = Ring()
        self._waiters = Waiters()
        self._rung = asyncio.Event()
        settings = service.settings
        self.bell = Bell(
            settings.database_url, self._rung.set, self._prove, connect_timeout=settings.connect_timeout
        )
        self._unheard = False
        self._reading: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to listen and to read; connects in the background."""
        self._tasks = [asyncio.create_task(self.bell.listen()), asyncio.create_task(self._follow())]

    async def close(self) -> None:
        """Stop everything."""
        self.stop()
        self.bell.end()
        if self._tasks:
            await asyncio.wait(self._tasks[:1], timeout=GRACE_SECONDS)
        for task in (*self._tasks, self._reading, self._next):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError, ArtifactstoreError):
                    await task

    def stop(self) -> None:
        """Answer those who wait with an empty page; nobody waits from now on."""
        self._stopping = True
        self._waiters.wake_all(look=False)

    @property
    def stopping(self) -> bool:
        """Whether nobody waits any more."""
        return self._stopping

    @property
    def crowded(self) -> bool:
        """Whether as many wait as may."""
        return len(self._waiters) >= self._service.settings.max_waiters

    async def page(self, ask: Ask, client_left: Callable[[], Awaitable[None]]) -> Answered:
        """The page that is asked for.

        Memory answers full pages, and all that it has for those who would wait; for others the database is
        asked, so that they see what was committed before their request.

        Raises:
            Refused: cursor-ahead, epoch-mismatch, diverged.
            Damaged: log-damaged.
            Busy: the database cannot be asked.
            ClientLeftError: the client left while it waited.
        """
        looked = None
        if ask.wait or _fills(self._look(ask)):
            looked = await self._remembered(ask)
        if looked is None or not (ask.wait or _fills(looked)):
            looked = await self._read(ask, client_left)
        if ask.wait and _nothing_yet(ask, looked):
            looked = await self._wait(ask, looked, client_left)
        metrics.FEED_PAGES.labels(looked.source).inc()
        metrics.FEED_EVENTS.inc(looked.count)
        return looked

    async def head(self) -> int:
        """The head of the log now; those who ask at once share one read."""
        with suppress(Damaged):
            await self._confirmed()
            if self._ring.position is not None:
                return self._ring.position.head
        return await self._service.read(lambda store: store.log.head())

    async def _wait(self, ask: Ask, looked: Answered, client_left: Callable[[], Awaitable[None]]) -> Answered:
        if self.crowded:
            return replace(looked, busy=True)
        deadline = asyncio.get_running_loop().time() + ask.wait
        left = asyncio.ensure_future(client_left())
        try:
            while _nothing_yet(ask, looked) and not self._stopping:
                ask = after(ask, looked)
                if ask.query.since < self._ring.last:
                    # What memory has after it may be of the log as it was before.
                    looked = await self._remembered(ask) or await self._read(ask, client_left)
                    continue
                # Nothing can come between that look and the wait: there is no await between the two.
                since = await self._woken(ask, left, deadline)
                if since is None:
                    return self._look(ask) or looked
                # Whatever wakes was read after this request came, so memory need not be confirmed again.
                ask = self._from(ask, since)
                looked = self._judge(ask) or await self._read(ask, client_left)
            return looked
        finally:
            left.cancel()

    async def _woken(self, ask: Ask, left: "asyncio.Future[None]", deadline: float) -> int | None:
        """The cursor after which there is something to look at; None: the time is over, or the service stops.

        It lies after what was seen not to be for this request while it waited, so that memory still has what
        comes next.
        """
        query = ask.query
        waiter = Waiter(query.where, query.since, query.until)
        if self._unheard or query.since > self._ring.last:
            # It rang while nobody waited, or the client knows of more than was read.
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

    async def _remembered(self, ask: Ask) -> Answered | None:
        """The page from memory, which is compared with the log first; None when it does not go so far."""
        if not self._ring.reaches(ask.query.since):
            return None
        # A hole in what is new is no answer to those who ask for what is old: they read for themselves.
        with suppress(Damaged):
            await self._confirmed()
            return self._judge(ask)
        return None

    def _look(self, ask: Ask) -> Answered | None:
        """The page as memory has it; None when that does not go so far, or is not what the client knows."""
        query, position = ask.query, self._ring.position
        if position is None or not self._ring.covers(query.since):
            return None
        if ask.min_sequence is not None and ask.min_sequence > position.head:
            return None
        if ask.epoch not in (None, position.epoch_name):
            return None
        at_cursor = self._ring.entry(query.since)
        if ask.seen is not None and (
            at_cursor is None or not ask.seen.fits(at_cursor.columns, at_cursor.identity)
        ):
            return None
        return self._ring.page(query, ask.form)

    def _judge(self, ask: Ask) -> Answered | None:
        """As ``_look``, when memory is as new as the request: then what differs is refused."""
        position = self._ring.position
        if position is None:
            return None
        feed.check_epoch(ask.epoch, position)
        feed.check_cursor(ask.query.since, position)
        at_cursor = self._ring.entry(ask.query.since)
        if ask.seen is not None and at_cursor is not None:
            feed.check_digest(ask.seen, at_cursor.columns, at_cursor.identity, position)
        return self._look(ask)

    def _from(self, ask: Ask, since: int) -> Ask:
        """The same from another cursor, to which memory went on from that of the request."""
        if since == ask.query.since:
            return ask
        entry = self._ring.entry(since)
        seen = None if entry is None else Seen(entry.identity)
        return replace(ask, query=replace(ask.query, since=since), seen=seen)

    async def _read(self, ask: Ask, client_left: Callable[[], Awaitable[None]]) -> Answered:
        """The page from the database."""
        position: list[Position] = []

        def work(store: Store) -> Answered:
            return _stored(store, ask, position[-1])

        return await self._service.read(work, ask.min_sequence, position.append, client_left=client_left)

    async def _prove(self, text: str) -> None:
        """Ring for the bell itself."""
        await self._service.read(lambda store: store.log.ring(feed.PROOF_CHANNEL, text))

    async def _confirmed(self) -> None:
        """Return when memory was compared with the log by a read that began after this call.

        One read is under way at most; those who come meanwhile share the next, which begins when it ends.

        Raises:
            Damaged: there is a hole in what is new.
            Busy: the database cannot be asked.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._confirm(self._reading))
            self._next.add_done_callback(_retrieve)
        confirmed, seconds = self._next, self._service.settings.read_timeout
        # It may wait for another read before its own.
        await asyncio.wait((confirmed,), timeout=seconds)
        if not confirmed.done():
            raise no_answer(seconds)
        confirmed.result()

    async def _confirm(self, under_way: "asyncio.Task[None] | None") -> None:
        if under_way is not None:
            await asyncio.wait([under_way])
        self._reading, self._next = self._next, None
        self._unheard = False
        try:
            await self._refresh()
        except Damaged:
            # Each who waits reads for itself and is told.
            self._ring.clear()
            self._waiters.wake_all()
            raise
        except ArtifactstoreError:
            raise
        except Exception:
            _log.exception("defect")
            raise error("internal", {"problem": "the feed failed"}) from None

    async def _follow(self) -> None:
        """Read what is new for those who wait."""
        failing = False
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), REREAD_SECONDS)
            rung = self._rung.is_set()
            self._rung.clear()
            if not self._waiters:
                # Nothing is read for nobody; it may have rung since the last read.
                self._unheard = self._unheard or rung
                continue
            try:
                await self._confirmed()
                failing = False
            except ArtifactstoreError as failure:
                if not failing:
                    _log.warning("cannot read what is new", extra={"problem": failure.message})
                failing = True
            await asyncio.sleep(_REST_SECONDS)

    async def _refresh(self) -> None:
        newest, position, generation = (
            self._ring.newest,
            self._ring.position,
            self._service.history.generation,
        )
        noted: list[Position] = []
        # With nobody to tell, what is older than what memory holds need not pass through it.
        longest = _LONGEST_CATCH_UP if self._waiters else MAX_EVENTS
        page = await self._service.read(
            lambda store: _new(store, newest, longest, noted[-1]), None, noted.append
        )
        fits = newest is not None and page.events[:1] == (newest,)
        if fits and position is not None and position.epoch_id == page.position.epoch_id:
            self._ring.extend(page.position, page.events[1:])
            if len(page.events) > 1:
                self._waiters.notify(page.events[1:])
        else:
            # The first look, too much to catch up with, or a log that is not the one of before.
            first = page.events[0].sequence if page.events else 0
            if newest is not None and not fits and first <= newest.sequence:
                self._service.history.broke(page.position, generation)
            self._ring.reset(page.position, page.events)
            self._waiters.wake_all()
        if page.has_more:
            self._rung.set()


def _retrieve(task: "asyncio.Task[None]") -> None:
    """Nobody may be left who asks for what it raised."""
    if not task.cancelled():
        task.exception()


def _fills(looked: Answered | None) -> bool:
    """Whether what comes later would not change what it holds."""
    return looked is not None and looked.full and looked.has_more


def _nothing_yet(ask: Ask, looked: Answered) -> bool:
    """Whether an event may still come that is not there now."""
    until = ask.query.until
    return not looked.count and not looked.has_more and (until is None or looked.next < until)


def after(ask: Ask, looked: Answered) -> Ask:
    """The same after what was seen; the event there must stay the one that it was."""
    seen = ask.seen if looked.next_digest is None else Seen(looked.next_digest)
    return replace(ask, query=replace(ask.query, since=looked.next), seen=seen)


def _stored(store: Store, ask: Ask, position: Position) -> Answered:
    query = ask.query

    def at(sequence: int) -> Columns:
        return feed.read_event(store.connection, sequence, position)

    feed.check_epoch(ask.epoch, position)
    feed.check_cursor(query.since, position)
    if ask.seen is not None:
        at_cursor = at(query.since)
        feed.check_digest(ask.seen, at_cursor, at_cursor.identity, position)
    page = feed.read_page(store.connection, query, position)
    return compose(
        pack_events(page.events, ask.form, query.limit),
        ask.form,
        limit=query.limit,
        examined=page.next,
        end=page.end,
        position=position,
        source="database",
        at=at,
        full=page.full,
    )


def _new(
    store: Store, newest: LoggedEvent | None, longest: int, position: Position
) -> feed.Page[LoggedEvent]:
    """The first that was appended after ``newest``, which is read again to see that it is still there.

    When the head is more than ``longest`` events away: the last events.
    """
    known = 0 if newest is None else newest.sequence - 1
    since = known if known < position.head <= known + longest else max(0, position.head - MAX_EVENTS)
    page = feed.read_page(store.connection, PageQuery(since, limit=MAX_EVENTS), position)
    return feed.Page(page.position, tuple(map(from_columns, page.events)), page.next, page.end)
