"""``sweep``: one event per package that is due, whoever else is at work, whatever the client's clock says."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.events import (
    HoldPlaced,
    NewEvent,
    PackageRestored,
    RetentionExtended,
    StorageRegistered,
    new_id,
)
from artifactstore.jobs.sweep import Moment, guarded, sweep
from artifactstore.store import Store
from tests.cli.conftest import program_on
from tests.cli.program import ACTOR, Program
from tests.retention.conftest import Registry
from tests.timing import PATIENCE, until

NOW = ("--grace", "0min")
MANY = 400
SHIFTED = """
import datetime, sys, time
shift = datetime.timedelta(days=float(sys.argv.pop(1)))
class Type(type(datetime.datetime)):
    def __instancecheck__(cls, one):
        return isinstance(one, real)
real = datetime.datetime
class Shifted(real, metaclass=Type):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + shift
    @classmethod
    def utcnow(cls):
        return real.now(datetime.UTC).replace(tzinfo=None) + shift
datetime.datetime = Shifted
clock = time.time
time.time = lambda: clock() + shift.total_seconds()
from artifactstore.cli import values
assert abs(values.now() - real.now(datetime.UTC) - shift) < datetime.timedelta(minutes=1)
from artifactstore.cli import cli
cli(sys.argv[1:], prog_name="artifactstore")
"""
"""The program in a process whose clock is wrong by so many days, from before anything is imported."""


def swept(registry: Registry, *arguments: str) -> list[tuple[str, str]]:
    """Package and action of each row that a sweep lists."""
    rows = registry.program.rows("sweep", *arguments)
    return [(row["package_id"], row["action"]) for row in rows]


def test_dry_run_and_real_run_list_the_same(registry: Registry) -> None:
    """RG13: and nothing but that is destroyed; without retention, under a hold or kept, nothing is."""
    due = registry.make_all()
    before = registry.states()
    with registry.program.unchanged():
        dry = swept(registry, "--dry-run", *NOW)
    assert {name for name in before if str(registry.packages[name]) in dict(dry)} == due
    real = swept(registry, "--apply", "--max", "3", *NOW)
    assert real == dry
    changed = {name: state for name, state in registry.states().items() if state != before[name]}
    assert changed == {"open": "deleted", "sealed": "deleted", "deleted": "purged"}
    assert [str(package_id) for _, package_id in registry.destroyed()] == [package for package, _ in real]


def test_one_step_per_run_until_all_is_purged(registry: Registry) -> None:
    """RG14: each run appends one event per package; when nothing is due any more, it appends nothing."""
    registry.make("p")
    registry.lapse()
    for action, state in (("delete", "deleted"), ("purge", "purged")):
        assert [one for _, one in swept(registry, "--apply", "--max", "1", *NOW)] == [action]
        assert registry.states() == {"p": state}
    with registry.program.unchanged():
        assert swept(registry, "--apply", "--max", "1", *NOW) == []
    assert [kind for kind, _ in registry.destroyed()] == ["v1.package.deleted", "v1.package.purged"]


def test_f01_a_purge_counts_what_may_go_and_what_others_need(registry: Registry) -> None:
    """Two packages that name the same bytes in two places, and others each in a place of its own."""
    for name in ("first", "second"):
        package_id = registry.make(name)
        (file,) = registry.store.packages.files(package_id)
        for uri in ("file:///shared", f"file:///{name}"):
            event = StorageRegistered(
                package_id=package_id, file_id=file["file_id"], backend="file", uri=uri, size=3,
                blake3=file["blake3"],
            )  # fmt: skip
            registry.store.writes.append([NewEvent(event, new_id(), ACTOR)])
    registry.lapse()
    told = []
    for _ in range(3):
        outcome = registry.program.run("--json", "sweep", "--apply", "--max", "2", *NOW)
        told.append(json.loads(outcome.stderr))
    counts = [[one[f"copies_to_{what}"] for what in ("remove", "detach", "wait")] for one in told]
    assert counts == [[0, 0, 0], [2, 2, 2], [0, 0, 0]]


def test_grace(registry: Registry) -> None:
    """A package that a sweep deleted can be restored for seven days, unless another grace is asked for."""
    package_id = registry.make("p")
    registry.lapse()
    assert len(swept(registry, "--apply", "--max", "1")) == 1
    outcome = registry.program.run("--json", "sweep", "--apply", "--max", "1")
    assert (outcome.code, outcome.stdout) == (0, "")
    assert '"in_grace": 1' in outcome.stderr
    assert '"grace": "7d"' in outcome.stderr
    registry.append(package_id, PackageRestored(reason="still needed"))
    assert registry.states() == {"p": "open"}


def test_between_the_end_of_retention_and_the_sweep_nothing_changes(registry: Registry) -> None:
    """RG14: the end of retention allows, it does not do: state, files and retention stay as they are."""
    package_id = registry.make("p")
    before = registry.store.packages.package(package_id), registry.store.packages.retention(package_id)
    with registry.program.unchanged():
        registry.lapse()
    assert (
        registry.store.packages.package(package_id),
        registry.store.packages.retention(package_id),
    ) == before
    assert registry.program.row("package", "show", str(package_id))["state"] == "open"


def test_too_many(registry: Registry) -> None:
    """RG05: when everything expires at once nothing is done; the number is named before anything is."""
    for n in range(4):
        registry.make(f"p{n}")
    registry.lapse()
    for mode in ("--apply", "--dry-run"):
        error = registry.program.refused("sweep", mode, "--max", "3", code=3, error="too-many-due")
        assert (error["detail"]["due"], error["detail"]["max"]) == (4, 3)
        assert "4 packages are due, 3 are allowed" in error["detail"]["problem"]
    assert len(swept(registry, "--apply", "--max", "4")) == 4


@pytest.mark.parametrize(
    "arguments", [(), ("--dry-run", "--apply", "--max", "1"), ("--apply",), ("--dry-run", "--grace", "soon")]
)
def test_it_must_be_said_what_to_do(registry: Registry, arguments: tuple[str, ...]) -> None:
    registry.program.refused("sweep", *arguments, code=2, error="usage")


@pytest.mark.parametrize("days", [3653, -3653])
def test_the_clock_of_the_client_does_not_matter(registry: Registry, days: int) -> None:
    """RG05: ten years wrong either way, it does the same; the events say the instant and the rule."""
    registry.make("ended")
    registry.make("ends", until=timedelta(days=30))
    end = registry.lapse()
    before = registry.store.log.clock()
    for mode in (["--dry-run"], ["--apply", "--max", "5"]):
        command = [sys.executable, "-c", SHIFTED, str(days), "--json", "--actor", "user:sweeper"]
        command += ["--database-url", registry.program.conninfo, "sweep", *mode]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == 1
        assert str(registry.packages["ended"]) in done.stdout
    assert registry.states() == {"ended": "deleted", "ends": "open"}
    (event,) = registry.program.rows("events", "--type", "v1.package.deleted")
    rule, _, rest = event["payload"]["reason"].partition(", which was past at ")
    assert rule == f"sweep: governance retention ended at {end.isoformat().replace('+00:00', 'Z')}"
    instant, _, clock = rest.partition(" ")
    assert clock == "by the clock of the database"
    assert before <= datetime.fromisoformat(instant) <= datetime.fromisoformat(event["created_at"])
    assert event["actor"] == "user:sweeper"


def test_a_database_clock_behind_the_log_destroys_nothing(registry: Registry) -> None:
    """RG05: the clock went on by a day and back: what is due by the log waits for the clock."""
    registry.make("p")
    registry.make("other", until=timedelta(hours=2))
    registry.lapse()
    registry.program.tamper("events", "UPDATE artifactstore.events SET created_at = created_at + '1 day'")
    error = registry.program.refused("sweep", "--apply", "--max", "5", code=5, error="clock-behind")
    assert error["detail"]["event_type"] == "v1.package.deleted"


def test_what_changed_since_it_was_read_is_skipped(registry: Registry) -> None:
    """RG03: a hold placed, and retention extended, between reading and appending are in force; others go."""
    held, kept, deleted, free = (registry.make(name) for name in ("held", "kept", "deleted", "free"))
    registry.lapse()
    store = registry.store
    instant = store.log.clock()
    moment = Moment(instant, instant)
    rows = guarded(store, moment, 4)
    registry.append(held, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    end = store.packages.retention(kept)["retain_until"]
    registry.append(kept, RetentionExtended(from_=end, to=store.log.clock() + timedelta(days=1)))
    registry.program.row("package", "delete", str(deleted), "--reason", "by hand")
    outcomes = {one.package["package_id"]: one.outcome for one in sweep(store, moment, rows, "user:s")}
    assert outcomes == {
        held: "legal-hold",
        kept: "retention-active",
        deleted: "changed",
        free: "deleted",
    }
    assert registry.destroyed() == [("v1.package.deleted", free)]


def test_holds_are_in_force_after_a_replay(registry: Registry) -> None:
    """RG03: and what they keep is not due."""
    registry.make_all()
    before = registry.rows()
    registry.program.run("replay", "--truncate", "--yes")
    assert registry.rows() == before
    swept(registry, "--apply", "--max", "3", *NOW)
    assert registry.states()["held"] == "open"
    assert registry.states()["held-deleted"] == "deleted"
    registry.program.refused(
        "package", "delete", "pkg:generic/held@1", "--reason", "r", code=3, error="legal-hold"
    )


def test_holds_are_in_force_after_export_and_import(
    registry: Registry, server_conninfo: str, template: str, tmp_path: Path
) -> None:
    """RG03: the sweep of the imported log does what that of the log would, and no more."""
    due = registry.make_all()
    registry.program.run("export", str(tmp_path / "log"))
    with program_on(server_conninfo, template) as other:
        assert other.run("import", str(tmp_path / "log")).code == 0
        rows = other.rows("sweep", "--apply", "--max", "3", *NOW)
        assert {row["purl"] for row in rows} == {f"pkg:generic/{name}@1" for name in due}
        for name, error in (
            ("held", "legal-hold"),
            ("kept", "retention-active"),
            ("locked", "retention-active"),
        ):
            purl = f"pkg:generic/{name}@1"
            other.refused("package", "delete", purl, "--reason", "r", code=3, error=error)


def test_who_may_sweep(registry: Registry, login_names: dict[str, str]) -> None:
    """The role service; a reader may look."""
    registry.make("p")
    registry.lapse()
    conninfo = registry.program.conninfo
    reader, service = (
        Program(make_conninfo(conninfo, user=login_names[role]), registry.program.admin)
        for role in ("reader", "service")
    )
    assert len(reader.rows("sweep", "--dry-run")) == 1
    reader.refused("sweep", "--apply", "--max", "1", code=7, error="forbidden")
    assert [row["outcome"] for row in service.rows("sweep", "--apply", "--max", "1")] == ["deleted"]
    assert service.run("check-files").code == 1


def test_two_sweeps_with_the_same_list(registry: Registry) -> None:
    """RG14: both read the list before either appends; each package gets one event, the other skips it."""
    count = 250
    for n in range(count):
        registry.make(f"p{n}", until=timedelta(seconds=1))
    registry.lapse()

    def run(store: Store, rows: list[dict[str, object]], moment: Moment) -> list[str]:
        return [one.outcome for one in sweep(store, moment, rows, "user:s")]

    with ThreadPoolExecutor(2) as pool:
        connections = [psycopg.connect(registry.program.conninfo, autocommit=True) for _ in range(2)]
        stores = [Store(connection) for connection in connections]
        moments = [Moment(store.log.clock(), store.log.clock()) for store in stores]
        lists = [guarded(store, moment, count) for store, moment in zip(stores, moments, strict=True)]
        assert [len(rows) for rows in lists] == [count, count]
        outcomes = [one for outcome in pool.map(run, stores, lists, moments) for one in outcome]
        for connection in connections:
            connection.close()
    assert outcomes.count("deleted") == count
    assert outcomes.count("changed") == count
    destroyed = registry.destroyed()
    assert len(destroyed) == len(set(destroyed)) == count


def test_a_sweep_that_is_killed_is_taken_up(registry: Registry) -> None:
    """RG13: kill -9 in the middle: only true deletions are in the log, and the next run does the rest."""
    for n in range(MANY):
        registry.make(f"p{n}", until=timedelta(seconds=2))
    registry.lapse()
    with psycopg.connect(registry.program.conninfo) as blocker:
        process = registry.program.start("sweep", "--apply", "--max", str(MANY))
        try:
            # The lock stops it between two batches: it comes in behind the first one that commits.
            until(lambda: len(registry.destroyed()) > 0, "the first batch is there")
            blocker.execute("SELECT artifactstore.lock_log()")
            done = len(registry.destroyed())
            os.kill(process.pid, signal.SIGKILL)
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)
    assert 0 < done < MANY
    time.sleep(0.1)
    rest = registry.program.rows("sweep", "--apply", "--max", str(MANY))
    assert MANY - done - 100 <= len(rest) <= MANY - done
    destroyed = registry.destroyed()
    assert len(destroyed) == len(set(destroyed)) == MANY
    assert set(registry.states().values()) == {"deleted"}
    assert registry.program.run("verify").code == 0
