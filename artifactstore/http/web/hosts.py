"""By which name the service is asked: one host may be for something else than all others."""

from starlette.types import ASGIApp, Receive, Scope, Send

from artifactstore.http.settings import host_name
from artifactstore.http.web.trace import header


class ByHost:
    """Gives requests for ``host`` to ``other``, and all others to ``app``. An ASGI application."""

    def __init__(self, app: ASGIApp, host: str, other: ASGIApp) -> None:
        self._app = app
        self._host = host
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = header(scope, b"host") if scope["type"] == "http" else None
        meant = asked is not None and host_name(asked) == self._host
        await (self._other if meant else self._app)(scope, receive, send)
