"""Reading packages, files, locations and retention."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL, Identifier

from artifactstore.errors import NotFound
from artifactstore.events import PackageSealed, ordered_manifest_digest
from artifactstore.store.base import Connected
from artifactstore.store.rows import ManifestEntry, Row


class Packages(Connected):
    """``store.packages``: packages, their files, locations and retention, one by one or as a stream."""

    def package(self, reference: UUID | str) -> Row:
        """The row of a package, by id or by purl in any valid spelling.

        Raises ``NotFound``, or ``BadInput`` invalid-purl for a text that is no purl.
        """
        column = "package_id" if isinstance(reference, UUID) else "purl"
        query = SQL("SELECT * FROM artifactstore.artifact_packages WHERE {} = %s").format(Identifier(column))
        try:
            # As it stands first: an older log may have purls that are not canonical by the rules of today.
            return self._find(query, (reference,), what="package", which=reference)
        except NotFound:
            if isinstance(reference, UUID) or (canonical := self.canonical_purl(reference)) == reference:
                raise
        return self._find(query, (canonical,), what="package", which=canonical)

    def canonical_purl(self, purl: str) -> str:
        """The canonical form of a purl in any valid spelling; raises ``BadInput`` invalid-purl."""
        canonical: str = self._row(SQL("SELECT artifactstore.canonical_purl(%s) AS purl"), (purl,))["purl"]
        return canonical

    def package_version(self, row: Row) -> int:
        """The version of the row of a package, while it is open together with the list of its files.

        Every file of an open package is looked at: some milliseconds for 10,000.
        """
        if row["state"] != "open":
            closed: int = row["last_sequence"]
            return closed
        query = SQL("SELECT artifactstore.open_version(%s) AS version")
        version: int = self._row(query, (row["package_id"],))["version"]
        return version

    def package_totals(self, package_id: UUID) -> Row:
        """``files`` and ``bytes`` of the live files, and ``locations`` by state: ``{"verified": 3}``."""
        query = SQL(
            """
            SELECT f.files, f.bytes, l.locations
            FROM (
                SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes
                FROM artifactstore.artifact_files WHERE package_id = %s AND removed_at IS NULL) f,
            (
                SELECT coalesce(jsonb_object_agg(s.state, s.n), '{}') AS locations
                FROM (
                    SELECT state, count(*) AS n FROM artifactstore.storage_locations
                    WHERE package_id = %s GROUP BY state) s) l
            """
        )
        totals = self._row(query, (package_id, package_id))
        return {**totals, "bytes": int(totals["bytes"])}  # numeric: 1,100 files may have more than 2^63

    def files(self, package_id: UUID, *, removed: bool = False) -> Iterator[Row]:
        """Files of a package by path bytes; with ``removed`` also those that were removed."""
        query = SQL(
            """
            SELECT f.* FROM artifactstore.artifact_files f
            WHERE f.package_id = %s AND (f.removed_at IS NULL OR %s) ORDER BY f.path, f.created_sequence
            """
        )
        return self._stream(dict_row, query, (package_id, removed))

    def file(self, file_id: UUID) -> Row:
        """The row of a file; raises ``NotFound``."""
        query = SQL("SELECT * FROM artifactstore.artifact_files WHERE file_id = %s")
        return self._find(query, (file_id,), what="file", which=file_id)

    def file_at(self, package_id: UUID, path: str) -> Row:
        """The row of the live file of a package with this path; raises ``NotFound``."""
        query = SQL(
            """
            SELECT * FROM artifactstore.artifact_files
            WHERE package_id = %s AND path = %s AND removed_at IS NULL
            """
        )
        return self._find(query, (package_id, path), what="file", which=path)

    def location(self, location_id: UUID) -> Row:
        """The row of a location, with ``path``, ``size`` and ``blake3`` of its file; raises ``NotFound``."""
        query = SQL(
            """
            SELECT l.*, f.path, f.size, f.blake3
            FROM artifactstore.storage_locations l JOIN artifactstore.artifact_files f USING (file_id)
            WHERE l.location_id = %s
            """
        )
        return self._find(query, (location_id,), what="location", which=location_id)

    def places(self, location_ids: Sequence[UUID]) -> dict[UUID, Row]:
        """``package_id`` and ``file_id`` of locations, by their ids; raises ``NotFound``."""
        query = SQL(
            """
            SELECT location_id, package_id, file_id FROM artifactstore.storage_locations
            WHERE location_id = ANY (%s)
            """
        )
        found = {row.pop("location_id"): row for row in self._all(dict_row, query, (list(location_ids),))}
        for location_id in location_ids:
            if location_id not in found:
                problem = f"location {location_id}"
                raise NotFound("not-found", {"problem": problem, "location": str(location_id)})
        return found

    def retention(self, package_id: UUID) -> Row:
        """The retention row of a package; raises ``NotFound``."""
        query = SQL("SELECT * FROM artifactstore.retention_state WHERE package_id = %s")
        return self._find(query, (package_id,), what="package", which=package_id)

    def holds(self, package_id: UUID) -> list[Row]:
        """Legal holds of a package, also released ones, in the order in which they were placed."""
        query = SQL(
            """
            SELECT * FROM artifactstore.retention_holds WHERE package_id = %s
            ORDER BY created_sequence, hold_id
            """
        )
        return self._all(dict_row, query, (package_id,))

    def manifest(self, package_id: UUID) -> Iterator[ManifestEntry]:
        """The live files of a package, ascending by path bytes."""
        query = SQL(
            """
            SELECT f.path, f.size, f.blake3 FROM artifactstore.artifact_files f
            WHERE f.package_id = %s AND f.removed_at IS NULL ORDER BY f.path
            """
        )
        return self._stream(args_row(ManifestEntry), query, (package_id,))

    def sealing(self, package_id: UUID, reason: str | None = None) -> PackageSealed:
        """The event that would seal a package with the files that it has now; memory is flat."""
        query = SQL(
            """
            SELECT count(*) FILTER (WHERE removed_at IS NULL) AS files,
                coalesce(sum(size) FILTER (WHERE removed_at IS NULL), 0) AS bytes,
                coalesce(max(last_sequence), 0) AS last
            FROM artifactstore.artifact_files WHERE package_id = %s
            """
        )
        # Read first: a file that comes before the list is read makes these wrong, and the event is refused.
        totals = self._row(query, (package_id,))
        return PackageSealed(
            manifest_digest=ordered_manifest_digest(self.manifest(package_id), totals["files"]),
            file_count=totals["files"],
            total_bytes=int(totals["bytes"]),
            as_of=totals["last"],
            reason=reason,
        )
