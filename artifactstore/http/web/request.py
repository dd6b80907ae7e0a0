"""Reading a request: parameters, headers and the body, each strictly."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.types import Receive, Scope

from artifactstore.codec import Problem, Value
from artifactstore.errors import ArtifactstoreError, BadInput, error
from artifactstore.events.kinds import Kind
from artifactstore.http.web.json import parse
from artifactstore.http.web.trace import header

_LARGE_BODY = 64 * 1024
"""Bytes of a body that is parsed in a thread, so that others need not wait for it."""

SINGLE_HEADERS = (
    "Authorization", "Content-Encoding", "Content-Length", "Content-Type", "Host", "Idempotency-Key",
    "Last-Event-ID",
)  # fmt: skip
"""Headers that a request has once or not at all: of two, others may read the other one."""

_SINGLE = frozenset(name.lower().encode() for name in SINGLE_HEADERS)
_CHARSETS = frozenset({"charset=utf-8", 'charset="utf-8"'})
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+;=%:\[\]-]*")
_KEY = re.compile(r"[!-~]{1,255}")


class ClientLeftError(Exception):
    """The client closed the connection: nobody reads an answer."""


class AnswerCutError(Exception):
    """An answer was begun and cannot be ended as it must: its connection is cut; ``failure`` is why."""

    def __init__(self, failure: ArtifactstoreError) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query or path."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    repeatable: bool = False
    default: object = None


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """A body as JSON value and as canonical CBOR."""

    value: Value
    canonical: bytes


def bad_request(problem: str, **facts: object) -> ArtifactstoreError:
    """A request that cannot be read."""
    return error("bad-request", {"problem": problem, **facts})


def bad_payload(problem: Problem) -> BadInput:
    """A problem of a body as the error that is answered."""
    if not problem.where:
        return BadInput("bad-payload", {"problem": problem.text})
    return BadInput("bad-payload", {"problem": f"{problem.where} {problem.text}", "field": problem.where})


def check_head(scope: Scope) -> None:
    """Raise ``BadInput`` bad-request for a head that others may read differently (RFC 9112, 3.2)."""
    seen = set()
    for name, value in scope["headers"]:
        if name not in _SINGLE:
            continue
        if name in seen:
            title = next(title for title in SINGLE_HEADERS if title.lower().encode() == name)
            raise bad_request(f"{title} is given twice", header=title)
        seen.add(name)
        if name == b"host" and _HOST.fullmatch(value) is None:
            raise bad_request("Host is a name or address, with or without a port", header="Host")
    if b"host" not in seen and scope["http_version"] == "1.1":
        raise bad_request("Host is missing", header="Host")


def read_query(parameters: Sequence[Parameter], query: bytes) -> dict[str, Any]:
    """Values by name, defaults included; raises ``BadInput`` bad-request naming the parameter."""
    try:
        given = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict",
            max_num_fields=200,
        )  # fmt: skip
    except ValueError:
        raise bad_request("the query is not of the form name=value&…, percent-encoded UTF-8") from None
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {p.name: [] if p.repeatable else p.default for p in parameters}
    seen: set[str] = set()
    for name, text in given:
        parameter = known.get(name)
        if parameter is None:
            names = ", ".join(known) or "none"
            raise bad_request(f"{name!r} is no parameter here; there are: {names}", parameter=name)
        value = _read_parameter(parameter, text)
        if parameter.repeatable:
            values[name].append(value)
        elif name in seen:
            raise bad_request(f"{name} is given twice", parameter=name)
        else:
            values[name] = value
        seen.add(name)
    missing = [p.name for p in parameters if p.required and p.name not in seen]
    if missing:
        raise bad_request(f"{missing[0]} is missing", parameter=missing[0])
    return values


def read_path(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name; raises ``BadInput`` bad-request naming the parameter."""
    return {p.name: _read_parameter(p, str(given[p.name])) for p in parameters}


def idempotency_key(scope: Scope) -> str | None:
    """The Idempotency-Key, if given."""
    text = header(scope, b"idempotency-key")
    if text is not None and _KEY.fullmatch(text) is None:
        problem = "Idempotency-Key is 1 to 255 printable ASCII characters without spaces"
        raise bad_request(problem, header="Idempotency-Key")
    return text


async def read_body(scope: Scope, receive: Receive, limit: int, seconds: float) -> ParsedBody | None:
    """The body; None when there is none.

    Raises ``BadInput`` too-large over ``limit`` bytes, request-timeout when it is not complete in time,
    unsupported-media-type, or what ``json.parse`` raises; ``ClientLeftError``.
    """
    data = await receive_all(scope, receive, limit, seconds)
    if not data:
        return None
    encoding = header(scope, b"content-encoding")
    if encoding not in (None, "identity"):
        raise error("unsupported-media-type", {"problem": f"Content-Encoding {encoding[:100]}"})
    content_type = header(scope, b"content-type")
    if content_type is None or not _is_json(content_type):
        raise error(
            "unsupported-media-type", {"problem": f"Content-Type {(content_type or 'is missing')[:100]}"}
        )
    if len(data) > _LARGE_BODY:
        return ParsedBody(*await to_thread.run_sync(parse, data))
    return ParsedBody(*parse(data))


def _is_json(content_type: str) -> bool:
    media_type, semicolon, parameter = content_type.lower().partition(";")
    charset = parameter.strip(" \t") in _CHARSETS if semicolon else True
    return media_type.strip(" \t") == "application/json" and charset


async def receive_all(scope: Scope, receive: Receive, limit: int, seconds: float) -> bytes:
    """The bytes of the body; raises ``BadInput`` too-large, request-timeout, and ``ClientLeftError``."""
    length = header(scope, b"content-length")
    if length is not None and length.isdecimal() and int(length[:20]) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientLeftError
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > limit:
                    raise _too_large(limit)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        problem = f"the body was not complete within {seconds:g} s"
        raise error("request-timeout", {"problem": problem, "received": size}) from None


def _too_large(limit: int) -> ArtifactstoreError:
    return error("too-large", {"problem": f"bodies have at most {limit} bytes", "limit": limit})


def _read_parameter(parameter: Parameter, text: str) -> Any:
    try:
        return parameter.kind.read_text(text)
    except Problem as problem:
        raise bad_request(f"{parameter.name} {problem.text}", parameter=parameter.name) from None
