"""Reading which copies of files are to be checked."""

from collections.abc import Iterator
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed

from artifactstore.errors import translated
from artifactstore.store.base import Abandonable, Connected
from artifactstore.store.rows import Row
from artifactstore.store.selection import CopyQuery

_ROWS = 500
"""Rows fetched at a time: not more than are checked soon."""
_CHECKABLE = SQL("l.backend = %(backend)s AND l.uri ~* '^file:'")
_LIVE = SQL("l.state IN ('registered', 'verified', 'failed')")


class Copies(Connected):
    """``store.copies``: copies to be checked; retired and retiring ones are none of them."""

    def copy_totals(self, where: CopyQuery) -> Row:
        """``copies`` and ``bytes`` to be checked, and ``recent`` ones that were checked lately."""
        query = SQL(
            """
            SELECT count(*) FILTER (WHERE t.wanted) AS copies,
                coalesce(sum(t.size) FILTER (WHERE t.wanted), 0) AS bytes,
                count(*) FILTER (WHERE NOT t.wanted) AS recent
            FROM (
                SELECT f.size, %(before)s::timestamptz IS NULL OR l.last_checked_at IS NULL
                    OR l.last_checked_at < %(before)s AS wanted
                FROM artifactstore.storage_locations l
                JOIN artifactstore.artifact_files f USING (file_id)
                WHERE {} AND {} AND (%(package)s::uuid IS NULL OR l.package_id = %(package)s)) t
            """
        )
        totals = self._row(query.format(_LIVE, _CHECKABLE), where.parameters())
        return {**totals, "bytes": int(totals["bytes"])}

    def other_copies(self, where: CopyQuery) -> list[Row]:
        """``backend``, ``scheme`` and number of the ``copies`` that nobody can read from here."""
        query = SQL(
            """
            SELECT l.backend, substring(l.uri FROM '^[A-Za-z][A-Za-z0-9+.-]*(?=:)') AS scheme,
                count(*) AS copies
            FROM artifactstore.storage_locations l
            WHERE {} AND NOT ({}) AND (%(package)s::uuid IS NULL OR l.package_id = %(package)s)
            GROUP BY 1, 2 ORDER BY 1, 2
            """
        )
        return self._all(dict_row, query.format(_LIVE, _CHECKABLE), where.parameters())

    def copy_page(self, where: CopyQuery, after: UUID | None, limit: int) -> Iterator[Row]:
        """A page of the copies by id, with ``last_checked_at``; ``after``: id of the last row before."""
        query = _to_check(SQL("l.location_id > %(after)s OR %(after)s::uuid IS NULL"), SQL("l.location_id"))
        parameters = {**where.parameters(), "after": after, "limit": limit}
        return self._some(dict_row, SQL("{} LIMIT %(limit)s").format(query), parameters)

    def copies_to_check(self, where: CopyQuery) -> Iterator[Row]:
        """The copies, never checked ones first, then those whose check is the longest ago.

        Streams from a cursor that outlives its transaction: a check takes hours, and the connection can
        append meanwhile. Rows are as they were at the beginning.
        """
        query = _to_check(SQL("true"), SQL("l.last_checked_at NULLS FIRST, l.location_id"))
        with Abandonable() as given, translated():
            cursor = self.connection.cursor("artifactstore_copies", row_factory=dict_row, withhold=True)
            with cursor:
                cursor.itersize = _ROWS
                cursor.execute(query, where.parameters(), binary=True)
                yield from given.rows(cursor)


def _to_check(condition: SQL, order: SQL) -> Composed:
    """The query of the copies, with one more condition."""
    query = SQL(
        """
        SELECT l.location_id, l.file_id, l.package_id, l.backend, l.uri, l.changed_sequence,
            f.path, f.size, f.blake3, l.last_checked_at
        FROM artifactstore.storage_locations l JOIN artifactstore.artifact_files f USING (file_id)
        WHERE {} AND {} AND (%(package)s::uuid IS NULL OR l.package_id = %(package)s)
            AND (%(before)s::timestamptz IS NULL OR l.last_checked_at IS NULL
                OR l.last_checked_at < %(before)s)
            AND ({})
        ORDER BY {}
        """
    )
    return query.format(_LIVE, _CHECKABLE, condition, order)
