"""Read objects again, and record whether they are still what was ingested.

Never verified ones come first, then those whose reading is the longest ago, as fast as the store's budget
allows. Each reading appends its outcome, good or bad, for every live location that names the object. What
cannot be read is tried again in later passes, and recorded as unreachable when an hour of tries did not
help; if it is much, the store is down, and nothing is recorded.
"""

import time
from dataclasses import dataclass, field
from datetime import timedelta

from blake3 import blake3

from artifactstore.errors import ArtifactstoreError, NotFound, Refused, error
from artifactstore.events import NewEvent, StorageFailed
from artifactstore.jobs.copies import judge
from artifactstore.jobs.keeper.work import ACTOR, KeeperJob, some
from artifactstore.jobs.tree import Hashed
from artifactstore.store import Row
from artifactstore.stores.faults import fault
from artifactstore.stores.keys import key_in

RETRY = timedelta(days=1)
"""How often a copy that is known to be bad is read: somebody may have put it right."""
BATCH = 500
_SECONDS = 5.0
"""After so long a batch is recorded although it is not full."""
_FEW = 5
_AWAY_SHARE = 20
"""If more than one of so many objects cannot be read, the store cannot."""
_TRIES = 3
_LASTING = 3_600.0
"""Seconds between the first and the last of the tries after which an object is unreachable."""


@dataclass(slots=True)
class Unreachable:
    """What could not be read, by URI: how often, and when first. Kept by who runs the passes."""

    tries: dict[str, tuple[int, float]] = field(default_factory=dict)

    def lasting(self, uri: str) -> bool:
        """Note one more try; whether it is enough to record it."""
        now = time.monotonic()
        count, first = self.tries.get(uri, (0, now))
        self.tries[uri] = count + 1, first
        return count + 1 >= _TRIES and now - first >= _LASTING


def check(work: KeeperJob, unreachable: Unreachable, seconds: float | None = None) -> None:
    """Read what is due, for so long at most.

    Raises ``Busy`` store-unavailable if too much cannot be read; as ``Store.append``. What was recorded
    stays.
    """
    _Check(work, unreachable).run(seconds)


@dataclass(slots=True)
class _Check:
    """One pass."""

    work: KeeperJob
    unreachable: Unreachable
    _left: set[str] = field(default_factory=set)
    _read: dict[str, Hashed] = field(default_factory=dict)
    _failing: list[str] = field(default_factory=list)

    def run(self, seconds: float | None) -> None:
        """Read, the most urgent first, and record from time to time."""
        work, ends = self.work, None if seconds is None else time.monotonic() + seconds
        verified, failed = work.instant - work.settings.read_every, work.instant - RETRY
        while not work.stopping.is_set():
            found = work.store.keeping.to_read(work.name, verified, failed, BATCH + len(self._left))
            rows = [row for row in found if row["uri"] not in self._left][:BATCH]
            if not rows:
                break
            recorded = time.monotonic() + _SECONDS
            for row in rows:
                if work.stopping.is_set() or (ends is not None and time.monotonic() > ends):
                    break
                self._look(row)
                if time.monotonic() > recorded:
                    self._record()
                    recorded = time.monotonic() + _SECONDS
            self._record()
            if ends is not None and time.monotonic() > ends:
                break
        if self._failing:
            work.tell("unreachable", f"cannot be read now: {some(self._failing)}", bad=False)

    def _look(self, row: Row) -> None:
        work, uri = self.work, row["uri"]
        self._left.add(uri)
        try:
            self._read[uri] = self._hashed(uri)
        except ArtifactstoreError as failure:
            self._failing.append(uri)
            work.count("unreachable")
            if len(self._failing) > max(_FEW, work.tally.counts["read"] // _AWAY_SHARE):
                self._record()
                raise _away(work, self._failing, failure) from failure
            if self.unreachable.lasting(uri):
                self._read[uri] = Hashed(uri, problem=str(failure.detail.get("problem") or failure.message))
            return
        self.unreachable.tries.pop(uri, None)
        work.count("read")
        work.progress("reading objects", work.tally.counts["read_bytes"], 0, "bytes")

    def _hashed(self, uri: str) -> Hashed:
        """Read an object; looked at twice before it is missing."""
        key = key_in(uri)
        if key is None:
            return Hashed(uri, problem="no URI of an object")
        for last in (False, True):
            try:
                return self._hash(uri, key)
            except NotFound as failure:
                if last:
                    return Hashed(uri, problem=failure.message, missing=True)
        raise AssertionError("the loop returns or raises")

    def _hash(self, uri: str, key: str) -> Hashed:
        digest, size = blake3(), 0
        self.work.requests.spend(1)
        for piece in self.work.place.read(key):
            self.work.bytes.spend(len(piece))
            digest.update(piece)
            size += len(piece)
        self.work.count("read_bytes", size)
        return Hashed(uri, size, digest.digest())

    def _record(self) -> None:
        """Append what was read, for every location that names it."""
        read, self._read = self._read, {}
        rows = self.work.store.keeping.live_locations(self.work.name, list(read)) if read else []
        events = [
            NewEvent(judge(row, read[row["uri"]]), row["location_id"], ACTOR, row["changed_sequence"])
            for row in rows
        ]
        bad = [row for row, new in zip(rows, events, strict=True) if isinstance(new.event, StorageFailed)]
        fault("check.read")
        if not self.work.dry_run:
            results = self.work.append(events)
            fault("check.recorded")
            self.work.count("verified", sum(not isinstance(one, Refused) for one in results) - len(bad))
        if bad:
            self.work.count("failed", len(bad))
            told = some([str(row["location_id"]) for row in bad])
            fix = f"artifactstore keeper run --once --only repair --store {self.work.name}"
            self.work.tell("failed", f"{len(bad)} copies are bad: {told}", fix)


def _away(work: KeeperJob, failing: list[str], failure: ArtifactstoreError) -> ArtifactstoreError:
    problem = (
        f"{work.name}: {len(failing)} objects cannot be read, {work.tally.counts['read']} could: "
        f"it is the store; nothing was recorded of them. The last: {failure.message}"
    )
    return error("store-unavailable", {"problem": problem, "store": work.name})
