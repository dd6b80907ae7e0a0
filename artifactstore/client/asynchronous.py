"""The client for programs on asyncio."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from artifactstore.client.following import Cursor, Following
from artifactstore.client.messages import (
    CBOR,
    FeedEvent,
    FeedPage,
    Query,
    RemoteError,
    parameters,
    read_json,
    read_page,
    readable,
)
from artifactstore.client.network import network
from artifactstore.client.options import MAX_WAIT, TIMEOUT, cursor_of, headers, post_headers


class AsyncClient:
    """A connection pool to one service.

    Args:
        url: of the service, such as ``http://127.0.0.1:8321``. token: ``ast_…``.
        transport: of httpx, for tests and special networks.

    Raises ``BadInput`` usage for a URL, proxy variables or certificates that cannot be used.
    """

    def __init__(self, url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(headers=headers(token), timeout=TIMEOUT, **network(url, transport))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, **query: object) -> Any:
        """The JSON at a path; raises ``RemoteError``, ``httpx.TransportError``."""
        with readable():
            answer = await self._http.get(path, params=parameters(query))
        return read_json(answer)

    async def post(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None, expected: int | None = None
    ) -> Any:
        """Send a command; returns its JSON.

        Args:
            key: Idempotency-Key; with the same one a command may be repeated until it is answered.
            expected: version that the row must have, as its ETag tells it (If-Match).

        Raises:
            RemoteError: it was refused, and appended nothing; or, with the code foreign-answer, something
                else than the service answered.
            httpx.TransportError: it is not known what became of it; repeat it with its key.
        """
        with readable():
            answer = await self._http.post(path, json=body, headers=post_headers(key, expected))
        return read_json(answer)

    async def events(self, since: int = 0, *, wait: int = 0, **query: object) -> FeedPage:
        """One page of the feed, as it comes; ``query``: limit, until, epoch, filters (docs/reference)."""
        return await self._page({"since": since, "wait": wait, **query})

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
    ) -> "AsyncTail":
        """Every event after ``since``, for ever or up to ``until``; see ``AsyncTail``.

        Args:
            since: sequence, or what ``AsyncTail.cursor`` was; None: only what is appended from now on.
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
        return AsyncTail(self, Following(cursor_of(since), query, min(wait, MAX_WAIT), retry_seconds))

    async def _page(self, query: Query) -> FeedPage:
        with readable():
            answer = await self._http.get("/events", params=parameters(query), headers={"Accept": CBOR})
        return read_page(answer)


class AsyncTail(AsyncIterator[FeedEvent]):
    """Events in order, each once.

    Contiguity, epoch and digests are checked. What cannot be right raises ``FeedError``; a service that
    cannot be reached is tried again, with growing pauses; other refusals raise ``RemoteError``.
    """

    def __init__(self, client: AsyncClient, following: Following) -> None:
        self._client = client
        self._following = following
        self._events = self._follow()

    @property
    def cursor(self) -> Cursor:
        """Where to go on after the event that was last returned: keep it with what was made of that."""
        return self._following.cursor

    async def __anext__(self) -> FeedEvent:
        return await anext(self._events)

    async def _follow(self) -> AsyncIterator[FeedEvent]:
        following = self._following
        ahead: asyncio.Future[FeedPage] | None = None
        try:
            while not following.ended:
                try:
                    page = await (self._client._page(following.request()) if ahead is None else ahead)
                except (httpx.TransportError, RemoteError) as failure:
                    ahead = None
                    await asyncio.sleep(following.pause_after(failure, time.monotonic()))
                    continue
                following.check(page)
                query = following.ahead(page)
                if query is None:
                    ahead = None
                else:
                    ahead = asyncio.ensure_future(self._client._page(query))
                    await asyncio.sleep(0)  # it is sent now, whether or not the caller ever waits
                for event in page.events:
                    following.passed(event, page.epoch)
                    yield event
                following.finished(page)
                if page.retry_after is not None:
                    await asyncio.sleep(page.retry_after)
        finally:
            if ahead is not None:
                # Nobody reads it any more, whatever becomes of it.
                ahead.add_done_callback(lambda page: page.cancelled() or page.exception())
                ahead.cancel()
