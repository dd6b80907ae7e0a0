"""What stores hold and what becomes of it, as a page: copies, removals, and what the keeper did."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from artifactstore.errors import ArtifactstoreError
from artifactstore.http.auth import Role
from artifactstore.http.content.depot import Depot, depot_of
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.pages.headers import EXPLORER, HTML
from artifactstore.http.pages.rendering import shown
from artifactstore.http.routes.stores import told_store
from artifactstore.jobs.keeper.figures import StoreFigures, figures
from artifactstore.jobs.keeper.health import judged
from artifactstore.store import Row, Store

COUNTED = 20_000
"""Copies of a store that are counted, retired ones among them; and likewise of those that are to go."""
_DUE = 1_000
"""Objects that are counted of those that the next pass would remove."""
_LISTED = 20
"""Of which so many are listed."""


@dataclass(frozen=True, slots=True)
class _Stock:
    """A store as the log knows it.

    Attributes:
        before: what began to go before that, the next pass would remove; None: it removes nothing here.
        due: the objects that it would remove, one more than are counted if there are more.
        problem: why that is not known.
    """

    name: str
    held: Row
    going: int
    going_since: datetime | None
    before: datetime | None = None
    due: list[Row] = field(default_factory=list)
    problem: ArtifactstoreError | None = None

    @property
    def whole(self) -> bool:
        """Whether all copies were counted."""
        return int(self.held["seen"]) < COUNTED


async def _storage(call: Call) -> Answer:
    depot = depot_of(call)
    now, stocks, known, locks = await call.read(lambda store: _read(store, list(depot.stores)))
    runs = [run for one in known.values() for run in one.passes]
    stocks = [await _with_due(call, depot, now, stock) for stock in stocks]
    used = {stock.name: stock.held["since"] for stock in stocks if stock.held["objects"]}
    return shown(
        call,
        "storage.html",
        stocks=stocks,
        told={name: await told_store(depot, name) for name in depot.stores},
        runs=runs,
        known=known,
        findings=list(judged(depot.stores.config, now, known, used, locks)),
        counted=COUNTED,
        most_due=_DUE,
        listed=_LISTED,
        details=call.who.role >= Role.OPERATOR,
    )


def _read(
    store: Store, names: list[str]
) -> tuple[datetime, list[_Stock], dict[str, StoreFigures], list[Row]]:
    """Stores that are configured here, in their order, then others that hold something; what is noted."""
    others = [name for name in store.stocks.backends() if name not in names]
    found = [_stock(store, name) for name in (*names, *others)]
    stocks = [stock for stock in found if stock.name in names or stock.held["copies"]]
    return store.log.clock(), stocks, figures(store), store.locks.problems()


def _stock(store: Store, name: str) -> _Stock:
    return _Stock(name, store.stocks.held(name, COUNTED), *store.stocks.going(name, COUNTED))


async def _with_due(call: Call, depot: Depot, now: datetime, stock: _Stock) -> _Stock:
    """The same with what the next pass would remove, where this host knows after which time it does."""
    if stock.name not in list(depot.stores) or depot.stores.settings(stock.name).readonly:
        return stock
    before = now - depot.stores.settings(stock.name).remove_after
    due: list[Row] = []
    problem = None
    try:
        due = await call.read(lambda store: store.objects.doomed(stock.name, before, _DUE + 1))
    except ArtifactstoreError as failure:
        problem = failure
    return replace(stock, before=before, due=due, problem=problem)


PAGE = Endpoint(
    method="GET",
    path=EXPLORER + "storage",
    role=Role.READER,
    tag="explorer",
    summary="What stores hold, and what becomes of it",
    handle=_storage,
    media_type=HTML,
)
