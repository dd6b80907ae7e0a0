"""Reading what may be destroyed because its retention ended."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row


class DueReads(Connected):
    """The methods of ``Store`` on packages whose retention ended."""

    def clock(self) -> datetime:
        """What the clock of the database says; no other clock decides what is destroyed."""
        now: datetime = self._row(SQL("SELECT clock_timestamp() AS now"))["now"]
        return now

    def due(
        self,
        before: datetime | None = None,
        *,
        due: bool | None = None,
        after: UUID | None = None,
        limit: int | None = None,
    ) -> Iterator[Row]:
        """Rows of ``artifactstore.retention_due``, by package id.

        Args:
            before: due at this instant; None: now, by the clock of the database.
            due: only those that are due, or only the others.
            after: id of the last row of the page before.
        """
        query = SQL("SELECT * FROM artifactstore.retention_due(%s, %s, %s, %s)")
        return self._stream(dict_row, query, (before, due, after, limit))

    def sweepable(
        self, instant: datetime, deleted_before: datetime, limit: int | None = None
    ) -> Iterator[Row]:
        """What is due at ``instant``, but deleted packages only if deleted by ``deleted_before``; by id.

        With ``last_sequence`` of the package, and ``file_count`` of a deleted one.
        """
        query = SQL(
            """
            SELECT d.package_id, d.purl, d.state, d.mode, d.retain_until, d.action, p.last_sequence, CASE
                WHEN d.state = 'deleted' THEN (
                    SELECT count(*) FROM artifactstore.artifact_files f
                    WHERE f.package_id = d.package_id AND f.removed_at IS NULL) END AS file_count
            FROM artifactstore.retention_due(%s, true) d
            JOIN artifactstore.artifact_packages p USING (package_id)
            WHERE d.state <> 'deleted' OR p.deleted_at <= %s
            ORDER BY d.package_id LIMIT %s
            """
        )
        return self._stream(dict_row, query, (instant, deleted_before, limit))

    def sweep_counts(self, instant: datetime, deleted_before: datetime) -> Row:
        """How many ``deletions`` and ``purges`` are due, and how many ``in_grace`` are only deleted yet."""
        query = SQL(
            """
            SELECT count(*) FILTER (WHERE d.state <> 'deleted') AS deletions,
                count(*) FILTER (WHERE d.state = 'deleted' AND p.deleted_at <= %(before)s) AS purges,
                count(*) FILTER (WHERE d.state = 'deleted' AND p.deleted_at > %(before)s) AS in_grace
            FROM artifactstore.retention_due(%(instant)s, true) d
            JOIN artifactstore.artifact_packages p USING (package_id)
            """
        )
        return self._row(query, {"instant": instant, "before": deleted_before})
