"""Appending to the log."""

from collections.abc import Sequence
from itertools import accumulate, islice
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, BadInput, Refused, by_sqlstate, translated
from artifactstore.events import Event, NewEvent, PackageSealed
from artifactstore.store.base import Connected, check_integers
from artifactstore.store.identity import Position
from artifactstore.store.packages import Packages
from artifactstore.store.policies import Policies
from artifactstore.store.prepared import Outcome, PreparedEvent, Standing, prepare
from artifactstore.store.rows import Appended

_SEAL_ATTEMPTS = 3
_ANY_NUMBER = 2**31
_NO_JSON = "22P02"
"""SQLSTATE invalid_text_representation."""

_APPEND = SQL(
    """
    SELECT "position", sequence, created_at, appended
    FROM artifactstore.append(%b::text[], %b::uuid[], %b::text[], %b::bytea[], %b::bytea[], %b::bigint[])
    ORDER BY "position"
    """
)

_APPEND_COMMANDS = SQL(
    """
    SELECT * FROM artifactstore.append_commands(
        %b::text[], %b::uuid[], %b::text[], %b::bytea[], %b::bytea[], %b::bigint[], %b::integer[],
        %b::integer)
    """
)


class Writes(Connected):
    """``store.writes``: appending to the log."""

    side_by_side = 1
    """Appends at once that are worth while: one holds the lock and has the connection."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(connection)
        self._policies = Policies(connection)

    def together(self, _event: type[Event]) -> int:
        """How many events of a type, about several things, one ``append`` takes: as many as a transaction."""
        return _ANY_NUMBER

    def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """Append events all or nothing, in their order, and project them.

        Raises ``BadInput`` (a payload or actor that cannot be, too many events), ``Refused`` (the state
        does not allow it), ``Forbidden``, or ``Busy`` (nothing was appended; retrying is the caller's).
        """
        return self._append(*columns(self._policies.filled([prepare(event) for event in events])))

    def append_json(
        self, event_type: str, subject_id: UUID, actor: str, payload: str, expected: int | None = None
    ) -> Appended:
        """Append one event of any type, its payload as JSON text (the forms of SQL ``append_json``).

        The database encodes the text itself, so ``1e2``, ``1.0`` and duplicate keys are seen and refused.
        """
        query = SQL("SELECT artifactstore.cbor_encode(%s, %s::json) AS payload")
        try:
            encoded = self._row(query, (event_type, payload))["payload"]
        except ArtifactstoreError as failure:
            if failure.sqlstate != _NO_JSON:
                raise
            raise BadInput("bad-payload", failure.detail) from failure
        values = codec.decode(encoded)
        event = PreparedEvent(
            event_type, subject_id, actor, values, encoded, codec.digest(encoded), expected, None, None
        )
        return self._append(*columns(self._policies.filled([event])))[0]

    def seal(
        self,
        package_id: UUID,
        actor: str,
        *,
        reason: str | None = None,
        expected: int | None = None,
        manifest_digest: bytes | None = None,
    ) -> tuple[Appended, PackageSealed]:
        """Seal an open package with the manifest of its files; reads them again if some came meanwhile.

        Raises ``Refused``: not-open, empty, changed, or manifest-changed when files keep coming or do not
        make the manifest that is given.
        """
        for attempt in range(1, _SEAL_ATTEMPTS + 1):
            event = Packages(self.connection).sealing(package_id, reason)
            check_manifest(event, manifest_digest)
            try:
                return self.append([NewEvent(event, package_id, actor, expected)])[0], event
            except Refused as refusal:
                if refusal.code != "manifest-changed" or attempt == _SEAL_ATTEMPTS:
                    raise
        raise AssertionError("the loop returns or raises")

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

    def await_standbys(self) -> None:
        """Have this transaction wait at its end for the standbys that are asked for, though it wrote nothing.

        What was committed before is with them, too, when it ends.
        """
        query = SQL(
            """
            SELECT pg_logical_emit_message(true, 'artifactstore', '')::text
            WHERE current_setting('synchronous_standby_names') <> ''
            """
        )
        self._all(dict_row, query)

    def append_commands(
        self, commands: Sequence[Sequence[PreparedEvent]], together: int
    ) -> tuple[list[Outcome], Standing]:
        """Append commands, each all or nothing, with the outcomes that they would have one by one.

        Args:
            commands: events of each; no two share an idempotency key, and one that expects a
                ``last_sequence`` is the first on its subject.
            together: how many are tried at once, before smaller parts of them.

        Raises what concerns all: ``Busy``, ``moved``; in the caller's transaction, which it then spoils.
        Refuses policy-applies for packages that ``Policies.filled`` was not asked about.
        """
        events = [event for command in commands for event in command]
        lasts = list(accumulate(map(len, commands)))
        arguments = arrays(*columns(events))
        with translated(), self.connection.cursor(binary=True) as cursor:
            (row,) = cursor.execute(_APPEND_COMMANDS, (*arguments, lasts, together)).fetchall()
        sequences, times, appended, refusals, *position, lock_wait = row
        landed = zip(sequences, times, appended, strict=True)
        outcomes: list[Outcome] = []
        for command, refusal in zip(commands, refusals, strict=True):
            rows = [Appended(place, *row) for place, row in enumerate(islice(landed, len(command)), 1)]
            outcomes.append(rows if refusal is None else by_sqlstate(**refusal))
        return outcomes, Standing(Position(*position), lock_wait)

    def _append(
        self,
        event_types: list[str],
        subject_ids: list[UUID | None],
        actors: list[str],
        payloads: list[bytes],
        digests: list[bytes],
        expected: list[int | None],
    ) -> list[Appended]:
        arguments = arrays(event_types, subject_ids, actors, payloads, digests, expected)
        try:
            with translated(), self.connection.cursor(binary=True, row_factory=args_row(Appended)) as cursor:
                cursor.execute(_APPEND, arguments)
                return cursor.fetchall()
        except ArtifactstoreError as refusal:
            if len(event_types) == 1:
                refusal.detail.pop("position", None)  # there is no other event that it could be
            raise


def check_manifest(event: PackageSealed, expected: bytes | None) -> None:
    """Raise ``Refused`` manifest-changed, with the digest, unless the files make the given manifest."""
    if expected not in (None, event.manifest_digest):
        problem = "the manifest is not the expected one"
        raise Refused(
            "manifest-changed", {"problem": problem, "manifest_digest": event.manifest_digest.hex()}
        )


def columns(
    events: Sequence[PreparedEvent],
) -> tuple[list[str], list[UUID | None], list[str], list[bytes], list[bytes], list[int | None]]:
    """Types, subjects, actors, payloads, their digests and expected versions of events."""
    return (
        [event.event_type for event in events],
        [event.subject_id for event in events],
        [event.actor for event in events],
        [event.payload for event in events],
        [event.digest for event in events],
        [event.expected for event in events],
    )


def arrays(
    event_types: list[str],
    subject_ids: list[UUID | None],
    actors: list[str],
    payloads: list[bytes],
    digests: list[bytes],
    expected: list[int | None],
) -> tuple[object, ...]:
    """Events as SQL ``append`` takes them; raises ``BadInput``."""
    if any("\0" in actor for actor in set(actors)):
        raise BadInput("bad-actor", {"problem": "it holds U+0000"})
    check_integers(expected)
    versions = None if all(version is None for version in expected) else expected
    return event_types, subject_ids, actors, payloads, digests, versions
