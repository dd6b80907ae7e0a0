"""Appending events whose bytes are ready: several commands, made elsewhere, in one append."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import NamedTuple, TypeAlias
from uuid import UUID

from psycopg.sql import SQL

from artifactstore.errors import ArtifactstoreError, by_sqlstate, translated
from artifactstore.events import NewEvent
from artifactstore.store.identity import Position
from artifactstore.store.rows import Appended
from artifactstore.store.writes import Writes, arrays


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


class Standing(NamedTuple):
    """Where the log stood after commands were appended, and how long they waited for it, in seconds."""

    position: Position
    lock_wait: float


Outcome: TypeAlias = "list[Appended] | ArtifactstoreError"
"""Where each event of a command landed, or why the command was refused."""

_APPEND_COMMANDS = SQL(
    """
    SELECT * FROM artifactstore.append_commands(
        %b::text[], %b::uuid[], %b::text[], %b::bytea[], %b::bytea[], %b::bigint[], %b::integer[],
        %b::integer)
    """
)


class PreparedWrites(Writes):
    """The methods of ``Store`` that append prepared events."""

    def lock_wait(self) -> float:
        """Seconds that the last append of this transaction waited for its turn."""
        # Not there, or empty, if nothing took the lock.
        query = SQL(
            """
            SELECT coalesce(nullif(current_setting('artifactstore.lock_wait', true), '')::float8, 0) AS wait
            """
        )
        seconds: float = self._row(query)["wait"]
        return seconds

    def append_commands(
        self, commands: Sequence[Sequence[PreparedEvent]], together: int
    ) -> tuple[list[Outcome], Standing]:
        """Append commands, each all or nothing, with the outcomes that they would have one by one.

        Args:
            commands: events of each; no two share an idempotency key, and one that expects a
                ``last_sequence`` is the first on its subject.
            together: how many are tried at once, before smaller parts of them.

        Raises what concerns all: ``Busy``, ``moved``; in the caller's transaction, which it then spoils.
        """
        events = [event for command in commands for event in command]
        lasts = list(accumulate(map(len, commands)))
        arguments = arrays(
            [event.event_type for event in events],
            [event.subject_id for event in events],
            [event.actor for event in events],
            [event.payload for event in events],
            [event.expected for event in events],
        )
        with translated(), self.connection.cursor(binary=True) as cursor:
            (row,) = cursor.execute(_APPEND_COMMANDS, (*arguments, lasts, together)).fetchall()
        sequences, times, appended, refusals, *position, lock_wait = row
        landed = zip(sequences, times, appended, strict=True)
        outcomes: list[Outcome] = []
        for command, refusal in zip(commands, refusals, strict=True):
            rows = [Appended(place, *row) for place, row in enumerate(islice(landed, len(command)), 1)]
            outcomes.append(rows if refusal is None else by_sqlstate(**refusal))
        return outcomes, Standing(Position(*position), lock_wait)
