"""Whether the keeper of stores does its work, from the notes of its passes: what doctor tells."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from artifactstore.jobs.keeper.lock import OVER
from artifactstore.store import Store

LATE: Mapping[str, timedelta] = {"remove": timedelta(days=2), "collect": timedelta(days=3)}
"""How long ago a job of a store that is used may have got to its end."""
LOCK_LATE = timedelta(days=2)
"""Likewise of the job lock, in a store that mirrors retention."""


class KeeperFinding(NamedTuple):
    """Something to know about a store, in words, and the command that goes on; ``severity`` as of doctor."""

    severity: str
    what: str
    fix: str | None


def keeper_findings(store: Store, mirrors: Collection[str] = ()) -> Iterator[KeeperFinding]:
    """Stores that nobody looks after, jobs that are behind or did not get to their end, what they found.

    Args:
        mirrors: stores that mirror retention, as far as it is known.
    """
    now = store.log.clock()
    latest = {(row["store"], row["job"]): row for row in store.keeper.latest()}
    for name, since in store.keeping.in_use().items():
        for job, late in (dict(LATE) | ({"lock": LOCK_LATE} if name in mirrors else {})).items():
            row = latest.get((name, job))
            done_at = None if row is None else row["done_at"]
            if now - (done_at or since) > late:
                yield _late(name, job, done_at, now)
    for (name, job), row in latest.items():
        if row["problem"] is not None:
            what = f"{job} of the store {name} did not get to its end: {row['problem']}"
            yield KeeperFinding("error", what, _command(name, job))
        counts = row["counts"] or {}
        if counts.get("lost"):
            what = f"{counts['lost']} copies in the store {name} are bad, and no good one could be read"
            yield KeeperFinding("error", what, "see the runbook bytes-corrupted")
    for row in store.locks.problems():
        name, problem = row["backend"], row["problem"]
        if problem == OVER:
            what = f"{row['objects']} objects in the store {name} are locked for longer than the log asks"
            yield KeeperFinding("info", what, None)
        else:
            what = f"{row['objects']} objects in the store {name} are not locked as the log asks: {problem}"
            yield KeeperFinding("error", what, _command(name, "lock"))


def _late(name: str, job: str, done_at: datetime | None, now: datetime) -> KeeperFinding:
    what = f"{job} never got to its end in the store {name}"
    if done_at is not None:
        what = f"{job} got to its end in the store {name} {(now - done_at).days} days ago, the last time"
    return KeeperFinding("warning", what, _command(name, job))


def _command(name: str, job: str) -> str:
    return f"artifactstore keeper run --once --only {job} --store {name}"
