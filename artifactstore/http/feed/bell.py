"""The one connection of a process that listens for new events, and whether it hears them.

That it is open says little: behind a pooler that pools by transaction nothing is heard, and behind a link
that is dead nothing is heard any more. So it is rung once through another connection when it begins to
listen, and from then on the log is asked from time to time, over itself, whether it went on unheard.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from artifactstore import db
from artifactstore.errors import ArtifactstoreError
from artifactstore.feed import CHANNEL, LOOK, PROOF_CHANNEL
from artifactstore.http.web import metrics
from artifactstore.http.web.links import give_up

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
LOOK_SECONDS = 5.0
"""Between two questions; what rang and was not heard until the next one is lost."""
PROOF_SECONDS = 2.0
"""Within which the first ring is heard."""
ANSWER_SECONDS = 2.0
"""Within which the connection answers."""

State: TypeAlias = Literal["heard", "deaf", "full"]
"""full: appends do not ring, because the server's queue of notifications is at least half full."""

_log = logging.getLogger("artifactstore.feed")


class _DeafError(Exception):
    """The connection is open and hears nothing."""


class Bell:
    """Rings whenever something may have been appended.

    A lost or deaf connection is replaced; what was appended meanwhile rings when the next one listens.
    Whoever relies on it must also look from time to time.

    Args:
        ring: called in the event loop.
        prove: rings PROOF_CHANNEL with a text over another connection; ``ArtifactstoreError``: it cannot.
        keywords: as ``psycopg.AsyncConnection.connect`` takes them.

    Attributes:
        state: what is true of it now.
    """

    def __init__(
        self,
        conninfo: str,
        ring: Callable[[], None],
        prove: Callable[[str], Awaitable[object]],
        **keywords: Any,
    ) -> None:
        self._conninfo = conninfo
        self._keywords = {**db.bounds(conninfo), **keywords}
        self._ring = ring
        self._prove = prove
        self._told: str | None = None
        self._proven = self._full = self._pooled = False
        self._heard_to = self._seen_to = 0
        self._connection: AsyncConnection[Any] | None = None
        self._ending = False
        self.state: State = "deaf"

    async def listen(self) -> None:
        """Listen, until ``end``; may be cancelled while it connects or rests."""
        pause = _FIRST_PAUSE
        while True:
            try:
                connection = await AsyncConnection.connect(
                    self._conninfo,
                    **db.parameters("listener"),
                    **self._keywords,
                )
                self._connection = connection
                async with connection:
                    await self._begin(connection)
                    await self._follow(connection)
            except (psycopg.Error, _DeafError) as failure:
                if self._ending:
                    return
                if self._proven:
                    pause = _FIRST_PAUSE
                self._tell(str(failure).strip(), pause)
            finally:
                self._connection = None
                self._proven = False
                self._become("deaf")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def end(self) -> None:
        """Listen no more. To cancel ``listen`` instead would ask the server to cancel what it runs."""
        self._ending = True
        if self._connection is not None:
            give_up(self._connection)

    async def _begin(self, connection: AsyncConnection[Any]) -> None:
        with _answering(connection):
            for channel in (CHANNEL, PROOF_CHANNEL):
                await connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
        await self._look(connection)
        # What is committed after LISTEN rings.
        self._heard_to = self._seen_to
        self._ring()

    async def _follow(self, connection: AsyncConnection[Any]) -> None:
        """Ring, and look from time to time; raises ``_DeafError`` when something rang and was not heard."""
        while True:
            proof = None if self._proven or self._full else _Proof(self._prove)
            try:
                async for one in connection.notifies(timeout=PROOF_SECONDS if proof else LOOK_SECONDS):
                    if one.channel == CHANNEL:
                        self._heard_to = int(one.payload) if one.payload.isdecimal() else self._heard_to
                        self._ring()
                    elif proof is not None and one.payload == proof.text:
                        self._proven, self._told = True, None
                        self._become("heard")
            finally:
                lost = proof is not None and proof.end() and not self._proven
            before, was_full = self._seen_to, self._full
            await self._look(connection)
            if self._full or was_full:
                # What did not ring is not lost.
                self._heard_to = self._seen_to
            elif lost or before > self._heard_to:
                pooled = " (behind a pooler, which must not pool by transaction)" if self._pooled else ""
                raise _DeafError(f"what rang was not heard{pooled}")
            self._become("full" if self._full else "heard" if self._proven else "deaf")

    async def _look(self, connection: AsyncConnection[Any]) -> None:
        with _answering(connection):
            found = await (await connection.execute(LOOK)).fetchone()
        self._seen_to, rings, usage, process = found or (0, True, 0.0, 0)
        self._full = not rings
        # A pooler gives its clients numbers of its own.
        self._pooled = process != connection.info.backend_pid
        metrics.NOTIFY_QUEUE.set(usage)

    def _become(self, state: State) -> None:
        if state == "full" != self.state:
            _log.warning("the queue of notifications is full", extra={"hint": "artifactstore doctor"})
        self.state = state
        metrics.LISTENING.set(state == "heard")

    def _tell(self, problem: str, pause: float) -> None:
        """Tell the log, once for as long as it is the same."""
        if problem != self._told:
            _log.warning("not listening", extra={"problem": problem, "retry_after": pause})
        self._told = problem


class _Proof:
    """One ring over another connection.

    Args:
        prove: as ``Bell`` takes it.
    """

    def __init__(self, prove: Callable[[str], Awaitable[object]]) -> None:
        self.text = secrets.token_hex(8)
        self._prove = prove
        self._rung_at: float | None = None
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._ring())

    async def _ring(self) -> None:
        # Where nothing can be rung, nothing is proved; it is tried again.
        with suppress(ArtifactstoreError):
            await self._prove(self.text)
            self._rung_at = self._loop.time()

    def end(self) -> bool:
        """Wait no longer; whether it was rung long enough ago to have been heard."""
        self._task.cancel()
        return self._rung_at is not None and self._loop.time() - self._rung_at > PROOF_SECONDS / 2


@contextmanager
def _answering(connection: AsyncConnection[Any]) -> Iterator[None]:
    """The connection is given up unless what is asked inside is answered in time."""
    alarm = asyncio.get_running_loop().call_later(ANSWER_SECONDS, give_up, connection)
    try:
        yield
    finally:
        alarm.cancel()
