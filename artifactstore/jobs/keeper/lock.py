"""Lock objects in a store as long as the log protects them: retention and holds, mirrored.

What is to be done is the difference between what the log asks for and what is noted of the store. A pass
looks at all objects, or at those that events since the pass before are about. First everything is locked that
is to be locked better, then what is less: a pass that is cut off has protected too much, never too little.
Before locks are lowered that is noted as not known, so a pass that was cut off is repeated by the next.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.jobs.batches import in_batches
from artifactstore.jobs.keeper.work import KeeperJob, some
from artifactstore.store import Row, Store
from artifactstore.store.locks import NotedLock
from artifactstore.stores.faults import fault
from artifactstore.stores.keys import key_in
from artifactstore.stores.locks import KeepsLocked, Lock, SetHold, Step, steps

WHOLE = timedelta(hours=1)
"""How often all objects are looked at: a hold that bridged governance ends by time, not by an event."""
READ_BACK = timedelta(days=1)
BATCH = 500
OVER = "over-locked"
"""The problem of a lock that is more than the log asks for, and that nobody can take back."""
_AT_ONCE = 16
_FEW = 20
"""If the first so many are all refused, it is the store that refuses."""
_MANY_EVENTS = 50_000
"""Events since the pass before, after which it takes less to look at all objects."""


@dataclass(slots=True)
class Mirrored:
    """How far the locks of a store follow the log. Kept by who runs the passes."""

    since: int | None = None
    _whole: float | None = None
    _read: float | None = None

    def waiting(self, store: Store, name: str) -> bool:
        """Whether there is something to do; notes that there is nothing up to where the log stands."""
        if self.since is None or _over(self._whole, WHOLE):
            return True
        head = store.log.head()
        if head == self.since or not store.locks.page(name, None, 1, since=self.since, different=True):
            self.since = head
            return False
        return True

    def begin(self, head: int) -> int | None:
        """The event after which a pass looks at what changed; None: at all objects."""
        if self.since is None or head - self.since > _MANY_EVENTS or _over(self._whole, WHOLE):
            return None
        return self.since

    def reads_back(self) -> bool:
        """Whether it is time to read locks back; it is noted that this is done."""
        if _over(self._read, READ_BACK):
            self._read = time.monotonic()
            return True
        return False

    def end(self, head: int, whole: bool) -> None:
        """Note that what events up to ``head`` ask for is done."""
        self.since = head
        if whole:
            self._whole = time.monotonic()


def _over(since: float | None, span: timedelta) -> bool:
    return since is None or time.monotonic() - since > span.total_seconds()


def lock(work: KeeperJob, mirrored: Mirrored, act: Callable[[], None], share: float) -> None:
    """Lock what is to be locked, and as it is to be.

    Args:
        act: notes in the store how far the log goes that removals are judged by; before locks are lowered.
        share: of the objects, 0 to 1: of so many is read once a day how the store has them locked.

    Raises ``Refused`` store-refused if nothing can be locked there; what the store refuses as a whole.
    """
    place = work.place
    if not isinstance(place, KeepsLocked):
        told = {"problem": f"{work.name}: nothing can be locked there", "store": work.name}
        raise Refused("store-refused", told)
    head = work.store.log.head()
    since = mirrored.begin(head)
    made = _Locks(work, place, since, act)
    if since is None:
        place.check_locks()
        if share and mirrored.reads_back():
            made.read_back(share)
        if not work.dry_run:
            work.count("forgotten", work.store.locks.forget(work.name))
    if work.dry_run:
        made.count_different()
        return
    made.change(raising=True)
    made.change(raising=False)
    made.tell()
    if not work.stopping.is_set():
        mirrored.end(head, since is None)
    if since is not None and head > since:
        lasted = work.store.log.clock() - work.store.log.time_of(since + 1)
        work.count("lag_ms", round(lasted.total_seconds() * 1_000))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one object.

    Attributes:
        lock: what the store has, as far as it is known; None: the object is not there.
        done: steps that were done. looked: whether the store was asked.
        refusal: of the store. over: what it has is more than the log asks for, and stays.
        left: whether there are steps that are not of this round.
    """

    row: Row
    lock: Lock | None
    done: int = 0
    looked: bool = False
    refusal: ArtifactstoreError | None = None
    over: bool = False
    left: bool = False

    @property
    def problem(self) -> str | None:
        """As it is noted; what is left to do keeps the problem that it had."""
        if self.refusal is not None:
            return _code(self.refusal)
        if self.over:
            return OVER
        known: str | None = self.row["problem"]
        return known if self.left else None


