"""Reading what the keeper looks at: copies in stores that are needed, live, to be read, to be replaced."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Literal

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row
from artifactstore.words import KEPT_LOCATION_STATES


class KeptCopies(Connected):
    """``store.keeping``: copies in stores, whose URIs begin with ``store:``."""

    def in_use(self) -> dict[str, datetime]:
        """Backends that hold objects which are not given up, and since when."""
        query = SQL(
            """
            SELECT l.backend, min(l.registered_at) AS since FROM artifactstore.storage_locations l
            WHERE l.retired_at IS NULL AND starts_with(l.uri, 'store:') GROUP BY 1 ORDER BY 1
            """
        )
        return {row["backend"]: row["since"] for row in self._all(dict_row, query)}

    def standing(self, backend: str) -> Row:
        """How many copies a store has in each state that is kept, and ``waiting``, what is read next.

        That is when the good copy was read last that waits for the longest; one that was never read waits
        since it was registered. None where there is none. This looks at every copy of the store.
        """
        query = SQL(
            """
            SELECT {}, min(coalesce(l.last_verified_at, l.registered_at))
                FILTER (WHERE l.state IN ('registered', 'verified')) AS waiting
            FROM artifactstore.storage_locations l
            WHERE l.backend = %s AND l.retired_at IS NULL AND starts_with(l.uri, 'store:')
            """
        )
        counted = SQL(", ").join(
            SQL("count(*) FILTER (WHERE l.state = {}) AS {}").format(Literal(state), Identifier(state))
            for state in KEPT_LOCATION_STATES
        )
        return self._row(query.format(counted), (backend,))

    def needed_by_others(self, backend: str, package_id: UUID | None, limit: int) -> list[Row]:
        """Retiring locations whose bytes a live one names: location_id, file_id, package_id."""
        query = SQL(
            """
            SELECT l.location_id, l.file_id, l.package_id
            FROM artifactstore.storage_locations l
            WHERE l.state = 'retiring' AND l.backend = %(backend)s AND starts_with(l.uri, 'store:')
                AND (%(package)s::uuid IS NULL OR l.package_id = %(package)s)
                AND EXISTS (SELECT FROM artifactstore.storage_locations o
                    WHERE o.backend = l.backend AND o.uri = l.uri
                        AND o.state IN ('registered', 'verified', 'failed'))
            ORDER BY l.created_sequence, l.location_id LIMIT %(limit)s
            """
        )
        return self._all(dict_row, query, {"backend": backend, "package": package_id, "limit": limit})

    def live_locations(self, backend: str, uris: Sequence[str]) -> list[Row]:
        """Live locations of objects, with ``size`` and ``blake3`` of their files."""
        query = SQL(
            """
            SELECT l.location_id, l.file_id, l.package_id, l.uri, l.state, l.failure, l.changed_sequence,
                f.size, f.blake3
            FROM artifactstore.storage_locations l JOIN artifactstore.artifact_files f USING (file_id)
            WHERE l.backend = %(backend)s AND l.uri = ANY (%(uris)s)
                AND l.state IN ('registered', 'verified', 'failed')
            ORDER BY l.uri, l.created_sequence, l.location_id
            """
        )
        return self._all(dict_row, query, {"backend": backend, "uris": list(uris)})

    def to_read(self, backend: str, verified: datetime, failed: datetime, limit: int) -> list[Row]:
        """Objects of which a live location is to be read: uri and size, never verified ones first.

        Args:
            verified: when a good copy was read last, at the latest. failed: likewise of a bad one.
        """
        query = SQL(
            """
            SELECT l.uri, max(f.size) AS size
            FROM artifactstore.storage_locations l JOIN artifactstore.artifact_files f USING (file_id)
            WHERE l.backend = %(backend)s AND starts_with(l.uri, 'store:')
                AND CASE l.state WHEN 'verified' THEN l.last_verified_at < %(verified)s
                    WHEN 'failed' THEN l.last_checked_at < %(failed)s
                    ELSE l.state = 'registered' END
            GROUP BY l.uri ORDER BY min(l.last_verified_at) NULLS FIRST, l.uri COLLATE "C" LIMIT %(limit)s
            """
        )
        values = {"backend": backend, "verified": verified, "failed": failed, "limit": limit}
        return self._all(dict_row, query, values)

    def to_repair(self, backend: str, after: UUID | None, limit: int) -> list[Row]:
        """Failed locations of live files, by id, with path, purl, size, blake3 and ``copies`` of the file.

        A copy is a good one of the file, wherever: location_id, backend, uri, state, changed_sequence.
        """
        query = SQL(
            """
            SELECT l.location_id, l.file_id, l.package_id, l.uri, l.failure, l.changed_sequence,
                f.path, f.size, f.blake3, p.purl, o.ids, o.backends, o.uris, o.states, o.versions
            FROM artifactstore.storage_locations l
            JOIN artifactstore.artifact_files f USING (file_id)
            JOIN artifactstore.artifact_packages p ON p.package_id = l.package_id
            LEFT JOIN LATERAL (
                SELECT array_agg(c.location_id ORDER BY c.created_sequence) AS ids,
                    array_agg(c.backend ORDER BY c.created_sequence) AS backends,
                    array_agg(c.uri ORDER BY c.created_sequence) AS uris,
                    array_agg(c.state ORDER BY c.created_sequence) AS states,
                    array_agg(c.changed_sequence ORDER BY c.created_sequence) AS versions
                FROM artifactstore.storage_locations c
                WHERE c.file_id = l.file_id AND c.state IN ('registered', 'verified')) o ON true
            WHERE l.backend = %(backend)s AND l.state = 'failed' AND starts_with(l.uri, 'store:')
                AND (l.location_id > %(after)s OR %(after)s::uuid IS NULL)
            ORDER BY l.location_id LIMIT %(limit)s
            """
        )
        rows = self._all(dict_row, query, {"backend": backend, "after": after, "limit": limit})
        return [{**row, "copies": _copies(row)} for row in rows]

    def evictable(
        self, backend: str, least: int, package_id: UUID | None, after: UUID | None, limit: int
    ) -> list[Row]:
        """Live locations whose file is verified in so many other backends: by id, with path and purl."""
        query = SQL(
            """
            SELECT l.location_id, l.file_id, l.package_id, l.uri, l.changed_sequence, f.path, f.size, p.purl
            FROM artifactstore.storage_locations l
            JOIN artifactstore.artifact_files f USING (file_id)
            JOIN artifactstore.artifact_packages p ON p.package_id = l.package_id
            WHERE l.backend = %(backend)s AND l.state IN ('registered', 'verified', 'failed')
                AND starts_with(l.uri, 'store:')
                AND (%(package)s::uuid IS NULL OR l.package_id = %(package)s)
                AND (SELECT count(DISTINCT o.backend) FROM artifactstore.storage_locations o
                    WHERE o.file_id = l.file_id AND o.backend <> l.backend
                        AND o.state = 'verified') >= %(least)s
                AND (l.location_id > %(after)s OR %(after)s::uuid IS NULL)
            ORDER BY l.location_id LIMIT %(limit)s
            """
        )
        values = {"backend": backend, "least": least, "package": package_id, "after": after, "limit": limit}
        return self._all(dict_row, query, values)


_COPY = {
    "location_id": "ids",
    "backend": "backends",
    "uri": "uris",
    "state": "states",
    "changed_sequence": "versions",
}


def _copies(row: Row) -> list[Row]:
    """The copies that a row has as columns of arrays, which it loses."""
    columns = [row.pop(column) or () for column in _COPY.values()]
    return [dict(zip(_COPY, values, strict=True)) for values in zip(*columns, strict=True)]
