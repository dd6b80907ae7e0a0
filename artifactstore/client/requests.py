"""What the clients send, and how each answer is read; without any connection."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import orjson

from artifactstore import __version__
from artifactstore.client.messages import (
    CBOR,
    FeedPage,
    Query,
    Received,
    check,
    foreign,
    parameters,
    read_json,
    read_page,
    receive_page,
)
from artifactstore.client.reading import UnlikelyError, read_answer

MAX_WAIT = 55
"""Seconds that the service lets a request wait."""

AGENT = {"User-Agent": f"artifactstore/{__version__}"}
"""Who asks, as every request tells it."""

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
        repeated: whether it is sent again after a failure that may pass (``retrying``).
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    repeated: bool = False


def read(path: str, answer: type[T], query: Query) -> Exchange[T]:
    """Ask for what is at a path; None in ``query`` is left out."""
    return Exchange("GET", path, _reads(answer), {"params": parameters(query)}, repeated=True)


def read_text(path: str) -> Exchange[str]:
    """Ask for the text at a path."""
    return Exchange("GET", path, _text, repeated=True)


def command(
    path: str, answer: type[T], body: Mapping[str, object], key: str | None, expected: int | None = None
) -> Exchange[T]:
    """Send a command; None in ``body`` is left out. Without a key it gets one of its own."""
    given = {name: value for name, value in body.items() if value is not None}
    told = {"Content-Type": "application/json", "Idempotency-Key": key or str(uuid4())}
    if expected is not None:
        told["If-Match"] = f'"{expected}"'
    content = orjson.dumps(given, _plain, orjson.OPT_PASSTHROUGH_DATETIME)
    return Exchange("POST", path, _reads(answer), {"content": content, "headers": told}, repeated=True)


def send(method: str, path: str, answer: type[T], body: bytes, headers: Mapping[str, str]) -> Exchange[T]:
    """Send bytes; it is right to send them again."""
    return Exchange(method, path, _reads(answer), {"content": body, "headers": headers}, repeated=True)


def _text(response: httpx.Response) -> str:
    check(response)
    return response.text


def segment(value: UUID | int | str) -> str:
    """A value as one segment of a path."""
    return quote(str(value), safe="")


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"{value} has no zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


def _reads(answer: type[T]) -> Callable[[httpx.Response], T]:
    def read(response: httpx.Response) -> T:
        value = read_json(response)
        if answer is dict:
            return value  # type: ignore[no-any-return]
        try:
            return read_answer(answer, value)
        except UnlikelyError as failure:
            raise foreign(response, str(failure)) from None

    return read


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
    return {"Authorization": f"Bearer {token}", **AGENT}


def is_sent(event: str) -> bool:
    """Whether an event of the ``trace`` extension of httpx says that a request is on its way."""
    return event.endswith(".send_request_body.complete")
