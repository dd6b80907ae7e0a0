"""What is sent and what comes back, without any connection: both clients share it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, TypeAlias
from uuid import UUID

import httpx

from artifactstore import codec, leaves
from artifactstore.codec import Payload, Problem
from artifactstore.errors import ERRORS, ArtifactstoreError, error
from artifactstore.exits import EXIT_RETRY
from artifactstore.leaves import Columns
from artifactstore.store import LoggedEvent

CBOR = "application/cbor-seq"
JSON = "application/json"
_PASSING = (408, 429, 502, 503, 504)
"""Statuses after which the same request may succeed."""
_OF_PROBLEMS = ("type", "title", "status", "detail", "hint")
"""Members of a problem that are no facts of the case: the library has its own words for them."""
_LONGEST_ASKED = 300.0
"""Seconds: nobody stays away for longer because an answer asks for it."""
_SHOWN = 120
"""Bytes of a strange answer that are told."""

_MAX_DIGITS = 16
_MAX_LEVELS = 32
"""Of JSON: what is deeper is nothing of ours, and programs that walk it should not have to mind."""
_in_order = itemgetter(*leaves.COLUMNS)
_LEVELS = 1
"""Of an event: a map of columns that hold nothing else."""

Query: TypeAlias = Mapping[str, object]


class RemoteError(Exception):
    """The service refused a request, or what answered is not the service (code foreign-answer).

    Attributes:
        status: of HTTP. code: of ``artifactstore.errors``. problem: the whole problem (RFC 9457).
        retry_after: seconds that the service asks to wait.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code", "internal"))
        self.retry_after = retry_after
        super().__init__(f"{status} {self.code}: {problem.get('detail', 'no detail')}")

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        known = ERRORS.get(self.code)
        return self.status in _PASSING or (known is not None and known.exit_code == EXIT_RETRY)

    def local(self) -> ArtifactstoreError:
        """The same error as the library raises it on a database of its own."""
        # A code that is not known here comes from a service of another version.
        code = self.code if self.code in ERRORS else "foreign-answer"
        facts = {key: value for key, value in self.problem.items() if key not in _OF_PROBLEMS}
        told = str(self.problem.get("detail", ""))
        return error(code, {**facts, "problem": told if code == self.code else str(self)})


@dataclass(frozen=True)
class FeedEvent:
    """An event as it is stored; each value is made when it is asked for.

    Attributes:
        columns: checked, as CBOR values.
    """

    columns: Columns

    @property
    def sequence(self) -> int:
        """Its number."""
        return self.columns.sequence

    @property
    def created_at(self) -> datetime:
        """When it was appended, in UTC."""
        return self.stored.created_at

    @property
    def event_type(self) -> str:
        """What happened, such as ``v1.package.created``."""
        return self.columns.event_type

    @property
    def subject_kind(self) -> str:
        """What kind of thing it is about."""
        return self.columns.subject_kind

    @property
    def subject_id(self) -> UUID | None:
        """What it is about."""
        return self.stored.subject_id

    @property
    def actor(self) -> str:
        """Who did it."""
        return self.columns.actor

    @property
    def payload_bytes(self) -> bytes:
        """The exact bytes of the payload, of which ``payload_digest`` is the BLAKE3."""
        return self.columns.payload

    @property
    def payload_digest(self) -> bytes:
        """32 bytes."""
        return self.columns.payload_digest

    @cached_property
    def payload(self) -> Payload:
        """The payload: ids and digests as bytes, times in µs; raises ``BadInput`` if it is damaged."""
        return codec.decode(self.payload_bytes, self.event_type)

    @cached_property
    def stored(self) -> LoggedEvent:
        """The event as a row of the log."""
        return leaves.from_columns(self.columns)

    @cached_property
    def identity(self) -> bytes:
        """What tells it from every other event, 32 bytes: SHA-256 of its whole row (``leaves.identity``)."""
        return self.columns.identity

    @property
    def intact(self) -> bool:
        """Whether the payload is what the digest says."""
        return codec.digest(self.columns.payload) == self.columns.payload_digest


@dataclass(frozen=True, slots=True)
class PageHead:
    """What the headers of a page tell: enough to ask for the next one.

    Attributes:
        epoch: of the log; None for an empty one. head: of the log, in the same snapshot.
        next: cursor of the next page. has_more: whether that has something to examine now.
        next_digest: identity of the event at ``next``, 32 bytes; None when that is 0.
        retry_after: seconds that the service, which has too many waiters, asks to stay away.
    """

    epoch: str | None
    head: int
    next: int
    next_digest: bytes | None
    has_more: bool
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class FeedPage(PageHead):
    """A page of the feed."""

    events: Sequence[FeedEvent]


@dataclass(frozen=True, slots=True)
class Received:
    """A page whose events were not read yet."""

    head: PageHead
    response: httpx.Response

    def read(self) -> FeedPage:
        """The page with its events; raises ``RemoteError`` for what is no page."""
        told = self.head
        try:
            events = _events(codec.load_items(self.response.content, _LEVELS))
        except Problem as problem:
            raise _no_page(self.response, problem) from None
        return FeedPage(
            told.epoch, told.head, told.next, told.next_digest, told.has_more, told.retry_after, events
        )


