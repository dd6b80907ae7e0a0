"""Reading the log."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL, Composable, Composed, Identifier

from artifactstore.errors import error
from artifactstore.store.base import Connected, check_integers
from artifactstore.store.rows import LoggedEvent, Row
from artifactstore.store.selection import LogQuery

_OF_PACKAGE: LiteralString = """
    sequence = ANY (ARRAY(
        SELECT e.sequence
        FROM artifactstore.all_subjects s
        JOIN artifactstore.events e ON e.subject_kind = s.subject_kind AND e.subject_id = s.subject_id
        WHERE s.package_id = {}))
    """


class Log(Connected):
    """``store.log``: events, and where the log ends."""

    def clock(self) -> datetime:
        """What the clock of the database says; no other clock decides what is destroyed."""
        now: datetime = self._row(SQL("SELECT clock_timestamp() AS now"))["now"]
        return now

    def read_only(self) -> str | None:
        """Why nothing can be written over this connection, None if it can."""
        query = SQL(
            """
            SELECT CASE WHEN pg_is_in_recovery() THEN 'this is a standby'
                WHEN current_setting('transaction_read_only') = 'on' THEN 'the session is read-only'
                END AS why
            """
        )
        why: str | None = self._row(query)["why"]
        return why

    def refuse_read_only(self) -> None:
        """Raise ``Refused`` read-only where nothing can be written, before work that would be in vain."""
        problem = self.read_only()
        if problem is not None:
            raise error("read-only", {"problem": problem})

    def head(self) -> int:
        """The highest sequence, 0 for an empty log."""
        head: int = self._row(SQL("SELECT artifactstore.log_head() AS head"))["head"]
        return head

    def ring(self, channel: str, text: str) -> None:
        """Notify those who listen on a channel, once the transaction commits."""
        self._row(SQL("SELECT pg_notify(%s, %s)"), (channel, text))

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

    def sequence_at(self, instant: datetime, *, strict: bool = False) -> int:
        """The last event that was there at ``instant``, 0 before all of them.

        Raises ``NotFound`` for an instant that has not come; ``strict``: also for one before the log began.
        """
        query = SQL("SELECT artifactstore.sequence_at(%s, %s) AS sequence")
        sequence: int = self._row(query, (instant, not strict))["sequence"]
        return sequence

    def time_of(self, sequence: int) -> datetime:
        """When an event was appended; raises ``NotFound``."""
        query = SQL("SELECT created_at FROM artifactstore.events WHERE sequence = %s")
        created_at: datetime = self._find(query, (sequence,), what="event", which=sequence)["created_at"]
        return created_at

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

    def events(self, query: LogQuery | None = None, limit: int | None = None) -> Iterator[Row]:
        """Events as in the view ``event_log`` (payload readable), ascending, the oldest ``limit``."""
        return self._log("event_log", "event_type", query or LogQuery(), SQL("ASC"), limit)

    def newest_events(self, query: LogQuery | None = None, limit: int = 20) -> list[Row]:
        """As ``events``, ascending too, but the newest ``limit``."""
        return list(self._log("event_log", "event_type", query or LogQuery(), SQL("DESC"), limit))[::-1]

    def audit(self, query: LogQuery | None = None, limit: int | None = None) -> Iterator[Row]:
        """Events as in the view ``audit_events``: who did what to what; ascending, the oldest ``limit``."""
        return self._log("audit_events", "action", query or LogQuery(), SQL("ASC"), limit)

    def newest_audit(self, query: LogQuery | None = None, limit: int = 20) -> list[Row]:
        """As ``audit``, ascending too, but the newest ``limit``."""
        return list(self._log("audit_events", "action", query or LogQuery(), SQL("DESC"), limit))[::-1]

    def audit_backwards(self, query: LogQuery, limit: int) -> Iterator[Row]:
        """As ``audit``, but descending from the newest."""
        return self._log("audit_events", "action", query, SQL("DESC"), limit)

    def last_before(self, instant: datetime) -> int:
        """The last event with an earlier time, 0 where there is none; several may have the same time."""
        query = SQL(
            """
            SELECT coalesce(max(sequence), 0) AS sequence FROM artifactstore.events WHERE created_at = (
                SELECT max(created_at) FROM artifactstore.events WHERE created_at < %s)
            """
        )
        sequence: int = self._row(query, (instant,))["sequence"]
        return sequence

    def neighbours(self, sequence: int) -> tuple[int | None, int | None]:
        """The events of the same subject before and behind an event, None where there is none."""
        # In the order of the index by subject, which no other index gives: the plan is that whatever the
        # planner believes, and what is found may be the first or last event of the next subject.
        query = SQL(
            """
            SELECT CASE WHEN b.subject_kind = o.subject_kind AND b.subject_id = o.subject_id
                    THEN b.sequence END AS before,
                CASE WHEN n.subject_kind = o.subject_kind AND n.subject_id = o.subject_id
                    THEN n.sequence END AS behind
            FROM artifactstore.events o
            LEFT JOIN LATERAL (
                SELECT e.subject_kind, e.subject_id, e.sequence FROM artifactstore.events e
                WHERE (e.subject_kind, e.subject_id, e.sequence) < (o.subject_kind, o.subject_id, o.sequence)
                ORDER BY e.subject_kind DESC, e.subject_id DESC, e.sequence DESC LIMIT 1) b ON true
            LEFT JOIN LATERAL (
                SELECT e.subject_kind, e.subject_id, e.sequence FROM artifactstore.events e
                WHERE (e.subject_kind, e.subject_id, e.sequence) > (o.subject_kind, o.subject_id, o.sequence)
                ORDER BY e.subject_kind, e.subject_id, e.sequence LIMIT 1) n ON true
            WHERE o.sequence = %s
            """
        )
        row = self._row(query, (sequence,))
        return row["before"], row["behind"]

    def request_of(self, sequence: int) -> tuple[int, int] | None:
        """First and last event of the request that an event belongs to, None if it belongs to none.

        Told by the view ``requests``: requests do not overlap, so it can only be the last that began.
        """
        query = SQL(
            """
            SELECT r.first_sequence AS first, r.first_sequence + r.events - 1 AS last
            FROM (
                SELECT first_sequence, events FROM artifactstore.requests
                WHERE first_sequence <= %(sequence)s ORDER BY first_sequence DESC LIMIT 1) r
            WHERE %(sequence)s < r.first_sequence + r.events
            """
        )
        rows = self._all(dict_row, query, {"sequence": sequence})
        return (rows[0]["first"], rows[0]["last"]) if rows else None

    def package_history(
        self, package_id: UUID, *, newest_first: bool = False, limit: int | None = None
    ) -> Iterator[Row]:
        """Every event of a package, its files, their copies and its retention, payload readable."""
        query = SQL("SELECT * FROM artifactstore.package_history(%s, %s, %s)")
        return self._stream(dict_row, query, (str(package_id), newest_first, limit))

    def retention_history(self, package_id: UUID, after: int = 0, limit: int | None = None) -> Iterator[Row]:
        """The events above ``after`` that set, changed or held the retention of a package, oldest first."""
        query = SQL(
            """
            SELECT sequence, created_at, actor, on_behalf_of, action, mode, retain_until_before, retain_until,
                hold_id, case_ref, reason
            FROM artifactstore.retention_events WHERE package_id = %s AND sequence > %s
            ORDER BY sequence LIMIT %s
            """
        )
        return self._stream(dict_row, query, (package_id, after, limit))

    def _log(
        self, view: str, type_column: str, query: LogQuery, order: SQL, limit: int | None
    ) -> Iterator[Row]:
        check_integers((query.since, query.until, limit))
        name = Identifier("artifactstore", view)
        if limit is None:
            statement = SQL("SELECT * FROM {} WHERE {} ORDER BY sequence {}").format(
                name, _conditions(query, type_column), order
            )
        else:
            # Chosen first: a plan that sorts would decode all that match, not only what is shown.
            statement = SQL(
                """
                SELECT * FROM {} WHERE sequence = ANY (ARRAY(
                    SELECT sequence FROM artifactstore.events WHERE {} ORDER BY sequence {} LIMIT {}))
                ORDER BY sequence {}
                """
            ).format(name, _conditions(query, "event_type"), order, limit, order)
        # What is asked for stands in the statement, not beside it: a % there begins no placeholder.
        return self._stream(dict_row, SQL(statement.as_string(self.connection).replace("%", "%%")))


def _conditions(query: LogQuery, type_column: str) -> Composed:
    conditions: list[Composable] = [SQL("sequence > {}").format(query.since)]
    if query.until is not None:
        conditions.append(SQL("sequence <= {}").format(query.until))
    for column, values in query.where.resolved().chosen():
        conditions.append(_is_one_of(type_column if column == "event_type" else column, sorted(values)))
    if query.package_id is not None:
        conditions.append(SQL(_OF_PACKAGE).format(query.package_id))
    return SQL(" AND ").join(conditions)


def _is_one_of(column: str, values: Sequence[object]) -> Composed:
    """Equal to the one value if there is one: only then an index gives rows in order of the log."""
    if len(values) == 1:
        return SQL("{} = {}").format(Identifier(column), values[0])
    return SQL("{} = ANY ({})").format(Identifier(column), list(values))
