"""The log of a service, for commands that are given its URL."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

import httpx

from artifactstore import access
from artifactstore.client import Client, Cursor, FeedError, FeedEvent, RemoteError
from artifactstore.errors import ERRORS, BadInput, error
from artifactstore.events import parse_time
from artifactstore.shown import event_value
from artifactstore.store import EventQuery, Row

_RETRY_SECONDS = 60.0


class Remote:
    """A service.

    Args:
        token: None: that of the embedded service of this user.
    """

    def __init__(self, url: str, token: str | None) -> None:
        if token is None:
            known = access.read_token(access.token_path())
            if known is None:
                raise BadInput("usage", {"problem": "no token: give --token or set ARTIFACTSTORE_TOKEN"})
            token = known.text
        try:
            with _translated():
                self._client = Client(url, token)
        except UnicodeError as failure:
            raise BadInput("usage", {"problem": f"--url or --token cannot be: {failure}"}) from failure
        self._known: Cursor | None = None

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def head(self) -> int:
        """The highest sequence of its log."""
        with _translated():
            told = self._client.get("/log")
        with _shaped("/log"):
            digest, sequence = told["head_digest"], int(told["head"])
            identity = None if digest is None else bytes.fromhex(digest.removeprefix("sha256:"))
            self._known = Cursor(sequence, told["epoch"], identity)
        return sequence

    def sequence_at(self, instant: datetime) -> int:
        """As ``Store.sequence_at``, by the clock of this machine; a search, as times never decrease."""
        head = self.head()
        with _translated():
            last = self._time_of(head) if head else None
            if instant > (now := datetime.now(UTC)) and (last is None or instant > last):
                facts = {"head": head, "head_at": last, "clock": now}
                raise error("not-found", {"problem": f"{instant} has not come yet", **facts})
            before, after = 0, head + 1
            while after - before > 1:
                middle = (before + after) // 2
                if self._time_of(middle) <= instant:
                    before = middle
                else:
                    after = middle
        return before

    def _time_of(self, sequence: int) -> datetime:
        path = f"/events/{sequence}"
        told = self._client.get(path)
        with _shaped(path):
            return parse_time(told["created_at"])

    def events(self, query: EventQuery, limit: int | None, *, follow: bool) -> Iterator[Row]:
        """Events as ``Store.events`` gives them, each one checked; ``follow``: then new ones, for ever."""
        end = query.until
        if not follow:
            head = self.head()
            if query.since > head:
                raise error("cursor-ahead", {"problem": f"the log ends at {head}", "head": head})
            end = query.end(head)
        tail = self._client.tail(
            self._cursor(query.since),
            until=end,
            event_type=sorted(query.where.event_type),
            subject_kind=sorted(query.where.subject_kind),
            subject_id=sorted(query.where.subject_id),
            actor=sorted(query.where.actor),
            retry_seconds=_RETRY_SECONDS,
        )
        with _translated():
            yield from map(_row, islice(tail, limit))

    def _cursor(self, since: int) -> Cursor:
        """Where to begin, on the log that was asked before for its head."""
        known = self._known
        if known is not None and known.sequence == since:
            return known
        return Cursor(since, None if known is None else known.epoch)

    def newest(self, query: EventQuery, limit: int) -> list[Row]:
        """The newest ``limit`` events up to ``query.until``, ascending."""
        if query.contiguous:
            query = replace(query, since=max(0, (query.until or self.head()) - limit))
        return list(deque(self.events(query, None, follow=False), maxlen=limit))


def _row(event: FeedEvent) -> Row:
    try:
        return event_value(event.stored)
    except BadInput as failure:
        return {**event.stored._asdict(), "payload": {"unreadable": failure.message}}


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what the client raises as the errors that the program tells."""
    try:
        yield
    except RemoteError as failure:
        raise failure.local() from failure
    except FeedError as failure:
        code = failure.code if failure.code in ERRORS else "log-damaged"
        raise error(code, {"problem": str(failure), "sequence": failure.cursor.sequence}) from failure
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as failure:
        raise error("usage", {"problem": f"the URL or the token: {failure}"}) from failure
    except httpx.HTTPError as failure:
        raise error("service-unreachable", {"problem": str(failure) or type(failure).__name__}) from failure


@contextmanager
def _shaped(path: str) -> Iterator[None]:
    """Raise what goes wrong while JSON is read as ``foreign-answer``: the service says something else."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, BadInput) as failure:
        problem = f"{path} answers JSON of something else: {failure!r}"
        raise error("foreign-answer", {"problem": problem}) from failure
