"""What the service offers at a path and method, as data: the dispatcher and /openapi.json both read it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from uuid import UUID

from starlette.types import Receive, Scope

from artifactstore.codec import MAX_INTEGER
from artifactstore.events.fields import Field
from artifactstore.events.kinds import Id, Int, Schema
from artifactstore.http.auth import Caller, Guard, Role
from artifactstore.http.service import Service
from artifactstore.http.web.json import render
from artifactstore.http.web.request import Parameter
from artifactstore.http.web.trace import Trace, header
from artifactstore.store import Position, Store

T = TypeVar("T")
JSON = "application/json"

MIN_SEQUENCE = Parameter(
    "min_sequence",
    Int(max=MAX_INTEGER),
    "answer only if the log goes to this sequence, else 409 cursor-ahead: reads your own writes",
)
AFTER = Parameter("after", Id(), "id of the last row of the page before: its next")
LIMIT = Parameter("limit", Int(min=1, max=1000), "rows of the page", default=100)


@dataclass(slots=True)
class Answer:
    """What is sent back: ``value`` is rendered as JSON unless it is bytes already.

    ``parts``: what is sent in its place, as it is made.
    """

    value: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON
    parts: AsyncGenerator[bytes] | None = None

    def body(self) -> bytes:
        """The bytes of the answer."""
        return self.value if isinstance(self.value, bytes) else render(self.value)


@dataclass(slots=True)
class Call:
    """A request that was read and allowed.

    Attributes:
        path, query, body: values by name, by attribute for the body (which is in ``batch`` when several
            are given at once). canonical: CBOR of the body as it was sent.
        expected: versions that If-Match allows, see ``expected_versions``. key: Idempotency-Key.
        replayed: whether the answer is that of an earlier request with the same key.
    """

    service: Service
    guard: Guard
    endpoint: "Endpoint"
    trace: Trace
    scope: Scope
    receive: Receive
    caller: Caller | None = None
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    batch: Sequence[Mapping[str, Any]] | None = None
    canonical: bytes = b"\xa0"
    expected: tuple[int, ...] | None = None
    key: str | None = None
    replayed: bool = False

    @property
    def actor(self) -> str:
        """Who asks."""
        return self.who.actor

    @property
    def who(self) -> Caller:
        """Who asks and what the token allows; only for endpoints that need a role."""
        if self.caller is None:
            raise TypeError("the endpoint asks for no token")
        return self.caller

    def id(self, name: str) -> UUID:
        """An id of the path."""
        value: UUID = self.path[name]
        return value

    async def read(self, work: Callable[[Store], T], *, scratch: bool = False) -> T:
        """What ``work`` reads, in one snapshot whose position the answer tells; see ``Service.read``."""
        least = self.query.get("min_sequence")
        # Whoever watches a client reads what it sends: not before a body is read.
        left = None if self.trace.unread else self.client_left
        return await self.service.read(work, least, self._note, scratch=scratch, client_left=left)

    def _note(self, position: Position) -> None:
        self.trace.position = position

    async def check_caller(self) -> None:
        """Ask again who asks, for an answer that takes long; raises ``Forbidden`` unauthorized, forbidden."""
        caller = await self.guard.identify(header(self.scope, b"authorization"))
        caller.check(self.endpoint.role or caller.role)

    async def client_left(self) -> None:
        """Return when the client has closed the connection."""
        while (await self.receive())["type"] != "http.disconnect":
            await asyncio.sleep(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path and method.

    Attributes:
        role: least role of the token; None: no token is asked for.
        doc: for /openapi.json, more than the summary says.
        answer: schema of the answer's body, or name of a shared one; None: no JSON.
        status: of the answer. media_type: of the answer.
        others: what other statuses mean that the same answer may have.
        appends: whether it appends events, if it is no GET. apart: whether it has nothing to do with the log.
        hears: headers that it hears besides those that many do.
        query: parameters; MIN_SEQUENCE is one of them for all reads of the log.
        body: fields of the JSON object that is sent; None: no body.
        takes: media types of a body that is no JSON: the handler reads it as it comes.
        batch: name of the array of such objects that may be sent instead of one, and how many at most.
        also: other media types that the answer may have, with their schemas.
        may_have: headers that the answer may have; ETag: not always, although ``etag``.
        etag: whether the answer has an ETag and If-None-Match is heard.
        if_match: whether If-Match is heard.
        creates: whether 201 with Location is answered.
        gives: parameters of other paths that the answer has the values of: name → JSON pointer in it.
        refusals: codes that it answers besides those that all have.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    role: Role | None
    tag: str
    summary: str
    handle: Callable[[Call], Awaitable[Answer]]
    doc: str = ""
    answer: Schema | str | None = None
    status: int = 200
    media_type: str = JSON
    others: Mapping[int, str] = field(default_factory=dict)
    appends: bool = True
    apart: bool = False
    path_parameters: Sequence[Parameter] = ()
    query: Sequence[Parameter] = ()
    hears: Sequence[Parameter] = ()
    body: Sequence[Field] | None = None
    batch: tuple[str, int] | None = None
    takes: Sequence[str] = ()
    also: Mapping[str, Schema] = field(default_factory=dict)
    may_have: Sequence[str] = ()
    etag: bool = False
    if_match: bool = False
    creates: bool = False
    gives: Mapping[str, str] = field(default_factory=dict)
    refusals: Sequence[str] = ()

    @property
    def reads_log(self) -> bool:
        """Whether its answers tell where the log stands."""
        if self.role is None or self.apart:
            return False
        return self.method != "GET" or MIN_SEQUENCE in self.query

    @property
    def keyed(self) -> bool:
        """Whether it hears Idempotency-Key."""
        return self.method == "POST" and self.appends and not self.apart