def parameters(query: Query) -> httpx.QueryParams:
    """Parameters as the service takes them: lists are repeated, None is left out, digests are SHA-256."""
    told: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in query.items():
        values = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
        given = [item for item in values if item is not None]
        told += [(name, _parameter(item)) for item in given]
    return httpx.QueryParams(told)


def _parameter(value: object) -> str:
    if isinstance(value, bytes):
        return f"sha256:{value.hex()}"
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def read_json(response: httpx.Response) -> Any:
    """The JSON of an answer; raises ``RemoteError``, also for an answer that is not of this service."""
    check(response)
    kind = _media_type(response)
    if kind != JSON:
        raise foreign(response, f"it is {kind or 'of no type'}, not {JSON}")
    try:
        return _json(response)
    except Problem as problem:
        raise foreign(response, problem.text) from None


def receive_page(response: httpx.Response) -> Received:
    """The page that was asked for as CBOR; raises ``RemoteError``, also for what is no page."""
    check(response)
    kind = _media_type(response)
    if kind != CBOR:
        raise foreign(response, f"it is {kind or 'of no type'}, not {CBOR}")
    headers = response.headers
    try:
        head = PageHead(
            headers.get("Artifactstore-Epoch"),
            _number(headers, "Artifactstore-Head"),
            _number(headers, "Artifactstore-Next"),
            _digest(headers.get("Artifactstore-Next-Digest")),
            headers.get("Artifactstore-Has-More") == "true",
            _retry_after(response),
        )
    except Problem as problem:
        raise _no_page(response, problem) from None
    return Received(head, response)


def read_page(response: httpx.Response) -> FeedPage:
    """As ``receive_page``, with the events."""
    return receive_page(response).read()


def check(response: httpx.Response) -> None:
    """Raise ``RemoteError`` unless the request succeeded."""
    if response.is_success:
        return
    try:
        problem = _json(response)
    except Problem:
        problem = None
    if isinstance(problem, dict) and isinstance(problem.get("code"), str):
        raise RemoteError(response.status_code, problem, _retry_after(response))
    # Of a proxy or of another program, not of the service.
    if response.status_code in _PASSING:
        told = {"code": "service-unreachable", "detail": f"{response.request.url} answers {_shown(response)}"}
        raise RemoteError(response.status_code, told, _retry_after(response))
    moved = response.headers.get("Location")
    raise foreign(response, f"it leads to {moved}" if moved else "it is no problem document")


@contextmanager
def readable() -> Iterator[None]:
    """Raise ``RemoteError`` for a body that is not compressed as its head says."""
    try:
        yield
    except httpx.DecodingError as failure:
        facts = {
            "code": "foreign-answer",
            "detail": f"{failure.request.url} gives a body that cannot be read: {failure}",
            "url": str(failure.request.url),
        }
        raise RemoteError(200, facts, None) from failure


def foreign(response: httpx.Response, problem: str) -> RemoteError:
    """The failure that an answer is not of this service."""
    facts = {
        "code": "foreign-answer",
        "detail": f"{response.request.url} answers {_shown(response)}: {problem}",
        "url": str(response.request.url),
        "content_type": _media_type(response),
    }
    return RemoteError(response.status_code, facts, None)


def _no_page(response: httpx.Response, problem: Problem) -> RemoteError:
    return foreign(response, f"it is no page of the feed: {problem.text}")


def _shown(response: httpx.Response) -> str:
    """Status and the beginning of the text, on one line."""
    begins = response.content[:_SHOWN].decode("utf-8", "replace")
    return f"{response.status_code} {' '.join(begins.split())!r}"


def _media_type(response: httpx.Response) -> str:
    kind: str = response.headers.get("Content-Type", "")
    return kind.partition(";")[0].strip().lower()


def _json(response: httpx.Response) -> Any:
    """The JSON of a body; raises ``Problem``."""
    try:
        value = response.json()
    except (ValueError, RecursionError) as failure:
        raise Problem(f"it is no JSON: {failure}") from None
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(_MAX_LEVELS):
        containers = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for inside in containers for one in inside if isinstance(one, (dict, list))]
        if not level:
            return value
    raise Problem(f"it is JSON of more than {_MAX_LEVELS} levels")


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_ASKED) if text.isdecimal() else None


def _number(headers: httpx.Headers, name: str) -> int:
    text = headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise Problem(f"{name} is {text[:40]!r}, no number")
    return int(text)


def _digest(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        digest = bytes.fromhex(text.removeprefix("sha256:"))
    except ValueError:
        digest = b""
    if len(digest) != leaves.BYTES:
        raise Problem(f"{text[:80]!r} is no SHA-256")
    return digest


def _events(items: Sequence[Any]) -> list[FeedEvent]:
    # Of all at once, as a page has a thousand.
    try:
        if set(map(type, items)) <= {dict} and set(map(len, items)) <= {len(leaves.COLUMNS)}:
            return list(map(FeedEvent, leaves.check_all_columns(list(map(_in_order, items)))))
    except KeyError:
        pass
    raise Problem("an item is not the columns of an event")
