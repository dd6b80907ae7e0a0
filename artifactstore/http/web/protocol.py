"""HTTP on a connection: what uvicorn leaves open is bounded here, and refused with a problem.

Bytes and number of headers are judged while they arrive, before anybody is asked who sends them; so are the
lines between the chunks of a body, and trailers, which are read and dropped (RFC 9110, 6.5.1: nothing in
them is taken for a header).
"""

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from artifactstore.errors import ArtifactstoreError, error
from artifactstore.http.web import metrics, problems
from artifactstore.http.web.request import bad_request
from artifactstore.http.web.trace import SCOPE_KEY, Trace

if TYPE_CHECKING:
    from artifactstore.http.web.connections import Connections

_MAX_PIPELINED = 16
"""Requests that a client may send before the one in front of them is answered."""
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 1024 * 1024
"""What is read and dropped after a refusal: to close with something unread would take the answer away."""
_BODY_BYTES = 10 * 1024 * 1024
"""The same of a body whose request is answered: a proxy that has all of it sends that, or tells a 502."""
_DRAIN_SECONDS = 0.5
"""When the server stops, for which an idle connection is kept: a proxy may have sent a request that it will
not send again. What comes is answered, and told that it was the last one."""

_BETWEEN, _HEAD, _BODY = range(3)
"""Where the parser is: between messages, in a head, in a body with its trailers."""


