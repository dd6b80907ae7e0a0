"""Refusals as pages: the same code, message and hint that a program is told."""

from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from artifactstore.errors import ArtifactstoreError
from artifactstore.http.pages import sign_in
from artifactstore.http.pages.headers import EXPLORER, HTML, PAGE_HEADERS
from artifactstore.http.pages.rendering import render
from artifactstore.http.pages.session import token_of
from artifactstore.http.web import problems
from artifactstore.http.web.trace import current


def answer_failure(
    scope: Scope, failure: ArtifactstoreError, request_id: str, headers: Mapping[str, str]
) -> Response:
    """The answer for a failure: below the explorer a page, or the way to sign in; else a problem."""
    answer = problems.response(failure, request_id, headers)
    if not scope["path"].startswith(EXPLORER) or current(scope).path.startswith(f"{EXPLORER}stream"):
        return answer
    if failure.status == 401 and token_of(scope) is None:
        return RedirectResponse(f"{sign_in.IN}?next={quote(_asked(scope))}", 303, dict(PAGE_HEADERS))
    told = {name: value for name, value in answer.headers.items() if name in _KEPT}
    body = render("problem.html", scope, problem=problems.members(failure, request_id), asked=_asked(scope))
    return Response(body, failure.status, {**told, **PAGE_HEADERS}, media_type=HTML)


_KEPT = frozenset({"allow", "connection", "retry-after"})
"""Headers of the problem that the page has too."""


def _asked(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return quote(scope["path"]) + (f"?{query}" if query else "")
