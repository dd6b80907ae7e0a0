"""Remove bytes that nobody needs any more, and record it.

1. A retiring copy whose bytes another, live one names is ``detached``: the bytes stay.
2. Objects that are doomed, for as long as the store's ``remove_after``, are deleted there.
3. In one append all but one of the locations of each are ``detached``, the last one is ``deleted``.

What is doomed is so for ever, so a run that ends between 2 and 3 is repeated by the next: to delete what is
gone is right. What the store keeps, since it is locked there, is told and stays as it is.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from artifactstore.errors import Refused
from artifactstore.events import NewEvent, StorageRetired
from artifactstore.jobs.keeper.work import ACTOR, KeeperJob, some
from artifactstore.store import Row
from artifactstore.store.locks import NotedLock
from artifactstore.stores.base import Removed
from artifactstore.stores.faults import fault
from artifactstore.stores.keys import key_in, uri_of
from artifactstore.stores.locks import KeepsLocked

BATCH = 500
"""Objects between two looks at what is doomed, so that a hold of a few seconds ago counts."""
MOST = 10_000
"""Objects that may be due at once, unless somebody says that it is right so."""
_DETACHED = 500


def remove(work: KeeperJob, before: datetime, most: int = MOST, package_id: UUID | None = None) -> None:
    """Remove what is retiring since ``before``, of all packages or of one.

    Raises ``Refused`` too-many-due, when it is more than ``most`` objects; what the store refuses as a
    whole; and as ``Store.append``.
    """
    _check_most(work, before, most, package_id)
    if work.dry_run:
        return
    _detach(work, package_id)
    after: Row | None = None
    while not work.stopping.is_set():
        rows = work.store.objects.doomed(work.name, before, BATCH, package_id=package_id, after=after)
        if not rows:
            break
        after = rows[-1]
        remove_some(work, rows)
        work.progress("removing", work.tally.counts["removed"], work.tally.counts["due"], "objects")


def _check_most(work: KeeperJob, before: datetime, most: int, package_id: UUID | None) -> None:
    due = work.store.objects.doomed(work.name, before, most + 1, package_id=package_id)
    work.count("due", len(due))
    work.count("due_bytes", sum(row["size"] for row in due))
    if len(due) > most and not work.dry_run:
        problem = f"more than {most} objects of {work.name} are to be removed"
        hint = (
            f"artifactstore keeper run --once --only remove --store {work.name} --dry-run tells how many; "
            "then give --max"
        )
        raise Refused("too-many-due", {"problem": problem, "store": work.name, "max": most}, hint)


def _detach(work: KeeperJob, package_id: UUID | None) -> None:
    """Give up the claims on bytes that live copies need."""
    tried: set[UUID] = set()
    while not work.stopping.is_set():
        rows = work.store.keeping.needed_by_others(work.name, package_id, _DETACHED + len(tried))
        rows = [row for row in rows if row["location_id"] not in tried]
        if not rows:
            return
        tried |= {row["location_id"] for row in rows}
        reason = "keeper: other copies need the bytes"
        events = [_retired(row, "detached", reason) for row in rows]
        results = work.append(events)
        work.count("detached", sum(not isinstance(result, Refused) for result in results))


def remove_some(work: KeeperJob, rows: Sequence[Row]) -> None:
    """Remove some objects, and record those that are gone."""
    keys = [str(key_in(row["uri"])) for row in rows]
    work.requests.spend(len(keys))
    fault("remove.listed")
    outcomes = work.place.delete(keys)
    fault("remove.deleted")
    gone: list[tuple[Row, Removed]] = []
    locked = []
    for key, row in zip(keys, rows, strict=True):
        if (outcome := outcomes[key]) == "locked":
            locked.append(key)
        else:
            gone.append((row, outcome))
    work.append([event for row, outcome in gone for event in _events(row, outcome)])
    fault("remove.recorded")
    work.count("removed", len(gone))
    work.count("removed_bytes", sum(row["size"] for row, _ in gone))
    if locked:
        work.count("locked", len(locked))
        _tell_locked(work, locked)


def _tell_locked(work: KeeperJob, keys: Sequence[str]) -> None:
    """Tell until when the store keeps what the log gave up; the job lock takes back what can be."""
    what = f"the store keeps {some(keys)}, which the log gave up"
    if not isinstance(work.place, KeepsLocked):
        work.tell("locked-until", what, bad=False)
        return
    locks = {uri_of(key): found for key in keys if (found := work.place.lock_of(key)) is not None}
    ends = [found.until for found in locks.values() if found.until is not None]
    held = sum(found.hold for found in locks.values())
    what += f", the last until {max(ends):%Y-%m-%d %H:%M:%S %Z}" if ends else ""
    what += f", {held} of them under a legal hold there" if held else ""
    if work.settings.lock != "mirror":
        work.tell("locked-until", what, bad=False)
        return
    # Read a moment ago: what somebody noted since is doubted, and looked at again.
    work.store.locks.note(work.name, [NotedLock(uri, found, None, None) for uri, found in locks.items()])
    fix = f"artifactstore keeper run --once --only lock --store {work.name}"
    work.tell("locked-until", what, fix, bad=False)


def _events(row: Row, outcome: Removed) -> list[NewEvent]:
    """What becomes of the locations of an object whose bytes are gone: the last one tells it."""
    locations = [
        {"location_id": location, "package_id": package, "file_id": file}
        for location, package, file in zip(
            row["location_ids"], row["package_ids"], row["file_ids"], strict=True
        )
    ]
    *others, last = locations
    detached = [_retired(one, "detached", "keeper: nobody needs the bytes any more") for one in others]
    return [*detached, _retired(last, outcome, "keeper: nobody needed the bytes any more")]


def _retired(row: Row, outcome: str, reason: str) -> NewEvent:
    event = StorageRetired(
        package_id=row["package_id"], file_id=row["file_id"], outcome=outcome, reason=reason
    )
    return NewEvent(event, row["location_id"], ACTOR)
