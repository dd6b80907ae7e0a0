"""``keeper run`` and ``evict``, as a program: what they take, tell and refuse."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.program import PURL, Program
from tests.databases import create_database, drop_database
from tests.timing import PATIENCE

JOBS = ["remove", "collect", "check", "repair"]


@pytest.fixture
def stores(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two stores in directories, with a file in both; their parent."""
    tables = []
    for name in ("main", "shelf"):
        (tmp_path / name).mkdir()
        tables.append(f'[stores.{name}]\ntype = "local"\nroot = "{tmp_path / name}"\nmin_free = "0%"\n')
    (tmp_path / "stores.toml").write_text("".join(tables))
    monkeypatch.setenv("ARTIFACTSTORE_STORES", str(tmp_path / "stores.toml"))
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "app").write_bytes(b"the application")
    for name in ("main", "shelf"):
        program.row("backend", "init", name)
    program.row("ingest", tmp_path / "tree", "--purl", PURL, "--store", "main,shelf")
    return tmp_path


def objects(stores: Path, name: str) -> list[Path]:
    """The objects in a store."""
    return sorted(path for path in (stores / name).rglob("*") if len(path.name) == 32)


def test_every_job_of_every_store_is_a_line_and_a_note(program: Program, stores: Path) -> None:
    rows = program.rows("keeper", "run", "--once")
    assert [(row["store"], row["job"], row["outcome"]) for row in rows] == [
        (name, job, "done") for name in ("main", "shelf") for job in JOBS
    ]
    assert rows[2]["counts"]["verified"] == 1
    notes = program.admin.execute(
        "SELECT store, job, problem FROM artifactstore.keeper_runs ORDER BY began_at"
    ).fetchall()
    assert notes == [(name, job, None) for name in ("main", "shelf") for job in JOBS]
    told = program.run("keeper", "run", "--once", "--only", "collect", "--store", "shelf")
    assert told.stdout.splitlines()[1].startswith("shelf\tcollect\tdone\tbytes=15 live=1 objects=1\t")
    assert len(objects(stores, "main")) == 1


def test_what_is_wrong_is_told_and_exits_with_1(program: Program, stores: Path) -> None:
    (one,) = objects(stores, "main")
    one.unlink()
    outcome = program.run("--json", "keeper", "run", "--once", "--only", "collect")
    assert outcome.code == 1
    (trouble,) = outcome.objects[0]["troubles"]
    assert (trouble["check"], trouble["bad"]) == ("missing", True)
    fix = trouble["fix"].removeprefix("artifactstore ").split()
    (repaired,) = program.rows(*fix)
    assert repaired["counts"] == {"bad": 1, "repaired": 1}
    assert len(objects(stores, "main")) == 1


def test_a_package_is_erased_at_once(program: Program, stores: Path) -> None:
    program.row("package", "delete", PURL, "--reason", "r")
    program.row("package", "purge", PURL, "--reason", "r", "--yes")
    program.rows("keeper", "run", "--once", "--only", "remove")
    assert len(objects(stores, "main")) == 1, "remove_after is 7 days"
    outcome = program.run("keeper", "run", "--once", "--now", "--package", PURL)
    assert (outcome.code, objects(stores, "main"), objects(stores, "shelf")) == (0, [], [])
    assert "backups" in outcome.stderr


def test_a_dry_run_changes_and_notes_nothing(program: Program, stores: Path) -> None:
    (one,) = objects(stores, "main")
    one.unlink()
    with program.unchanged():
        outcome = program.run("--json", "keeper", "run", "--once", "--dry-run")
    assert [row["counts"].get("failed") for row in outcome.objects if row["job"] == "collect"] == [1, None]
    assert program.admin.execute("SELECT count(*) FROM artifactstore.keeper_runs").fetchone() == (0,)


