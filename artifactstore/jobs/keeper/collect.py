"""Compare what a store has with what the log says: one merge of both lists, in the order of bytes.

An object that no unretired location names, and whose id is older than any event could still name first, is
an orphan: an upload that was given up, or a removal whose record was lost with the end of a log. It is
deleted and counted; the log never knew it, so there is no event. A live object that is not there is looked
for once more, and then its copies are recorded as failed. What has no key of ours is told and left alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from artifactstore.errors import Refused, error
from artifactstore.events import NewEvent, StorageFailed
from artifactstore.jobs.keeper.work import ACTOR, TOLD, KeeperJob, some
from artifactstore.store import Row
from artifactstore.stores.base import ObjectInfo
from artifactstore.stores.faults import fault
from artifactstore.stores.keys import is_key, key_in, made_at, uri_of

ORPHANED_AFTER = timedelta(days=8)
"""The first event that names an object comes within 7 days of its id; clocks step back by less than one."""
MOST = 1_000
SHARE = 100
"""One of so many objects may be an orphan, and ``MOST`` in all, unless somebody says that it is right so."""
FEW = 10
"""So many may be, in however small a store."""
_MOST_MISSING = 50_000
_AWAY_SHARE = 20
"""If more than one of so many live objects is not there, the store is not, rather than they."""
_BATCH = 1_000
_TICK = 1_000


class Both(NamedTuple):
    """What store and log say of a key; None: nothing."""

    key: str
    info: ObjectInfo | None
    row: Row | None


@dataclass(slots=True)
class _Found:
    """What is to be done about a store; lists hold no more than is acted on."""

    orphans: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    resized: list[tuple[str, int]] = field(default_factory=list)
    overwritten: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def collect(work: KeeperJob, most: int | None = None, orphaned_after: timedelta = ORPHANED_AFTER) -> None:
    """Take stock of a store, and delete what nobody will ever name.

    Args:
        most: orphans that may be deleted, and live objects that may be missing; None: of orphans one of a
            hundred objects, ``MOST`` at most, of live ones one of twenty.
        orphaned_after: how old the id of an orphan is; tests alone shorten it.

    Raises ``Busy`` store-unavailable if too much is not there, and what the store refuses as a whole.
    """
    # Read before any page of the log: an id that is too old now was so in every snapshot after this.
    oldest = work.instant - orphaned_after
    found = _Found()
    limit = MOST if most is None else most
    for both in merged(work.place.list(), work.store.objects.all(work.name)):
        if work.stopping.is_set():
            return
        _judge(work, both, oldest, limit, found)
        if work.tally.counts["objects"] % _TICK == 0:
            work.progress("comparing", work.tally.counts["objects"], 0, "objects")
    fault("collect.listed")
    _tell(work, found)
    _record_missing(work, found, most)
    _delete_orphans(work, found, most)
    _abort_uploads(work, oldest)


def merged(listed: Iterable[ObjectInfo], known: Iterable[Row]) -> Iterator[Both]:
    """Both lists as one, by key."""
    infos, rows = iter(listed), (row for row in known if key_in(row["uri"]) is not None)
    info, row = next(infos, None), next(rows, None)
    while info is not None or row is not None:
        key = None if row is None else key_in(row["uri"])
        if info is not None and (key is None or _bytes(info.key) < _bytes(key)):
            yield Both(info.key, info, None)
            info = next(infos, None)
        elif key is not None and (info is None or _bytes(key) < _bytes(info.key)):
            yield Both(key, None, row)
            row = next(rows, None)
        elif info is not None:
            yield Both(info.key, info, row)
            info, row = next(infos, None), next(rows, None)


def _bytes(key: str) -> bytes:
    """What keys are ordered by; the names of foreign files may be no text."""
    return key.encode(errors="surrogateescape")


def _judge(work: KeeperJob, both: Both, oldest: datetime, limit: int, found: _Found) -> None:
    key, info, row = both
    if info is not None and not is_key(key):
        work.count("foreign")
        _keep(found.foreign, key, TOLD)
        return
    if info is not None:
        work.count("objects")
        work.count("bytes", info.size)
        if info.versions > 1:
            work.count("overwritten")
            _keep(found.overwritten, key, TOLD)
    live = row is not None and row["live"] > 0
    if info is None:
        if live:
            work.count("missing")
            _keep(found.missing, key, _MOST_MISSING)
    elif row is None or row["unretired"] == 0:
        if made_at(key) < oldest:
            work.count("orphans")
            work.count("orphan_bytes", info.size)
            _keep(found.orphans, key, limit)
        else:
            work.count("young")
    elif live:
        work.count("live")
        if info.size != row["size"]:
            work.count("resized")
            if len(found.resized) < _MOST_MISSING:
                found.resized.append((key, info.size))


def _keep(names: list[str], name: str, most: int) -> None:
    if len(names) < most:
        names.append(name)


def _tell(work: KeeperJob, found: _Found) -> None:
    counts = work.tally.counts
    if found.foreign:
        work.tell(
            "foreign",
            f"{counts['foreign']} things are not ours and stay: {some(found.foreign, counts['foreign'])}",
            bad=False,
        )
    if found.overwritten:
        told = some(found.overwritten, counts["overwritten"])
        work.tell("overwritten", f"somebody wrote over {told}: the versions before are still there")


def _record_missing(work: KeeperJob, found: _Found, most: int | None) -> None:
    """Look once more at what was not listed, and record what is not there or has another size."""
    expected = work.tally.counts["live"] + work.tally.counts["missing"]
    if work.tally.counts["missing"] > max(FEW, expected // _AWAY_SHARE if most is None else most):
        problem = (
            f"{work.name}: {work.tally.counts['missing']} of {expected} live objects are not there: "
            "it is rather the store that is not; nothing was recorded"
        )
        raise error("store-unavailable", {"problem": problem, "store": work.name})
    for keys in (found.missing[n : n + _BATCH] for n in range(0, len(found.missing), _BATCH)):
        gone = []
        for key in keys:
            work.requests.spend(1)
            if work.stopping.is_set():
                return
            if work.place.head(key) is None:
                gone.append(key)
        _record(work, dict.fromkeys(gone))
    _record(work, dict(found.resized))


def _record(work: KeeperJob, sizes: dict[str, int | None]) -> None:
    """Record that objects are missing (None), or have another size, where it is not known yet."""
    uris = [uri_of(key) for key in sizes]
    rows = work.store.keeping.live_locations(work.name, uris) if uris else []
    events, told = [], []
    for row in rows:
        size = sizes[str(key_in(row["uri"]))]
        failure = "missing" if size is None else "size_mismatch"
        if row["failure"] == failure or size == row["size"]:
            continue
        event = StorageFailed(
            package_id=row["package_id"],
            file_id=row["file_id"],
            failure=failure,
            observed_size=size,
            reason="keeper: inventory of the store",
        )
        events.append(NewEvent(event, row["location_id"], ACTOR, row["changed_sequence"]))
        told.append(f"{row['location_id']} ({failure})")
    if not events:
        return
    results = [] if work.dry_run else work.append(events)
    work.count("failed", len(events) - sum(isinstance(one, Refused) for one in results))
    fix = f"artifactstore keeper run --once --only repair --store {work.name}"
    work.tell("missing", f"{len(told)} copies are bad: {some(told)}", fix)


def _delete_orphans(work: KeeperJob, found: _Found, most: int | None) -> None:
    """Delete what was found, unless it is so much that something may be wrong with the log."""
    counts = work.tally.counts
    limit = min(MOST, max(FEW, counts["objects"] // SHARE)) if most is None else most
    if counts["orphans"] > limit:
        work.tell(
            "orphans",
            f"{counts['orphans']} of {counts['objects']} objects are named by no location, "
            f"{limit} may be deleted: nothing was",
            f"artifactstore keeper run --once --only collect --store {work.name} --max {counts['orphans']}",
        )
        return
    if work.dry_run:
        return
    for keys in (found.orphans[n : n + _BATCH] for n in range(0, len(found.orphans), _BATCH)):
        if work.stopping.is_set():
            return
        work.requests.spend(len(keys))
        outcomes = work.place.delete(keys)
        fault("collect.deleted")
        work.count("collected", sum(one == "deleted" for one in outcomes.values()))
        locked = [key for key, one in outcomes.items() if one == "locked"]
        if locked:
            work.count("locked", len(locked))
            work.tell("locked", f"the store keeps {some(locked)}, which no location names", bad=False)


def _abort_uploads(work: KeeperJob, oldest: datetime) -> None:
    """Give up uploads that no event could name any more."""
    for upload in work.place.unfinished():
        if work.stopping.is_set():
            return
        if not is_key(upload.key) or made_at(upload.key) >= oldest:
            continue
        work.count("unfinished")
        if not work.dry_run:
            work.requests.spend(1)
            work.place.abort(upload.key, upload.upload_id)
            fault("collect.aborted")