def _code(refusal: ArtifactstoreError) -> str:
    """The store's own word for why it refuses."""
    return str(refusal.detail.get("store_code") or refusal.code)


class _Locks:
    """One pass over a store.

    Args:
        since: only what events after it are about; None: all.
    """

    def __init__(
        self, work: KeeperJob, place: KeepsLocked, since: int | None, act: Callable[[], None]
    ) -> None:
        self._work = work
        self._place = place
        self._since = since
        self._act = act
        self._acted = False
        self._set = 0
        self._refused: dict[str, ArtifactstoreError] = {}
        self._over: dict[str, datetime] = {}

    def count_different(self) -> None:
        """Only tell how much is to be done."""
        for row in self._rows(different=True):
            found = list(steps(_wanted(row), _noted(row), self._work.instant))
            self._work.count("to_raise", int(any(step.raises for step in found)))
            self._work.count("to_lower", int(any(not step.raises for step in found)))

    def change(self, *, raising: bool) -> None:
        """Do all steps that raise, or all that lower; note what came of it."""
        for rows in in_batches(self._rows(different=True), BATCH):
            now = self._work.store.log.clock()
            if not raising:
                self._announce([row for row in rows if _lowers(row, now)])
            fault("lock.doubted")
            outcomes = self._each(partial(self._apply, raising=raising, now=now), rows)
            fault("lock.set")
            self._note(outcomes, raising=raising, now=now)
            fault("lock.noted")
            self._work.progress("locking", self._set, 0, "objects")
            if not self._set and len(self._refused) >= _FEW:
                raise list(self._refused.values())[-1]

    def read_back(self, share: float) -> None:
        """See how the store has a share of its objects locked: each day another one."""
        work, lost = self._work, []
        first = (work.instant.date().toordinal() * share) % 1.0
        for rows in in_batches(self._slice(first, first + share), BATCH):
            now = work.store.log.clock()
            outcomes = self._each(self._look, rows)
            work.count("read_back", len(outcomes))
            seen = [one for one in outcomes if one.lock is not None]
            lost += [one.row["uri"] for one in seen if one.lock and one.lock.under(_noted(one.row).at(now))]
            new = [one for one in seen if one.lock and one.lock.at(now) != _noted(one.row).at(now)]
            if new and not work.dry_run:
                work.store.locks.note(work.name, [_to_note(one, now) for one in new])
        if lost:
            work.count("unlocked", len(lost))
            fix = f"artifactstore backend test {work.name}"
            work.tell("unlocked", f"the store has less than was set, and it is set again: {some(lost)}", fix)

    def tell(self) -> None:
        """Tell what is not locked as it should be."""
        work = self._work
        if self._over:
            latest = max(self._over.values())
            told = some(list(self._over))
            what = f"{len(self._over)} objects are locked for longer than the log asks, to {latest}: {told}"
            work.tell(OVER, what, bad=False)
        if self._refused:
            codes = ", ".join(sorted({_code(failure) for failure in self._refused.values()}))
            work.tell("lock-refused", f"the store refuses to lock {some(list(self._refused))}: {codes}")

    def _rows(self, *, different: bool, after: str | None = None) -> Iterator[Row]:
        """Pages of objects, each read when it is needed."""
        work = self._work
        while not work.stopping.is_set():
            rows = work.store.locks.page(work.name, after, BATCH, since=self._since, different=different)
            yield from (row for row in rows if key_in(row["uri"]) is not None)
            if len(rows) < BATCH:
                return
            after = rows[-1]["uri"]

    def _slice(self, first: float, last: float) -> Iterator[Row]:
        """Objects whose ids end in a part of all ends there are, from one share to another, by modulo 1."""
        for start, end in ((first, min(last, 1.0)), (0.0, last - 1.0)):
            if start < end:
                for row in self._rows(different=False, after=f"store:{int(start * 256):02x}/"):
                    position = _position(row["uri"])
                    if position >= end:
                        break
                    if position >= start:
                        yield row

    def _each(self, does: Callable[[Row], _Outcome], rows: Sequence[Row]) -> list[_Outcome]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(does, rows))

    def _announce(self, rows: Sequence[Row]) -> None:
        """What must be true before a lock is lowered: the log is not an old one, and the notes say so."""
        if not rows:
            return
        if not self._acted:
            self._act()
            self._acted = True
        self._work.store.locks.doubt(self._work.name, [row["uri"] for row in rows])

    def _look(self, row: Row) -> _Outcome:
        return _Outcome(row, self._place.lock_of(_key(row)), looked=True)

    def _apply(self, row: Row, *, raising: bool, now: datetime) -> _Outcome:
        """Do the steps of one object. What the store refuses is judged again by what it has, once."""
        doubted = row["noted"] and row["applied_at"] is None
        known = self._look(row) if doubted else _Outcome(row, _noted(row))
        outcome = self._step(known, raising=raising, now=now)
        if outcome.refusal is None or outcome.looked:
            return outcome
        seen = self._look(row)
        if seen.lock is None or seen.lock == outcome.lock:
            return replace(outcome, lock=seen.lock, looked=True)
        again = self._step(seen, raising=raising, now=now)
        return replace(again, done=again.done + outcome.done)

    def _step(self, known: _Outcome, *, raising: bool, now: datetime) -> _Outcome:
        """Do the steps that lead from what is known to what is wanted, up to the first that is refused."""
        has, done, left = known.lock, 0, False
        if has is None:
            return known
        wanted = _wanted(known.row)
        for step in steps(wanted, has, now):
            if step.raises is not raising:
                left = True
                continue
            try:
                if not self._place.change_lock(_key(known.row), step):
                    return replace(known, lock=None, done=done)
            except ArtifactstoreError as failure:
                if failure.code != "store-refused":
                    raise
                return replace(known, lock=has, done=done, refusal=failure)
            has, done = _after(has, step, now), done + 1
        return replace(known, lock=has, done=done, over=has.at(now).over(wanted), left=left)

    def _note(self, outcomes: Sequence[_Outcome], *, raising: bool, now: datetime) -> None:
        work = self._work
        noted = []
        for one in outcomes:
            if one.lock is None:
                work.count("missing", int(raising))
                continue
            work.count("raised" if raising else "lowered", int(one.done > 0))
            self._set += one.done
            if one.refusal is not None:
                self._refused[_key(one.row)] = one.refusal
                work.count("refused")
            if one.over and one.lock.until is not None and not raising:
                self._over[_key(one.row)] = one.lock.until
                work.count("over_locked")
            doubted = not raising and _lowers(one.row, now)
            if one.done or one.looked or doubted or one.problem != one.row["problem"]:
                noted.append(_to_note(one, now, doubted=doubted))
        if noted:
            work.store.locks.note(work.name, noted)


def _to_note(one: _Outcome, now: datetime, *, doubted: bool = False) -> NotedLock:
    lock = (one.lock or Lock()).at(now)
    seen = None if doubted else one.row["applied_at"]
    return NotedLock(one.row["uri"], lock, one.problem, seen)


def _after(has: Lock, step: Step, now: datetime) -> Lock:
    """What the store has when a step is done."""
    if isinstance(step, SetHold):
        return replace(has.at(now), hold=step.on)
    return Lock(step.mode, step.until, has.hold)


def _lowers(row: Row, now: datetime) -> bool:
    return any(not step.raises for step in steps(_wanted(row), _noted(row), now))


def _wanted(row: Row) -> Lock:
    return Lock(row["mode"], row["until"], row["hold"])


def _noted(row: Row) -> Lock:
    """What is noted of an object; nothing is, and that is right, of one that was never locked."""
    return Lock(row["noted_mode"], row["noted_until"], bool(row["noted_hold"]))


def _key(row: Row) -> str:
    return str(key_in(row["uri"]))


def _position(uri: str) -> float:
    """Where an object is among all ends that ids can have, 0 to 1, in the order of its URI."""
    key = str(key_in(uri))
    return int(key[:2] + key[-8:-2], 16) / 16**8
