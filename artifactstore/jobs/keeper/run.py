"""Passes of the keeper: which jobs are due in which stores, each noted, and what stands in the way of all."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.jobs.content import Sources
from artifactstore.jobs.homes import log_home
from artifactstore.jobs.keeper import remove as removing
from artifactstore.jobs.keeper.check import Unreachable, check
from artifactstore.jobs.keeper.collect import collect
from artifactstore.jobs.keeper.figures import standing
from artifactstore.jobs.keeper.lock import Mirrored, lock
from artifactstore.jobs.keeper.mirror import MirrorPlace, mirror
from artifactstore.jobs.keeper.pace import Pace
from artifactstore.jobs.keeper.repair import repair
from artifactstore.jobs.keeper.work import KeeperJob, StoreTrouble, Tally
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.store import Store
from artifactstore.stores import marker
from artifactstore.stores.opening import Stores

EVERY: Mapping[str, timedelta] = {
    "lock": timedelta(seconds=1),
    "remove": timedelta(hours=1),
    "collect": timedelta(days=1),
    "check": timedelta(minutes=1),
    "repair": timedelta(hours=1),
    "replicate": timedelta(minutes=10),
}
"""The jobs, in the order in which they are done, and how often each is without --once."""
WRITING = ("lock", "remove", "collect", "repair", "replicate")
"""Those that write into a store or remove there: what is read only is only checked."""
RATE = 50
"""Objects that are removed a second, unless somebody says otherwise."""
_SLICE = 45.0
"""Seconds that one pass of checks or copies takes without --once, so that the others have their turn."""
_LOOK = 1.0
"""Seconds between two looks at what is due."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one pass may do.

    Attributes:
        most: objects that may be removed, and orphans that may be collected; None: the usual.
        rate: objects that are removed a second.
        package_id: only its bytes are removed, and now, however long they are retiring.
        read_back: share of the locks, 0 to 1, that are read back from a store once a day.
    """

    most: int | None = None
    rate: int = RATE
    package_id: UUID | None = None
    read_back: float = 0.01


@dataclass(frozen=True, slots=True)
class Done:
    """One job in one store: what it did, and why it did not get to its end, if so."""

    store: str
    job: str
    tally: Tally
    failure: ArtifactstoreError | None
    seconds: float

    @property
    def troubles(self) -> list[StoreTrouble]:
        """What somebody should know, the failure last."""
        failure = self.failure
        if failure is None:
            return self.tally.troubles
        what = str(failure.detail.get("problem") or failure.message)
        return [*self.tally.troubles, StoreTrouble(failure.code, what, failure.hint)]

    @property
    def bad(self) -> bool:
        """Whether somebody has to do something."""
        return any(one.bad for one in self.troubles)


@dataclass(slots=True, kw_only=True)
class Keeper:
    """The keeper of some stores of a log.

    Attributes:
        names: of the stores. jobs: what is done. dry_run: only tell; nothing is noted either.
        stopping: set it, and the keeper ends soon.
    """

    store: Store
    stores: Stores
    names: Sequence[str]
    jobs: Collection[str] = tuple(EVERY)
    limits: Limits = field(default_factory=Limits)
    dry_run: bool = False
    progress: Progress = quiet
    stopping: threading.Event = field(default_factory=threading.Event)
    _unreachable: dict[str, Unreachable] = field(default_factory=dict)
    _copied: dict[str, MirrorPlace] = field(default_factory=dict)
    _locked: defaultdict[str, Mirrored] = field(default_factory=lambda: defaultdict(Mirrored))

    def once(self) -> Iterator[Done]:
        """Every job in every store, once.

        Raises ``Refused`` read-only, moved, before anything is done; and as ``Store.append``.
        """
        refuse_elsewhere(self.store)
        for name in self.names:
            for job in EVERY:
                if job in self.jobs and not self.stopping.is_set() and self._concerns(job, name):
                    yield self._pass(name, job, None)

    def always(self) -> Iterator[Done]:
        """Every job in every store whenever it is due, until it is to stop; raises as ``once``."""
        refuse_elsewhere(self.store)
        due: dict[tuple[str, str], float] = {}
        while not self.stopping.is_set():
            for name in self.names:
                for job, every in EVERY.items():
                    if job not in self.jobs or not self._concerns(job, name) or self.stopping.is_set():
                        continue
                    if time.monotonic() < due.get((name, job), 0.0):
                        continue
                    if job == "lock" and not self._locked[name].waiting(self.store, name):
                        continue
                    refuse_elsewhere(self.store)
                    done = self._pass(name, job, _SLICE)
                    due[name, job] = time.monotonic() + (0.0 if done.tally.cut else every.total_seconds())
                    yield done
            self.stopping.wait(_LOOK)

    def _concerns(self, job: str, name: str) -> bool:
        given = self.stores.settings(name)
        wanted = {
            "lock": given.lock == "mirror",
            "repair": given.repair,
            "replicate": bool(given.mirror_of),
        }
        return wanted.get(job, True) and not (given.readonly and job in WRITING)

    def _pass(self, name: str, job: str, seconds: float | None) -> Done:
        """One job in one store, with its note; a store that cannot do it does not keep others from theirs."""
        begun = time.monotonic()
        note = None if self.dry_run else self.store.keeper.begin(name, job)
        tally, failure = Tally(), None
        try:
            self._do(name, job, tally, seconds)
        except ArtifactstoreError as refusal:
            if not _of_store(refusal):
                if note is not None and refusal.code != "unavailable":
                    self.store.keeper.end(note, tally.counts, refusal.message)
                raise
            failure = refusal
        # What was cut off is not noted as ended; a check may end anywhere.
        if note is not None and (job == "check" or not self.stopping.is_set()):
            problem = None if failure is None else failure.message
            found = standing(self.store, self.stores.settings(name)) if job == "check" else {}
            self.store.keeper.end(note, tally.counts | {"troubles": len(tally.troubles)} | found, problem)
        return Done(name, job, tally, failure, time.monotonic() - begun)

    def _do(self, name: str, job: str, tally: Tally, seconds: float | None) -> None:
        given, place, home = self.stores.settings(name), self.stores[name], log_home(self.store)
        if not given.readonly:
            if job in ("remove", "collect") and not self.dry_run:
                marker.act_through(place, home)
            else:
                marker.check(place, home)
        per_second = self.limits.rate if job == "remove" else given.requests
        work = KeeperJob(
            store=self.store,
            place=place,
            settings=given,
            instant=self.store.log.clock(),
            requests=Pace(None if job in ("lock", "collect") else per_second, self.stopping),
            bytes=Pace(given.read_bytes, self.stopping),
            dry_run=self.dry_run,
            progress=self.progress,
            stopping=self.stopping,
            tally=tally,
        )
        act = partial(marker.act_through, place, home)
        does: dict[str, Callable[[], None]] = {
            "lock": lambda: lock(work, self._locked[name], act, self.limits.read_back),
            "remove": lambda: self._remove(work),
            "collect": lambda: collect(work, self.limits.most),
            "check": lambda: check(work, self._unreachable.setdefault(name, Unreachable()), seconds),
            "repair": lambda: repair(work, Sources(self.stores, home)),
            "replicate": lambda: mirror(
                work, Sources(self.stores, home), self._copied.setdefault(name, MirrorPlace()), seconds
            ),
        }
        does[job]()

    def _remove(self, work: KeeperJob) -> None:
        package, most = self.limits.package_id, self.limits.most
        before: datetime = work.instant
        if package is None:
            before -= work.settings.remove_after
        removing.remove(work, before, removing.MOST if most is None else most, package)


def refuse_elsewhere(store: Store) -> None:
    """Raise ``Refused`` read-only on a standby, moved where the log is not at home."""
    store.log.refuse_read_only()
    home, here = store.identity.home(), store.identity.here()
    if home is not None and home.place != here.place:
        problem = (
            f"the log is at home in database {home.database_oid} of server {home.system_identifier}, "
            f"this is {here.database_oid} of {here.system_identifier}: nothing is removed from a copy"
        )
        raise Refused("moved", {"problem": problem})


def _of_store(failure: ArtifactstoreError) -> bool:
    """Whether it is about one store, and not about the log or all of them."""
    return "store" in failure.detail
