"""The connections of a process: how many there may be, who goes when there are more, who is out of time.

uvicorn has limits of its own, which are used where they do (``timeout_keep_alive``). ``limit_concurrency``
does not: it lets idle connections shut everybody else out, and knows no time for a head.
"""

import asyncio
import logging
import os
import resource
import time
from collections import OrderedDict
from typing import Protocol

from artifactstore.errors import ArtifactstoreError, BadInput, error
from artifactstore.http.settings import Settings
from artifactstore.http.web import metrics

_RESERVED = 64
"""Descriptors that are no connection of a client: libraries, sockets, files of metrics, beside the pool."""
_FEWEST = 16
_LOOK_SECONDS = 0.5
_TELL_SECONDS = 10.0
_UNTOLD = frozenset({"idle-timeout"})
"""What is counted but no event for the log: it is no harm."""

_log = logging.getLogger("artifactstore.http")


class Connection(Protocol):
    """What is known of a connection here."""

    def refuse(self, failure: ArtifactstoreError, limit: str) -> None:
        """Answer with the failure and close, as soon as what was asked before is answered."""

    def abort(self) -> None:
        """Close now; what was not sent is lost."""

    def look(self, now: float) -> tuple[float, int] | None:
        """End it if it is out of time; since when how many bytes wait for the client, if there are any."""


def capacity(settings: Settings) -> int:
    """Connections of clients that a process may have; raises ``BadInput`` usage when it is next to none."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return settings.max_connections
    room = descriptors - _RESERVED - settings.pool_max
    if room < _FEWEST:
        problem = (
            f"a process may open {descriptors} files: too few for {settings.pool_max} connections to the "
            f"database, {_RESERVED} of its own and {_FEWEST} clients (ulimit -n)"
        )
        raise BadInput("usage", {"problem": problem})
    return min(settings.max_connections, room)


class Connections:
    """Those that are open; all methods are called in the event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.capacity = capacity(settings)
        self._busy: set[Connection] = set()
        # The longest idle first. Who was answered once goes after those who never asked for anything.
        self._strangers: OrderedDict[Connection, None] = OrderedDict()
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._untold: dict[str, int] = {}
        self._told_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._busy) + len(self._strangers) + len(self._idle)

    def opened(self, connection: Connection) -> None:
        """A new one; where there is no room another one goes, or itself."""
        if len(self) < self.capacity:
            self._strangers[connection] = None
            return
        shed = next(iter(self._strangers), None) or next(iter(self._idle), None)
        if shed is None:
            problem = f"all {self.capacity} connections have a request that is under way"
            connection.refuse(error("overloaded", {"problem": problem}), "full")
            return
        self.closed(shed)
        shed.abort()
        self._strangers[connection] = None
        self.acted("shed")

    def busy(self, connection: Connection) -> None:
        """It has a request that is not answered yet."""
        self._strangers.pop(connection, None)
        self._idle.pop(connection, None)
        self._busy.add(connection)

    def idle(self, connection: Connection) -> None:
        """All its requests are answered."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._idle[connection] = None

    def closed(self, connection: Connection) -> None:
        """It is no more."""
        self._busy.discard(connection)
        self._strangers.pop(connection, None)
        self._idle.pop(connection, None)

    def acted(self, limit: str) -> None:
        """Count that a limit acted; the log tells it at once, then how often every 10 s."""
        metrics.LIMITS.labels(limit).inc()
        if limit not in _UNTOLD:
            self._untold[limit] = self._untold.get(limit, 0) + 1
            self._tell(limit)

    async def watch(self) -> None:
        """End what is out of time, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = asyncio.get_running_loop().time()
            self._end_slow(now)
            if not _can_open():
                self.acted("descriptors")
            for limit in list(self._untold):
                self._tell(limit)
            metrics.CONNECTIONS.labels("busy").set(len(self._busy))
            metrics.CONNECTIONS.labels("idle").set(len(self._strangers) + len(self._idle))

    def _end_slow(self, now: float) -> None:
        waiting: list[tuple[float, int, Connection]] = []
        for connection in (*self._busy, *self._strangers, *self._idle):
            found = connection.look(now)
            if found is not None:
                waiting.append((*found, connection))
        unsent = sum(size for _, size, _ in waiting)
        for _, size, connection in sorted(waiting, key=lambda one: one[0]):
            if unsent <= self.settings.unsent_bytes:
                break
            unsent -= size
            connection.abort()
            self.acted("unsent-bytes")

    def _tell(self, limit: str) -> None:
        now = time.monotonic()
        if now - self._told_at.get(limit, -_TELL_SECONDS) < _TELL_SECONDS:
            return
        self._told_at[limit] = now
        _log.warning("limit", extra={"limit": limit, "times": self._untold.pop(limit), "open": len(self)})


def _can_open() -> bool:
    """Whether a file can be opened: without a descriptor, connections are lost and nobody says so."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return False
    return True
