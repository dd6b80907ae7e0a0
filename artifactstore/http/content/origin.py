"""The origin of reports: a host where content may run, and where nothing is but content."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from artifactstore.errors import ArtifactstoreError, error
from artifactstore.http.content.headers import NO_REPORT
from artifactstore.http.dispatch import Resource
from artifactstore.http.endpoint import Endpoint
from artifactstore.http.web import problems
from artifactstore.http.web.trace import current

REPORTS: Final = "/c/"
"""Below which the files of reports are: a ticket, then the path in its package, so that links work."""


class ContentHost:
    """Answers what the host of reports is asked: a file of a report, or that there is nothing else.

    An ASGI application.
    """

    def __init__(self, report: Endpoint) -> None:
        path = report.path.replace("{path}", "{path:rest}")
        routes = [Route(path, Resource({"GET": report}))]
        self._router = Router(routes, redirect_slashes=False, default=_nothing_else)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _hide_ticket(scope)
        await self._router(scope, receive, send)


class OtherHost:
    """Answers paths of reports on every other host: there are none. An ASGI application."""

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        _hide_ticket(scope)
        raise error(
            "no-such-path", {"problem": "reports are at the host of ARTIFACTSTORE_CONTENT_ORIGIN alone"}
        )


async def _nothing_else(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise error("no-such-path", {"problem": f"on this host there are reports alone, below {REPORTS}"})


def _hide_ticket(scope: Scope) -> None:
    """Keep the ticket out of logs: who reads these could open the report."""
    current(scope).hidden = str(scope["path"]).removeprefix(REPORTS).partition("/")[0]


def answer_failure(
    _scope: Scope, failure: ArtifactstoreError, request_id: str, headers: Mapping[str, str]
) -> Response:
    """The answer for a failure: a problem, whatever the path."""
    return problems.response(failure, request_id, {**headers, **NO_REPORT})
