"""The stores that the service keeps bytes in."""

from datetime import datetime
from typing import Any

from artifactstore.errors import ArtifactstoreError
from artifactstore.http.auth import Role
from artifactstore.http.content.depot import Depot, depot_of
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.web.answers import BOOL, COUNT, TEXT, TIME, array, maybe, one_of, record
from artifactstore.jobs.keeper.figures import UNKNOWN, StoreFigures, figures
from artifactstore.store import Store
from artifactstore.stores import units
from artifactstore.stores.config import TYPES
from artifactstore.words import KEEPER_JOBS, KEPT_LOCATION_STATES

_SERVE = ("stream", "redirect", "auto")
_LOCK = ("off", "mirror")


async def _list(call: Call) -> Answer:
    depot, settings = depot_of(call), call.service.settings
    known, now = await call.read(_noted)
    told = [await told_store(depot, name) | known.get(name, UNKNOWN).told(now) for name in depot.stores]
    return Answer({"stores": told, "max_put": settings.max_put, "max_object": settings.max_object})


def _noted(store: Store) -> tuple[dict[str, StoreFigures], datetime]:
    return figures(store), store.log.clock()


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
        "direct": given.direct,
        "lock": given.lock,
        "mirror_of": list(given.mirror_of),
        "remove_after": units.text_of(given.remove_after),
        "read_every": units.text_of(given.read_every),
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
        doc="problem: why one cannot be used now, if so. free_percent: of its place, where somebody can say. "
        "objects, bytes, orphans and foreign are what the last inventory found, which is as old as it says; "
        "copies by state as the last check left them; check_lag_seconds: how far reading them again is "
        "behind read_every. null: no pass of the keeper has found out. runs: the latest pass of each job, "
        "done_at when one got to its end the last time.",
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
                    direct=BOOL,
                    lock=maybe(one_of(*_LOCK)),
                    mirror_of=array(TEXT),
                    remove_after=TEXT,
                    read_every=TEXT,
                    free_percent=maybe(COUNT),
                    problem=maybe(TEXT),
                    objects=maybe(COUNT),
                    bytes=maybe(COUNT),
                    orphans=maybe(COUNT),
                    foreign=maybe(COUNT),
                    inventory_age_seconds=maybe(COUNT),
                    check_lag_seconds=maybe(COUNT),
                    copies=record("Copies by state.", **dict.fromkeys(KEPT_LOCATION_STATES, maybe(COUNT))),
                    runs=array(
                        record(
                            "The latest pass of a job of the keeper.",
                            job=one_of(*KEEPER_JOBS),
                            began_at=TIME,
                            ended_at=maybe(TIME),
                            done_at=maybe(TIME),
                            problem=maybe(TEXT),
                        )
                    ),
                )
            ),
            max_put=COUNT,
            max_object=COUNT,
        ),
    ),
)
