"""How objects are to be locked in a store that mirrors retention, and what is known of how they are."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row
from artifactstore.stores.locks import Lock


class NotedLock(NamedTuple):
    """What is to be noted of an object.

    Attributes:
        lock: what the store has. problem: why that is not what the log asks for, None if it is.
        seen: ``applied_at`` of the row that it was judged by, None if there was none.
    """

    uri: str
    lock: Lock
    problem: str | None
    seen: datetime | None


class StoreLocks(Connected):
    """``store.locks``: locks of objects, outside the log; role service."""

    def page(
        self,
        backend: str,
        after: str | None,
        limit: int,
        *,
        since: int | None = None,
        different: bool = False,
    ) -> list[Row]:
        """Objects by URI in the order of bytes after ``after``: how each is to be locked, and what is noted.

        With ``uri``; ``mode``, ``until``, ``hold``; ``noted``, and if so ``noted_mode``, ``noted_until``,
        ``noted_hold``, ``applied_at``, ``problem``.

        Args:
            since: only those that events after it are about.
            different: only those that are not known to be locked so.
        """
        query = SQL("SELECT * FROM artifactstore.desired_locks(%s, %s, %s, %s, %s)")
        return self._all(dict_row, query, (backend, after, limit, since, different))

    def doubt(self, backend: str, uris: Sequence[str]) -> None:
        """Note that locks are about to be lowered: until they are noted, nobody knows what is there."""
        self._row(SQL("SELECT artifactstore.doubt_locks(%s, %s)"), (backend, list(uris)))

    def note(self, backend: str, noted: Sequence[NotedLock]) -> None:
        """Note how objects are locked; who was overtaken by another keeper notes that it is not known."""
        query = SQL(
            """
            SELECT artifactstore.note_locks(%s, %s::text[], %s::text[], %s::timestamptz[], %s::boolean[],
                %s::text[], %s::timestamptz[])
            """
        )
        locks = [one.lock for one in noted]
        columns = (
            [one.uri for one in noted],
            [lock.mode for lock in locks],
            [lock.until for lock in locks],
            [lock.hold for lock in locks],
            [one.problem for one in noted],
            [one.seen for one in noted],
        )
        self._row(query, (backend, *columns))

    def forget(self, backend: str) -> int:
        """Forget locks of objects that are gone; how many."""
        row = self._row(SQL("SELECT artifactstore.forget_locks(%s) AS forgotten"), (backend,))
        forgotten: int = row["forgotten"]
        return forgotten

    def problems(self) -> list[Row]:
        """How many objects are not locked as the log asks: backend, problem, objects."""
        query = SQL(
            """
            SELECT h.backend, h.problem, count(*) AS objects FROM artifactstore.store_locks h
            WHERE h.problem IS NOT NULL GROUP BY h.backend, h.problem ORDER BY h.backend, h.problem
            """
        )
        return self._all(dict_row, query)

    def protected(self, backends: Collection[str]) -> list[Row]:
        """What the log protects now in stores: backend, how many packages, bytes of their objects there."""
        query = SQL(
            """
            WITH kept AS MATERIALIZED (
                SELECT l.backend, l.uri, l.package_id, f.size
                FROM artifactstore.storage_locations l
                JOIN artifactstore.retention_state r ON r.package_id = l.package_id
                JOIN artifactstore.artifact_files f ON f.file_id = l.file_id
                WHERE l.backend = ANY (%s) AND l.retired_at IS NULL AND starts_with(l.uri, 'store:')
                    AND (r.hold_count > 0 OR r.mode <> 'none' AND r.retain_until > statement_timestamp())
            )
            SELECT k.backend, count(DISTINCT k.package_id) AS packages, (
                SELECT sum(o.size)::bigint FROM (
                    SELECT DISTINCT s.uri, s.size FROM kept s WHERE s.backend = k.backend) o) AS bytes
            FROM kept k GROUP BY k.backend ORDER BY k.backend
            """
        )
        return self._all(dict_row, query, (list(backends),))
