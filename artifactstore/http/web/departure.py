"""A read that may end early: its client leaves, or its time is over; then it is ended wherever it is."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio
import psycopg
from anyio import CapacityLimiter, to_thread
from psycopg import Connection

from artifactstore.errors import ArtifactstoreError
from artifactstore.http.web import metrics
from artifactstore.http.web.links import GRACE_SECONDS, give_up, no_answer, stopping
from artifactstore.http.web.request import ClientLeftError

T = TypeVar("T")

_CANCEL_SECONDS = 1.0
_UNWATCHED_SECONDS = 0.005
"""How long a read runs before it is watched whether its client leaves: most have ended by then."""

_threads = CapacityLimiter(4)


class Departure:
    """Watches one read, from its making to ``close``; made in the event loop.

    Args:
        client_left: returns when the client has left; None: there is no client, and nobody leaves.
        seconds: after which it is ended.

    Attributes:
        left: its client has left. over: why it was ended, if it was. alone: done when it was ended and
            what runs for it did not see that: nobody waits for it any more.
    """

    def __init__(self, client_left: Callable[[], Awaitable[None]] | None, seconds: float) -> None:
        self._client_left = client_left
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turn: anyio.CancelScope | None = None
        self._lock = threading.Lock()
        self._cancelling = threading.Lock()
        self._connection: Connection[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self._alarm = self._loop.call_later(seconds, lambda: self.end(no_answer(seconds)))
        self.alone: asyncio.Future[None] = self._loop.create_future()
        self.left = False
        self.over: ArtifactstoreError | None = None

    def watch(self, turn: anyio.CancelScope | None = None) -> None:
        """Begin to watch the client; ``turn`` is cancelled when it leaves, or when the time is over."""
        self._turn = turn
        if self._client_left is not None and self._task is None:
            self._task = asyncio.create_task(self._wait(self._client_left))

    def watch_soon(self) -> None:
        """Begin unless the read ends at once."""
        self._turn = None
        if self._client_left is not None and self._task is None:
            self._timer = self._loop.call_later(_UNWATCHED_SECONDS, self.watch)

    def close(self) -> None:
        """Watch no more."""
        self._alarm.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def end(self, refusal: ArtifactstoreError) -> None:
        """End it with that refusal: its connection is given up, now or when it gets one."""
        if self.over is not None:
            return
        with self._lock:
            self.over = refusal
            if self._connection is not None:
                give_up(self._connection)
        if self._turn is not None:
            self._turn.cancel()
        self._alarm.cancel()
        self._alarm = self._loop.call_later(GRACE_SECONDS, self._leave_alone)

    async def result(self, running: "asyncio.Future[T]") -> T:
        """What runs for it in a thread; raises why it was ended when the thread does not see that."""
        try:
            await asyncio.wait((running, self.alone), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.end(stopping())
            raise
        if not running.done() and self.over is not None:
            raise self.over
        return running.result()

    @contextmanager
    def using(self, connection: Connection[Any]) -> Iterator[None]:
        """In the thread of the read: what the connection runs is ended with it.

        Raises ``ClientLeftError``, or why it was ended, when that was before.
        """
        with self._lock:
            if self.left:
                raise ClientLeftError
            if self.over is not None:
                raise self.over
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None
            # A request to cancel that is under way is waited for: it must not meet what the next one runs.
            with self._cancelling:
                pass

    def _leave_alone(self) -> None:
        if not self.alone.done():
            self.alone.set_result(None)

    async def _wait(self, client_left: Callable[[], Awaitable[None]]) -> None:
        await client_left()
        self.left = True
        metrics.LIMITS.labels("client-left").inc()
        if self._turn is not None:
            self._turn.cancel()
        await to_thread.run_sync(self._cancel, limiter=_threads, abandon_on_cancel=True)

    def _cancel(self) -> None:
        with self._cancelling:
            with self._lock:
                connection = self._connection
            if connection is None:
                return
            try:
                connection.cancel_safe(timeout=_CANCEL_SECONDS)
            except psycopg.Error:
                give_up(connection)
