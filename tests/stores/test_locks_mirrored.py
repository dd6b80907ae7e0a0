"""Retention as locks of a real bucket: what the keeper sets there, and what can be deleted then."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError
from artifactstore.events import (
    Event,
    HoldPlaced,
    HoldReleased,
    NewEvent,
    PackageDeleted,
    PackagePurged,
    RetentionApplied,
    RetentionEscalated,
    RetentionExtended,
    RetentionShortened,
    new_id,
)
from artifactstore.jobs.homes import log_home
from artifactstore.jobs.keeper import lock as locking
from artifactstore.jobs.keeper.health import KeeperFinding, keeper_findings
from artifactstore.jobs.keeper.lock import Mirrored, lock
from artifactstore.jobs.keeper.remove import remove
from artifactstore.jobs.keeper.run import Done, Keeper
from artifactstore.jobs.keeper.work import KeeperJob
from artifactstore.store import Row, Store
from artifactstore.stores import locks as lock_steps
from artifactstore.stores import marker
from artifactstore.stores.config import StoreConfig, StoresConfig
from artifactstore.stores.faults import VARIABLE
from artifactstore.stores.keys import key_in
from artifactstore.stores.locks import Lock, SetRetention
from artifactstore.stores.opening import Stores
from artifactstore.stores.s3 import S3Store
from tests.stores.kept import ANN, begin, connected, ingest, put, work
from tests.stores.proxy import Fault, Proxy, says
from tests.stores.seaweed import seaweed
from tests.timing import until

NOW = datetime.now(UTC).replace(microsecond=0)
SHORT, LONG, LONGER = (NOW + timedelta(hours=hours) for hours in (1, 2, 3))
CONTENT = b"what is kept"
HOLD = new_id()


@dataclass
class Mirror:
    """A log with a store in the locked bucket."""

    store: Store
    given: StoreConfig
    place: S3Store
    conninfo: str
    mirrored: Mirrored = field(default_factory=Mirrored)

    def run(self, share: float = 0.0, **more: Any) -> KeeperJob:
        """A pass of the job lock, over all objects."""
        return self.woken(share=share, mirrored=Mirrored(), **more)

    def woken(self, *, share: float = 0.0, mirrored: Mirrored | None = None, **more: Any) -> KeeperJob:
        """A pass as the keeper makes them one after the other."""
        job = replace(work(self.store, self.given, self.place), **more)

        def act() -> None:
            marker.act_through(self.place, log_home(self.store))

        lock(job, mirrored or self.mirrored, act, share)
        return job

    def ingest(self, uri: str | None = None) -> tuple[UUID, str]:
        """A package with one file, and its object."""
        uri = uri or put(self.store, self.place, CONTENT)
        return ingest(self.store, CONTENT, ("main", uri)), uri

    def append(self, package: UUID, *events: Event) -> None:
        self.store.writes.append([NewEvent(event, package, ANN) for event in events])

    def lock(self, uri: str) -> Lock:
        """How the store has an object locked."""
        found = self.place.lock_of(str(key_in(uri)))
        assert found is not None
        return found

    def try_to_delete(self, uri: str) -> str:
        key = str(key_in(uri))
        return self.place.delete([key])[key]

    def noted(self) -> list[Row]:
        """What is noted of all objects that are."""
        return [row for row in self.store.locks.page("main", None, 100) if row["noted"]]

    def findings(self) -> list[KeeperFinding]:
        """What doctor tells of the store."""
        return list(keeper_findings(self.store, StoresConfig(stores={"main": self.given})))

    def admin(self, statement: str) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as admin:
            admin.execute(statement.encode())


@pytest.fixture
def mirror(database: str) -> Iterator[Mirror]:
    given = seaweed().settings("locked", lock="mirror")
    place = S3Store(given)
    with connected(database) as store:
        begin(store, place)
        yield Mirror(store, given, place, database)
    place.close()


GOVERNED = RetentionApplied(mode="governance", until=LONG)
COMPLYING = RetentionApplied(mode="compliance", until=LONG)
HELD = HoldPlaced(hold_id=HOLD, case="c", reason="r")
RELEASED = HoldReleased(hold_id=HOLD, reason="r")

HISTORIES: dict[str, list[tuple[int, Event, Lock]]] = {
    "governance, extended, shortened": [
        (0, GOVERNED, Lock("governance", LONG)),
        (0, RetentionExtended(from_=LONG, to=LONGER), Lock("governance", LONGER)),
        (
            0,
            RetentionShortened(from_=LONGER, to=SHORT, reason="r", bypass_governance=True),
            Lock("governance", SHORT),
        ),
    ],
    "escalated": [
        (0, GOVERNED, Lock("governance", LONG)),
        (0, RetentionEscalated(), Lock("compliance", LONG)),
        (0, RetentionExtended(from_=LONG, to=LONGER), Lock("compliance", LONGER)),
    ],
    "held and released": [(0, HELD, Lock(hold=True)), (0, RELEASED, Lock())],
    "held under governance": [
        (0, GOVERNED, Lock("governance", LONG)),
        (0, HELD, Lock("governance", LONG, True)),
        (0, RELEASED, Lock("governance", LONG)),
    ],
    "shared: a hold bridges governance that outlasts compliance": [
        (0, RetentionApplied(mode="governance", until=LONGER), Lock("governance", LONGER)),
        (1, COMPLYING, Lock("compliance", LONG, True)),
        (1, RetentionExtended(from_=LONG, to=LONGER), Lock("compliance", LONGER)),
    ],
    "shared: the longest, and a hold of either": [
        (0, GOVERNED, Lock("governance", LONG)),
        (1, RetentionApplied(mode="governance", until=LONGER), Lock("governance", LONGER)),
        (0, HELD, Lock("governance", LONGER, True)),
        (1, replace(HELD, hold_id=new_id()), Lock("governance", LONGER, True)),
        (0, RELEASED, Lock("governance", LONGER, True)),
    ],
    "rounded up": [
        (
            0,
            RetentionApplied(mode="governance", until=LONG + timedelta(microseconds=1)),
            Lock("governance", LONG + timedelta(seconds=1)),
        ),
    ],
}
"""Events of the first or second package that names an object → how the store has it locked after each."""


@pytest.mark.parametrize("name", HISTORIES)
def test_the_store_follows_the_log(mirror: Mirror, name: str) -> None:
    first, uri = mirror.ingest()
    packages = first, mirror.ingest(uri)[0]
    other, free = mirror.ingest()
    assert mirror.woken().tally.counts["raised"] == 0
    for package, event, expected in HISTORIES[name]:
        mirror.append(packages[package], event)
        assert mirror.mirrored.waiting(mirror.store, "main") or not mirror.store.locks.page(
            "main", None, 1, different=True
        )
        job = mirror.woken()
        assert (mirror.lock(uri), job.tally.troubles) == (expected, [])
        if expected != Lock():
            assert mirror.try_to_delete(uri) == "locked"
        assert not mirror.mirrored.waiting(mirror.store, "main")
        assert mirror.store.locks.page("main", None, 9, different=True) == []
    assert other != first
    assert mirror.lock(free) == Lock()
    if HISTORIES[name][-1][2] == Lock():
        assert mirror.try_to_delete(uri) == "deleted"


def test_lost_notes_are_made_again(mirror: Mirror) -> None:
    """Also where the store has more by then: what is noted of nothing is judged by what is there."""
    objects = [mirror.ingest() for _ in range(3)]
    (governed, first), (shortened, second), (held, third) = objects
    mirror.append(governed, GOVERNED)
    mirror.append(shortened, GOVERNED)
    mirror.append(held, HELD)
    mirror.run()
    before = [
        (row["uri"], row["noted_mode"], row["noted_until"], row["noted_hold"]) for row in mirror.noted()
    ]
    mirror.admin("TRUNCATE artifactstore.store_locks")
    mirror.run()
    again = [(row["uri"], row["noted_mode"], row["noted_until"], row["noted_hold"]) for row in mirror.noted()]
    assert again == before
    mirror.admin("TRUNCATE artifactstore.store_locks")
    mirror.append(shortened, RetentionShortened(from_=LONG, to=SHORT, reason="r", bypass_governance=True))
    mirror.append(held, RELEASED)
    job = mirror.run(1.0)
    assert job.tally.counts["read_back"] == 3
    found = [mirror.lock(uri) for uri in (first, second, third)]
    assert found == [Lock("governance", LONG), Lock("governance", SHORT), Lock()]
    assert mirror.store.locks.page("main", None, 9, different=True) == []


def test_a_purge_with_bypass_is_removed_when_the_lock_was_taken_back(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_steps, "ENDING", timedelta(seconds=2))
    monkeypatch.setattr(lock_steps, "_NEAR", timedelta(seconds=4))
    package, _ = mirror.ingest()
    mirror.append(package, GOVERNED)
    mirror.run()
    mirror.append(
        package,
        PackageDeleted(reason="r", bypass_governance=True),
        PackagePurged(reason="r", file_count=1, bypass_governance=True),
    )
    early = work(mirror.store, mirror.given, mirror.place)
    remove(early, early.instant)
    (trouble,) = early.tally.troubles
    assert (trouble.check, trouble.bad) == ("locked-until", False)
    assert f"until {LONG:%Y-%m-%d %H:%M:%S}" in trouble.what
    assert trouble.fix == "artifactstore keeper run --once --only lock --store main"
    assert mirror.run().tally.counts["lowered"] == 1
    time.sleep(3.1)
    later = work(mirror.store, mirror.given, mirror.place)
    remove(later, later.instant)
    assert (later.tally.counts["removed"], later.tally.troubles) == (1, [])
    assert mirror.run().tally.counts["forgotten"] == 1


def test_what_the_store_has_beyond_the_log_is_told(mirror: Mirror) -> None:
    """Compliance that somebody set stays as long as it lasts; governance and holds are taken back."""
    objects = [mirror.ingest()[1] for _ in range(2)]
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
    for uri, mode, end in zip(objects, ("compliance", "governance"), (until, LONG), strict=True):
        mirror.place.change_lock(str(key_in(uri)), SetRetention(mode, end, raises=True, bypass=False))
    assert mirror.run().tally.troubles == [], "nobody looked"
    job = mirror.run(1.0)
    assert [(one.check, one.bad) for one in job.tally.troubles] == [("over-locked", False)]
    assert (job.tally.counts["over_locked"], job.tally.counts["lowered"]) == (1, 1)
    assert mirror.lock(objects[0]) == Lock("compliance", until)
    assert [one.severity for one in mirror.findings()] == ["info"]
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 0.2)
    assert mirror.run().tally.troubles == []
    assert mirror.findings() == []


def test_a_store_that_accepts_locks_and_keeps_none_is_found_out(mirror: Mirror) -> None:
    """By backend test before, and by what is read back after."""
    package, uri = mirror.ingest()
    mirror.append(package, GOVERNED)
    with Proxy(seaweed().endpoint).running() as proxy:
        proxy.faults.append(Fault(r"^PUT \S+\?(retention|legal-hold)", says(200), times=1_000))
        lying = S3Store(replace(mirror.given, endpoint=proxy.endpoint))
        (trial,) = [one for one in lying.own_trials(mirror.given) if one.trial == "lock"]
        assert (trial.outcome, trial.told) == ("failed", "what was locked was removed")
        assert mirror.run(place=lying).tally.counts["raised"] == 1
        lying.close()
    assert mirror.lock(uri) == Lock()
    job = mirror.run(1.0)
    assert [(one.check, one.bad) for one in job.tally.troubles] == [("unlocked", True)]
    assert mirror.lock(uri) == Lock("governance", LONG)


def test_each_day_another_share_is_read_back(mirror: Mirror) -> None:
    uris = {mirror.ingest()[1] for _ in range(20)}
    counts = []
    for day in range(4):
        instant = datetime(2026, 11, 28, tzinfo=UTC) + timedelta(days=day)
        counts.append(mirror.run(0.25, instant=instant).tally.counts["read_back"])
    assert sum(counts) == len(uris)
    assert mirror.run(1.0).tally.counts["read_back"] == len(uris)


@pytest.fixture
def refusing(mirror: Mirror) -> Iterator[S3Store]:
    """The store for an account that may not set retention."""
    with Proxy(seaweed().endpoint).running() as proxy:
        proxy.faults.append(Fault(r"^PUT \S+\?retention", says(403, "AccessDenied"), times=1_000))
        store = S3Store(replace(mirror.given, endpoint=proxy.endpoint))
        yield store
        store.close()


def test_what_the_store_refuses_is_told_and_everything_else_goes_on(
    mirror: Mirror, refusing: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, uri = mirror.ingest()
    mirror.append(package, GOVERNED)
    job = mirror.run(place=refusing)
    assert [(one.check, one.bad) for one in job.tally.troubles] == [("lock-refused", True)]
    assert "AccessDenied" in job.tally.troubles[0].what
    (finding,) = mirror.findings()
    assert (finding.severity, finding.fix) == (
        "error", "artifactstore keeper run --once --only lock --store main",
    )  # fmt: skip
    monkeypatch.setattr(locking, "_FEW", 1)
    with pytest.raises(ArtifactstoreError) as refusal:
        mirror.run(place=refusing)
    assert (refusal.value.code, refusal.value.detail["store_code"]) == ("store-refused", "AccessDenied")
    mirror.run()
    assert mirror.lock(uri) == Lock("governance", LONG)
    assert mirror.findings() == []


def test_where_nothing_can_be_locked_that_is_said(mirror: Mirror) -> None:
    plain = S3Store(seaweed().settings("plain", lock="mirror"))
    with pytest.raises(ArtifactstoreError, match="nothing can be locked") as refusal:
        mirror.run(place=plain)
    assert (refusal.value.code, "Object Lock" in refusal.value.hint) == ("store-refused", True)


def test_a_dry_run_only_counts(mirror: Mirror) -> None:
    package, uri = mirror.ingest()
    mirror.append(package, GOVERNED)
    job = mirror.run(1.0, dry_run=True)
    assert (job.tally.counts["to_raise"], job.tally.counts["to_lower"]) == (1, 0)
    assert (mirror.lock(uri), mirror.noted()) == (Lock(), [])


def test_an_object_that_is_not_there_is_left_to_the_inventory(mirror: Mirror) -> None:
    package, uri = mirror.ingest()
    assert mirror.try_to_delete(uri) == "deleted"
    mirror.append(package, HELD)
    job = mirror.run()
    assert (job.tally.counts["missing"], job.tally.troubles) == (1, [])


def test_a_keeper_that_runs_on_follows_the_log(mirror: Mirror) -> None:
    """What changed since is locked soon, whatever else there is; where nothing changed nothing is done."""
    package, uri = mirror.ingest()
    ended = threading.Event()
    done: list[Done] = []
    stores = Stores(StoresConfig(None, 1, {"main": mirror.given}))

    def run() -> None:
        with connected(mirror.conninfo) as store, stores:
            keeper = Keeper(store=store, stores=stores, names=["main"], jobs=["lock"], stopping=ended)
            done.extend(keeper.always())

    runs = threading.Thread(target=run)
    runs.start()
    until(lambda: mirror.store.keeper.latest() != [], "the first pass has begun")
    for event, expected in ((HELD, Lock(hold=True)), (GOVERNED, Lock("governance", LONG, True))):
        mirror.append(package, event)
        until(lambda expected=expected: mirror.lock(uri) == expected, f"{expected} is set")  # type: ignore[misc]
    ended.set()
    runs.join()
    assert all(one.failure is None and one.troubles == [] for one in done)
    first, *later = done
    assert first.tally.counts["read_back"] in (0, 1)
    assert 1 <= len(later) <= 2
    assert all(one.tally.counts["lag_ms"] > 0 for one in later)


# Killed.

LOCK_STEPS = ("lock.doubted:1", "lock.set:1", "lock.noted:1", "lock.doubted:2", "lock.set:2", "lock.noted:2")
"""Of a pass in which something is raised and something lowered: first the one, then the other."""


class Killed(BaseException):
    """What ends a pass here; nothing in it catches that."""


def test_cut_off_at_every_step_it_ends_the_same(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    (rising, first), (falling, second) = mirror.ingest(), mirror.ingest()
    holds = [HOLD]
    mirror.append(falling, HELD)
    mirror.run()
    for step in LOCK_STEPS:
        name, number = step.split(":")
        left = [name] * int(number)

        def fault(passed: str, left: list[str] = left) -> None:
            if passed in left:
                left.remove(passed)
                if not left:
                    raise Killed

        holds.append(new_id())
        mirror.append(rising, replace(HELD, hold_id=holds[-1]))
        mirror.append(falling, replace(RELEASED, hold_id=holds[-2]))
        with monkeypatch.context() as patch:
            patch.setattr(locking, "fault", fault)
            with pytest.raises(Killed):
                mirror.run()
        assert mirror.lock(first) == Lock(hold=True) or step == "lock.doubted:1"
        assert mirror.run().tally.troubles == []
        _assert_settled(mirror, first, second)
        rising, falling, first, second = falling, rising, second, first


def _assert_settled(mirror: Mirror, held: str, free: str) -> None:
    assert [mirror.lock(uri) for uri in (held, free)] == [Lock(hold=True), Lock()]
    assert mirror.store.locks.page("main", None, 9, different=True) == []


def keep(mirror: Mirror, directory: Path, fault: str | None = None) -> subprocess.CompletedProcess[str]:
    """``keeper run --once --only lock``, as a program."""
    given = mirror.given
    stores = directory / "stores.toml"
    stores.write_text(
        f'[stores.main]\ntype = "s3"\nbucket = "locked"\nprefix = "{given.prefix}"\nlock = "mirror"\n'
        f'endpoint = "{given.endpoint}"\ncredentials_file = "{given.credentials_file}"\n'
    )
    command = [sys.executable, "-m", "artifactstore", "--json", "--database-url", mirror.conninfo]
    command += ["--stores", str(stores), "keeper", "run", "--once", "--only", "lock"]
    environment = os.environ | ({VARIABLE: fault} if fault else {})
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_keeper_that_is_killed_is_followed_by_one_that_ends_the_same(
    mirror: Mirror, tmp_path: Path
) -> None:
    """When a hold is released in the store, and that is not noted."""
    (falling, second), (rising, first) = mirror.ingest(), mirror.ingest()
    mirror.append(falling, HELD)
    mirror.run()
    mirror.append(falling, RELEASED)
    mirror.append(rising, HELD)
    killed = keep(mirror, tmp_path, "lock.set:2")
    assert killed.returncode == -signal.SIGKILL, killed
    done = keep(mirror, tmp_path)
    assert done.returncode == 0, done
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["job"], row["outcome"], row["troubles"]) == ("lock", "done", [])
    _assert_settled(mirror, first, second)
