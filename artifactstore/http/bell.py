"""The one connection of a process that listens for new events."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from artifactstore import db
from artifactstore.feed import CHANNEL
from artifactstore.http import metrics

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

_log = logging.getLogger("artifactstore.feed")


async def listen(conninfo: str, ring: Callable[[], None], **keywords: Any) -> None:
    """Call ``ring`` whenever something may have been appended, until cancelled.

    A lost connection is replaced; what was appended meanwhile rings when the next one listens. A
    notification may still get lost (behind a pooler that pools by transaction, all do), so whoever relies on
    it must also look from time to time.

    Args:
        conninfo, keywords: as ``psycopg.AsyncConnection.connect`` takes them.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            connection = await AsyncConnection.connect(
                conninfo,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
                **db.parameters("listener"),
                **keywords,
            )
            async with connection:
                await connection.execute(SQL("LISTEN {}").format(Identifier(CHANNEL)))
                metrics.LISTENING.set(1)
                pause = _FIRST_PAUSE
                ring()
                async for _ in connection.notifies():
                    ring()
        except psycopg.Error as failure:
            _log.warning("not listening", extra={"problem": str(failure).strip(), "retry_after": pause})
        finally:
            metrics.LISTENING.set(0)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
