"""What every job of the keeper is given, and what it tells."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from artifactstore.errors import Refused
from artifactstore.events import NewEvent
from artifactstore.jobs.batches import append_each
from artifactstore.jobs.keeper.pace import Pace
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.store import Appended, Store
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.config import StoreConfig

ACTOR = "system:keeper"
TOLD = 10
"""Keys or paths that are named at most where many have the same problem."""


class StoreTrouble(NamedTuple):
    """Something in a store that somebody should know.

    Attributes:
        check: locked-until, over-locked, unlocked, lock-refused, overwritten, foreign, orphans, missing,
            failed, unreachable, lost, and the codes of errors.
        what: in words. fix: the command that goes on; None: nothing by itself.
        bad: whether a pass with it has failed.
    """

    check: str
    what: str
    fix: str | None = None
    bad: bool = True


@dataclass(slots=True)
class Tally:
    """What a job did in a store: figures by name, and troubles; ``cut``: there is more to do at once."""

    counts: Counter[str] = field(default_factory=Counter)
    troubles: list[StoreTrouble] = field(default_factory=list)
    cut: bool = False


@dataclass(slots=True, kw_only=True)
class KeeperJob:
    """One job in one store.

    Attributes:
        store: the log. place: the store, which is this log's. settings: what is said of it.
        instant: when the job began, by the clock of the database.
        requests: budget of objects that are asked for or removed, bytes: of what is read.
        dry_run: nothing is removed or appended. stopping: set it, and the job ends soon.
    """

    store: Store
    place: ObjectStore
    settings: StoreConfig
    instant: datetime
    requests: Pace
    bytes: Pace
    dry_run: bool = False
    progress: Progress = quiet
    stopping: threading.Event = field(default_factory=threading.Event)
    tally: Tally = field(default_factory=Tally)

    @property
    def name(self) -> str:
        """The store's."""
        return self.place.name

    def count(self, what: str, more: int = 1) -> None:
        """Add to a figure."""
        self.tally.counts[what] += more

    def tell(self, check: str, what: str, fix: str | None = None, *, bad: bool = True) -> None:
        """Note a trouble."""
        self.tally.troubles.append(StoreTrouble(check, f"{self.name}: {what}", fix, bad))

    def append(self, events: Sequence[NewEvent]) -> list[Appended | Refused]:
        """Append each event that the log still allows; others were there first for the rest."""
        results = append_each(self.store, events, self.progress)
        self.count("overtaken", sum(isinstance(result, Refused) for result in results))
        return results


def some(names: Sequence[str], total: int | None = None) -> str:
    """The first of many names, and how many more there are."""
    more = (len(names) if total is None else total) - TOLD
    return ", ".join(names[:TOLD]) + (f" and {more} more" if more > 0 else "")
