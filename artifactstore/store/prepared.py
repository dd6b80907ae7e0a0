"""Appending events whose bytes are ready: several commands, made elsewhere, in one append."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.sql import SQL

from artifactstore.events import NewEvent
from artifactstore.store.rows import Appended
from artifactstore.store.writes import Writes


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    """An event with its payload encoded.

    Attributes:
        package_id: the package that it is about; None for events of the system.
        request_key: idempotency key, when it is the first event of a request.
    """

    event_type: str
    subject_id: UUID | None
    actor: str
    payload: bytes
    expected: int | None
    package_id: UUID | None
    request_key: str | None


def prepare(event: NewEvent) -> PreparedEvent:
    """Encode an event; raises ``BadInput`` bad-payload."""
    model = event.event
    package_id = event.subject_id if model.subject_kind in ("package", "retention") else None
    return PreparedEvent(
        model.event_type,
        event.subject_id,
        event.actor,
        event.payload(),
        event.expected,
        getattr(model, "package_id", package_id),
        None if event.request is None else event.request.key,
    )


class PreparedWrites(Writes):
    """The method of ``Store`` that appends prepared events."""

    def hold_log(self) -> None:
        """Be the only appender until the transaction ends, also after a rollback to a savepoint.

        Raises ``Busy``.
        """
        self._row(SQL("SELECT artifactstore.hold_log()"))

    def lock_wait(self) -> float:
        """Seconds that the last append of this transaction waited for its turn."""
        # After a rollback the setting is there, but empty.
        query = SQL(
            """
            SELECT coalesce(nullif(current_setting('artifactstore.lock_wait', true), '')::float8, 0) AS wait
            """
        )
        seconds: float = self._row(query)["wait"]
        return seconds

    def append_prepared(self, events: Sequence[PreparedEvent]) -> list[Appended]:
        """As ``append``, in the caller's transaction if there is one."""
        return self._append(
            [event.event_type for event in events],
            [event.subject_id for event in events],
            [event.actor for event in events],
            [event.payload for event in events],
            [event.expected for event in events],
        )