class _Answer:
    """The transport as an answer sees it.

    The head waits for the first of the body, so that both are one system call, and one packet. To close it is
    to end the connection in order.
    """

    def __init__(self, protocol: "Protocol", cycle: Any) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._head: bytes | None = None
        """None: not written yet. Empty: sent."""

    def write(self, data: bytes) -> None:
        self._protocol.count(len(data))
        if self._head is None and self._cycle.response_started:
            self._head = data
        elif self._head:
            self._protocol.transport.writelines((self._head, data))
            self._head = b""
        else:
            self._protocol.transport.write(data)

    def flush(self) -> None:
        """Send a head behind which no body comes."""
        if self._head:
            self._protocol.transport.write(self._head)
            self._head = b""

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self.flush()
        self._protocol.finish()


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds; the parser below it refuses control characters in heads."""

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections: Connections = app_state["connections"]
        self._limits = self._connections.settings
        self.timeout_keep_alive = self._limits.idle_timeout
        self._where = _BETWEEN
        self._due: tuple[float, str] | None = None
        self._body_due = 0.0
        self._sending_since: float | None = None
        self._written = self._taken = 0
        self._heard = False
        self._deaf = False
        self._draining = False
        self._dropped = 0
        self._room = _LINGER_BYTES
        # Of the head or of the trailers; bytes since the last that was of use.
        self._size = self._count = self._idle_bytes = 0
        self._progress = False
        self._refusal: tuple[ArtifactstoreError, str] | None = None
        self._running: Any = None

    def connection_made(self, transport: Any) -> None:
        """A client came: it has ``head_timeout`` to ask for something."""
        super().connection_made(transport)
        self._due = (self.loop.time() + self._limits.head_timeout, "head-timeout")
        self._connections.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It left, or was closed."""
        self._connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._deaf:
            self._drop(len(data))
            return
        self._heard = True
        if self._where == _BETWEEN and self._due is None:
            self._due = (self.loop.time() + self._limits.head_timeout, "head-timeout")
        self._progress = False
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing is upgraded: the request is answered, and nothing behind it is read.
            self._deaf = True
            return
        except httptools.HttpParserError as failure:
            inner = isinstance(failure, httptools.HttpParserCallbackError)
            problem = "the target cannot be read" if inner else str(failure)
            self.refuse(*(self._refusal or (bad_request(f"no HTTP/1.1 request: {problem}"), "malformed")))
            return
        self._idle_bytes = 0 if self._progress else self._idle_bytes + len(data)
        if self._idle_bytes > self._limits.head_bytes:
            self.refuse(*self._too_large("bytes"))
        elif self._where == _BETWEEN and not self._busy and self._due is None:
            # The rest of a body whose request was answered before: uvicorn forgets to wait for the next.
            self._unset_keepalive_if_required()
            seconds = self._limits.idle_timeout
            self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._where, self._size, self._count = _HEAD, 0, 0
        if self._due is None:
            self._due = (self.loop.time() + self._limits.head_timeout, "head-timeout")

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        self._size += len(url)
        self._check_size()
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, of which nothing is kept."""
        self._size += len(name) + len(value) + 4
        self._count += 1
        self._check_size()
        if self._where == _HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: what the request asks is begun, or waits behind those before it."""
        if len(self.pipeline) >= _MAX_PIPELINED:
            problem = f"{_MAX_PIPELINED} requests wait on this connection"
            self._refuse_later(error("overloaded", {"problem": problem}), "pipeline")
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            self._refuse_later(bad_request("only HTTP/1.1 and 1.0 are spoken here"), "malformed")
        upgrade = self.parser.should_upgrade()
        if upgrade and any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers):
            # The parser takes what follows such a head for another protocol, a proxy before it for a body.
            self._refuse_later(bad_request("nothing is upgraded here, and not with a body"), "malformed")
        super().on_headers_complete()
        self._where, self._size, self._count = _BODY, 0, 0
        self._due = None
        self._progress = True
        self._body_due = self.loop.time() + self._limits.body_timeout
        if not self.transport.get_write_buffer_size():
            self._sending_since = None
        if upgrade or self._draining:
            self.cycle.keep_alive = False
        self._connections.busy(self)

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._where, self._due = _BETWEEN, None
        self._progress = True
        super().on_message_complete()
        if self.parser.should_keep_alive():
            return
        # Its headers said so before; the parser takes a trailer for one of them, and reads nothing any more.
        self._deaf = True
        self.cycle.keep_alive = False
        if self.cycle.response_complete:
            self.transport.close()

    def on_response_complete(self) -> None:
        """A request is answered."""
        self._running.transport.flush()
        super().on_response_complete()
        if self._busy:
            return
        self._connections.idle(self)
        if self._where == _BODY and not self._deaf:
            self._due = (self._body_due, "body-timeout")

    def timeout_keep_alive_handler(self) -> None:
        """No request came for ``idle_timeout``."""
        self._connections.acted("idle-timeout")
        super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """The server stops: requests that wait for events are answered now, idle connections end soon."""
        self._draining = True
        if not self._busy:
            self._unset_keepalive_if_required()
            self.loop.call_later(_DRAIN_SECONDS, self._drained)
        else:
            super().shutdown()
        scope: dict[str, Any] | None = self.scope  # type: ignore[assignment]
        if scope is not None and "app" in scope:
            scope["app"].state.live_feed.stop()
            scope["app"].state.service.hurry()

    def _drained(self) -> None:
        if not self._busy:
            self.transport.close()

    def count(self, size: int) -> None:
        """So many bytes of an answer are written."""
        self._written += size

    def look(self, now: float) -> tuple[float, int] | None:
        """See ``connections.Connection``."""
        if self._due is not None and now >= self._due[0]:
            self._end(self._due[1])
        size = self.transport.get_write_buffer_size()
        if not size:
            self._sending_since = None
            return None
        if self._sending_since is None or self._reads_on(now - self._sending_since, size):
            self._sending_since, self._taken = now, self._written - size
        elif now - self._sending_since > self._limits.send_timeout:
            self._connections.acted("send-timeout")
            self.abort()
            return None
        return self._sending_since, size

    def refuse(self, failure: ArtifactstoreError, limit: str) -> None:
        """Answer with the failure and close, as soon as what was asked before is answered."""
        self._connections.acted(limit)
        self._deaf, self._due = True, None
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if not self._busy:
            if self._where == _BODY:
                self.transport.close()  # its request has an answer
            else:
                self._answer(failure, linger=limit != "full")
            return
        if self._where != _BODY:
            self.cycle.keep_alive = False
        elif self.pipeline:
            # It waits behind others, which are answered.
            self.pipeline.popleft()
            last = self.pipeline[0][0] if self.pipeline else self._running
            last.keep_alive = False
            self.cycle = last
        elif self.cycle.response_started:
            self.cycle.keep_alive = False
        else:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._answer(failure, linger=True)

    def finish(self) -> None:
        """Close behind an answer; first read, for a while, the rest of a body that it did not wait for."""
        if self._where == _BODY and not self._deaf and self.transport.can_write_eof():
            self._room = _BODY_BYTES
            self._linger()
        else:
            self.transport.close()

    def abort(self) -> None:
        """Close now; what was not sent is lost."""
        self._unset_keepalive_if_required()
        self.transport.abort()

    def _reads_on(self, seconds: float, unsent: int) -> bool:
        """Whether the client reads an answer that is sent as it is made, fast enough over its last while."""
        trace: Trace | None = self._running.scope.get(SCOPE_KEY)
        if seconds <= self._limits.send_timeout or trace is None or not trace.streams:
            return False
        taken: int = self._written - unsent - self._taken
        least: float = seconds * self._limits.upload_rate
        return taken >= least

    @property
    def _busy(self) -> bool:
        """Whether a request is not answered yet; the newest is answered last."""
        return self.cycle is not None and not (self.cycle.response_complete or self.cycle.disconnected)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        cycle.transport = _Answer(self, cycle)
        super()._start_asgi_task(cycle, app)

    def _check_size(self) -> None:
        if self._size > self._limits.head_bytes:
            self._refuse_later(*self._too_large("bytes"))
        elif self._count > self._limits.head_count:
            self._refuse_later(*self._too_large("count"))

    def _too_large(self, what: str) -> tuple[ArtifactstoreError, str]:
        told = {"bytes": "bytes", "count": "headers"}[what]
        limit = self._limits.head_bytes if what == "bytes" else self._limits.head_count
        if self._where == _BODY:
            problem = f"lines between or behind the chunks of a body have at most {limit} {told}"
            return bad_request(problem, limit=limit), "body-framing"
        problem = f"the head of a request has at most {limit} {told}"
        return error("headers-too-large", {"problem": problem, "limit": limit}), f"head-{what}"

    def _refuse_later(self, failure: ArtifactstoreError, limit: str) -> None:
        """Have ``data_received`` refuse it: the parser is at work, and stops for an exception."""
        self._refusal = (failure, limit)
        raise failure

    def _end(self, limit: str) -> None:
        """The time for something is over."""
        self._due = None
        if self._deaf or limit != "head-timeout" or not self._heard:
            # Nobody waits for an answer.
            if not self._deaf:
                self._connections.acted(limit)
            self.abort()
            return
        problem = f"the head was not complete within {self._limits.head_timeout:g} s"
        self.refuse(error("request-timeout", {"problem": problem}), limit)

    def _answer(self, failure: ArtifactstoreError, *, linger: bool) -> None:
        """Write a problem behind which nothing comes, and close."""
        request_id = uuid.uuid4().hex
        response = problems.response(failure, request_id, {"Connection": "close"})
        status = HTTPStatus(response.status_code)
        head = [b"HTTP/1.1 %d %s" % (status.value, status.phrase.encode())]
        head += (b"%s: %s" % header for header in response.raw_headers)
        head += [b"x-request-id: " + request_id.encode(), b"", b""]
        self.transport.write(b"\r\n".join(head) + bytes(response.body))
        metrics.REFUSALS.labels(failure.code).inc()
        if linger and self.transport.can_write_eof():
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        self._deaf = True
        self.flow.resume_reading()
        self.transport.write_eof()
        self._due = (self.loop.time() + _LINGER_SECONDS, "")

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped <= self._room:
            return
        if self._busy:
            self.flow.pause_reading()
        else:
            self.abort()
