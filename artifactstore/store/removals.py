"""Reading copies with what is to be done about those that are to go, and who else needs their bytes.

Bytes belong to (backend, uri), whoever names them: ``removal`` of a retiring location is remove, detach or
wait, ``needed_by`` the first of the other locations that name the same bytes, and how many ``more``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Paged
from artifactstore.store.rows import Row

COUNTED = 1_000
"""Retiring copies that are counted at most: if each names bytes that thousands name, that takes seconds."""

# By file: its locations that are not retired are one range of an index.
_OF_PACKAGES: Final = """state = 'retiring' AND retired_at IS NULL AND file_id = ANY (ARRAY(
    SELECT f.file_id FROM artifactstore.artifact_files f
    WHERE (f.package_id = ANY (%(packages)s) AND f.removed_at IS NULL)
        OR (f.package_id = ANY (%(packages)s) AND f.removed_at IS NOT NULL)))"""
_OF_PACKAGE: Final = """file_id = ANY (ARRAY(
    SELECT f.file_id FROM artifactstore.artifact_files f WHERE f.package_id = %(package_id)s))"""
_OF_ALL: Final = "state = 'retiring'"


class Removals(Paged):
    """``store.removals``: copies and what becomes of their bytes."""

    def locations(self, *, package_id: UUID | None = None, file_id: UUID | None = None) -> Iterator[Row]:
        """Locations of all files of a package, or of one file, by path, oldest first.

        With ``path`` of the file, ``removal`` and ``needed_by``.
        """
        query = SQL(
            """
            SELECT l.*, f.path, r.removal, r.needed_by
            FROM artifactstore.storage_locations l JOIN artifactstore.artifact_files f USING (file_id)
            LEFT JOIN LATERAL artifactstore.copy_removals(ARRAY[l.location_id]) r ON l.retired_at IS NULL
            WHERE {} = %s ORDER BY f.path, l.created_sequence, l.location_id
            """
        )
        column = SQL("f.package_id" if file_id is None else "f.file_id")
        return self._stream(dict_row, query.format(column), (package_id if file_id is None else file_id,))

    def removals(self, package_id: UUID | None = None) -> Iterator[Row]:
        """Retiring locations of a package or of all, oldest first, as ``locations`` and with ``purl``."""
        query = SQL(
            """
            SELECT l.*, f.path, p.purl, r.removal, r.needed_by
            FROM (SELECT * FROM artifactstore.storage_locations WHERE {}) l
            JOIN artifactstore.artifact_files f USING (file_id)
            JOIN artifactstore.artifact_packages p ON p.package_id = l.package_id
            CROSS JOIN LATERAL artifactstore.copy_removals(ARRAY[l.location_id]) r
            ORDER BY l.created_sequence, l.location_id
            """
        )
        which = SQL(_OF_ALL) if package_id is None else SQL(_OF_PACKAGES)
        return self._stream(dict_row, query.format(which), {"packages": [package_id]})

    def removal_counts(self, package_ids: Sequence[UUID] | None = None) -> Row:
        """How many retiring locations, of packages or of all, to ``remove``, to ``detach``, to ``wait``.

        Only the first ``COUNTED`` that are found are counted.
        """
        query = SQL(
            """
            SELECT count(*) FILTER (WHERE r.removal = 'remove') AS remove,
                count(*) FILTER (WHERE r.removal = 'detach') AS detach,
                count(*) FILTER (WHERE r.removal = 'wait') AS wait
            FROM artifactstore.copy_removals(ARRAY(
                SELECT location_id FROM artifactstore.storage_locations WHERE {} LIMIT %(limit)s)) r
            """
        )
        which = SQL(_OF_ALL) if package_ids is None else SQL(_OF_PACKAGES)
        return self._row(query.format(which), {"packages": list(package_ids or ()), "limit": COUNTED})

    def location_page(self, file_id: UUID, after: UUID | None, limit: int) -> Iterator[Row]:
        """Locations of a file, oldest first, with ``path``, ``purl``, ``removal`` and ``needed_by``."""
        conditions = {"file_id = %(file_id)s": file_id}
        return self._location_page(conditions, {"file_id": file_id}, after, limit)

    def package_location_page(self, package_id: UUID, after: UUID | None, limit: int) -> Iterator[Row]:
        """Locations of all files of a package, oldest first, likewise."""
        return self._location_page({_OF_PACKAGE: True}, {"package_id": package_id}, after, limit)

    def removal_page(self, package_id: UUID | None, after: UUID | None, limit: int) -> Iterator[Row]:
        """Retiring locations of a package or of all, oldest first, likewise."""
        conditions = {_OF_ALL if package_id is None else _OF_PACKAGES: True}
        return self._location_page(conditions, {"packages": [package_id]}, after, limit)

    def _location_page(
        self,
        conditions: Mapping[str, object],
        parameters: Mapping[str, object],
        after: UUID | None,
        limit: int,
    ) -> Iterator[Row]:
        order = ("created_sequence", "location_id")
        return self._page(
            "storage_locations",
            order,
            "location_id",
            conditions,
            parameters,
            after,
            limit,
            """
            LEFT JOIN LATERAL artifactstore.copy_removals(ARRAY[page.location_id]) r USING (location_id)
            CROSS JOIN LATERAL (
                SELECT f.path, p.purl
                FROM artifactstore.artifact_files f
                JOIN artifactstore.artifact_packages p ON p.package_id = f.package_id
                WHERE f.file_id = page.file_id) named
            """,
        )
