"""Reading where content is: a file, what its bytes must be, and the copies that may be given for it."""

from typing import Final
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from artifactstore.errors import Refused
from artifactstore.store.base import Connected
from artifactstore.store.rows import Row

_SHARERS = 1_000
"""Files of the same content whose copies are looked at."""
_READABLE: Final = SQL("l.state IN ('verified', 'registered')")
_SERVED: Final = SQL("f.removed_at IS NULL AND p.state IN ('open', 'sealed')")
_FILE: Final = SQL(
    """
    SELECT f.file_id, f.package_id, f.path, f.size, f.blake3, f.sha256, f.media_type, f.created_sequence,
        f.ingested_at, f.removed_at, p.state AS package_state, p.yanked
    FROM artifactstore.artifact_files f
    JOIN artifactstore.artifact_packages p ON p.package_id = f.package_id
    """
)


class Contents(Connected):
    """``store.contents``: files with ``copies``, rows of locations that nobody found bad or gives up."""

    def of_file(self, file_id: UUID) -> Row:
        """The content of a file; raises ``NotFound``, ``Refused`` gone, wrong-state."""
        query = SQL("{} WHERE f.file_id = %s").format(_FILE)
        return self._with_copies(self._find(query, (file_id,), what="file", which=file_id))

    def at(self, package_id: UUID, path: str) -> Row:
        """The content of the live file of a package with this path; raises likewise."""
        query = SQL("{} WHERE f.package_id = %s AND f.path = %s AND f.removed_at IS NULL").format(_FILE)
        return self._with_copies(self._find(query, (package_id, path), what="file", which=path))

    def of_digest(self, algorithm: str, digest: bytes) -> Row:
        """The content of this digest, blake3 or sha256, in whatever package; raises ``NotFound``.

        Files that were removed, and those of packages that were deleted, have none.
        """
        condition = SQL("f.{} = %s AND {}").format(Identifier(algorithm), _SERVED)
        query = SQL("{} WHERE {} ORDER BY f.created_sequence LIMIT 1").format(_FILE, condition)
        row = self._find(query, (digest,), what="content", which=f"{algorithm}:{digest.hex()}")
        copies = SQL(
            """
            SELECT DISTINCT ON (l.backend, l.uri) l.*
            FROM (
                SELECT f.file_id
                FROM artifactstore.artifact_files f
                JOIN artifactstore.artifact_packages p ON p.package_id = f.package_id
                WHERE f.blake3 = %s AND f.size = %s AND {} LIMIT {}) same
            JOIN artifactstore.storage_locations l USING (file_id)
            WHERE {}
            ORDER BY l.backend, l.uri, l.state DESC
            """
        ).format(_SERVED, _SHARERS, _READABLE)
        return {**row, "copies": self._all(dict_row, copies, (row["blake3"], row["size"]))}

    def open_path(self, package_id: UUID, path: str) -> Row | None:
        """The live file at a path of an open package, with ``locations``: ids of all that are not retired.

        None if there is none yet. Raises ``NotFound``, ``Refused`` not-open.
        """
        state = SQL("SELECT state FROM artifactstore.artifact_packages WHERE package_id = %s")
        package = self._find(state, (package_id,), what="package", which=package_id)
        if package["state"] != "open":
            problem = f"package {package_id} is {package['state']}"
            raise Refused("not-open", {"problem": problem, "package_id": str(package_id)})
        query = SQL(
            """
            SELECT f.*, ARRAY(
                SELECT l.location_id FROM artifactstore.storage_locations l
                WHERE l.file_id = f.file_id AND l.retired_at IS NULL
                ORDER BY l.created_sequence, l.location_id) AS locations
            FROM artifactstore.artifact_files f
            WHERE f.package_id = %s AND f.path = %s AND f.removed_at IS NULL
            """
        )
        found = self._all(dict_row, query, (package_id, path))
        return found[0] if found else None

    def _with_copies(self, row: Row) -> Row:
        if row["removed_at"] is not None:
            raise Refused("gone", {"problem": f"file {row['file_id']}", "file": str(row["file_id"])})
        if row["package_state"] not in ("open", "sealed"):
            problem = f"package {row['package_id']} is {row['package_state']}"
            raise Refused("wrong-state", {"problem": problem, "state": row["package_state"]})
        query = SQL(
            """
            SELECT l.* FROM artifactstore.storage_locations l
            WHERE l.file_id = %s AND {} ORDER BY l.created_sequence, l.location_id
            """
        ).format(_READABLE)
        return {**row, "copies": self._all(dict_row, query, (row["file_id"],))}
