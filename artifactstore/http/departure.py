"""A read whose client may leave: then it gives its turn up, and what it runs in the database is ended."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio
import psycopg
from anyio import CapacityLimiter, to_thread
from psycopg import Connection

from artifactstore.http import metrics
from artifactstore.http.request import ClientLeftError

_CANCEL_SECONDS = 1.0
_UNWATCHED_SECONDS = 0.005
"""How long a read runs before it is watched whether its client leaves: most have ended by then."""

_threads = CapacityLimiter(4)


class Departure:
    """Watches one client for one read; nothing happens before ``watch``.

    Args:
        client_left: returns when the client has left; None: there is no client, and nobody leaves.
    """

    def __init__(self, client_left: Callable[[], Awaitable[None]] | None) -> None:
        self._client_left = client_left
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turn: anyio.CancelScope | None = None
        self._lock = threading.Lock()
        self._connection: Connection[Any] | None = None
        self.left = False

    def watch(self, turn: anyio.CancelScope | None = None) -> None:
        """Begin; ``turn`` is cancelled when the client leaves."""
        self._turn = turn
        if self._client_left is not None and self._task is None:
            self._task = asyncio.create_task(self._wait(self._client_left))

    def watch_soon(self) -> None:
        """Begin unless the read ends at once."""
        self._turn = None
        if self._client_left is not None and self._task is None:
            self._timer = asyncio.get_running_loop().call_later(_UNWATCHED_SECONDS, self.watch)

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    @contextmanager
    def using(self, connection: Connection[Any]) -> Iterator[None]:
        """In the thread of the read: what the connection runs is ended when the client leaves.

        Raises ``ClientLeftError`` when it has left before.
        """
        with self._lock:
            if self.left:
                raise ClientLeftError
            self._connection = connection
        try:
            yield
        finally:
            # A request to cancel that is under way is waited for: it must not meet what the next one runs.
            with self._lock:
                self._connection = None

    async def _wait(self, client_left: Callable[[], Awaitable[None]]) -> None:
        await client_left()
        self.left = True
        metrics.LIMITS.labels("client-left").inc()
        if self._turn is not None:
            self._turn.cancel()
        await to_thread.run_sync(self._end, limiter=_threads)

    def _end(self) -> None:
        with self._lock:
            if self._connection is not None:
                with suppress(psycopg.Error):
                    self._connection.cancel_safe(timeout=_CANCEL_SECONDS)
