"""How much happens: events by minute and type, and how the log grows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row


class Activity(Connected):
    """``store.activity``: what was appended of late; nothing of it reads more of the log than it is told."""

    def per_minute(self, since: datetime, most: int) -> list[Row]:
        """``minute``, ``event_type`` and how many ``events``, in order, from ``since`` on.

        Of the newest ``most`` events only: a busy log has more in an hour than a page should count.
        """
        query = SQL(
            """
            SELECT date_trunc('minute', e.created_at, 'UTC') AS minute, e.event_type, count(*) AS events
            FROM artifactstore.events e
            WHERE e.created_at >= %s AND e.sequence > artifactstore.log_head() - %s
            GROUP BY minute, e.event_type ORDER BY minute, e.event_type
            """
        )
        return self._all(dict_row, query, (since, most))

    def growth(self, now: datetime, periods: Sequence[timedelta]) -> list[int]:
        """How many events each of the periods that end at ``now`` has."""
        query = SQL(
            """
            SELECT artifactstore.log_head() - coalesce((
                SELECT e.sequence FROM artifactstore.events e WHERE e.created_at < b.instant
                ORDER BY e.created_at DESC, e.sequence DESC LIMIT 1), 0) AS events
            FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS b (instant, position) ORDER BY b.position
            """
        )
        beginnings = [now - period for period in periods]
        return [row["events"] for row in self._all(dict_row, query, (beginnings,))]
