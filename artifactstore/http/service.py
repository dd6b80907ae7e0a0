"""What all requests of a process share: the pool that reads, the writer that appends, who may do what."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from psycopg import Connection
from psycopg.errors import FeatureNotSupported
from psycopg_pool import ConnectionPool, PoolTimeout

from artifactstore import db
from artifactstore.errors import ArtifactstoreError, error, translated
from artifactstore.http.feed.history import History
from artifactstore.http.settings import CLOSE_SECONDS, Settings
from artifactstore.http.web import metrics
from artifactstore.http.web.departure import Departure
from artifactstore.http.web.links import check, no_answer, stopping
from artifactstore.http.web.request import ClientLeftError
from artifactstore.http.write.group import Answered, GroupWriter, Pending
from artifactstore.http.write.group_append import GroupAppender, Work
from artifactstore.jobs.verify_online import Sampled, compare_sample
from artifactstore.migrate import check_version
from artifactstore.store import Position, Store

T = TypeVar("T")

_log = logging.getLogger("artifactstore")

_SAMPLE_SECONDS = 2.0
_READY_SECONDS = 1.0
_LOOK_SECONDS = 2.0
"""Within which it is known whether the service is ready."""
_CHECK_SECONDS = 1.0
"""Within which a connection of the pool answers, or is replaced."""
_POOL_THREADS = 3
_CLOSE_POOL_SECONDS = 0.6
_UNWATCHED_SECONDS = 0.1
"""How long a command waits for its outcome before it is watched whether its client leaves."""
_RECONNECT_SECONDS = 5.0
"""How long the pool tries to replace a lost connection on its own; afterwards the next request does."""

_CHECK_EVENTS = 3
_CHECK_TOLD = 10
_CHECK_MAX_EVENTS = 1_000
"""Packages of more events are left to artifactstore verify: a check must cost little."""

_SHORT_WAIT = 0.5
"""A replay that truncates has the views for itself: the answer is busy then."""

_STALE_PLAN = "0A000"


class ViewCheck(NamedTuple):
    """The last comparison of some live rows with their events by this process, and what it found."""

    at: datetime
    head: int
    packages: int
    differences: int


class Service:
    """Opened and closed by the lifespan of the application; opening it connects to nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.history = History()
        self._differs_in: int | None = None
        self.checked: ViewCheck | None = None
        keywords: dict[str, Any] = {
            **db.bounds(settings.database_url),
            "connect_timeout": settings.connect_timeout,
            "prepare_threshold": settings.prepare_threshold or None,
        }
        self._pool = ConnectionPool(
            settings.database_url,
            kwargs={**keywords, **db.parameters("reader")},
            configure=db.pin,
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            timeout=settings.pool_timeout,
            reconnect_timeout=_RECONNECT_SECONDS,
            check=self._check_connection,
            num_workers=_POOL_THREADS,
            open=False,
            name="artifactstore",
        )
        appender = GroupAppender(settings.database_url, **keywords)
        self._writer = GroupWriter(
            appender,
            lock_seconds=settings.lock_timeout,
            queue_commands=settings.queue_commands,
            queue_bytes=settings.queue_bytes,
            group=settings.group,
        )
        self._slots = asyncio.Semaphore(settings.pool_max)
        # A thread for each slot, which is free again when its thread is.
        self._threads = ThreadPoolExecutor(settings.pool_max, "artifactstore-reader")
        self._few_threads = CapacityLimiter(4)
        self.compressing = CapacityLimiter(2)
        self._under_way: set[Departure] = set()
        self._stopping: ArtifactstoreError | None = None
        self._hurrying = False
        self._readiness: tuple[float, int, ArtifactstoreError | None] | None = None
        self._look_thread = ThreadPoolExecutor(1, "artifactstore-ready")
        self._looking: asyncio.Task[None] | None = None

    @property
    def head(self) -> int:
        """Highest sequence that this process has seen of the log."""
        return self.history.head

    @property
    def differs(self) -> bool:
        """Whether a live row was found that is not what this log says."""
        return self._differs_in == self.history.generation

    async def open(self) -> None:
        """Begin to connect, in the background: the service starts with the database down too."""
        self._pool.open(wait=False)
        self._writer.start()

    def hurry(self) -> None:
        """The service stops: what is still under way when most of its time is over is refused then."""
        if not self._hurrying:
            self._hurrying = True
            seconds = 0.75 * self.settings.graceful_seconds
            asyncio.get_running_loop().call_later(seconds, self._cut)

    async def close(self) -> None:
        """Append what waits, then close every connection; takes less than twice ``CLOSE_SECONDS``."""
        self._stopping = self._stopping or stopping()
        for close, seconds in ((self._writer.stop, CLOSE_SECONDS), (self._close_pool, _CLOSE_POOL_SECONDS)):
            await to_thread.run_sync(close, seconds, limiter=self._few_threads, abandon_on_cancel=True)
        for threads in (self._threads, self._look_thread):
            threads.shutdown(wait=False)

    async def sample(self) -> None:
        """Keep the gauges of this process up to date, until cancelled."""
        while True:
            self.measure()
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def check_views(self) -> None:
        """Compare live rows of random packages with the log from time to time, until cancelled."""
        while self.settings.check_seconds:
            await asyncio.sleep(self.settings.check_seconds)
            try:
                checked = await self.read(_check, scratch=True)
            except ArtifactstoreError as failure:
                _log.warning("cannot check views", extra={"problem": failure.message})
                continue
            metrics.CHECKED_PACKAGES.inc(checked.packages)
            differences = len(checked.differences)
            self.checked = ViewCheck(datetime.now(UTC), checked.head, checked.packages, differences)
            if differences:
                self._differs_in = self.history.generation
                metrics.VIEW_DIFFERENCES.inc(differences)
                for one in checked.differences[:_CHECK_TOLD]:
                    _log.error(
                        "a view is not what the log says", extra={"head": checked.head, **one._asdict()}
                    )

    def measure(self) -> None:
        """Set the gauges to what is now."""
        stats = self._pool.get_stats()
        idle = stats.get("pool_available", 0)
        metrics.POOL_CONNECTIONS.labels("idle").set(idle)
        metrics.POOL_CONNECTIONS.labels("in_use").set(stats.get("pool_size", 0) - idle)
        metrics.POOL_WAITING.set(stats.get("requests_waiting", 0))
        metrics.QUEUED_COMMANDS.set(self._writer.waiting)
        metrics.HEAD.set(self.head)

    async def read(
        self,
        work: Callable[[Store], T],
        min_sequence: int | None = None,
        note: Callable[[Position], None] | None = None,
        *,
        scratch: bool = False,
        client_left: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """What ``work`` reads in one snapshot; ``note`` is told where the log stands in it.

        Args:
            scratch: it needs tables of its own, which are gone when it ends.
            client_left: returns when its client has left; then it is ended, wherever it is.

        Raises:
            Busy: unavailable, after ``read_timeout`` at the latest, or overloaded when no connection came
                free in time.
            Refused: cursor-ahead when the log does not go to ``min_sequence``.
            ClientLeftError: the client has left.
        """
        if self._stopping is not None:
            raise self._stopping
        departure = Departure(client_left, self.settings.read_timeout)
        self._under_way.add(departure)
        try:
            await self._take_turn(departure)
            departure.watch_soon()
            running = asyncio.get_running_loop().run_in_executor(
                self._threads, self._read, work, min_sequence, note or _nowhere, scratch, departure
            )
            running.add_done_callback(self._free_slot)
            return await departure.result(running)
        except ArtifactstoreError as failure:
            if departure.left:
                raise ClientLeftError from None
            # What a connection says that was given up is not why.
            raise departure.over or failure from None
        finally:
            departure.close()
            self._under_way.discard(departure)

    async def write(self, work: Work, client_left: Callable[[], Awaitable[None]]) -> Answered:
        """What becomes of a command.

        Args:
            client_left: returns when its client has left; then nobody needs to wait for the log.

        Raises:
            ClientLeftError: the client has left, and the command was refused.
        """
        began, loop = time.monotonic(), asyncio.get_running_loop()
        queued = self._writer.submit(work)
        watching: list[asyncio.Task[None]] = []
        # Most are answered before it pays to watch the client.
        timer = loop.call_later(
            _UNWATCHED_SECONDS,
            lambda: watching.append(asyncio.create_task(self._abandon_when(client_left, queued))),
        )
        seconds = self.settings.write_timeout
        alarm = loop.call_later(seconds, lambda: self._writer.expire(queued, no_answer(seconds)))
        try:
            outcome, position = await queued.future
        finally:
            timer.cancel()
            alarm.cancel()
            for task in watching:
                task.cancel()
        if position is not None:
            self.history.note(position, began)
        if queued.abandoned and isinstance(outcome, ArtifactstoreError):
            raise ClientLeftError
        return outcome, position

    async def check_ready(self) -> None:
        """Raise why the service cannot do its work now, if so; looks once a second at most."""
        if not self._ready_is_known():
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            await asyncio.shield(self._looking)
        if self._readiness is not None and self._readiness[2] is not None:
            raise self._readiness[2]

    async def _abandon_when(self, client_left: Callable[[], Awaitable[None]], queued: Pending) -> None:
        await client_left()
        await to_thread.run_sync(
            self._writer.abandon, queued, limiter=self._few_threads, abandon_on_cancel=True
        )

    def _free_slot(self, ended: "asyncio.Future[Any]") -> None:
        self._slots.release()
        if not ended.cancelled():
            ended.exception()  # nobody may be left who asks for it

    def _cut(self) -> None:
        """Refuse what is under way."""
        self._stopping = stopping()
        for departure in list(self._under_way):
            departure.end(self._stopping)
        self._writer.expire_all(self._stopping)

    def _close_pool(self, seconds: float) -> None:
        # So long for each of its threads, which are of no use any more.
        self._pool.close(seconds / _POOL_THREADS)

    def _check_connection(self, connection: Connection[Any]) -> None:
        check(connection, min(_CHECK_SECONDS, self.settings.pool_timeout / 2))

    async def _take_turn(self, departure: Departure) -> None:
        """Wait for a slot; who has left meanwhile gives up its place at once."""
        if not self._slots.locked():
            await self._slots.acquire()
            return
        with anyio.move_on_after(self.settings.pool_timeout) as turn:
            departure.watch(turn)
            await self._slots.acquire()
        if turn.cancelled_caught:
            raise departure.over or error("overloaded", {"problem": "all connections for reads are in use"})

    def _ready_is_known(self) -> bool:
        known = self._readiness
        if known is None or known[1] != self.history.generation:
            return False
        return time.monotonic() - known[0] <= _READY_SECONDS

    async def _look(self) -> None:
        """Find out whether the service is ready; one look is under way at most."""
        generation = self.history.generation
        departure = Departure(None, _LOOK_SECONDS)
        running = asyncio.get_running_loop().run_in_executor(self._look_thread, self._look_ready, departure)
        try:
            failure = await departure.result(running)
        except ArtifactstoreError as over:
            failure = over
        finally:
            departure.close()
            self._looking = None
        self._readiness = (time.monotonic(), generation, failure)

    def _look_ready(self, departure: Departure) -> ArtifactstoreError | None:
        try:
            with self._connection(departure, _READY_SECONDS / 2) as connection:
                lacking = Store(connection).grants.role_commands()
                if lacking:
                    return error("role-missing", {"problem": " ".join(lacking), "commands": lacking})
                check_version(connection)
                with translated(), connection.transaction():
                    db.limit_locks(connection, _SHORT_WAIT)
                    Store(connection).identity.check_views()
        except PoolTimeout:
            return self._why_no_connection()
        except ArtifactstoreError as failure:
            if failure.code == "forbidden":
                return error("role-missing", {"problem": failure.detail.get("problem")})
            return failure
        return None

    def _why_no_connection(self) -> ArtifactstoreError:
        """What keeps the pool from a connection; one that can be made now comes soon."""
        try:
            db.connect(self.settings.database_url, connect_timeout=2).close()
        except ArtifactstoreError as failure:
            return failure
        return _no_connection()

    def _read(
        self,
        work: Callable[[Store], T],
        min_sequence: int | None,
        note: Callable[[Position], None],
        scratch: bool,
        departure: Departure,
    ) -> T:
        try:
            try:
                return self._read_once(work, min_sequence, note, scratch, departure)
            except ArtifactstoreError as failure:
                if failure.sqlstate == _STALE_PLAN:
                    # A migration changed the result of a statement that is prepared on every connection.
                    self._pool.drain()
                elif not _lost(failure) or departure.over is not None:
                    raise
            return self._read_once(work, min_sequence, note, scratch, departure)
        except PoolTimeout:
            raise _no_connection() from None

    def _read_once(
        self,
        work: Callable[[Store], T],
        min_sequence: int | None,
        note: Callable[[Position], None],
        scratch: bool,
        departure: Departure,
    ) -> T:
        with translated(), self._connection(departure) as connection:
            began = time.monotonic()
            access = "READ WRITE" if scratch else "READ ONLY"
            store = Store(connection)
            try:
                db.begin_reads(
                    connection, access, self.settings.statement_timeout, self.settings.lock_timeout
                )
            except FeatureNotSupported:
                # A standby has no scratch tables to write.
                store.log.refuse_read_only()
                raise
            position = store.identity.position()
            self.history.note(position, began)
            note(position)
            if min_sequence is not None and min_sequence > position.head:
                facts = {"head": position.head, "epoch": position.epoch_name, "min_sequence": min_sequence}
                raise error("cursor-ahead", {"problem": f"the head is {position.head}", **facts})
            return work(store)

    @contextmanager
    def _connection(self, departure: Departure, seconds: float | None = None) -> Iterator[Connection[Any]]:
        """A connection of the pool, which is watched until its transaction has ended."""
        connection = self._pool.getconn(seconds)
        try:
            with departure.using(connection), connection:
                yield connection
        finally:
            self._pool.putconn(connection)


def _nowhere(_position: Position) -> None:
    """Note nothing."""


def _check(store: Store) -> Sampled:
    return compare_sample(store, _CHECK_EVENTS, _CHECK_MAX_EVENTS)


def _lost(failure: ArtifactstoreError) -> bool:
    """Whether the connection was lost, so that another may do."""
    return failure.code == "unavailable" and (
        failure.sqlstate is None or failure.sqlstate[:3] in ("57P", "080")
    )


def _no_connection() -> ArtifactstoreError:
    return error("unavailable", {"problem": "no connection to the database"})
