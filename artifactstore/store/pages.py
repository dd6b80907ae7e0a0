"""Reading views page by page: in a stable order, each page from the row after the last of the one before.


Rows come one by one, so that whoever has enough of them can stop: it is the last that the transaction reads.
"""

import re
from collections.abc import Iterator, Sequence
from typing import LiteralString
from uuid import UUID

from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL

from artifactstore.errors import BadInput
from artifactstore.store.base import Paged
from artifactstore.store.rows import ManifestEntry, Row
from artifactstore.store.selection import FileQuery, PackageQuery

_FILES_AT_ONCE = 100
"""Files whose copies are in memory at once."""

_PURL: LiteralString = """
    CROSS JOIN LATERAL (
        SELECT p.purl FROM artifactstore.artifact_packages p WHERE p.package_id = page.package_id) package
    """

_PREFIX = re.compile(r"pkg:([a-z][a-z0-9.-]*(/[A-Za-z0-9._~:%@?&=#/-]*)?)?", re.ASCII)


def prefix_end(prefix: str) -> str:
    """The least text above all that begin with ``prefix``, in the order of bytes.

    Raises ``BadInput`` bad-request for what no canonical purl begins with.
    """
    match = _PREFIX.match(prefix)
    if match is None or match.end() < len(prefix) or "/@" in prefix:
        at = 1 if match is None else match.end() + 1
        if match is not None and "/@" in prefix:
            at = min(at, prefix.index("/@") + 2)
        problem = f"no canonical purl begins so: see character {at} (an @ of a scope is written %40)"
        raise BadInput("bad-request", {"problem": problem, "parameter": "purl_prefix", "at": at})
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class Pages(Paged):
    """``store.pages``: one page at a time; ``after`` is the id of the last row of the page before."""

    def package_page(self, where: PackageQuery, after: UUID | None, limit: int) -> Iterator[Row]:
        """Packages by purl bytes; raises ``BadInput`` bad-request when there is no package ``after``."""
        conditions = {
            "purl = %(purl)s": where.purl,
            "purl >= %(prefix)s AND purl < %(prefix_end)s": where.purl_prefix,
            "type = %(type)s": where.type,
            "namespace = %(namespace)s": where.namespace,
            "name = %(name)s": where.name,
            "state = %(state)s": where.state,
            "producer = %(producer)s": where.producer,
            "labels @> jsonb_object(%(keys)s::text[], %(values)s::text[])": where.labels or None,
        }
        labels = where.labels or {}
        parameters = {
            "purl": where.purl,
            "prefix": where.purl_prefix,
            "prefix_end": None if where.purl_prefix is None else prefix_end(where.purl_prefix),
            "type": where.type,
            "namespace": where.namespace,
            "name": where.name,
            "state": where.state,
            "producer": where.producer,
            "keys": list(labels),
            "values": list(labels.values()),
        }
        return self._page("artifact_packages", ("purl",), "package_id", conditions, parameters, after, limit)

    def file_page(self, where: FileQuery, after: UUID | None, limit: int) -> Iterator[Row]:
        """Files of a package by path bytes, or of all by id, with ``purl``; raises as ``package_page``."""
        conditions = {
            "package_id = %(package_id)s": where.package_id,
            "path = %(path)s": where.path,
            "blake3 = %(blake3)s": where.blake3,
            "sha256 = %(sha256)s": where.sha256,
            "state = %(state)s": where.state,
            "removed_at IS NULL": None if where.removed else True,
        }
        parameters = {
            "package_id": where.package_id,
            "path": where.path,
            "blake3": where.blake3,
            "sha256": where.sha256,
            "state": where.state,
        }
        order = ("file_id",) if where.package_id is None else ("path", "file_id")
        beside = _PURL if where.package_id is None else ""
        return self._page("artifact_files", order, "file_id", conditions, parameters, after, limit, beside)

    def hold_page(self, package_id: UUID, after: UUID | None, limit: int) -> Iterator[Row]:
        """Legal holds of a package, also released ones, oldest first."""
        return self._page(
            "retention_holds",
            ("created_sequence", "hold_id"),
            "hold_id",
            {"package_id = %(package_id)s": package_id},
            {"package_id": package_id},
            after,
            limit,
        )

    def all_holds(
        self, case: str | None, after: int | None, limit: int, *, in_force: bool = False
    ) -> Iterator[Row]:
        """Legal holds of a case, or of all, of all packages, each with ``purl``, oldest first.

        A hold has its id within its package only: ``after`` is the ``created_sequence`` of the last row of
        the page before. ``in_force``: only those that are not released.
        """
        return self._page(
            "retention_holds",
            ("created_sequence",),
            "created_sequence",
            {"case_ref = %(case)s": case, "released_at IS NULL": in_force or None},
            {"case": case},
            after,
            limit,
            _PURL,
        )

    def contents_page(self, package_id: UUID, after: UUID | None, limit: int) -> Iterator[Row]:
        """Live files of a package by path bytes, as ``files_with_copies``."""
        return self.files_with_copies(FileQuery(package_id=package_id), after, limit)

    def files_with_copies(self, where: FileQuery, after: UUID | None, limit: int) -> Iterator[Row]:
        """As ``file_page``, each file with ``locations``: its copies that are not retired, oldest first.

        Copies are read for some files at a time.
        """
        while limit > 0:
            files = list(self.file_page(where, after, min(limit, _FILES_AT_ONCE)))
            copies = self._copies([file["file_id"] for file in files])
            for file in files:
                yield {**file, "locations": copies.get(file["file_id"], [])}
            if len(files) < _FILES_AT_ONCE:
                return
            limit -= len(files)
            after = files[-1]["file_id"]

    def _copies(self, file_ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
        query = SQL(
            """
            SELECT * FROM artifactstore.storage_locations
            WHERE file_id = ANY (%s) AND retired_at IS NULL ORDER BY created_sequence, location_id
            """
        )
        copies: dict[UUID, list[Row]] = {}
        for row in self._all(dict_row, query, (list(file_ids),)):
            copies.setdefault(row["file_id"], []).append(row)
        return copies

    def manifest_page(self, package_id: UUID, after: str | None, limit: int) -> Iterator[ManifestEntry]:
        """Live files of a package as its manifest lists them, by path bytes, after a path."""
        query = SQL(
            """
            SELECT f.path, f.size, f.blake3 FROM artifactstore.artifact_files f
            WHERE f.package_id = %(package_id)s AND f.removed_at IS NULL AND f.path > %(after)s
            ORDER BY f.path LIMIT %(limit)s
            """
        )
        # No path is empty.
        parameters = {"package_id": package_id, "after": after or "", "limit": limit}
        return self._some(args_row(ManifestEntry), query, parameters)

    def file_count(self, package_id: UUID) -> int:
        """Number of live files of a package."""
        query = SQL(
            """
            SELECT count(*) AS files FROM artifactstore.artifact_files
            WHERE package_id = %s AND removed_at IS NULL
            """
        )
        count: int = self._row(query, (package_id,))["files"]
        return count
