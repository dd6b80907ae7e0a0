"""Around every request: its id, its log line, its metrics, and an answer for each error."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artifactstore.errors import ArtifactstoreError, error
from artifactstore.http.web import metrics
from artifactstore.http.web.cors import Cors
from artifactstore.http.web.request import AnswerCutError, ClientLeftError, check_head
from artifactstore.http.web.trace import Trace, begin, position_headers, told_path

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_LEFT = 499
_LOGIN_MAY_NOT = "42501"

AnswerFailure: TypeAlias = Callable[[Scope, ArtifactstoreError, str, Mapping[str, str]], Response]

_log = logging.getLogger("artifactstore.http")


class Front:
    """Middleware: the outermost one, so that nothing leaves without an id and a line.

    Args:
        answer: makes the answer for a failure, of the request, its id and headers.
    """

    def __init__(self, app: ASGIApp, answer: AnswerFailure, cors: Cors) -> None:
        self._app = app
        self._answer = answer
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = begin(scope)
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", trace.request_id.encode()))
                message["headers"].extend(self._cors.headers(scope))
            await send(message)

        try:
            check_head(scope)
            await (self._cors.preflight(scope) or self._app)(scope, receive, send_noted)
        except ClientLeftError:
            status = _CLIENT_LEFT
        except AnswerCutError as cut:
            # The length that was told is not met, and the server closes the connection.
            self._problem(cut.failure, trace, scope)
        except Exception as failure:
            problem = self._problem(failure, trace, scope)
            if status:
                raise
            headers = position_headers(trace.position)
            if trace.unread:
                # What is left of the body is dropped, for a while: the connection cannot be used again.
                headers["Connection"] = "close"
            if problem.status == 405:
                headers["Allow"] = ", ".join(problem.detail.pop("allow"))  # type: ignore[arg-type]
            await self._answer(scope, problem, trace.request_id, headers)(scope, receive, send_noted)
        finally:
            _note(trace, scope, status)

    def _problem(self, failure: Exception, trace: Trace, scope: Scope) -> ArtifactstoreError:
        if not isinstance(failure, ArtifactstoreError):
            _log.exception("defect", extra={"request_id": trace.request_id, "path": told_path(scope)})
            failure = error("internal", {"problem": "see the log of the service for this request_id"})
        elif failure.sqlstate == _LOGIN_MAY_NOT:
            # Who asks may; the login of the service lacks a role or a grant.
            _log.error("the login of the service may not", extra={"problem": failure.detail.get("problem")})
            failure = error("role-missing", {"problem": failure.detail.get("problem")})
        trace.code = failure.code
        trace.problem = str(failure.detail.get("problem", ""))
        return failure


def _note(trace: Trace, scope: Scope, status: int) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    seconds = time.monotonic() - trace.started
    metrics.requests(trace.path, method, status).inc()
    metrics.request_seconds(trace.path, method).observe(seconds)
    if trace.code is not None:
        metrics.REFUSALS.labels(trace.code).inc()
    level = logging.INFO if trace.code is None else logging.WARNING
    if status >= 500 and status != 503:
        level = logging.ERROR
    if not _log.isEnabledFor(level):
        return
    told: dict[str, object] = {
        "request_id": trace.request_id,
        "method": scope["method"],
        "path": told_path(scope),
        "status": status,
        "seconds": round(seconds, 6),
        "actor": trace.actor,
        "head": scope["app"].state.service.head if trace.position is None else trace.position.head,
    }
    if trace.code is not None:
        told |= {"code": trace.code, "problem": trace.problem}
    _log.log(level, "request" if trace.code is None else "refused", extra=told)
