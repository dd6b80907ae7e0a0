"""The health of the log and of the service as a page."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from artifactstore.errors import ArtifactstoreError
from artifactstore.http.auth import Role
from artifactstore.http.content.depot import depot_of
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.pages.chart import HEIGHT, WIDTH, chart
from artifactstore.http.pages.headers import EXPLORER, HTML
from artifactstore.http.pages.rendering import shown
from artifactstore.http.web import metrics
from artifactstore.jobs.doctor import WHO, Advice, examine
from artifactstore.store import Row, Store, ViewSet

_MINUTES = 60
_MOST_EVENTS = 100_000
"""Events that are counted for the chart; a busier log is shown for less than an hour."""
_PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "30 days": timedelta(days=30)}
_SEVERITIES = ("error", "warning", "info")


class _Health(NamedTuple):
    now: datetime
    status: Row
    sizes: Row
    activity: list[Row]
    growth: list[int]
    snapshots: list[tuple[ViewSet, int]]


async def _health(call: Call) -> Answer:
    health = await call.read(_read)
    findings, problem = await _findings(call)
    ready = await _ready(call)
    call.service.measure()
    head = health.status["head"]
    per_event = health.status["log_bytes"] / head if head else 0.0
    return shown(
        call,
        "health.html",
        health=health,
        ready=ready,
        chart=chart(health.activity, health.now, _MINUTES),
        width=WIDTH,
        height=HEIGHT,
        minutes=_MINUTES,
        most=_MOST_EVENTS,
        growth=[
            (period, events, round(events * per_event))
            for period, events in zip(_PERIODS, health.growth, strict=True)
        ],
        metrics=metrics.totals(),
        checked=call.service.checked,
        findings=findings,
        problem=problem,
        who=WHO,
        details=call.who.role >= Role.OPERATOR,
    )


def _read(store: Store) -> _Health:
    now = datetime.now(UTC)
    return _Health(
        now,
        store.log.status(),
        store.health.sizes(),
        store.activity.per_minute(_beginning(now), _MOST_EVENTS),
        store.activity.growth(now, list(_PERIODS.values())),
        [
            (one, store.view_sets.view_set_bytes(one.schema_name))
            for one in store.view_sets.view_sets(["snapshot"])
        ],
    )


def _beginning(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0) - timedelta(minutes=_MINUTES - 1)


async def _findings(call: Call) -> tuple[list[Advice], ArtifactstoreError | None]:
    """What doctor finds, the worst first; or why it could not look at everything."""
    try:
        found = await call.read(lambda store: list(examine(store, depot_of(call).stores.config)))
    except ArtifactstoreError as failure:
        return [], failure
    return sorted(found, key=lambda one: _SEVERITIES.index(one.severity)), None


async def _ready(call: Call) -> ArtifactstoreError | None:
    """Why the service is not ready, None if it is."""
    try:
        await call.service.check_ready()
    except ArtifactstoreError as failure:
        return failure
    return None


PAGE = Endpoint(
    method="GET",
    path=EXPLORER + "health",
    role=Role.READER,
    tag="explorer",
    summary="How the log and the service are",
    handle=_health,
    media_type=HTML,
)
