"""What the keeper noted of stores, for metrics: read seldom, and nobody waits long for it."""

import asyncio
import time

from artifactstore.errors import ArtifactstoreError
from artifactstore.http.service import Service
from artifactstore.http.web import metrics
from artifactstore.jobs.keeper.figures import figures

_FRESH_SECONDS = 5.0
_WAIT_SECONDS = 1.0
"""A scrape is answered then, with what was known before: also if the database is away."""


class KeeperNotes:
    """Reads the notes into ``metrics.STORES``, one read at once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._read_at = -_FRESH_SECONDS
        self._reading: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Read them again if they were not read just now; returns soon, come what may."""
        if self._reading is None and time.monotonic() - self._read_at >= _FRESH_SECONDS:
            self._reading = asyncio.create_task(self._read())
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=_WAIT_SECONDS)

    async def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _read(self) -> None:
        try:
            metrics.STORES.set(await self._service.read(figures))
            self._read_at = time.monotonic()
        except ArtifactstoreError:
            pass  # what was known is told, and is older
        finally:
            self._reading = None
