"""What is sent and what comes back, without any connection: both clients share it."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

import cbor2
import httpx

from artifactstore import codec, leaves
from artifactstore.codec import Payload
from artifactstore.errors import ERRORS, EXIT_RETRY, ArtifactstoreError, error
from artifactstore.events.times import from_micros
from artifactstore.store import LoggedEvent

CBOR = "application/cbor-seq"

Query: TypeAlias = Mapping[str, object]


class RemoteError(Exception):
    """The service refused a request.

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
        return self.status in (408, 429, 502, 503, 504) or (
            known is not None and known.exit_code == EXIT_RETRY
        )

    def local(self) -> ArtifactstoreError:
        """The same error as the library raises it on a database of its own."""
        code = self.code if self.code in ERRORS else "internal"
        facts = {key: value for key, value in self.problem.items() if key not in ("type", "title", "status")}
        return error(code, {**facts, "problem": str(self.problem.get("detail", ""))})


@dataclass(frozen=True)
class Event:
    """An event as it is stored: ``payload_bytes`` are the exact bytes, of which the digest is the BLAKE3."""

    sequence: int
    created_at: datetime
    event_type: str
    subject_kind: str
    subject_id: UUID | None
    actor: str
    payload_bytes: bytes
    payload_digest: bytes

    @cached_property
    def payload(self) -> Payload:
        """The payload: ids and digests as bytes, times in µs; raises ``BadInput`` if it is damaged."""
        return codec.decode(self.payload_bytes, self.event_type)

    @cached_property
    def stored(self) -> LoggedEvent:
        """The event as a row of the log."""
        return LoggedEvent(
            self.sequence,
            self.created_at,
            self.event_type,
            self.subject_kind,
            self.subject_id,
            self.actor,
            self.payload_bytes,
            self.payload_digest,
        )

    @cached_property
    def identity(self) -> bytes:
        """What tells it from every other event, 32 bytes: SHA-256 of its whole row (``leaves.identity``)."""
        return leaves.identity(self.stored)

    @property
    def intact(self) -> bool:
        """Whether the payload is what the digest says."""
        return codec.digest(self.payload_bytes) == self.payload_digest


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the feed.

    Attributes:
        epoch: of the log; None for an empty one. head: of the log, in the same snapshot.
        next: cursor of the next page. has_more: whether that has something to examine now.
        next_digest: identity of the event at ``next``, 32 bytes; None when that is 0.
        retry_after: seconds that the service, which has too many waiters, asks to stay away.
    """

    epoch: str | None
    head: int
    events: Sequence[Event]
    next: int
    next_digest: bytes | None
    has_more: bool
    retry_after: float | None


def parameters(query: Query) -> httpx.QueryParams:
    """Parameters as the service takes them: lists are repeated, None is left out, digests are SHA-256."""
    told: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in query.items():
        values = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
        given = [item for item in values if item is not None]
        told += [(name, f"sha256:{item.hex()}" if isinstance(item, bytes) else str(item)) for item in given]
    return httpx.QueryParams(told)


def read_json(response: httpx.Response) -> Any:
    """The JSON of an answer; raises ``RemoteError``."""
    check(response)
    return response.json()


def read_page(response: httpx.Response) -> Page:
    """The page that was asked for as CBOR; raises ``RemoteError``, or ``ValueError`` for what is no page."""
    check(response)
    if response.headers.get("Content-Type") != CBOR:
        raise ValueError(f"the answer is {response.headers.get('Content-Type')}, not {CBOR}")
    headers = response.headers
    try:
        return Page(
            headers.get("Artifactstore-Epoch"),
            int(headers["Artifactstore-Head"]),
            list(_events(response.content)),
            int(headers["Artifactstore-Next"]),
            _digest(headers.get("Artifactstore-Next-Digest")),
            headers["Artifactstore-Has-More"] == "true",
            _retry_after(response),
        )
    except (KeyError, TypeError, cbor2.CBORDecodeError) as failure:
        raise ValueError(f"the answer is no page of the feed: {failure!r}") from failure


def check(response: httpx.Response) -> None:
    """Raise ``RemoteError`` unless the request succeeded."""
    if response.is_success:
        return
    try:
        problem = response.json()
    except json.JSONDecodeError:
        problem = {}
    if not isinstance(problem, dict) or "code" not in problem:
        # Of a proxy, not of the service.
        problem = {"code": "unavailable" if response.status_code >= 500 else "bad-request"}
        problem["detail"] = response.text[:200]
    raise RemoteError(response.status_code, problem, _retry_after(response))


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _digest(text: str | None) -> bytes | None:
    if text is None:
        return None
    digest = bytes.fromhex(text.removeprefix("sha256:"))
    if len(digest) != leaves.BYTES:
        raise ValueError(f"{text} is no SHA-256")
    return digest


def _events(body: bytes) -> list[Event]:
    stream = io.BytesIO(body)
    found = []
    while stream.tell() < len(body):
        item = cbor2.load(stream)
        subject_id = item["subject_id"]
        found.append(
            Event(
                item["sequence"],
                from_micros(item["created_at"]),
                item["event_type"],
                item["subject_kind"],
                None if subject_id is None else UUID(bytes=subject_id),
                item["actor"],
                item["payload"],
                item["payload_digest"],
            )
        )
    return found
