"""Replaying the log, and comparing what comes out."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL, Identifier

from artifactstore.events import manifest_digest
from artifactstore.store.base import Connected
from artifactstore.store.rows import Difference, Manifest, Row, Trigger


class Rebuilds(Connected):
    """The methods of ``Store`` behind replay and verify; progress comes as notices of the connection."""

    def replay(self) -> Row:
        """Empty the live views and fill them from the log, all or nothing; ``head`` and ``seconds``."""
        return self._row(SQL("SELECT * FROM artifactstore.replay()"))

    def rebuild(self, schema: str, last: int | None = None) -> int:
        """Create the view set ``schema`` and project the log up to ``last`` into it; the last sequence."""
        row = self._row(SQL("SELECT artifactstore.rebuild(%s, %s) AS last"), (schema, last))
        sequence: int = row["last"]
        return sequence

    def compare(self, left: str, right: str) -> Iterator[Difference]:
        """Every value in which two view sets differ."""
        query = SQL("SELECT * FROM artifactstore.compare_view_sets(%s, %s)")
        return self._stream(args_row(Difference), query, (left, right))

    def view_counts(self) -> dict[str, int]:
        """Rows of every live view."""
        names = self._row(SQL("SELECT artifactstore.view_names() AS names"))["names"]
        counts = (
            SQL("(SELECT count(*) FROM {}) AS {}").format(Identifier("artifactstore", name), Identifier(name))
            for name in names
        )
        return self._row(SQL("SELECT {}").format(SQL(", ").join(counts)))

    def manifests(self) -> Iterator[Manifest]:
        """What every sealed package says of its files, and what its files say; memory as of one package."""
        query = SQL(
            """
            SELECT p.package_id, p.purl, p.manifest_digest, p.file_count, p.total_bytes,
                f.path, f.size, f.blake3
            FROM artifactstore.artifact_packages p
            LEFT JOIN artifactstore.artifact_files f ON f.package_id = p.package_id AND f.removed_at IS NULL
            WHERE p.manifest_digest IS NOT NULL
            ORDER BY p.package_id, f.path
            """
        )
        for _, rows in groupby(self._stream(dict_row, query), key=itemgetter("package_id")):
            package, *others = rows
            files = [row for row in (package, *others) if row["path"] is not None]
            yield Manifest(
                purl=package["purl"],
                stated=(package["manifest_digest"], package["file_count"], package["total_bytes"]),
                found=(
                    manifest_digest((file["path"], file["size"], file["blake3"]) for file in files),
                    len(files),
                    sum(file["size"] for file in files),
                ),
            )

    def triggers(self) -> list[Trigger]:
        """The triggers that guard the log and the live views."""
        query = SQL(
            """
            SELECT c.relname::text, t.tgname::text, t.tgenabled::text
            FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
            WHERE c.relnamespace = 'artifactstore'::regnamespace AND NOT t.tgisinternal
            ORDER BY c.relname, t.tgname
            """
        )
        return self._all(args_row(Trigger), query)
