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
from artifactstore.http.auth import Guard, Role
from artifactstore.http.content import depot, origin
from artifactstore.http.content.notes import KeeperNotes
from artifactstore.http.dispatch import Resource, nowhere
from artifactstore.http.endpoint import Endpoint
from artifactstore.http.feed.live_feed import LiveFeed
from artifactstore.http.openapi import document
from artifactstore.http.routes import ENDPOINTS, documents, reports
from artifactstore.http.service import Service
from artifactstore.http.settings import Settings
from artifactstore.http.web import logs
from artifactstore.http.web.connections import Connections
from artifactstore.http.web.cors import Cors
from artifactstore.http.web.front import Front
from artifactstore.http.web.hosts import ByHost
from artifactstore.http.web.json import render
from artifactstore.http.web.references import CONVERTORS

_GC_OBJECTS = 20_000
"""New objects after which the youngest generation is collected."""


def create_app(settings: Settings | None = None) -> Starlette:
    """The ASGI application; connects to nothing before its lifespan begins.

    Args:
        settings: default: as the environment says.
    """
    settings = settings or Settings.from_environment()
    logs.configure(settings.log_level)
    stores = depot.load(settings)
    offered = [
        replace(endpoint, role=Role.READER)
        if documents.closed(endpoint) and not settings.public_docs
        else endpoint
        for endpoint in ENDPOINTS
    ]
    elsewhere = Route(origin.REPORTS + "{rest:path}", origin.OtherHost())
    app = _Application(routes=[*_routes(offered), *pages.routes(), elsewhere], lifespan=_lifespan)
    app.router.redirect_slashes = False
    app.router.default = nowhere
    app.state.settings = settings
    app.state.stores = stores
    app.state.openapi = render(document(offered))
    return app


class _Application(Starlette):
    """Front answers every failure itself: Starlette's own layers for that would never have one to answer."""

    def build_middleware_stack(self) -> ASGIApp:
        settings: Settings = self.state.settings
        registry = Front(self.router, pages.answer_failure, Cors(settings.cors_origins))
        if not settings.content_origin:
            return registry
        content = Front(origin.ContentHost(reports.OF_TICKET), origin.answer_failure, Cors(()))
        return ByHost(registry, settings.content_host, content)


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
    app.state.depot = kept = depot.Depot(settings, app.state.stores)
    app.state.keeper_notes = noted = KeeperNotes(service)
    await service.open()
    await kept.open()
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
        await noted.close()
        await kept.close()
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
    inner = sorted(paths, key=lambda path: "{" in path)
    return [Route(_route_path(next(iter(paths[path].values()))), Resource(paths[path])) for path in inner]


def _route_path(endpoint: Endpoint) -> str:
    """Its path with the convertors that the router needs."""
    path = endpoint.path
    for parameter in endpoint.path_parameters:
        if (convertor := CONVERTORS.get(type(parameter.kind))) is not None:
            path = path.replace(f"{{{parameter.name}}}", f"{{{parameter.name}:{convertor}}}")
    return path
