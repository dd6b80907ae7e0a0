"""The application: what it offers, and what is opened while it runs."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from artifactstore.http import pages
from artifactstore.http.auth import Guard
from artifactstore.http.dispatch import Resource, nowhere
from artifactstore.http.endpoint import Endpoint
from artifactstore.http.feed.live_feed import LiveFeed
from artifactstore.http.openapi import document
from artifactstore.http.routes import ENDPOINTS
from artifactstore.http.service import Service
from artifactstore.http.settings import Settings
from artifactstore.http.web import logs
from artifactstore.http.web.connections import Connections
from artifactstore.http.web.front import Front

_GC_OBJECTS = 20_000
"""New objects after which the youngest generation is collected."""


def create_app(settings: Settings | None = None) -> Starlette:
    """The ASGI application; connects to nothing before its lifespan begins.

    Args:
        settings: default: as the environment says.
    """
    settings = settings or Settings.from_environment()
    logs.configure(settings.log_level)
    app = _Application(routes=[*_routes(ENDPOINTS), *pages.routes()], lifespan=_lifespan)
    app.router.redirect_slashes = False
    app.router.default = nowhere
    app.state.settings = settings
    app.state.openapi = document(ENDPOINTS)
    return app


class _Application(Starlette):
    """Front answers every failure itself: Starlette's own layers for that would never have one to answer."""

    def build_middleware_stack(self) -> ASGIApp:
        return Front(self.router, pages.answer_failure)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    settings: Settings = app.state.settings
    connections = Connections(settings)
    # Requests that wait for events leave room for others.
    waiters = min(settings.max_waiters, connections.capacity * 3 // 4)
    # A closed pool cannot be opened again, so every run of the lifespan has a service of its own.
    service = Service(replace(settings, max_waiters=waiters))
    app.state.service = service
    app.state.guard = Guard(service, app.state.settings.token_seconds)
    app.state.live_feed = live_feed = LiveFeed(service)
    await service.open()
    live_feed.open()
    _collect_less()
    always = (service.sample(), service.check_views(), connections.watch())
    beside = [asyncio.create_task(one) for one in always]
    try:
        yield {"connections": connections}
    finally:
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await live_feed.close()
        await service.close()


def _collect_less() -> None:
    """Leave what stays out of garbage collections: they took a sixth of the time of a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_OBJECTS)


def _routes(endpoints: Sequence[Endpoint]) -> list[Route]:
    paths: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    # They are tried in turn: those without parameters first, the feed and new packages among them.
    return [Route(path, Resource(paths[path])) for path in sorted(paths, key=lambda path: "{" in path)]
