"""The client for programs on asyncio."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from artifactstore.client.calls import Calls
from artifactstore.client.following import Following
from artifactstore.client.messages import FeedEvent, FeedPage, readable
from artifactstore.client.network import network
from artifactstore.client.operation import Awaited
from artifactstore.client.operations import Operations
from artifactstore.client.requests import SENDING_SECONDS, TIMEOUT, Exchange, Extensions, headers, is_sent
from artifactstore.client.retrying import pause_before
from artifactstore.client.steps import FAILURES, Answer, Begin, Deliver, Fetch, Followed, steps

T = TypeVar("T")


class AsyncClient(Calls[Awaitable[Any], Awaitable[FeedPage], "AsyncTail"], Operations[Awaited]):
    """As ``Client``, on asyncio."""

    def __init__(self, url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        super().__init__(self.perform)
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

    async def perform(self, request: Exchange[T]) -> T:
        for attempt in count(2):
            try:
                return await self._send(request)
            except FAILURES as failure:
                if not request.repeated:
                    raise
                await asyncio.sleep(pause_before(attempt, failure))
        raise AssertionError("the loop returns or raises")

    async def _send(self, request: Exchange[T], extensions: Extensions | None = None) -> T:
        with readable():
            response = await self._http.request(
                request.method, request.path, extensions=extensions, **request.arguments
            )
        return request.read(response)

    async def _answer(self, ask: Fetch, extensions: Extensions | None = None) -> Answer:
        try:
            return await self._send(ask.request, extensions)
        except FAILURES as failure:
            return failure

    def _begin(self, ask: Fetch) -> "tuple[asyncio.Future[Answer], asyncio.Event]":
        """What comes, and when the request is sent."""
        sent = asyncio.Event()

        async def trace(event: str, _facts: Mapping[str, object]) -> None:
            if is_sent(event):
                sent.set()

        begun = asyncio.ensure_future(self._answer(ask, {"trace": trace}))
        begun.add_done_callback(lambda _: sent.set())
        return begun, sent

    def _tail(self, following: Following) -> "AsyncTail":
        return AsyncTail(self, following)


class AsyncTail(Followed, AsyncIterator[FeedEvent]):
    """As ``Tail``, on asyncio."""

    def __init__(self, client: AsyncClient, following: Following) -> None:
        super().__init__(following)
        self._events = _follow(client, following)

    async def __anext__(self) -> FeedEvent:
        return await anext(self._events)


async def _follow(client: AsyncClient, following: Following) -> AsyncIterator[FeedEvent]:
    begun: asyncio.Future[Answer] | None = None
    try:
        for step in steps(following):
            if isinstance(step, Deliver):
                for event in step.events:
                    yield event
            elif isinstance(step, Begin):
                begun, sent = client._begin(step.ask)
                with suppress(TimeoutError):
                    # Now, whether or not the caller ever waits.
                    await asyncio.wait_for(sent.wait(), SENDING_SECONDS)
            elif isinstance(step, Fetch):
                step.answer = await (client._answer(step) if begun is None else begun)
                begun = None
            else:
                await asyncio.sleep(step.seconds)
    finally:
        if begun is not None:
            # Nobody reads it any more, whatever becomes of it.
            begun.add_done_callback(lambda page: page.cancelled() or page.exception())
            begun.cancel()
