"""Reading a package whole: its rows, some of its files with their copies, what may be done with it."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from artifactstore.errors import NotFound
from artifactstore.store.base import Connected
from artifactstore.store.rows import Row, Verdict

MAX_EVENTS = 50_000
"""Events of a package up to which its past is shown: a second of work, or two."""


class Overview(NamedTuple):
    """A package, now or then.

    Attributes:
        holds: also released ones, oldest first.
        files, bytes: how many live files there are, and their size together.
        page: some of the live files, by path, each with the rows of its ``locations`` that are not retired.
        verdicts: None: not asked for.
    """

    package: Row
    retention: Row
    holds: list[Row]
    files: int
    bytes: int
    page: list[Row]
    verdicts: list[Verdict] | None


class Story(NamedTuple):
    """Events of a package, its files, their copies and its retention.

    Attributes:
        events: how many there are in all.
        page: rows of ``audit_events``, newest first.
        position: how many of them are not after the event that was asked about.
    """

    events: int
    page: list[Row]
    position: int


class Overviews(Connected):
    """``store.overviews``: packages whole."""

    def now(self, package_id: UUID, after: str = "", limit: int = 100) -> Overview:
        """The package as it is, with ``limit`` files after the path ``after``; raises ``NotFound``."""
        query = SQL("SELECT artifactstore.package_now(%s, %s, %s) AS picture")
        return self._overview(package_id, self._row(query, (package_id, after, limit))["picture"])

    def past(
        self, package_id: UUID, sequence: int, after: str = "", limit: int = 100, most: int = MAX_EVENTS
    ) -> Overview:
        """The package as it was after event ``sequence``, and what might be done with it then.

        Raises ``NotFound`` if it was not there yet, ``BadInput`` too-large if it had more than ``most``
        events. It works in a scratch view set, so the transaction must not be read-only.
        """
        query = SQL("SELECT artifactstore.package_past(%s, %s, %s, %s, %s) AS picture")
        parameters = (package_id, sequence, most, after, limit)
        return self._overview(package_id, self._row(query, parameters)["picture"])

    def verdicts(self, package_id: UUID) -> list[Verdict]:
        """What may be done with the package now; works in a scratch view set, as ``past`` does."""
        query = SQL("SELECT event_type, refusal, bypass FROM artifactstore.allowed_commands(%s)")
        return [_verdict(row) for row in self._all(dict_row, query, (package_id,))]

    def story(self, package_id: UUID, before: int | None, limit: int, at: int | None = None) -> Story:
        """``limit`` events of the package before event ``before``; ``at``: the event to tell the place of."""
        query = SQL(
            """
            WITH story AS MATERIALIZED (
                SELECT e.sequence FROM artifactstore.all_subjects s
                JOIN artifactstore.events e ON e.subject_kind = s.subject_kind AND e.subject_id = s.subject_id
                WHERE s.package_id = %(package)s)
            SELECT count(*) AS events, count(*) FILTER (WHERE sequence <= %(at)s) AS position, ARRAY(
                SELECT sequence FROM story WHERE sequence < coalesce(%(before)s, sequence + 1)
                ORDER BY sequence DESC LIMIT %(limit)s) AS page
            FROM story
            """
        )
        values = {"package": package_id, "before": before, "limit": limit, "at": at}
        found = self._row(query, values)
        rows = SQL(
            "SELECT * FROM artifactstore.audit_events WHERE sequence = ANY (%s) ORDER BY sequence DESC"
        )
        return Story(found["events"], self._all(dict_row, rows, (found["page"],)), found["position"])

    def nth_event(self, package_id: UUID, number: int) -> int:
        """Sequence of the event of the package that is the ``number``-th, from 1; raises ``NotFound``."""
        query = SQL(
            """
            SELECT e.sequence FROM artifactstore.all_subjects s
            JOIN artifactstore.events e ON e.subject_kind = s.subject_kind AND e.subject_id = s.subject_id
            WHERE s.package_id = %s ORDER BY e.sequence OFFSET %s LIMIT 1
            """
        )
        row = self._find(query, (package_id, number - 1), what="event", which=number)
        sequence: int = row["sequence"]
        return sequence

    def subject(self, subject_id: UUID) -> list[Row]:
        """What has this id: ``subject_kind``, ``package_id``, ``purl``, and ``path`` of a file or copy."""
        query = SQL(
            """
            SELECT s.subject_kind, s.package_id, p.purl, f.path
            FROM artifactstore.all_subjects s
            JOIN artifactstore.artifact_packages p ON p.package_id = s.package_id
            LEFT JOIN artifactstore.artifact_files f ON f.file_id = s.file_id
            WHERE s.subject_id = %s AND s.subject_kind <> 'retention'
            """
        )
        return self._all(dict_row, query, (subject_id,))

    def _overview(self, package_id: UUID, picture: Mapping[str, Any]) -> Overview:
        if picture["package"] is None:
            raise NotFound("not-found", {"problem": f"package {package_id}", "package": str(package_id)})
        (package,) = self._rows_of("artifact_packages", [picture["package"]])
        (retention,) = self._rows_of("retention_state", [picture["retention"]])
        files = self._rows_of("artifact_files", picture["files"])
        by_file = itemgetter("file_id")
        locations = sorted(self._rows_of("storage_locations", picture["locations"]), key=by_file)
        copies = {file_id: list(rows) for file_id, rows in groupby(locations, key=by_file)}
        commands = picture.get("commands")
        return Overview(
            package,
            retention,
            self._rows_of("retention_holds", picture["holds"]),
            picture["totals"]["files"],
            picture["totals"]["bytes"],
            [{**file, "locations": copies.get(file["file_id"], [])} for file in files],
            None if commands is None else [_verdict(row) for row in commands],
        )

    def _rows_of(self, view: str, objects: Sequence[Mapping[str, Any]]) -> list[Row]:
        """Objects as rows of a view, typed as the view is."""
        query = SQL("SELECT r.* FROM jsonb_populate_recordset(NULL::{}, %s) r")
        table = Identifier("artifactstore", view)
        return self._all(dict_row, query.format(table), (Jsonb(list(objects)),))


def _verdict(row: Mapping[str, Any]) -> Verdict:
    refusal = row["refusal"]
    return Verdict(row["event_type"], refusal and refusal["detail"], row["bypass"])
