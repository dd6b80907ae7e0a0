"""Signing in with a token, and out; what others can do with these forms is nothing."""

from urllib.parse import parse_qs

from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from artifactstore.errors import ArtifactstoreError, error
from artifactstore.http.auth import Role
from artifactstore.http.pages.headers import EXPLORER, HTML, PAGE_HEADERS
from artifactstore.http.pages.rendering import render
from artifactstore.http.pages.session import by_https, check_own_form, forgotten, kept, own_path
from artifactstore.http.web import problems
from artifactstore.http.web.request import receive_all
from artifactstore.http.web.trace import current

IN = EXPLORER + "sign-in"
OUT = EXPLORER + "sign-out"
_FORM_BYTES = 8_192
_FORM_SECONDS = 20.0


class SignIn:
    """Shows the form, and takes it. An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        current(scope).path = IN
        if scope["method"] == "POST":
            answer = await self._take(scope, receive)
        elif scope["method"] in ("GET", "HEAD"):
            answer = _form(scope, _first(scope["query_string"], "next"))
        else:
            raise _not_allowed(scope, ["GET", "HEAD", "POST"])
        await answer(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive) -> Response:
        check_own_form(scope)
        body = await receive_all(scope, receive, _FORM_BYTES, _FORM_SECONDS)
        token, leads_to = (_first(body, "token") or "").strip(), _first(body, "next")
        try:
            caller = await scope["app"].state.guard.identify(f"Bearer {token}")
            caller.check(Role.READER)
        except ArtifactstoreError as failure:
            if failure.status != 401:
                raise
            current(scope).code = failure.code
            return _form(scope, leads_to, failure)
        current(scope).actor = caller.actor
        cookie = kept(token, secure=by_https(scope))
        return RedirectResponse(own_path(leads_to), 303, {**PAGE_HEADERS, "Set-Cookie": cookie})


class SignOut:
    """Forgets the token that a browser keeps; the token itself stays as it is. An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        current(scope).path = OUT
        if scope["method"] != "POST":
            raise _not_allowed(scope, ["POST"])
        check_own_form(scope)
        headers = {**PAGE_HEADERS, "Set-Cookie": forgotten(), "Clear-Site-Data": '"cache"'}
        await RedirectResponse(IN, 303, headers)(scope, receive, send)


def _form(scope: Scope, leads_to: str | None, failure: ArtifactstoreError | None = None) -> Response:
    problem = None if failure is None else problems.members(failure, current(scope).request_id)
    body = render("sign_in.html", scope, next=own_path(leads_to), problem=problem)
    return Response(body, 200 if failure is None else 401, dict(PAGE_HEADERS), media_type=HTML)


def _first(form: bytes, name: str) -> str | None:
    """The first value of a name in a form, None if there is none."""
    return parse_qs(form.decode("utf-8", "replace"), max_num_fields=20).get(name, [None])[0]


def _not_allowed(scope: Scope, allowed: list[str]) -> ArtifactstoreError:
    return error("method-not-allowed", {"problem": scope["method"], "allow": allowed})
