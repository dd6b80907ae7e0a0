"""Following the feed, without any connection: what to ask next, what to check, how long to pause."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from artifactstore.client.messages import FeedEvent, FeedPage, PageHead, RemoteError

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_EPOCH_FACTS = {"epoch", "from_sequence", "reason"}
_LOST = ("cursor-ahead", "epoch-mismatch", "diverged", "log-damaged")


class FeedError(Exception):
    """The feed is not the one that was followed, or it has a hole: go on only after someone looked.

    Attributes:
        code: cursor-ahead, epoch-mismatch, diverged, log-damaged, hole, out-of-order or bad-digest.
        cursor: what was read of the log before.
        epochs: generations of the log as ``GET /log`` tells them, where the service said so: the events
            after ``from_sequence`` of an epoch that came after that of the cursor are lost.
    """

    def __init__(
        self, code: str, problem: str, cursor: "Cursor", epochs: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        told = "; ".join(map(_told, epochs))
        super().__init__(f"{code}: {problem}" + (f"; epochs: {told}" if told else ""))
        self.code = code
        self.cursor = cursor
        self.epochs = tuple(epochs)


def _epochs(failure: RemoteError) -> list[Mapping[str, Any]]:
    """The generations that a refusal tells, as far as they are that."""
    told = failure.problem.get("epochs")
    epochs = told if isinstance(told, list) else []
    return [epoch for epoch in epochs if isinstance(epoch, dict) and epoch.keys() >= _EPOCH_FACTS]


def _told(epoch: Mapping[str, Any]) -> str:
    kept = epoch["from_sequence"]
    began = "from the beginning" if kept is None else f"kept events up to {kept} ({epoch['reason']})"
    return f"{epoch['epoch']} {began}"


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a consumer must keep to go on where it ended.

    Attributes:
        sequence: up to which the log was examined.
        epoch: of the log.
        digest: identity of the event at ``sequence`` (``Event.identity``), 32 bytes, also where a filter left
            that event out; None at 0, or as long as no page was read.
    """

    sequence: int = 0
    epoch: str | None = None
    digest: bytes | None = None


class Following:
    """The state of one tail.

    Args:
        cursor: where to begin; ``None``: at the head.
        query: filters, ``until`` and ``limit``. wait: seconds of a long poll.
        retry_seconds: how long to try when the service cannot be reached; None: for ever.
    """

    def __init__(
        self, cursor: Cursor | None, query: Mapping[str, object], wait: int, retry_seconds: float | None
    ) -> None:
        self._cursor = cursor or Cursor()
        self._delivered: tuple[FeedEvent, str | None] | None = None
        self._at_head = cursor is None
        self._query = {name: value for name, value in query.items() if value not in (None, (), [])}
        self._filtered = bool(self._query.keys() - {"until", "limit"})
        self._until = query.get("until")
        self._wait = wait
        self._retry_seconds = retry_seconds
        self._pause = _FIRST_PAUSE
        self._failing_since: float | None = None

    @property
    def cursor(self) -> Cursor:
        """Up to where events were delivered."""
        if self._delivered is not None:
            # Only now: to hash each event would take as long as to read it.
            event, epoch = self._delivered
            self.cursor = Cursor(event.sequence, epoch, event.identity)
        return self._cursor

    @cursor.setter
    def cursor(self, cursor: Cursor) -> None:
        self._cursor, self._delivered = cursor, None

    @property
    def ended(self) -> bool:
        """Whether everything that was asked for was read."""
        return isinstance(self._until, int) and self.cursor.sequence >= self._until

    def request(self) -> dict[str, Any]:
        """Parameters of the next request."""
        since = "head" if self._at_head else self.cursor.sequence
        return {
            **self._query,
            "since": since,
            "wait": self._wait,
            "epoch": self.cursor.epoch,
            "since_digest": None if self._at_head else self.cursor.digest,
        }

    def ahead(self, page: PageHead) -> dict[str, Any] | None:
        """Parameters of the request after a page, if that can be sent before this one is read and checked.

        The next page is fetched while this one is dealt with: it need not wait for anything, and goes on
        from an event that the service knows. It is looked at only if this one is right.
        """
        if not page.has_more or page.retry_after is not None or page.next_digest is None:
            return None
        known = {"since": page.next, "epoch": page.epoch, "since_digest": page.next_digest}
        return {**self._query, **known, "wait": 0}

    def check(self, page: FeedPage) -> None:
        """Raise ``FeedError`` unless the page goes on exactly where the cursor is."""
        self._pause, self._failing_since = _FIRST_PAUSE, None
        if self._at_head and not page.events:
            self.cursor, self._at_head = Cursor(page.next, page.epoch, page.next_digest), False
        last = self.cursor.sequence
        if self._at_head:
            last = page.events[0].sequence - 1
            self.cursor, self._at_head = Cursor(last, page.epoch), False
        if self.cursor.epoch not in (None, page.epoch):
            self._fail("epoch-mismatch", f"the epoch is {page.epoch}, not {self.cursor.epoch}")
        for event in page.events:
            sequence = event.sequence
            if sequence <= last:
                self._fail("out-of-order", f"event {sequence} came after {last}")
            if not self._filtered and sequence != last + 1:
                self._fail("hole", f"event {last + 1} is missing, the next is {sequence}")
            if not event.intact:
                self._fail("bad-digest", f"the payload of event {sequence} is not what its digest says")
            last = sequence
        if page.next < last or (not self._filtered and page.next != last):
            self._fail("hole", f"the page ends with event {last} and says that it goes to {page.next}")
        known = page.events[-1].identity if page.events else self.cursor.digest
        if page.next == last and known is not None and page.next_digest not in (None, known):
            code = "bad-digest" if page.events else "diverged"
            self._fail(code, f"event {last} is not the one that the page says it is")

    def deliver(self, page: FeedPage) -> Iterator[FeedEvent]:
        """The events of a page that was checked; the cursor follows them, and then goes to its end."""
        for event in page.events:
            self._delivered = (event, page.epoch)
            yield event
        cursor, digest = self.cursor, page.next_digest
        if digest is None and page.next == cursor.sequence:
            digest = cursor.digest
        self.cursor = Cursor(page.next, page.epoch, digest)

    def pause_after(self, failure: Exception, now: float) -> float:
        """Seconds to wait before the next try; raises ``FeedError`` or the failure when there is none.

        Args:
            now: monotonic clock.
        """
        if isinstance(failure, RemoteError):
            if failure.code in _LOST:
                raise FeedError(failure.code, str(failure), self.cursor, _epochs(failure)) from failure
            if not failure.passing:
                raise failure
        elif isinstance(failure, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
            raise failure  # of the URL or the token: it would be the same each time
        if self._failing_since is None:
            self._failing_since = now
        if self._retry_seconds is not None and now - self._failing_since > self._retry_seconds:
            raise failure
        pause = self._pause
        self._pause = min(2 * pause, _LONGEST_PAUSE)
        asked = failure.retry_after if isinstance(failure, RemoteError) else None
        # Spread, so that the clients of a service that restarts do not all come back at once.
        return max(asked or 0.0, pause) * random.uniform(0.5, 1.5)  # noqa: S311

    def _fail(self, code: str, problem: str) -> None:
        raise FeedError(code, problem, self.cursor)
