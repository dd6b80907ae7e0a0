"""Reading which copies of files are to be checked, and which can be read."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed

from artifactstore.errors import translated
from artifactstore.store.base import Abandonable, Connected
from artifactstore.store.rows import Row
from artifactstore.store.selection import CopyQuery

_ROWS = 500
"""Rows fetched at a time: not more than are checked soon."""
_CHECKABLE = SQL("l.backend = %(backend)s AND l.uri ~* ('^' || %(scheme)s || ':')")
_LIVE = SQL("l.state IN ('registered', 'verified', 'failed')")
_GOOD = SQL("l.retired_at IS NULL AND l.state IN ('registered', 'verified')")
_WITH_COPIES = SQL(
    """
    SELECT f.file_id, f.package_id, f.path, f.size, f.blake3, f.sha256,
        c.location_ids, c.backends, c.uris, c.states, c.versions
    FROM artifactstore.artifact_files f
    JOIN artifactstore.artifact_packages p ON p.package_id = f.package_id
    CROSS JOIN LATERAL (
        SELECT array_agg(l.location_id ORDER BY l.created_sequence, l.location_id) AS location_ids,
            array_agg(l.backend ORDER BY l.created_sequence, l.location_id) AS backends,
            array_agg(l.uri ORDER BY l.created_sequence, l.location_id) AS uris,
            array_agg(l.state ORDER BY l.created_sequence, l.location_id) AS states,
            array_agg(l.changed_sequence ORDER BY l.created_sequence, l.location_id) AS versions
        FROM artifactstore.storage_locations l
        WHERE l.file_id = f.file_id AND l.retired_at IS NULL AND {}) c
    WHERE f.removed_at IS NULL AND {} ORDER BY {}
    """
)
_BY_PATH = SQL("f.package_id, f.path")
_cursors = count(1)


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
        return self._held(query, where.parameters())

    def files_with_copies(self, package_id: UUID, paths: Sequence[str] | None = None) -> Iterator[Row]:
        """The live files of a package, or those at ``paths``, by path bytes, each with its ``copies``.

        A file has path, size and digests; a copy location_id, backend, uri, state and changed_sequence.
        Streams as ``copies_to_check``.
        """
        where = SQL("f.package_id = %(package)s AND (%(paths)s::text[] IS NULL OR f.path = ANY (%(paths)s))")
        parameters = {"package": package_id, "paths": None if paths is None else list(paths)}
        return map(_with_copies, self._held(_WITH_COPIES.format(_LIVE, where, _BY_PATH), parameters))

    def lacking(self, backend: str, least: int | None, package_id: UUID | None) -> Iterator[Row]:
        """Live files, of a package or of all, that have no good copy in a backend, likewise.

        Args:
            least: only those that have fewer good copies than this anywhere.
        """
        where = SQL(
            """
            p.state IN ('open', 'sealed') AND (%(package)s::uuid IS NULL OR f.package_id = %(package)s)
            AND NOT EXISTS (SELECT FROM artifactstore.storage_locations l
                WHERE l.file_id = f.file_id AND l.backend = %(backend)s AND {good})
            AND (%(least)s::bigint IS NULL OR %(least)s > (
                SELECT count(*) FROM artifactstore.storage_locations l
                WHERE l.file_id = f.file_id AND {good}))
            """
        ).format(good=_GOOD)
        parameters = {"package": package_id, "backend": backend, "least": least}
        return map(_with_copies, self._held(_WITH_COPIES.format(_LIVE, where, _BY_PATH), parameters))

    def not_mirrored(
        self, backend: str, mirrored: Sequence[str], after: UUID | None, limit: int
    ) -> list[Row]:
        """Live files that have a good copy in one of other backends and none in this one: by id, likewise."""
        where = SQL(
            """
            p.state IN ('open', 'sealed') AND f.file_id > %(after)s
            AND EXISTS (SELECT FROM artifactstore.storage_locations l
                WHERE l.file_id = f.file_id AND l.file_id > %(after)s
                    AND l.backend = ANY (%(mirrored)s) AND {good})
            AND NOT EXISTS (SELECT FROM artifactstore.storage_locations l
                WHERE l.file_id = f.file_id AND l.file_id > %(after)s
                    AND l.backend = %(backend)s AND {good})
            """
        ).format(good=_GOOD)
        query = SQL("{} LIMIT %(limit)s").format(_WITH_COPIES.format(_LIVE, where, SQL("f.file_id")))
        # A value in any case, and said of each table: so every index is searched from there.
        mark = after or UUID(int=0)
        parameters = {"backend": backend, "mirrored": list(mirrored), "after": mark, "limit": limit}
        return list(map(_with_copies, self._all(dict_row, query, parameters)))

    def _held(self, query: Composed, parameters: Mapping[str, object]) -> Iterator[Row]:
        """Rows of a cursor that outlives its transaction."""
        with Abandonable() as given, translated():
            name = f"artifactstore_copies_{next(_cursors)}"
            with self.connection.cursor(name, row_factory=dict_row, withhold=True) as cursor:
                cursor.itersize = _ROWS
                cursor.execute(query, parameters, binary=True)
                yield from given.rows(cursor)


_COPY = {
    "location_id": "location_ids",
    "backend": "backends",
    "uri": "uris",
    "state": "states",
    "changed_sequence": "versions",
}
"""What a copy has, and the column that has it of all."""


def _with_copies(row: Row) -> Row:
    columns = [row.pop(column) or () for column in _COPY.values()]
    return {**row, "copies": [dict(zip(_COPY, values, strict=True)) for values in zip(*columns, strict=True)]}


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
