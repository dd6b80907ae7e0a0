"""Replaying the log, and comparing what comes out."""

from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from uuid import UUID

from psycopg.rows import args_row, dict_row, tuple_row
from psycopg.sql import SQL, Identifier

from artifactstore.events import ordered_manifest_digest
from artifactstore.store.base import Connected
from artifactstore.store.rows import Difference, Manifest, Row


class Rebuilds(Connected):
    """``store.rebuilds``: replay and comparison; progress comes as notices of the connection."""

    def replay(self, snapshot: str | None = None, *, doubted: bool = False) -> Row:
        """Empty the live views and fill them, all or nothing, from the log or from a snapshot and the rest.

        ``doubted``: ``doubt_views`` was called before. Gives ``head`` and ``seconds``.
        """
        return self._row(SQL("SELECT * FROM artifactstore.replay(%s, %s)"), (snapshot, doubted))

    def doubt_views(self) -> bytes | None:
        """Note, in a transaction of its own, that ``replay`` comes next; gives what ``trust_views`` needs."""
        made_by: bytes | None = self._row(SQL("SELECT artifactstore.doubt_views() AS made_by"))["made_by"]
        return made_by

    def trust_views(self, made_by: bytes | None) -> None:
        """Take ``doubt_views`` back: the views stayed as they were."""
        self._row(SQL("SELECT artifactstore.trust_views(%s)"), (made_by,))

    def rebuild(self, schema: str, last: int | None = None) -> int:
        """Create the view set ``schema`` and project the log up to ``last`` into it; the last sequence."""
        row = self._row(SQL("SELECT artifactstore.rebuild(%s, %s) AS last"), (schema, last))
        sequence: int = row["last"]
        return sequence

    def verify_part(self, part: int, parts: int, last: int) -> Row:
        """In a REPEATABLE READ transaction that is rolled back: fold a part, compare it with the live rows.

        Gives ``different``, ``events`` (how many it folded) and ``counts``, its rows by view.
        """
        query = SQL("SELECT * FROM artifactstore.verify_part(%s, %s, %s)")
        return self._row(query, (part, parts, last))

    def compare(self, left: str, right: str) -> Iterator[Difference]:
        """Every value in which two view sets differ."""
        query = SQL("SELECT * FROM artifactstore.compare_view_sets(%s, %s)")
        return self._stream(args_row(Difference), query, (left, right))

    def sample_packages(self, events: int) -> list[tuple[UUID, list[int]]]:
        """The packages of so many random events, with the sequences that led to each."""
        query = SQL("SELECT package_id, sequences FROM artifactstore.sample_packages(%s)")
        return self._all(tuple_row, query, (events,))

    def check_packages(
        self, packages: Sequence[UUID], sequences: Sequence[int], max_events: int | None = None
    ) -> list[Difference]:
        """In a REPEATABLE READ transaction: where live rows of packages are not what their events say."""
        query = SQL("SELECT * FROM artifactstore.check_packages(%s, %s, %s)")
        return self._all(args_row(Difference), query, (list(packages), list(sequences), max_events))

    def package_at(self, package_id: UUID, sequence: int) -> Row:
        """The row of a package as it was after event ``sequence``; raises ``NotFound``."""
        query = SQL("SELECT * FROM artifactstore.package_at(%s, %s)")
        return self._find(query, (package_id, sequence), what="package", which=package_id)

    def view_counts(self) -> dict[str, int]:
        """Rows of every live view."""
        names = self._row(SQL("SELECT artifactstore.view_names() AS names"))["names"]
        counts = (
            SQL("(SELECT count(*) FROM {}) AS {}").format(Identifier("artifactstore", name), Identifier(name))
            for name in names
        )
        return self._row(SQL("SELECT {}").format(SQL(", ").join(counts)))

    def manifests(self) -> Iterator[Manifest]:
        """What every sealed package says of its files, and what its files say; memory is flat."""
        # The number of files begins the digest, so it is counted before they are read.
        query = SQL(
            """
            WITH sealed AS MATERIALIZED (
                SELECT p.package_id, p.purl, p.manifest_digest, p.file_count, p.total_bytes, c.files, c.bytes
                FROM artifactstore.artifact_packages p
                CROSS JOIN LATERAL (
                    SELECT count(*) AS files, coalesce(sum(f.size), 0) AS bytes
                    FROM artifactstore.artifact_files f
                    WHERE f.package_id = p.package_id AND f.removed_at IS NULL) c
                WHERE p.manifest_digest IS NOT NULL)
            SELECT s.*, f.path, f.size, f.blake3
            FROM sealed s
            LEFT JOIN artifactstore.artifact_files f ON f.package_id = s.package_id AND f.removed_at IS NULL
            ORDER BY s.package_id, f.path
            """
        )
        for _, rows in groupby(self._stream(dict_row, query), key=itemgetter("package_id")):
            package = next(rows)
            files = (row for row in chain((package,), rows) if row["path"] is not None)
            entries = ((row["path"], row["size"], row["blake3"]) for row in files)
            digest = ordered_manifest_digest(entries, package["files"])
            yield Manifest(
                purl=package["purl"],
                stated=(package["manifest_digest"], package["file_count"], package["total_bytes"]),
                found=(digest, package["files"], int(package["bytes"])),
            )
