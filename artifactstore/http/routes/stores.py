"""The stores that the service keeps bytes in."""

from typing import Any

from artifactstore.errors import ArtifactstoreError
from artifactstore.http.auth import Role
from artifactstore.http.content.depot import Depot, depot_of
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.web.answers import BOOL, COUNT, TEXT, array, maybe, one_of, record
from artifactstore.stores.config import TYPES

_SERVE = ("stream", "redirect", "auto")


async def _list(call: Call) -> Answer:
    depot, settings = depot_of(call), call.service.settings
    told = [await told_store(depot, name) for name in depot.stores]
    return Answer({"stores": told, "max_put": settings.max_put, "max_object": settings.max_object})


async def told_store(depot: Depot, name: str) -> dict[str, Any]:
    """What is told of a store, whether it can be used now among it."""
    given, store, problem = depot.stores.settings(name), depot.find(name), None
    free = None
    try:
        if store is None:
            store = depot.stores[name]
        free = await depot.read(store.free)
    except ArtifactstoreError as failure:
        problem = failure.code
    return {
        "name": name,
        "type": given.type,
        "readonly": given.readonly,
        "dedupe": given.dedupe,
        "serve": given.serve,
        "free_percent": None if free is None else int(100 * free),
        "problem": problem,
    }


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/stores",
        role=Role.READER,
        tag="content",
        summary="Stores that the service keeps bytes in, in the order in which copies are read",
        doc="problem: why one cannot be used now, if so. free_percent: of its place, where somebody can say.",
        handle=_list,
        answer=record(
            "Stores, and bytes of an object that comes at once, or in parts.",
            stores=array(
                record(
                    "A store.",
                    name=TEXT,
                    type=one_of(*TYPES),
                    readonly=BOOL,
                    dedupe=BOOL,
                    serve=one_of(*_SERVE),
                    free_percent=maybe(COUNT),
                    problem=maybe(TEXT),
                )
            ),
            max_put=COUNT,
            max_object=COUNT,
        ),
    ),
)
