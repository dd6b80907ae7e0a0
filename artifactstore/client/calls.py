"""What both clients offer, whatever performs it: a thread that blocks, or asyncio."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from artifactstore.client import requests
from artifactstore.client.following import Cursor, Following
from artifactstore.client.requests import MAX_WAIT, Exchange

AnswerT = TypeVar("AnswerT")
PageT = TypeVar("PageT")
TailT = TypeVar("TailT")


class Calls(ABC, Generic[AnswerT, PageT, TailT]):
    """Methods of a client; what they return is awaitable if the client is on asyncio."""

    @abstractmethod
    def perform(self, request: Exchange[Any]) -> Any:
        """Send it, and read the answer."""

    @abstractmethod
    def _tail(self, following: Following) -> TailT:
        """The events of a state that was not begun."""

    def get(self, path: str, **query: object) -> AnswerT:
        """The JSON at a path; raises ``RemoteError``, ``httpx.TransportError``."""
        answer: AnswerT = self.perform(requests.get(path, query))
        return answer

    def post(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None, expected: int | None = None
    ) -> AnswerT:
        """Send a command; returns its JSON.

        Args:
            key: Idempotency-Key; with the same one a command may be repeated until it is answered.
            expected: version that the row must have, as its ETag tells it (If-Match).

        Raises:
            RemoteError: it was refused, and appended nothing; or, with the code foreign-answer, something
                else than the service answered.
            httpx.TransportError: it is not known what became of it; repeat it with its key.
        """
        answer: AnswerT = self.perform(requests.post(path, body, key, expected))
        return answer

    def events(self, since: int = 0, *, wait: int = 0, **query: object) -> PageT:
        """One page of the feed, as it comes; ``query``: limit, until, epoch, filters (docs/reference)."""
        page: PageT = self.perform(requests.page({"since": since, "wait": wait, **query}))
        return page

    def tail(
        self,
        since: int | Cursor | None = 0,
        *,
        until: int | None = None,
        limit: int | None = None,
        event_type: str | Sequence[str] = (),
        subject_kind: str | Sequence[str] = (),
        subject_id: UUID | Sequence[UUID] = (),
        actor: str | Sequence[str] = (),
        wait: int = 25,
        retry_seconds: float | None = None,
    ) -> TailT:
        """Every event after ``since``, for ever or up to ``until``; see ``Tail``.

        Args:
            since: sequence, or what ``Tail.cursor`` was; None: only what is appended from now on.
            limit: events of a page. wait: seconds of a long poll, at most 55.
            retry_seconds: how long a service that cannot be reached is tried; None: for ever.
        """
        query = {
            "until": until,
            "limit": limit,
            "event_type": event_type,
            "subject_kind": subject_kind,
            "subject_id": subject_id,
            "actor": actor,
        }
        cursor = Cursor(since) if isinstance(since, int) else since
        return self._tail(Following(cursor, query, min(wait, MAX_WAIT), retry_seconds))
