"""The explorer by its name without the last slash."""

from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from artifactstore.http.pages.headers import EXPLORER
from artifactstore.http.web.trace import current


class FirstPage:
    """Leads whoever asks for it to the first page. An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        current(scope).path = scope["path"]
        await RedirectResponse(EXPLORER, 303)(scope, receive, send)
