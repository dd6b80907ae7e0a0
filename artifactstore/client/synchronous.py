"""The client for programs that block."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import count
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from artifactstore.client.calls import Calls
from artifactstore.client.contents import ContentCalls
from artifactstore.client.following import Following
from artifactstore.client.messages import FeedEvent, FeedPage, readable
from artifactstore.client.network import network
from artifactstore.client.operation import Blocking
from artifactstore.client.operations import Operations
from artifactstore.client.packages import PackageContents
from artifactstore.client.requests import SENDING_SECONDS, TIMEOUT, Exchange, Extensions, headers, is_sent
from artifactstore.client.retrying import pause_before
from artifactstore.client.steps import FAILURES, Answer, Begin, Deliver, Fetch, Followed, steps

if TYPE_CHECKING:
    from artifactstore.remote import Remote

T = TypeVar("T")


class Client(Calls[Any, FeedPage, "Tail"], Operations[Blocking]):
    """A connection pool to one service.

    Args:
        url: of the service, such as ``http://127.0.0.1:8321``. token: ``ast_…``.
        transport: of httpx, for tests and special networks.

    Attributes:
        url: as given. content: bytes of files.
        packages: directories and open files too.

    Raises ``BadInput`` usage for a URL, proxy variables or certificates that cannot be used.
    """

    packages: PackageContents

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        super().__init__(self.perform)
        self.url = url
        self._http = httpx.Client(headers=headers(token), timeout=TIMEOUT, **network(url, transport))
        self.content = ContentCalls(self._http)
        self.packages = PackageContents(self.perform, self.content, self._registry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.content.close()
        self._http.close()

    def _registry(self) -> "Remote":
        from artifactstore.remote import Remote  # which is made of clients

        return Remote(self)

    def perform(self, request: Exchange[T]) -> T:
        for attempt in count(2):
            try:
                return self._send(request)
            except FAILURES as failure:
                if not request.repeated:
                    raise
                time.sleep(pause_before(attempt, failure))
        raise AssertionError("the loop returns or raises")

    def _send(self, request: Exchange[T], extensions: Extensions | None = None) -> T:
        with readable():
            response = self._http.request(
                request.method, request.path, extensions=extensions, **request.arguments
            )
        return request.read(response)

    def _answer(self, ask: Fetch, extensions: Extensions | None = None) -> Answer:
        try:
            return self._send(ask.request, extensions)
        except FAILURES as failure:
            return failure

    def _begin(self, reader: Executor, ask: Fetch) -> "Future[Answer]":
        """Return when the request is sent; the interpreter would let this thread read a whole page before."""
        sent = Event()

        def trace(event: str, _facts: Mapping[str, object]) -> None:
            if is_sent(event):
                sent.set()

        begun = reader.submit(self._answer, ask, {"trace": trace})
        begun.add_done_callback(lambda _: sent.set())
        sent.wait(SENDING_SECONDS)
        return begun

    def _tail(self, following: Following) -> "Tail":
        return Tail(self, following)


class Tail(Followed, Iterator[FeedEvent]):
    """Events in order, each once.

    Contiguity, epoch and digests are checked. What cannot be right raises ``FeedError``; a service that
    cannot be reached is tried again, with growing pauses; other refusals raise ``RemoteError``.
    """

    def __init__(self, client: Client, following: Following) -> None:
        super().__init__(following)
        self._events = _follow(client, following)

    def __next__(self) -> FeedEvent:
        return next(self._events)


def _follow(client: Client, following: Following) -> Iterator[FeedEvent]:
    # One thread: nothing is asked for before the page that comes before it is there.
    reader = ThreadPoolExecutor(1, thread_name_prefix="artifactstore-tail")
    begun: Future[Answer] | None = None
    try:
        for step in steps(following):
            if isinstance(step, Deliver):
                yield from step.events
            elif isinstance(step, Begin):
                begun = client._begin(reader, step.ask)
            elif isinstance(step, Fetch):
                step.answer = client._answer(step) if begun is None else begun.result()
                begun = None
            else:
                time.sleep(step.seconds)
    finally:
        reader.shutdown(wait=False)
