"""Reading what keeps packages, and what may be destroyed because its retention ended."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.errors import NotFound
from artifactstore.store.base import Connected
from artifactstore.store.rows import Row

_MAX_EVENTS = 1_000


class RetentionReads(Connected):
    """``store.retention``: why packages are kept, and which need not be any more."""

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

    def explain_retention(self, package_id: UUID) -> Row:
        """What keeps a package, and the events that made it so; raises ``NotFound``.

        ``now`` is the clock of the database, which decides; ``events`` are those of the retention in
        force (since it was last applied) and of the holds in force, in order of the log, the first 1,000.
        """
        query = SQL(
            """
            SELECT p.package_id, p.state, r.mode, r.retain_until, r.hold_count, clock_timestamp() AS now
            FROM artifactstore.artifact_packages p JOIN artifactstore.retention_state r USING (package_id)
            WHERE p.package_id = %s
            """
        )
        found = self._all(dict_row, query, (package_id,))
        if not found:
            raise NotFound("not-found", {"problem": f"package {package_id}", "package": str(package_id)})
        return found[0] | {"events": self._keeping_events(package_id)}

    def _keeping_events(self, package_id: UUID) -> list[Row]:
        query = SQL(
            """
            WITH past AS (
                SELECT e.sequence, e.created_at, e.event_type, e.actor, e.payload
                FROM artifactstore.event_log e
                WHERE (e.subject_kind = 'retention' AND e.subject_id = %(package)s)
                    OR (e.event_type = 'v1.package.created' AND e.subject_kind = 'package'
                        AND e.subject_id = %(package)s AND e.payload ? 'retention')
            ), began AS (
                SELECT max(sequence) AS sequence FROM past
                WHERE event_type IN ('v1.package.created', 'v1.retention.applied')
            )
            SELECT p.sequence, p.created_at, p.event_type, p.actor, p.payload
            FROM past p, began b
            WHERE (p.sequence >= b.sequence
                    AND p.event_type NOT IN ('v1.retention.hold_placed', 'v1.retention.hold_released'))
                OR EXISTS (
                    SELECT FROM artifactstore.retention_holds h
                    WHERE h.package_id = %(package)s AND h.created_sequence = p.sequence
                        AND h.released_at IS NULL)
            ORDER BY p.sequence LIMIT %(limit)s
            """
        )
        return self._all(dict_row, query, {"package": package_id, "limit": _MAX_EVENTS})
