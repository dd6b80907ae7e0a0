"""Objects (until w-sql's are here)."""

from collections.abc import Sequence

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.events import new_id
from artifactstore.store.base import Connected
from artifactstore.stores.keys import key_of


class Objects(Connected):
    """``store.objects``."""

    def new_keys(self, n: int) -> list[str]:
        """New keys."""
        return [key_of(new_id()) for _ in range(n)]

    def known(self, backend: str, contents: Sequence[tuple[bytes, int]]) -> list[str | None]:
        """URIs."""
        query = SQL(
            """
            SELECT (SELECT l.uri FROM artifactstore.artifact_files f
                JOIN artifactstore.storage_locations l USING (file_id)
                WHERE f.blake3 = a.blake3 AND f.size = a.size AND l.backend = %s
                AND l.state IN ('registered', 'verified') AND l.uri LIKE 'store:%%' LIMIT 1) AS uri
            FROM unnest(%s::bytea[], %s::bigint[]) WITH ORDINALITY a (blake3, size, n) ORDER BY n
            """
        )
        rows = self._all(dict_row, query, (backend, [b for b, _ in contents], [s for _, s in contents]))
        return [row["uri"] for row in rows]