def test_a_mirror_gets_what_it_lacks(program: Program, stores: Path) -> None:
    program.row("ingest", stores / "tree", "--purl", f"{PURL}.1", "--store", "main")
    given = (stores / "stores.toml").read_text()
    (stores / "stores.toml").write_text(
        given.replace("[stores.shelf]", '[stores.shelf]\nmirror_of = ["main"]')
    )
    with program.unchanged():
        (row,) = program.rows("keeper", "run", "--once", "--only", "replicate", "--dry-run")
        assert row["counts"] == {"lacking": 1, "lacking_bytes": len(b"the application")}
    rows = program.rows("keeper", "run", "--once")
    assert [(row["store"], row["job"]) for row in rows] == [
        *(("main", job) for job in JOBS), *(("shelf", job) for job in (*JOBS, "replicate")),
    ]  # fmt: skip
    assert rows[-1]["counts"] == {"lacking": 1, "copied": 1, "shared": 1}
    program.refused(
        "keeper", "run", "--once", "--only", "replicate", "--store", "main", code=2, error="usage"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--once", "--only", "replicate"], 2, "usage"),
        (["--once", "--only", "sweep"], 2, "usage"),
        (["--once", "--only", ""], 2, "usage"),
        (["--once", "--only", "lock"], 2, "usage"),
        (["--once", "--read-back", "101"], 2, "usage"),
        (["--now", "--once"], 2, "usage"),
        (["--package", PURL, "--once"], 2, "usage"),
        (["--now", "--package", PURL], 2, "usage"),
        (["--once", "--now", "--package", PURL, "--only", "collect"], 2, "usage"),
        (["--dry-run"], 2, "usage"),
        (["--once", "--store", "other"], 4, "store-unknown"),
        (["--once", "--now", "--package", "pkg:generic/none@1"], 4, "not-found"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    program: Program, stores: Path, arguments: list[str], code: int, error: str
) -> None:
    assert stores.exists()
    program.refused("keeper", "run", *arguments, code=code, error=error)


def test_without_a_store_there_is_nothing_to_keep(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none.toml").write_text("")
    monkeypatch.setenv("ARTIFACTSTORE_STORES", str(tmp_path / "none.toml"))
    program.refused("keeper", "run", "--once", code=4, error="store-unknown")


def test_one_store_that_is_away_keeps_no_other_from_its_jobs(program: Program, stores: Path) -> None:
    (stores / "main").rename(stores / "away")
    outcome = program.run("--json", "keeper", "run", "--once")
    assert (outcome.code, outcome.error["code"]) == (5, "store-unavailable")
    assert [row["outcome"] for row in outcome.objects] == ["store-unavailable"] * 4 + ["done"] * 4
    problems = program.admin.execute(
        "SELECT DISTINCT store FROM artifactstore.keeper_runs WHERE problem LIKE 'store-unavailable:%'"
    ).fetchall()
    assert problems == [("main",)]


@pytest.fixture
def copy(program: Program, stores: Path, server_conninfo: str) -> Iterator[Program]:
    """The program on a copy of the database, such as one for tests of somebody."""
    assert stores.exists()
    name = program.admin.info.dbname
    program.admin.close()
    conninfo = create_database(server_conninfo, name)
    with psycopg.connect(conninfo, autocommit=True) as admin:
        yield Program(conninfo, admin)
    drop_database(server_conninfo, conninfo)


def test_a_copy_of_the_log_removes_nothing(copy: Program, stores: Path) -> None:
    copy.refused("keeper", "run", "--once", code=3, error="moved")
    copy.row("adopt", "--yes")
    outcome = copy.run("--json", "keeper", "run", "--once")
    assert (outcome.code, outcome.error["code"]) == (3, "store-mismatch")
    assert {row["outcome"] for row in outcome.objects} == {"store-mismatch"}
    assert len(objects(stores, "main")) == 1


def test_a_session_that_can_only_read_is_refused(
    program: Program, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stores.exists()
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    program.refused("keeper", "run", "--once", code=3, error="read-only")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_it_goes_on_until_it_is_to_stop(program: Program, stores: Path, number: signal.Signals) -> None:
    assert stores.exists()
    running = program.start("keeper", "run")
    assert running.stdout is not None
    lines = [running.stdout.readline() for _ in range(8)]
    assert all('"done"' in line for line in lines), lines
    running.send_signal(number)
    _, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, errors) == (0, "")


def test_evict_gives_up_what_is_verified_elsewhere(program: Program, stores: Path) -> None:
    assert program.rows("evict", "--from", "main", "--reason", "r") == []
    program.rows("keeper", "run", "--once", "--only", "check")
    with program.unchanged():
        (dry,) = program.rows("evict", "--from", "main", "--reason", "r", "--dry-run")
    assert (dry["outcome"], dry["sequence"]) == ("would be done", None)
    assert program.rows("evict", "--from", "main", "--reason", "r", "--min-copies", "2") == []
    (done,) = program.rows("evict", "--from", "main", "--package", PURL, "--reason", "r")
    assert (done["outcome"], done["purl"], done["path"]) == ("retiring", PURL, "app")
    (retiring,) = program.rows("location", "list", "--retiring")
    assert (retiring["backend"], retiring["removal"]) == ("main", "remove")
    program.refused("evict", "--from", "none", "--reason", "r", code=4, error="store-unknown")
    assert len(objects(stores, "main")) == 1


def test_an_interrupted_pass_says_so(program: Program, stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a job: it comes to its end, no other begins."""
    from artifactstore.store.keeper import KeeperRuns

    real = KeeperRuns.begin

    def interrupt(self: KeeperRuns, store: str, job: str) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return real(self, store, job)

    monkeypatch.setattr(KeeperRuns, "begin", interrupt)
    assert stores.exists()
    outcome = program.run("--json", "keeper", "run", "--once")
    assert outcome.code == 130
    assert [row["job"] for row in outcome.objects] == ["remove"]
