"""Whether the keeper of stores does its work, from the notes of its passes: what doctor tells."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from artifactstore.jobs.keeper.figures import UNKNOWN, StoreFigures, figures
from artifactstore.jobs.keeper.lock import OVER
from artifactstore.store import Row, Store
from artifactstore.stores import units
from artifactstore.stores.config import StoreConfig, StoresConfig

LATE: Mapping[str, timedelta] = {"remove": timedelta(days=2), "collect": timedelta(days=3)}
"""How long ago a job of a store that is used may have got to its end."""
LOCK_LATE = timedelta(days=2)
"""Likewise of the job lock, in a store that mirrors retention."""
_BEHIND = 10
"""Reading copies again may be behind by one of so many parts of ``read_every``."""


class KeeperFinding(NamedTuple):
    """Something to know about a store, in words, and the command that goes on; ``severity`` as of doctor."""

    severity: str
    what: str
    fix: str | None


def keeper_findings(store: Store, config: StoresConfig) -> Iterator[KeeperFinding]:
    """What ``judged`` says of all stores that the log knows; looks at every copy."""
    now, used = store.log.clock(), store.keeping.in_use()
    yield from judged(config, now, figures(store), used, store.locks.problems())


def judged(
    config: StoresConfig,
    now: datetime,
    known: Mapping[str, StoreFigures],
    used: Mapping[str, datetime],
    locks: Iterable[Row],
) -> Iterator[KeeperFinding]:
    """Stores that nobody looks after, jobs that are behind or did not get to their end, what they found.

    Args:
        config: stores.toml of this host: what is said there, and which stores it does not name. A host
            without one has no stores to do with.
        known: what was noted of each store. used: stores that hold something, and since when.
        locks: objects that are locked otherwise than the log asks, by store and problem.
    """
    yield from _settings(config)
    for name, since in used.items():
        found = known.get(name, UNKNOWN)
        if config.path is not None and name not in config.stores:
            yield _unnamed(config, name)
        yield from _late(name, since, found, now, config.stores.get(name))
        yield from _behind(config.stores.get(name), since, found, now)
    for name, found in known.items():
        yield from _problems(name, found)
    yield from _locks(locks)


def _settings(config: StoresConfig) -> Iterator[KeeperFinding]:
    """Bytes that go before a restore of the database may bring back who needs them."""
    window = config.restore_window
    for name, given in config.stores.items():
        if window is not None and not given.readonly and given.remove_after < window:
            kept, back = units.text_of(given.remove_after), units.text_of(window)
            what = (
                f"the store {name} removes bytes {kept} after they were given up, and restore_window is "
                f"{back}: a restore of the database may need what is gone"
            )
            fix = f'say remove_after = "{back}" in [stores.{name}] of {config.path}'
            yield KeeperFinding("warning", what, fix)


def _unnamed(config: StoresConfig, name: str) -> KeeperFinding:
    what = f"the log has copies in the store {name}, which {config.path} does not name: none of them is read"
    return KeeperFinding("warning", what, "artifactstore backend list")


def _late(
    name: str, since: datetime, found: StoreFigures, now: datetime, given: StoreConfig | None
) -> Iterator[KeeperFinding]:
    done = {row["job"]: row["done_at"] for row in found.passes}
    mirrors = given is not None and given.lock == "mirror"
    for job, late in {**LATE, **({"lock": LOCK_LATE} if mirrors else {})}.items():
        done_at = done.get(job)
        if now - (done_at or since) > late:
            what = f"{job} never got to its end in the store {name}"
            if done_at is not None:
                what = (
                    f"{job} got to its end in the store {name} {(now - done_at).days} days ago, the last time"
                )
            yield KeeperFinding("warning", what, _command(name, job))


def _behind(
    given: StoreConfig | None, since: datetime, found: StoreFigures, now: datetime
) -> Iterator[KeeperFinding]:
    if given is None:
        return
    lag = now - (found.waiting_since or since) - given.read_every
    if lag * _BEHIND > given.read_every:
        what = (
            f"checks of the store {given.name} are {_told(lag)} behind: each copy is to be read in "
            f"{units.text_of(given.read_every)}"
        )
        yield KeeperFinding("warning", what, _command(given.name, "check"))


def _problems(name: str, found: StoreFigures) -> Iterator[KeeperFinding]:
    """What kept the latest passes from their ends, and what they left to people."""
    for row in found.passes:
        if row["problem"] is not None:
            what = f"{row['job']} of the store {name} did not get to its end: {row['problem']}"
            yield KeeperFinding("error", what, _command(name, row["job"]))
        counts = row["counts"] or {}
        if counts.get("lost"):
            what = f"{counts['lost']} copies in the store {name} are bad, and no good one could be read"
            yield KeeperFinding("error", what, "see the runbook bytes-corrupted")
    if found.orphans:
        what = (
            f"{found.orphans} of {found.objects} objects in the store {name} are named by no location, "
            "which is more than are deleted without being asked"
        )
        fix = f"{_command(name, 'collect')} --max {found.orphans}"
        yield KeeperFinding("warning", what, fix)
    if found.foreign:
        what = f"{found.foreign} things in the store {name} are not ours, and are left alone"
        yield KeeperFinding("info", what, _command(name, "collect"))


def _locks(problems: Iterable[Row]) -> Iterator[KeeperFinding]:
    """Objects that are locked otherwise than the log asks."""
    for row in problems:
        name, problem = row["backend"], row["problem"]
        if problem == OVER:
            what = f"{row['objects']} objects in the store {name} are locked for longer than the log asks"
            yield KeeperFinding("info", what, None)
        else:
            what = f"{row['objects']} objects in the store {name} are not locked as the log asks: {problem}"
            yield KeeperFinding("error", what, _command(name, "lock"))


def _told(lag: timedelta) -> str:
    return f"{lag.days} days" if lag.days else f"{lag.total_seconds():.0f} s"


def _command(name: str, job: str) -> str:
    return f"artifactstore keeper run --once --only {job} --store {name}"
