"""Events of a database as they are appended."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from psycopg import Connection

from artifactstore import db
from artifactstore.errors import translated
from artifactstore.feed import CHANNEL
from artifactstore.jobs.ranges import page_end, unbroken
from artifactstore.store import LogQuery, Row
from artifactstore.store.log import Log

_READ_AGAIN = 2.0
"""Seconds: a notification is a doorbell that may get lost, so the log is read again without one."""


def follow(log: Log, listener: Connection[Any], query: LogQuery, limit: int | None) -> Iterator[Row]:
    """Events after ``query.since``, then new ones as they come, until the limit or ``query.until``.

    Raises ``Refused`` cursor-ahead, ``Damaged`` log-damaged at a hole, if the query leaves none.
    """
    left = sys.maxsize if limit is None else limit
    db.listen(listener, CHANNEL)
    while left > 0:
        # Read up to the present head: what a filter leaves out need not be looked at again.
        end = page_end(query, log.head())
        for row in unbroken(query, log.events(replace(query, until=end), left)):
            yield row
            left -= 1
        if end == query.until:
            return
        query = replace(query, since=end)
        with translated():
            for _ in listener.notifies(timeout=_READ_AGAIN, stop_after=1):
                pass
