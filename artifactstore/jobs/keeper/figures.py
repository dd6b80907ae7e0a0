"""What is known of stores from the notes of the keeper's passes.

Nothing is asked of a store, and no copy is counted: the passes did that, and what is told is as old as they.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from artifactstore.store import Row, Store
from artifactstore.stores.config import StoreConfig
from artifactstore.words import KEPT_LOCATION_STATES

_COPIES = "copies_"


def standing(store: Store, given: StoreConfig) -> dict[str, int]:
    """What a check notes beside what it did: copies by state, and for how long one waits to be read again."""
    row, now = store.keeping.standing(given.name), store.log.clock()
    waiting = row["waiting"] or now
    return {
        **{_COPIES + state: row[state] for state in KEPT_LOCATION_STATES},
        "waiting_seconds": max(0, int((now - waiting).total_seconds())),
        "read_every_seconds": int(given.read_every.total_seconds()),
    }


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """How a store was found; what no pass has found out is None.

    Attributes:
        inventoried_at: when store and log were compared to the end, the last time. objects, bytes: that were
            there. orphans: objects of old that no location names, and that stayed. foreign: what is not ours.
        copies: by state, as the last check left them.
        waiting_since: when the good copy was read that waits for the longest. read_every: what is asked for.
        passes: the latest of each job.
    """

    inventoried_at: datetime | None
    objects: int | None
    bytes: int | None
    orphans: int | None
    foreign: int | None
    copies: Mapping[str, int]
    waiting_since: datetime | None
    read_every: timedelta | None
    passes: tuple[Row, ...]

    def inventory_age(self, now: datetime) -> timedelta | None:
        """How old the inventory is."""
        return None if self.inventoried_at is None else max(now - self.inventoried_at, timedelta(0))

    def check_lag(self, now: datetime) -> timedelta | None:
        """How far reading copies again is behind ``read_every``."""
        if self.waiting_since is None or self.read_every is None:
            return None
        return max(now - self.waiting_since - self.read_every, timedelta(0))

    def told(self, now: datetime) -> dict[str, Any]:
        """As people and programs are told, in whole seconds."""
        return {
            "objects": self.objects,
            "bytes": self.bytes,
            "orphans": self.orphans,
            "foreign": self.foreign,
            "inventory_age_seconds": _seconds(self.inventory_age(now)),
            "check_lag_seconds": _seconds(self.check_lag(now)),
            "copies": {state: self.copies.get(state) for state in KEPT_LOCATION_STATES},
            "runs": [{name: row[name] for name in RUN} for row in self.passes],
        }


RUN = ("job", "began_at", "ended_at", "done_at", "problem")
"""What is told of the latest pass of a job; ``done_at``: when one got to its end, the last time."""
UNKNOWN = StoreFigures(None, None, None, None, None, {}, None, None, ())
"""Of a store that nobody has looked after yet."""


def figures(store: Store) -> dict[str, StoreFigures]:
    """What is known of each store that was looked after, by name."""
    by_store = groupby(store.keeper.latest(), key=itemgetter("store"))
    return {name: _of(rows) for name, rows in by_store}


def _of(rows: Iterable[Row]) -> StoreFigures:
    passes = {row["job"]: row for row in rows}
    inventory: Row = passes.get("collect", {})
    found = inventory.get("done") or {}
    check: Row = passes.get("check", {})
    seen = check.get("seen") or {}
    whole = inventory.get("done_at") is not None
    return StoreFigures(
        inventoried_at=inventory.get("done_at"),
        objects=found.get("objects", 0) if whole else None,
        bytes=found.get("bytes", 0) if whole else None,
        orphans=found.get("orphans", 0) - found.get("collected", 0) if whole else None,
        foreign=found.get("foreign", 0) if whole else None,
        copies={state: seen[_COPIES + state] for state in KEPT_LOCATION_STATES if _COPIES + state in seen},
        waiting_since=check["seen_at"] - timedelta(seconds=seen["waiting_seconds"]) if seen else None,
        read_every=timedelta(seconds=seen["read_every_seconds"]) if seen else None,
        passes=tuple(passes.values()),
    )


def _seconds(value: timedelta | None) -> int | None:
    return None if value is None else int(value.total_seconds())
