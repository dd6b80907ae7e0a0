"""What operators of the service ask: is it alive, can it work, how is it."""

from typing import get_args

from artifactstore.http.auth import Role
from artifactstore.http.content.notes import KeeperNotes
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.feed.bell import Bell, State
from artifactstore.http.web import metrics
from artifactstore.http.web.answers import record


async def _health(_call: Call) -> Answer:
    return Answer({"status": "alive"})


async def _ready(call: Call) -> Answer:
    await call.service.check_ready()
    views = "differ" if call.service.differs else "equal"
    bell: Bell = call.scope["app"].state.live_feed.bell
    return Answer({"status": "ready", "views": views, "notifications": bell.state})


async def _metrics(call: Call) -> Answer:
    call.service.measure()
    notes: KeeperNotes = call.scope["app"].state.keeper_notes
    await notes.refresh()
    return Answer(metrics.exposition(), media_type=metrics.MEDIA_TYPE)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/healthz",
        role=None,
        tag="operation",
        summary="Whether the process is alive; asks nobody else",
        handle=_health,
        answer=record("Alive.", status={"const": "alive"}),
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        role=None,
        tag="operation",
        summary="Whether it can work: the database lets it in with its role, its schema fits, its views "
        "stand at the head",
        doc="views: differ as soon as this process found a live row that is not what the log says; its log "
        "tells which, artifactstore verify tells all, artifactstore replay mends them. It stays ready. "
        "notifications: deaf while it does not hear that something was appended, full while appends tell "
        "nobody, because the server's queue of notifications is half full (artifactstore doctor tells whom "
        "to end). Requests that wait see new events within a second all the same.",
        handle=_ready,
        answer=record(
            "Ready.",
            status={"const": "ready"},
            views={"enum": ["equal", "differ"]},
            notifications={"enum": list(get_args(State))},
        ),
        refusals=(
            "unavailable",
            "database-missing",
            "login-refused",
            "role-missing",
            "busy",
            "schema-outdated",
            "schema-newer",
            "views-behind",
        ),
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        role=Role.READER,
        tag="operation",
        summary="Metrics in the Prometheus text format",
        doc="Those of stores are what the keeper noted, read again after 5 seconds; while the database does "
        "not answer, they are as old as their ages say.",
        handle=_metrics,
        media_type=metrics.MEDIA_TYPE,
    ),
)
