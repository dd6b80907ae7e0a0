"""Reading what a store should have: its objects, as locations name them."""

from collections.abc import Iterator

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Paged
from artifactstore.store.rows import Row


class Placed(Paged):
    """``store.placed``: locations by the store that keeps their bytes."""

    def of_backend(self, backend: str) -> Iterator[Row]:
        """Locations in a backend that are not retired, by URI in the order of bytes.

        With ``size``, ``blake3``, ``sha256`` and ``path`` of the file, and ``purl`` of the package.
        """
        query = SQL(
            """
            SELECT l.uri, l.state, f.size, f.blake3, f.sha256, p.purl, f.path, l.location_id
            FROM artifactstore.storage_locations l
            JOIN artifactstore.artifact_files f USING (file_id)
            JOIN artifactstore.artifact_packages p ON p.package_id = l.package_id
            WHERE l.backend = %s AND l.retired_at IS NULL
            ORDER BY l.uri, l.created_sequence, l.location_id
            """
        )
        return self._stream(dict_row, query, (backend,))
