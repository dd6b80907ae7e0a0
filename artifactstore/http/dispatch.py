"""From a request to an answer: who asks, what was sent, the handler, the headers that all answers have."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from artifactstore.codec import Problem
from artifactstore.errors import error
from artifactstore.events.fields import Field, read_fields
from artifactstore.http.auth import Caller, Guard
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.web.compression import compressed, take_gzip
from artifactstore.http.web.conditions import expected_versions, is_known
from artifactstore.http.web.request import (
    ParsedBody,
    bad_payload,
    bad_request,
    idempotency_key,
    read_body,
    read_path,
    read_query,
)
from artifactstore.http.web.trace import current, header, position_headers

_EMPTY = ParsedBody({}, b"\xa0")


class Resource:
    """All methods of one path; an ASGI application."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints
        self._path = next(iter(endpoints.values())).path
        self._open = all(endpoint.role is None for endpoint in endpoints.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace = current(scope)
        trace.path = self._path
        method = scope["method"]
        endpoint = self._endpoints.get("GET" if method == "HEAD" else method)
        if method == "OPTIONS":
            # What a path takes is no secret, and browsers ask without a token.
            await Response(None, 204, {"Allow": ", ".join(self.allowed())})(scope, receive, send)
            return
        if endpoint is None:
            if not self._open:
                await identify(scope)
            raise error("method-not-allowed", {"problem": method, "allow": self.allowed()})
        call = Call(scope["app"].state.service, scope["app"].state.guard, endpoint, trace, scope, receive)
        trace.unread = bool(endpoint.takes)
        if endpoint.role is not None:
            call.caller = await identify(scope)
            call.caller.check(endpoint.role)
        await _read(call)
        answer = await endpoint.handle(call)
        answer.headers |= position_headers(trace.position)
        await _send(answer, scope, receive, send)

    def allowed(self) -> list[str]:
        """The methods that the path takes."""
        return [*self._endpoints, *(["HEAD"] if "GET" in self._endpoints else []), "OPTIONS"]


async def nowhere(scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answers every path that is none of ours; who asks must say who it is all the same."""
    await identify(scope)
    raise error("no-such-path", {"problem": scope["path"]})


async def identify(scope: Scope) -> Caller:
    """Who asks; raises ``Forbidden`` unauthorized."""
    guard: Guard = scope["app"].state.guard
    caller = await guard.identify(header(scope, b"authorization"))
    current(scope).actor = caller.actor
    return caller


async def _read(call: Call) -> None:
    endpoint = call.endpoint
    call.path = read_path(endpoint.path_parameters, call.scope["path_params"])
    call.query = read_query(endpoint.query, call.scope["query_string"])
    if endpoint.method == "GET":
        return
    if endpoint.keyed:
        call.key = idempotency_key(call.scope)
    call.expected = expected_versions(call.scope)
    if call.expected is not None and not endpoint.if_match:
        raise bad_request("If-Match has no meaning here: nothing is changed that has an ETag")
    if endpoint.takes:
        return
    settings = call.service.settings
    body = await read_body(call.scope, call.receive, settings.body_bytes, settings.body_timeout)
    _take_body(call, body or _EMPTY)


def _take_body(call: Call, body: ParsedBody) -> None:
    fields, batch = call.endpoint.body or (), call.endpoint.batch
    call.canonical = body.canonical
    try:
        if batch is not None and isinstance(body.value, dict) and batch[0] in body.value:
            call.batch = _read_batch(fields, body.value, *batch)
        else:
            call.body = read_fields(fields, body.value)
    except Problem as problem:
        raise bad_payload(problem) from None


def _read_batch(
    fields: Sequence[Field], value: dict[str, Any], name: str, limit: int
) -> list[dict[str, Any]]:
    items = value[name]
    if len(value) > 1:
        raise Problem("does not stand beside " + name, next(key for key in value if key != name))
    if type(items) is not list or not items:
        raise Problem("must be an array with at least one item", name)
    if len(items) > limit:
        raise Problem(f"must have at most {limit} items, not {len(items)}: split the request", name)
    read: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        try:
            read.append(read_fields(fields, item))
        except Problem as problem:
            problem.path[:0] = [name, index]
            raise
    return read


async def _send(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Cache-Control": "no-store", **answer.headers}
    if answer.parts is not None:
        current(scope).streams = True
        async with aclosing(answer.parts) as parts:
            content = () if scope["method"] == "HEAD" else parts
            streaming = StreamingResponse(content, answer.status, headers, media_type=answer.media_type)
            await streaming.stream_response(send)
        return
    body, service = answer.body(), scope["app"].state.service
    least = service.settings.gzip_bytes
    gzip = scope["method"] in ("GET", "HEAD") and 0 < least <= len(body) and take_gzip(scope, headers)
    tag = headers.get("ETag")
    if tag is not None and answer.status == 200 and is_known(scope, tag):
        response = Response(None, 304, headers)
    else:
        if gzip:
            headers["Content-Encoding"] = "gzip"
            body = await compressed(body, service.compressing)
        response = Response(body, answer.status, headers, media_type=answer.media_type)
    if scope["method"] == "HEAD":
        response.body = b""  # the headers, Content-Length among them, are those of GET
    await response(scope, receive, send)
