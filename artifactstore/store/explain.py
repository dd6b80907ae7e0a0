"""Why a package cannot be destroyed, and from when it could."""

from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.errors import NotFound
from artifactstore.store.base import Connected
from artifactstore.store.rows import Row

_MAX_EVENTS = 1_000


class Explanations(Connected):
    """The method of ``Store`` that explains retention."""

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
