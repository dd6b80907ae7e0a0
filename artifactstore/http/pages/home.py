"""The root of the service, as a browser asks for it."""

from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from artifactstore.http.dispatch import nowhere
from artifactstore.http.pages.headers import EXPLORER
from artifactstore.http.web.trace import current, header


def wants_html(scope: Scope) -> bool:
    """Whether who asks names text/html before any other form, as browsers do and programs do not."""
    first = (header(scope, b"accept") or "").split(",")[0]
    return first.partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml")


class Root:
    """``/`` leads browsers to the explorer; for all others it is no path. An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD") or not wants_html(scope):
            await nowhere(scope, receive, send)
        current(scope).path = "/"
        await RedirectResponse(EXPLORER, 303, {"Vary": "Accept"})(scope, receive, send)
