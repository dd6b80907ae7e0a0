"""Reading what stores hold, as the log says it: so many copies of each are counted, and no more.

All of it is found by index: a page that anybody may ask for must not read every copy there is.
"""

from datetime import datetime
from typing import Final

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row

_BACKENDS: Final = 100


class Stocks(Connected):
    """``store.stocks``: stores by the names that locations have for them, and what is in them."""

    def backends(self) -> list[str]:
        """The backends of locations, the first ``_BACKENDS`` by name."""
        query = SQL(
            """
            WITH RECURSIVE found (backend) AS (
                (SELECT l.backend FROM artifactstore.storage_locations l ORDER BY l.backend, l.uri LIMIT 1)
                UNION ALL
                SELECT (SELECT l.backend FROM artifactstore.storage_locations l
                    WHERE l.backend > f.backend ORDER BY l.backend, l.uri LIMIT 1)
                FROM found f WHERE f.backend IS NOT NULL)
            SELECT f.backend FROM found f WHERE f.backend IS NOT NULL LIMIT {}
            """
        )
        return [row["backend"] for row in self._all(dict_row, query.format(_BACKENDS))]

    def held(self, backend: str, most: int) -> Row:
        """Objects of a store that unretired locations name, and these ``copies``, by state.

        With ``objects``, ``bytes``, ``verified``, ``registered``, ``failed``, ``retiring``, ``unchecked``,
        ``since`` and ``checked_at`` (when the first was registered, when one was last checked, None: never),
        and ``seen``: locations that were looked at, at most ``most``, by URI: are there more, it is less than
        all.
        """
        query = SQL(
            """
            WITH seen AS MATERIALIZED (
                SELECT l.uri, l.file_id, l.state, l.registered_at, l.last_checked_at, l.retired_at
                FROM artifactstore.storage_locations l
                WHERE l.backend = %(backend)s AND l.uri > 'store:' AND l.uri < 'store;'
                ORDER BY l.uri LIMIT {most}
            )
            SELECT (SELECT count(*) FROM seen) AS seen, o.objects, o.bytes, c.*
            FROM (
                -- Sizes one by one: a join would be planned as if all files were needed.
                SELECT count(*) AS objects, coalesce(sum((
                    SELECT f.size FROM artifactstore.artifact_files f WHERE f.file_id = u.file_id
                )), 0)::bigint AS bytes
                FROM (SELECT DISTINCT ON (s.uri) s.file_id FROM seen s WHERE s.retired_at IS NULL
                    ORDER BY s.uri) u) o
            CROSS JOIN (
                SELECT count(*) AS copies, count(*) FILTER (WHERE s.state = 'verified') AS verified,
                    count(*) FILTER (WHERE s.state = 'registered') AS registered,
                    count(*) FILTER (WHERE s.state = 'failed') AS failed,
                    count(*) FILTER (WHERE s.state = 'retiring') AS retiring,
                    count(*) FILTER (WHERE s.last_checked_at IS NULL) AS unchecked,
                    min(s.registered_at) AS since, max(s.last_checked_at) AS checked_at
                FROM seen s WHERE s.retired_at IS NULL) c
            """
        )
        return self._row(query.format(most=most), {"backend": backend})

    def going(self, backend: str, most: int) -> tuple[int, datetime | None]:
        """How many copies of a store are retiring, at most ``most``, and since when the first of them is."""
        query = SQL(
            """
            SELECT count(*) AS copies, min(g.retiring_at) AS since FROM (
                SELECT l.retiring_at FROM artifactstore.storage_locations l
                WHERE l.backend = %s AND l.retiring_at IS NOT NULL AND l.retired_at IS NULL
                    AND l.uri LIKE 'store:%%'
                ORDER BY l.retiring_at, l.location_id LIMIT {}) g
            """
        )
        row = self._row(query.format(most), (backend,))
        return row["copies"], row["since"]
