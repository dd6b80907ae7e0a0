"""Appending the commands of several requests in one transaction, as if they had come one by one."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg

from artifactstore import db
from artifactstore.errors import ArtifactstoreError, Refused, error, translate
from artifactstore.http.web import metrics
from artifactstore.http.web.links import give_up
from artifactstore.migrate import check_version
from artifactstore.store import Appended, Outcome, Position, PreparedEvent, Store

_CANCELLED, _NOT_SUPPORTED = "57014", "0A000"
_RULED = "policy-applies"
_SHORTEST_WAIT = 0.05
_MEMORY = 0.2
"""Weight of the last group in the share of commands that are refused."""
_REFUSED_TOGETHER = 0.7
"""How many of the commands that are tried at once should be refused, on average."""


_OF_ALL = frozenset(
    {
        "busy", "unavailable", "database-missing", "login-refused", "read-only", "disk-full", "moved",
        "views-behind",
    }
)  # fmt: skip


@dataclass(slots=True)
class Work:
    """What a command does: append events, or ``job``, which has a transaction of its own.

    ``events`` are afterwards those that were appended: with the retention that rules give. ``job_types``:
    types of the events that the job appends.
    """

    events: Sequence[PreparedEvent] = ()
    job: Callable[[Store], list[Appended]] | None = None
    job_types: Sequence[str] = ()

    @property
    def event_types(self) -> Sequence[str]:
        """The type of each event."""
        return [event.event_type for event in self.events] or self.job_types


class _NotCommittedError(Exception):
    """The connection was lost before the commit, or the statement was cancelled: it can be repeated."""

    def __init__(self, cause: ArtifactstoreError) -> None:
        super().__init__(cause)
        self.cause = cause


class Run:
    """One group on its way, which other threads may end: what they are told of its commit is certain."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelling = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._sent = self._done = False
        self.over: ArtifactstoreError | None = None

    def end(self, refusal: ArtifactstoreError) -> ArtifactstoreError | None:
        """Give its connection up, now or when it gets one; for other threads, never blocks.

        Returns what to answer: ``refusal`` and that nothing was appended, which is certain, or that the
        outcome is not known when the commit was sent; None when it is known, and will be answered at once.
        """
        with self._lock:
            if self._done:
                return None
            if self.over is None:
                self.over = refusal
                if self._connection is not None:
                    give_up(self._connection)
            return _unknown_outcome(self.over) if self._sent else nothing_appended(self.over)

    def cancel(self, appender: "GroupAppender") -> None:
        """Cancel the statement that runs, but never a commit: that may be done, and wait for standbys only.

        For other threads; blocks while the request is on its way.
        """
        with self._cancelling:
            if not self._sent:
                appender.cancel()

    def using(self, connection: psycopg.Connection[Any]) -> None:
        """It needs this connection; raises ``_NotCommittedError`` when it was ended."""
        with self._lock:
            self._go_on()
            self._connection = connection

    def commit(self) -> None:
        """The commit is about to be sent; raises ``_NotCommittedError`` when it was ended."""
        with self._cancelling, self._lock:
            self._go_on()
            self._sent = True

    def committed(self, done: bool) -> None:
        """The server answered to the commit."""
        with self._lock:
            self._sent, self._done = False, done

    def _go_on(self) -> None:
        if self.over is not None:
            raise _NotCommittedError(self.over)


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
        self._run = Run()
        self.position: Position | None = None
        self._refused = 0.0
        self._ruled = False

    def run(
        self, group: Sequence[Work], deadline: float, wanted: Callable[[], bool], run: Run
    ) -> tuple[list[Outcome], Position | None]:
        """The outcome of each command, as if they had come one by one, and where the log then stands.

        Args:
            deadline: when (monotonic) to stop waiting for the log and answer all ``busy``.
            wanted: whether to try again what was cancelled or lost before its commit.
            run: with which it can be ended.
        """
        self.position, self._run = None, run
        for last in (False, True):
            try:
                return self._attempt(group, deadline), self._position()
            except _NotCommittedError as lost:
                failure = lost.cause
                if failure.sqlstate != _CANCELLED:
                    self.close()
                if run.over is not None:
                    failure = nothing_appended(run.over)
                    break
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
        if group[0].job is not None:
            return [self._alone(group[0].job, deadline)]
        try:
            return self._together(group, deadline)
        except Refused as refusal:
            if refusal.code != _RULED:
                raise
            # There are rules, which was not known here: all once more, with the retention that they give.
            self._ruled = True
            return self._together(group, deadline)

    def _together(self, group: Sequence[Work], deadline: float) -> list[Outcome]:
        # Where refusals are usual, trying all together is wasted.
        together = max(1, min(len(group), round(_REFUSED_TOGETHER / max(self._refused, 1e-3))))
        with self._transaction(deadline, pipelined=True) as store:
            if self._ruled:
                filled = iter(store.policies.filled([event for one in group for event in one.events]))
                for one in group:
                    one.events = list(islice(filled, len(one.events)))
            outcomes, standing = store.writes.append_commands([one.events for one in group], together)
            for outcome in outcomes:
                if isinstance(outcome, Refused) and outcome.code == _RULED and not self._ruled:
                    raise outcome
            if any(map(_is_replayed, outcomes)):
                store.writes.await_standbys()
        self.position = standing.position
        metrics.LOCK_WAIT_SECONDS.observe(standing.lock_wait)
        metrics.GROUP_COMMANDS.observe(len(group))
        refused = sum(isinstance(outcome, ArtifactstoreError) for outcome in outcomes)
        self._refused += _MEMORY * (refused / len(group) - self._refused)
        return outcomes

    def _alone(self, job: Callable[[Store], list[Appended]], deadline: float) -> Outcome:
        try:
            with self._transaction(deadline) as store:
                appended = job(store)
                if _is_replayed(appended):
                    store.writes.await_standbys()
                position = store.identity.position()
                metrics.LOCK_WAIT_SECONDS.observe(store.writes.lock_wait())
        except ArtifactstoreError as refusal:
            if _concerns_all(refusal):
                raise
            return refusal
        self.position = position
        return appended

    def _position(self) -> Position | None:
        """Where the log stands; read only when all were refused and no transaction told it."""
        if self.position is None:
            with suppress(ArtifactstoreError, _NotCommittedError):
                self.position = self._open_store().identity.position()
        return self.position

    @contextmanager
    def _transaction(self, deadline: float, *, pipelined: bool = False) -> Iterator[Store]:
        """A transaction; raises ``_NotCommittedError`` while it is certain that nothing was committed.

        Args:
            pipelined: send its beginning with the first statement. Each wait for the server costs this
                thread a turn of the interpreter, which the event loop holds most of the time.
        """
        store = self._open_store()
        connection = store.connection
        started = time.monotonic()
        try:
            with connection.pipeline() if pipelined else nullcontext():
                db.begin_append(connection, max(_SHORTEST_WAIT, deadline - started))
                yield store
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
        self._run.commit()
        try:
            with _warnings(connection) as warnings:
                connection.commit()
        except psycopg.Error as failure:
            cause = translate(failure)
            if failure.diag.severity_nonlocalized == "ERROR":
                # The server itself says that it rolled back; when it ends it may have committed before.
                self._run.committed(False)
                raise _NotCommittedError(cause) from failure
            self.close()
            raise _unknown_outcome(cause) from failure
        if warnings:
            # Done here, but not confirmed by the standbys that are to have it: as good as a lost connection.
            self.close()
            raise _unknown_outcome(error("unavailable", {"problem": "; ".join(warnings)}))
        self._run.committed(True)
        metrics.APPEND_SECONDS.observe(time.monotonic() - started)

    def _rolled_back(self, cause: ArtifactstoreError) -> Exception:
        connection = self._connection
        if connection is not None and not connection.closed:
            with suppress(psycopg.Error):
                connection.rollback()
        if connection is None or connection.closed:
            return _NotCommittedError(cause)
        if cause.sqlstate == _NOT_SUPPORTED:
            # A standby begins no transaction that writes; else a migration changed the result of a statement.
            with suppress(ArtifactstoreError):
                if (problem := Store(connection).log.read_only()) is not None:
                    return error("read-only", {"problem": problem})
        return _NotCommittedError(cause) if cause.sqlstate in (_CANCELLED, _NOT_SUPPORTED) else cause

    def _open_store(self) -> Store:
        if self._connection is None or self._connection.closed:
            connection = db.connect(self._conninfo, purpose="writer", **self._keywords)
            try:
                self._run.using(connection)
                check_version(connection)
            except (ArtifactstoreError, _NotCommittedError):
                connection.close()
                raise
            self._connection = connection
        self._run.using(self._connection)
        return Store(self._connection)


