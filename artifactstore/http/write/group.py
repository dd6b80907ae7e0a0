"""The writer of a process: commands that arrive while a transaction commits go into the next one together.

Handlers submit commands and wait; one thread appends them, in arrival order. A group ends before a command
that must not be judged beside an earlier one of it: the same idempotency key, or an expected
``last_sequence`` in a package that an earlier command changes.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from artifactstore.errors import ArtifactstoreError, error
from artifactstore.http.web import metrics
from artifactstore.http.web.links import stopping
from artifactstore.http.write.group_append import GroupAppender, Run, Work, nothing_appended
from artifactstore.store import Outcome, Position

_MAX_COMMANDS = 256
_MAX_EVENTS = 10_000
_MAX_BYTES = 8 * 1024 * 1024

Answered: TypeAlias = tuple[Outcome, Position | None]
"""What became of a command, and where the log then stood, if that is known."""

_log = logging.getLogger("artifactstore.writer")


@dataclass(slots=True, eq=False)
class Pending:
    """A command that waits for its outcome.

    Attributes:
        deadline: when (monotonic) it must have been answered, appended or not.
        abandoned: its client has left.
    """

    work: Work
    future: "asyncio.Future[Answered]"
    deadline: float
    bytes: int
    abandoned: bool = False
    keys: frozenset[tuple[str, str]] = frozenset()
    packages: frozenset[UUID | None] = frozenset()
    expects: bool = False


def command(work: Work, future: "asyncio.Future[Answered]", deadline: float) -> Pending:
    """A command for ``work``, with what decides beside which others it may be appended."""
    return Pending(
        work,
        future,
        deadline,
        bytes=sum(len(event.payload) for event in work.events),
        keys=frozenset((e.actor, e.request_key) for e in work.events if e.request_key is not None),
        packages=frozenset(event.package_id for event in work.events),
        expects=any(event.expected is not None for event in work.events),
    )


@dataclass(slots=True)
class _Group:
    """Commands that are appended together, and what they touch."""

    commands: list[Pending] = field(default_factory=list)
    events: int = 0
    bytes: int = 0
    keys: set[tuple[str, str]] = field(default_factory=set)
    packages: set[UUID | None] = field(default_factory=set)

    def takes(self, other: Pending, max_commands: int) -> bool:
        """Whether ``other`` may be appended beside those that are in it."""
        if not self.commands:
            return True
        return (
            len(self.commands) < max_commands
            and self.events + len(other.work.events) <= _MAX_EVENTS
            and self.bytes + other.bytes <= _MAX_BYTES
            and other.work.job is None
            and self.commands[0].work.job is None
            and self.keys.isdisjoint(other.keys)
            and not (other.expects and not self.packages.isdisjoint(other.packages))
        )

    def add(self, other: Pending) -> None:
        self.commands.append(other)
        self.events += len(other.work.events)
        self.bytes += other.bytes
        self.keys |= other.keys
        self.packages |= other.packages


class GroupWriter:
    """The queue and the thread.

    Args:
        appender: the connection, used by the thread alone.
        lock_seconds: how long a command waits for the log, queue included.
        queue_commands, queue_bytes: what may wait.
        group: False: one command per transaction.
    """

    def __init__(
        self,
        appender: GroupAppender,
        *,
        lock_seconds: float,
        queue_commands: int,
        queue_bytes: int,
        group: bool = True,
    ) -> None:
        self._appender = appender
        self._lock_seconds = lock_seconds
        self._queue_commands = queue_commands
        self._queue_bytes = queue_bytes
        self._max_commands = _MAX_COMMANDS if group else 1
        self._queue: deque[Pending] = deque()
        self._waiting_bytes = 0
        self._current: list[Pending] = []
        self._taken: list[Pending] = []
        self._run = Run()
        self._changed = threading.Condition()
        self._switching = threading.Lock()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="artifactstore-writer", daemon=True)

    def start(self) -> None:
        """Start the thread; it connects when the first command comes."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Take no more commands, append those that wait, end the thread; after ``timeout`` leave it alone."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(0.75 * timeout)
        if self._thread.is_alive():
            self._resolve(self._end_all(stopping()))
            self._thread.join(0.25 * timeout)

    def submit(self, work: Work) -> Pending:
        """Queue a command from the event loop; its future gives what became of it.

        Raises ``Busy`` overloaded when too many wait.
        """
        deadline = time.monotonic() + self._lock_seconds
        queued = command(work, asyncio.get_running_loop().create_future(), deadline)
        with self._changed:
            if self._stopping:
                raise stopping()
            full = self._waiting_bytes + queued.bytes > self._queue_bytes and self._queue
            if len(self._queue) >= self._queue_commands or full:
                raise error("overloaded", {"problem": f"{len(self._queue)} commands wait for the log"})
            self._queue.append(queued)
            self._waiting_bytes += queued.bytes
            self._changed.notify()
        return queued

    def abandon(self, left: Pending) -> None:
        """The client of a command has left: drop it, or stop waiting for the log on its account.

        What is being appended for others goes on. Blocks for a moment: not for the event loop.
        """
        with self._changed:
            left.abandoned = True
            if left in self._queue:
                self._queue.remove(left)
                self._waiting_bytes -= left.bytes
                refusal = error("unavailable", {"problem": "the client left before its turn"})
                self._resolve([(left, (refusal, None))])
                return
        with self._switching:
            if self._current and all(one.abandoned for one in self._current):
                self._run.cancel(self._appender)

    def expire(self, late: Pending, refusal: ArtifactstoreError) -> None:
        """The time of a command is over: answer it, with the refusal unless its commit was sent.

        In the event loop. The others of its group lose the connection with it, and are answered likewise.
        """
        with self._changed:
            answer: ArtifactstoreError | None = None
            if late in self._queue:
                self._queue.remove(late)
                self._waiting_bytes -= late.bytes
                answer = nothing_appended(refusal)
            elif late in self._taken:
                answer = self._run.end(refusal)
        if answer is not None:
            _set_all([(late, (answer, None))])

    def expire_all(self, refusal: ArtifactstoreError) -> None:
        """The same for all commands; none is taken from now on."""
        _set_all(self._end_all(refusal))

    def _end_all(self, refusal: ArtifactstoreError) -> "list[tuple[Pending, Answered]]":
        with self._changed:
            self._stopping = True
            self._changed.notify()
            ended = list(self._queue)
            self._queue.clear()
            self._waiting_bytes = 0
            answer = self._run.end(refusal) if self._taken else None
            late = [] if answer is None else [(one, answer) for one in self._taken]
        dropped = nothing_appended(refusal)
        return [(one, (answer, None)) for one, answer in [*((one, dropped) for one in ended), *late]]

    @property
    def waiting(self) -> int:
        """Commands in the queue."""
        return len(self._queue)

    def _work(self) -> None:
        while group := self._take():
            with self._switching:
                self._current = group
            try:
                outcomes, position = self._append(group)
            except Exception:
                _log.exception("the writer failed")
                outcomes, position = (
                    [error("internal", {"problem": "the writer failed"}) for _ in group],
                    None,
                )
            with self._switching:
                self._current = []
            self._resolve([(one, (outcome, position)) for one, outcome in zip(group, outcomes, strict=True)])
        self._appender.close()

    def _append(self, group: Sequence[Pending]) -> tuple[list[Outcome], Position | None]:
        outcomes, position = self._appender.run(
            [one.work for one in group],
            min(one.deadline for one in group),
            wanted=lambda: not all(one.abandoned for one in group),
            run=self._run,
        )
        for one, outcome in zip(group, outcomes, strict=True):
            if not isinstance(outcome, ArtifactstoreError):
                for event_type, landed in zip(one.work.event_types, outcome, strict=True):
                    if landed.appended:
                        metrics.APPENDED.labels(event_type).inc()
        return outcomes, position

    def _take(self) -> list[Pending]:
        """The next group; empty when the writer stops."""
        group = _Group()
        with self._changed:
            self._taken = []
            while not self._queue and not self._stopping:
                self._changed.wait()
            while self._queue and group.takes(self._queue[0], self._max_commands):
                taken = self._queue.popleft()
                self._waiting_bytes -= taken.bytes
                group.add(taken)
            self._taken, self._run = group.commands, Run()
        return group.commands

    def _resolve(self, pairs: Sequence[tuple[Pending, Answered]]) -> None:
        if not pairs:
            return
        loop = pairs[0][0].future.get_loop()
        try:
            loop.call_soon_threadsafe(_set_all, pairs)
        except RuntimeError:
            _log.warning("answers were dropped: the event loop has ended", extra={"commands": len(pairs)})


def _set_all(pairs: Sequence[tuple[Pending, Answered]]) -> None:
    for one, answered in pairs:
        if not one.future.done():
            one.future.set_result(answered)
