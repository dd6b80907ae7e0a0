"""Appending the commands of several requests in one transaction, as if they had come one by one."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import psycopg

from artifactstore import db
from artifactstore.errors import ArtifactstoreError, error, translate
from artifactstore.http import metrics
from artifactstore.migrate import check_version
from artifactstore.store import Appended, Position, PreparedEvent, Store

_CANCELLED = "57014"
_SHORTEST_WAIT = 0.05
_MEMORY = 0.2
"""Weight of the last group in the share of commands that are refused."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a command does: append events, or ``job``, which has a transaction of its own."""

    events: Sequence[PreparedEvent] = ()
    job: Callable[[Store], list[Appended]] | None = None


Outcome: TypeAlias = "list[Appended] | ArtifactstoreError"
"""Where each event of a command landed, or why the command was refused."""


class _NotCommittedError(Exception):
    """The connection was lost before the commit, or the statement was cancelled: it can be repeated."""

    def __init__(self, cause: ArtifactstoreError) -> None:
        super().__init__(cause)
        self.cause = cause


class GroupAppender:
    """One connection that appends groups of commands; used by one thread, but for ``cancel``.

    ``position`` is where the log stood after the last group.

    Args:
        conninfo, keywords: as ``db.connect`` takes them.
    """

    def __init__(self, conninfo: str, **keywords: Any) -> None:
        self._conninfo = conninfo
        self._keywords = keywords
        self._connection: psycopg.Connection[Any] | None = None
        self.position: Position | None = None
        self._refused = 0.0

    def run(
        self, group: Sequence[Work], deadline: float, wanted: Callable[[], bool]
    ) -> tuple[list[Outcome], Position | None]:
        """The outcome of each command, as if they had come one by one, and where the log then stands.

        Args:
            deadline: when (monotonic) to stop waiting for the log and answer all ``busy``.
            wanted: whether to try again what was cancelled or lost before its commit.
        """
        self.position = None
        for last in (False, True):
            try:
                return self._attempt(group, deadline), self._position()
            except _NotCommittedError as lost:
                failure = lost.cause
                if failure.sqlstate != _CANCELLED:
                    self.close()
                if last or not wanted():
                    break
            except ArtifactstoreError as concerns_all:
                failure = concerns_all
                break
        return [failure] * len(group), self.position

    def cancel(self) -> None:
        """End the statement that runs, if any; for other threads."""
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=2.0)

    def close(self) -> None:
        """Close the connection; the next ``run`` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, group: Sequence[Work], deadline: float) -> list[Outcome]:
        """All together; when something is refused, again in smaller parts under one lock.

        A refusal is an answer only for the first command of what was tried: what came before another one
        was rolled back with it.
        """
        if group[0].job is not None:
            return [self._alone(group[0].job, deadline)]
        outcomes: dict[int, Outcome] = {}
        whole = range(len(group))
        parts = [whole]
        # Where refusals are usual, trying all together is wasted.
        if self._refused * len(group) <= 1:
            try:
                outcomes |= enumerate(self._together(group, deadline))
                parts = []
            except ArtifactstoreError as refusal:
                culprit = _culprit(refusal, group, whole)
                parts = _around(whole, culprit)
                if culprit == 0:
                    outcomes[0] = refusal
                    parts = [whole[1:]]
        if any(parts):
            outcomes |= self._in_parts(group, parts, deadline)
        refused = sum(isinstance(outcome, ArtifactstoreError) for outcome in outcomes.values())
        self._refused += _MEMORY * (refused / len(group) - self._refused)
        return [outcomes[index] for index in whole]

    def _together(self, commands: Sequence[Work], deadline: float) -> list[Outcome]:
        with self._transaction(deadline) as store:
            appended = store.append_prepared([event for command in commands for event in command.events])
            position = store.position()
        self.position = position
        metrics.GROUP_COMMANDS.observe(len(commands))
        rows = iter(appended)
        return [list(islice(rows, len(command.events))) for command in commands]

    def _in_parts(self, group: Sequence[Work], parts: Sequence[range], deadline: float) -> dict[int, Outcome]:
        """One transaction, a savepoint per chunk, of a size at which about one command is refused."""
        size = max(1, round(1 / max(self._refused, 1 / len(group))))
        outcomes: dict[int, Outcome] = {}
        with self._transaction(deadline) as store:
            store.hold_log()
            for part in parts:
                for start in range(part.start, part.stop, size):
                    outcomes |= _chunk(store, group, range(start, min(start + size, part.stop)))
            position = store.position()
        self.position = position
        metrics.GROUP_COMMANDS.observe(sum(map(len, parts)))
        return outcomes

    def _alone(self, job: Callable[[Store], list[Appended]], deadline: float) -> Outcome:
        try:
            with self._transaction(deadline) as store:
                appended = job(store)
                position = store.position()
        except ArtifactstoreError as refusal:
            if _concerns_all(refusal):
                raise
            return refusal
        self.position = position
        return appended

    def _position(self) -> Position | None:
        """Where the log stands; read only when all were refused and no transaction told it."""
        if self.position is None:
            with suppress(ArtifactstoreError):
                self.position = self._open_store().position()
        return self.position

    @contextmanager
    def _transaction(self, deadline: float) -> Iterator[Store]:
        """A transaction; raises ``_NotCommittedError`` while it is certain that nothing was committed."""
        store = self._open_store()
        connection = store.connection
        started = time.monotonic()
        try:
            milliseconds = max(_SHORTEST_WAIT, deadline - started) * 1000
            connection.execute(_begin(milliseconds))
            yield store
            metrics.LOCK_WAIT_SECONDS.observe(store.lock_wait())
        except psycopg.Error as failure:
            cause = translate(failure)
            raise self._rolled_back(cause) from failure
        except ArtifactstoreError as failure:
            if failure.code == "busy":
                metrics.LOCK_WAIT_SECONDS.observe(time.monotonic() - started)
            raise self._rolled_back(failure) from failure
        except BaseException:
            self.close()
            raise
        try:
            connection.commit()
        except psycopg.Error as failure:
            self.close()
            raise _unknown_outcome(translate(failure)) from failure
        metrics.APPEND_SECONDS.observe(time.monotonic() - started)

    def _rolled_back(self, cause: ArtifactstoreError) -> Exception:
        connection = self._connection
        if connection is not None and not connection.closed:
            with suppress(psycopg.Error):
                connection.rollback()
        if connection is None or connection.closed or cause.sqlstate in (_CANCELLED, "0A000"):
            # 0A000: a prepared statement whose result type a migration changed.
            return _NotCommittedError(cause)
        return cause

    def _open_store(self) -> Store:
        if self._connection is None or self._connection.closed:
            connection = db.connect(self._conninfo, purpose="writer", **self._keywords)
            try:
                check_version(connection)
            except ArtifactstoreError:
                connection.close()
                raise
            self._connection = connection
        return Store(self._connection)


def _chunk(store: Store, group: Sequence[Work], part: range) -> dict[int, Outcome]:
    """Append commands together, or in smaller parts until those that are refused stand first."""
    if not part:
        return {}
    try:
        with store.connection.transaction():
            rows = iter(store.append_prepared([event for index in part for event in group[index].events]))
        return {index: list(islice(rows, len(group[index].events))) for index in part}
    except ArtifactstoreError as refusal:
        culprit = _culprit(refusal, group, part)
        if culprit == part.start:
            return {culprit: refusal} | _chunk(store, group, part[1:])
        outcomes: dict[int, Outcome] = {}
        for smaller in _around(part, culprit):
            outcomes |= _chunk(store, group, smaller)
        return outcomes


def _around(part: range, culprit: int | None) -> list[range]:
    """What comes before a command, the command, what comes after it; halves when it is not known which."""
    if culprit is None:
        half = len(part) // 2
        return [part[:half], part[half:]]
    place = culprit - part.start
    return [part[:place], part[place : place + 1], part[place + 1 :]]


def _begin(lock_milliseconds: float) -> bytes:
    # One round trip; transaction-local, since behind a pooler a session's settings are somebody else's too.
    return (
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL TimeZone = 'UTC'; "
        f"SET LOCAL lock_timeout = {int(lock_milliseconds)}; SET LOCAL statement_timeout = 0"
    ).encode()


def _concerns_all(failure: ArtifactstoreError) -> bool:
    """Whether it is no answer to one command: no lock, the server ended the work, the log was moved."""
    return failure.code in ("busy", "unavailable", "moved")


def _culprit(refusal: ArtifactstoreError, group: Sequence[Work], rest: range) -> int | None:
    """Index of the command that was refused, or None when the refusal does not name one.

    Raises the refusal when it concerns all. A refusal names an event by its position, which becomes that
    in its command, or by type and subject, which may be those of several commands.
    """
    if _concerns_all(refusal):
        raise refusal
    if len(rest) == 1:
        return rest[0]
    owners = [(index, place) for index in rest for place in range(1, len(group[index].events) + 1)]
    position = refusal.detail.get("position")
    if isinstance(position, int) and 1 <= position <= len(owners):
        owner, refusal.detail["position"] = owners[position - 1]
        return owner
    about = (refusal.detail.get("event_type"), refusal.detail.get("subject_id"))
    named = [
        index
        for index in rest
        if any((event.event_type, str(event.subject_id)) == about for event in group[index].events)
    ]
    return named[0] if len(named) == 1 else None


def _unknown_outcome(cause: ArtifactstoreError) -> ArtifactstoreError:
    problem = (
        "the connection was lost during the commit, so it is not known whether the events are in the log"
    )
    failure = error("unavailable", {"problem": problem, "cause": str(cause.detail.get("problem"))})
    failure.hint = "repeat the request with the same Idempotency-Key: it is carried out at most once"
    return failure