@contextmanager
def _warnings(connection: psycopg.Connection[Any]) -> Iterator[list[str]]:
    """What the server warns of meanwhile: that a wait for standbys was cancelled is no error to it."""
    warnings: list[str] = []

    def note(told: psycopg.errors.Diagnostic) -> None:
        if told.severity_nonlocalized == "WARNING":
            warnings.append(str(told.message_primary))

    connection.add_notice_handler(note)
    try:
        yield warnings
    finally:
        connection.remove_notice_handler(note)


def _is_replayed(outcome: Outcome) -> bool:
    """Whether it is that of an earlier request with the same key."""
    return not isinstance(outcome, ArtifactstoreError) and not outcome[0].appended


def _concerns_all(failure: ArtifactstoreError) -> bool:
    """Whether it is no answer to one command: no lock, the server ended the work, nothing may be appended."""
    return failure.code in _OF_ALL


def nothing_appended(refusal: ArtifactstoreError) -> ArtifactstoreError:
    """The refusal of a command that was not carried out, and never will be."""
    return error("unavailable", {"problem": f"{refusal.detail['problem']}; nothing was appended"})


def _unknown_outcome(cause: ArtifactstoreError) -> ArtifactstoreError:
    problem = "the commit was not confirmed, so it is not known whether the events are in the log for good"
    failure = error("unavailable", {"problem": problem, "cause": str(cause.detail.get("problem"))})
    failure.hint = "repeat the request with the same Idempotency-Key: it is carried out at most once"
    return failure
