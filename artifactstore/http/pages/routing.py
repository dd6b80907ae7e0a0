"""Paths of the explorer, and what each is answered by."""

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from artifactstore.http.dispatch import Resource, nowhere
from artifactstore.http.pages import sign_in, static
from artifactstore.http.pages.catalogue import PAGES
from artifactstore.http.pages.download import DOWNLOAD, REPORT
from artifactstore.http.pages.headers import EXPLORER
from artifactstore.http.pages.home import FirstPage
from artifactstore.http.pages.session import authorized


def routes() -> list[Route]:
    """Routes of signing in and out, of static files and of the pages."""
    pages = [
        Route(page.path, Signed(Resource({"GET": page})))
        for page in sorted(PAGES, key=lambda page: "{" in page.path)
    ]
    return [
        Route(EXPLORER.rstrip("/"), FirstPage()),
        Route(sign_in.IN, sign_in.SignIn()),
        Route(sign_in.OUT, sign_in.SignOut()),
        Route(static.FILE.path, Resource({"GET": static.FILE})),
        *(Route(one.path, Signed(Resource({"GET": one}))) for one in (DOWNLOAD, REPORT)),
        *pages,
        Route(EXPLORER + "{rest:path}", Signed(nowhere)),
    ]


class Signed:
    """Lets who signed in pass as if the token had been sent with the request. An ASGI application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(authorized(scope), receive, send)
