"""Rows of a log as they are, out of the database and into another one."""

from collections.abc import Sequence
from uuid import UUID

from psycopg.rows import args_row
from psycopg.sql import SQL

from artifactstore.errors import translated
from artifactstore.store.base import Connected
from artifactstore.store.rows import LoggedEvent

_IMPORT = SQL(
    """
    SELECT artifactstore.import_events(%b, %b::bytea, %b, %b, %b::timestamptz[], %b::text[], %b::text[],
        %b::uuid[], %b::text[], %b::bytea[], %b::bytea[], %b)
    """
)


class Imports(Connected):
    """``store.imports``: what export and import need."""

    def epochs_of_log(self, last: int) -> list[LoggedEvent]:
        """The events up to ``last`` that say which log this is and of which epoch, in order."""
        query = SQL(
            """
            SELECT sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest
            FROM artifactstore.events
            WHERE event_type IN ('v1.system.initialized', 'v1.system.restored') AND sequence <= %s
            ORDER BY sequence
            """
        )
        return self._all(args_row(LoggedEvent), query, (last,))

    def import_events(
        self,
        log_id: UUID,
        before: bytes | None,
        last: int,
        events: Sequence[LoggedEvent],
        *,
        allow_future: bool = False,
    ) -> None:
        """Append these rows exactly, in the caller's transaction, and project them.

        Args:
            before: identity of the event before the first of these, None if it is event 1.
            last: sequence of the last event of the whole import; with it the bell rings.
            allow_future: also events that are ahead of the clock of the database.

        Raises ``Refused`` no-continuation, or what a projector refuses; ``Busy`` (also clock-behind),
        ``Forbidden``.
        """
        columns = [list(column) for column in zip(*events, strict=True)]
        parameters = (log_id, before, last, events[0].sequence, *columns[1:], allow_future)
        with translated(), self.connection.cursor() as cursor:
            cursor.execute(_IMPORT, parameters)
