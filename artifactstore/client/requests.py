"""What the clients send, and how each answer is read; without any connection."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import httpx

from artifactstore import __version__
from artifactstore.client.messages import (
    CBOR,
    FeedPage,
    Query,
    Received,
    parameters,
    read_json,
    read_page,
    receive_page,
)

MAX_WAIT = 55
"""Seconds that the service lets a request wait."""

TIMEOUT = httpx.Timeout(10.0, read=MAX_WAIT + 10.0)

SENDING_SECONDS = 0.1
"""So long at most a page that is there waits until the request for the next one is sent."""

Extensions: TypeAlias = dict[str, Any]
"""Of httpx, for one request."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """A request, and how its answer is read.

    Attributes:
        arguments: of ``httpx.Client.request``, beside method and path.
        read: what the answer means; raises ``RemoteError`` for a refusal and for what is not of the service.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    arguments: Mapping[str, Any] = field(default_factory=dict)


def get(path: str, query: Query) -> Exchange[Any]:
    """Ask for the JSON at a path."""
    return Exchange("GET", path, read_json, {"params": parameters(query)})


def post(path: str, body: Mapping[str, Any], key: str | None, expected: int | None) -> Exchange[Any]:
    """Send a command, with its Idempotency-Key and the version for If-Match."""
    told = {} if key is None else {"Idempotency-Key": key}
    headers = told if expected is None else told | {"If-Match": f'"{expected}"'}
    return Exchange("POST", path, read_json, {"json": body, "headers": headers})


def page(query: Query) -> Exchange[FeedPage]:
    """Ask for a page of the feed."""
    return _page(query, read_page)


def page_to_read(query: Query) -> Exchange[Received]:
    """Ask for a page of the feed whose events are read later."""
    return _page(query, receive_page)


def _page(query: Query, read: Callable[[httpx.Response], T]) -> Exchange[T]:
    return Exchange("GET", "/events", read, {"params": parameters(query), "headers": {"Accept": CBOR}})


def headers(token: str) -> dict[str, str]:
    """Headers of every request."""
    return {"Authorization": f"Bearer {token}", "User-Agent": f"artifactstore/{__version__}"}


def is_sent(event: str) -> bool:
    """Whether an event of the ``trace`` extension of httpx says that a request is on its way."""
    return event.endswith(".send_request_body.complete")
