"""Whether the keeper of stores does its work, from the notes of its passes: what doctor tells."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from artifactstore.store import Row, Store

LATE: Mapping[str, timedelta] = {"remove": timedelta(days=2), "collect": timedelta(days=3)}
"""How long ago a job of a store that is used may have got to its end."""


class KeeperFinding(NamedTuple):
    """Something to know about a store, in words, and the command that goes on; ``severity`` as of doctor."""

    severity: str
    what: str
    fix: str | None


def keeper_findings(store: Store) -> Iterator[KeeperFinding]:
    """What ``judged`` says of all stores that the log knows."""
    yield from judged(store.log.clock(), store.keeper.latest(), store.keeping.in_use())


def judged(now: datetime, runs: Sequence[Row], used: Mapping[str, datetime]) -> Iterator[KeeperFinding]:
    """Stores that nobody looks after, jobs that are behind or did not get to their end, what they found.

    Args:
        runs: the latest of each store and job. used: stores that hold something, and since when.
    """
    latest = {(row["store"], row["job"]): row for row in runs}
    for name, since in used.items():
        for job, late in LATE.items():
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


def _late(name: str, job: str, done_at: datetime | None, now: datetime) -> KeeperFinding:
    what = f"{job} never got to its end in the store {name}"
    if done_at is not None:
        what = f"{job} got to its end in the store {name} {(now - done_at).days} days ago, the last time"
    return KeeperFinding("warning", what, _command(name, job))


def _command(name: str, job: str) -> str:
    return f"artifactstore keeper run --once --only {job} --store {name}"
