"""Memory for bytes that come: so much for all uploads of a process, taken part by part, in turn."""

import asyncio
from collections import deque

from artifactstore.errors import error


class Memory:
    """So many bytes; used in the event loop alone.

    Whoever has some waits for its client, which has its time, or for a store, never for more of them: so
    they come back.

    Args:
        seconds: how long a turn is waited for.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size = self._free = size
        self._seconds = seconds
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def free(self) -> int:
        """Bytes that nobody has."""
        return self._free

    async def take(self, size: int) -> int:
        """Take bytes, all of them if that is more than there are; how many were taken, to be given back.

        Raises ``Busy`` overloaded when the turn does not come.
        """
        size = min(size, self._size)
        if not self._waiting and size <= self._free:
            self._free -= size
            return size
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except TimeoutError:
            raise error("overloaded", {"problem": "uploads have all memory that there is for them"}) from None
        finally:
            if turn.cancelled() or not turn.done():
                self._waiting = deque(one for one in self._waiting if one[1] is not turn)
                self._serve()
        return size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._free += size
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(None)
