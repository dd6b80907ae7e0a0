"""The stores of a process, as requests use them: in threads, after a look at whose place each is."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from anyio import CapacityLimiter, to_thread

from artifactstore.errors import ArtifactstoreError, error
from artifactstore.http.content.memory import Memory
from artifactstore.http.endpoint import Call
from artifactstore.http.settings import Settings
from artifactstore.jobs.homes import log_home
from artifactstore.stores import marker
from artifactstore.stores.base import SMALL, ObjectStore
from artifactstore.stores.opening import Stores
from artifactstore.stores.patience import Patience
from artifactstore.stores.tickets import ReportTicket, Seal, Sealed, SealedT

T = TypeVar("T")

_THREADS = 16
"""Calls of stores that are under way at once, of those that read and of those that write."""
_log = logging.getLogger("artifactstore")

_PARTS = 5
"""Of the time that a request has: see ``reading_patience``."""
_CALM_SECONDS = 60.0
"""For so long a place is taken for what it was seen to be."""


def depot_of(call: Call) -> "Depot":
    """The stores of the process that answers."""
    depot: Depot = call.scope["app"].state.depot
    return depot


class Depot:
    """What ``app.state.depot`` is; made when the application starts, in the event loop.

    What is read is waited for as long as a request may take, what is written for as long as is usual: so each
    store has two ways in.

    Attributes:
        stores: those of stores.toml, to be written to. memory: for bodies that come.
        begin_seconds: after which no further copy is tried for an answer.
    """

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self.stores = stores
        self._for_reading = Stores(stores.config, reading_patience(settings))
        self.begin_seconds = 2 * settings.read_timeout / _PARTS
        self.memory = Memory(settings.upload_bytes, settings.upload_seconds)
        self._settings = settings
        self._seal = Seal(settings.ticket_key.encode() or secrets.token_bytes(32))
        self._reading, self._writing = CapacityLimiter(_THREADS), CapacityLimiter(_THREADS)
        self._opened: dict[str, ObjectStore] = {}
        self._uploads = 0
        self._seen: dict[str, float] = {}
        self._beside: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open every store; one that cannot be opened is as one that cannot be reached."""
        for name in self.stores:
            try:
                self._opened[name] = await self.read(partial(self._for_reading.__getitem__, name))
                await self.write(partial(self.stores.__getitem__, name))
            except ArtifactstoreError as failure:
                _log.warning("a store cannot be opened", extra={"store": name, "problem": failure.message})

    def find(self, name: str) -> ObjectStore | None:
        """The store of this name, to be read, if there is one that can be used."""
        return self._opened.get(name)

    def writable(self, name: str | None = None) -> ObjectStore:
        """The store of this name, else the first that is written to; raises ``NotFound`` store-unknown."""
        for one in [name] if name is not None else self.stores:
            if not self.stores.settings(one).readonly:
                return self.stores[one]
        if name is None:
            raise error("store-unknown", {"problem": "no store is configured here that is written to"})
        raise error("store-refused", {"problem": f"{name} is read only", "store": name})

    async def check_place(self, call: Call, store: ObjectStore) -> None:
        """See before something is written that the place is that of this log.

        Raises ``Refused`` store-mismatch, ``Busy`` store-unavailable.
        """
        now = time.monotonic()
        if now - self._seen.get(store.name, -_CALM_SECONDS) < _CALM_SECONDS:
            return
        home = await call.read(log_home)
        await self.write(lambda: marker.check(store, home))
        self._seen[store.name] = now

    async def known(
        self, call: Call, store: ObjectStore, contents: Sequence[tuple[bytes, int]]
    ) -> list[str | None]:
        """URIs of objects that have these contents, BLAKE3 and size; none where nothing is shared."""
        if not self.stores.settings(store.name).dedupe:
            return [None] * len(contents)
        return await call.read(lambda log: log.objects.known(store.name, contents))

    async def read(self, work: Callable[[], T]) -> T:
        """What a call of a store gives that reads."""
        return await to_thread.run_sync(work, limiter=self._reading)

    async def write(self, work: Callable[[], T]) -> T:
        """What a call of a store gives that writes: those who read do not wait for it."""
        return await to_thread.run_sync(work, limiter=self._writing)

    @contextmanager
    def upload(self) -> Iterator[None]:
        """Around a body that comes; raises ``Busy`` overloaded when too many do."""
        if self._uploads >= self._settings.max_uploads:
            raise error("overloaded", {"problem": f"{self._uploads} uploads are under way"})
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    def part_size(self, store: ObjectStore) -> int:
        """Bytes of a part of a body that is sent in one piece."""
        return max(SMALL, store.part_size)

    def seal(self, said: Sealed) -> str:
        """The ticket that says it."""
        return self._seal.seal(said, time.time())

    def seal_report(self, package_id: UUID, actor: str) -> tuple[str, datetime]:
        """The ticket with which files of a package are looked at, and until when it is good."""
        now = int(time.time())
        ticket = self._seal.seal(ReportTicket(str(package_id), actor), now)
        return ticket, datetime.fromtimestamp(now + ReportTicket.seconds, UTC)

    def opened(self, kind: type[SealedT], text: str, actor: str | None) -> SealedT:
        """What a ticket says that ``actor`` hands in, None: anybody; raises ``BadInput`` bad-ticket."""
        return self._seal.open(kind, text, time.time(), actor)

    def beside(self, work: "asyncio.Task[None]") -> None:
        """Keep a task that nobody waits for until it ends."""
        self._beside.add(work)
        work.add_done_callback(self._beside.discard)

    async def close(self) -> None:
        """Close the stores; takes no longer than what is under way."""
        for task in self._beside:
            task.cancel()
        for stores in (self._for_reading, self.stores):
            await to_thread.run_sync(stores.close, abandon_on_cancel=True)


def reading_patience(settings: Settings) -> Patience:
    """How long a store is waited for by whoever waits for an answer.

    Trying again, waiting for a connection and waiting for a byte have a part of the time of a request each:
    so a copy that is begun with when two parts are over is given up when five are.
    """
    share, usual = settings.read_timeout / _PARTS, Patience()
    return Patience(min(share, usual.again), min(share, usual.stall), min(share, usual.connect))


def load(settings: Settings) -> Stores:
    """The stores that the service is to use; raises ``BadInput`` usage, file."""
    return Stores.load(Path(settings.stores) if settings.stores else None)
