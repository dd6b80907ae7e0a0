"""Reading the log."""

from collections.abc import Iterator
from datetime import datetime
from typing import LiteralString

from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL, Composable, Identifier

from artifactstore.errors import BadInput, Damaged
from artifactstore.store.base import Connected
from artifactstore.store.rows import EventFilter, LoggedEvent, Row

_OF_PACKAGE: LiteralString = """
    (subject_kind, subject_id) IN (
        SELECT kind, %(package)s::uuid FROM unnest(ARRAY['package', 'retention']) kind
        UNION ALL
        SELECT 'file', file_id FROM artifactstore.artifact_files WHERE package_id = %(package)s
        UNION ALL
        SELECT 'storage', location_id FROM artifactstore.storage_locations WHERE package_id = %(package)s)
    """


class LogReads(Connected):
    """The methods of ``Store`` that read the log."""

    def head(self) -> int:
        """The highest sequence, 0 for an empty log."""
        head: int = self._row(SQL("SELECT artifactstore.log_head() AS head"))["head"]
        return head

    def status(self) -> Row:
        """Where this is and how much: database, server, log and epoch, head, its identity, times, bytes."""
        query = SQL(
            """
            SELECT current_database() AS database, session_user AS login,
                current_setting('server_version') AS postgresql, g.log_id, g.epoch, g.epoch_id,
                artifactstore.log_head() AS head,
                artifactstore.event_identity(artifactstore.log_head()) AS identity,
                (SELECT created_at FROM artifactstore.events ORDER BY sequence LIMIT 1) AS first_at,
                (SELECT created_at FROM artifactstore.events ORDER BY sequence DESC LIMIT 1) AS last_at,
                pg_total_relation_size('artifactstore.events') AS log_bytes,
                pg_database_size(current_database()) AS database_bytes
            FROM (VALUES (1)) one
            LEFT JOIN (SELECT * FROM artifactstore.log_epochs ORDER BY epoch DESC LIMIT 1) g ON true
            """
        )
        return self._row(query)

    def sequence_at(self, instant: datetime) -> int:
        """The last event that was there at ``instant``, 0 if none; a search, as times never decrease."""
        query = SQL("SELECT created_at FROM artifactstore.events WHERE sequence = %s")
        before, after = 0, self.head() + 1
        while after - before > 1:
            middle = (before + after) // 2
            found = self._all(dict_row, query, (middle,))
            if not found:
                raise Damaged("log-damaged", {"problem": "the event is missing", "sequence": middle})
            if found[0]["created_at"] <= instant:
                before = middle
            else:
                after = middle
        return before

    def stored_events(self, since: int = 0, until: int | None = None) -> Iterator[LoggedEvent]:
        """The rows of ``events`` after ``since`` (exclusive) up to ``until``, in order, as stored."""
        query = SQL(
            """
            SELECT sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest
            FROM artifactstore.events WHERE sequence > %s AND sequence <= coalesce(%s, sequence)
            ORDER BY sequence
            """
        )
        return self._stream(args_row(LoggedEvent), query, (since, until))

    def events(self, where: EventFilter | None = None, limit: int | None = None) -> Iterator[Row]:
        """Events as in the view ``event_log`` (payload readable), ascending, the oldest ``limit``."""
        return self._log("event_log", "event_type", where or EventFilter(), SQL("ASC"), limit)

    def newest_events(self, where: EventFilter | None = None, limit: int = 20) -> list[Row]:
        """As ``events``, ascending too, but the newest ``limit``."""
        return list(self._log("event_log", "event_type", where or EventFilter(), SQL("DESC"), limit))[::-1]

    def audit(self, where: EventFilter | None = None, limit: int | None = None) -> Iterator[Row]:
        """Events as in the view ``audit_events``: who did what to what; ascending, the oldest ``limit``."""
        return self._log("audit_events", "action", where or EventFilter(), SQL("ASC"), limit)

    def newest_audit(self, where: EventFilter | None = None, limit: int = 20) -> list[Row]:
        """As ``audit``, ascending too, but the newest ``limit``."""
        return list(self._log("audit_events", "action", where or EventFilter(), SQL("DESC"), limit))[::-1]

    def _log(
        self, view: str, type_column: str, where: EventFilter, order: SQL, limit: int | None
    ) -> Iterator[Row]:
        patterns = [_pattern(event_type) for event_type in where.event_types]
        parameters = {
            "since": where.since,
            "until": where.until,
            "patterns": patterns,
            "kinds": list(where.subject_kinds),
            "ids": list(where.subject_ids),
            "actors": list(where.actors),
            "package": where.package_id,
            "limit": limit,
        }
        conditions: list[tuple[Composable, bool]] = [
            (SQL("sequence > %(since)s"), True),
            (SQL("sequence <= %(until)s"), where.until is not None),
            (SQL("{} LIKE ANY (%(patterns)s)").format(Identifier(type_column)), bool(patterns)),
            (SQL("subject_kind = ANY (%(kinds)s)"), bool(where.subject_kinds)),
            (SQL("subject_id = ANY (%(ids)s)"), bool(where.subject_ids)),
            (SQL("actor = ANY (%(actors)s)"), bool(where.actors)),
            (SQL(_OF_PACKAGE), where.package_id is not None),
        ]
        query = SQL("SELECT * FROM {} WHERE {} ORDER BY sequence {} LIMIT %(limit)s").format(
            Identifier("artifactstore", view),
            SQL(" AND ").join(condition for condition, wanted in conditions if wanted),
            order,
        )
        return self._stream(dict_row, query, parameters)


def _pattern(event_type: str) -> str:
    """LIKE pattern of a slug, or of a group such as ``v1.retention.*``."""
    stem = event_type.removesuffix("*")
    if "*" in stem or (stem != event_type and not stem.endswith(".")):
        raise BadInput("usage", {"problem": f"{event_type}: * stands only at the end, after a dot"})
    literal = stem.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return literal + "%" * (stem != event_type)
