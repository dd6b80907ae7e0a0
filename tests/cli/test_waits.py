"""F31: a stranger's lock, of whatever kind, makes every command end within its limit and name that one."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import click
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from artifactstore import db, embedded
from artifactstore.cli import cli
from artifactstore.errors import Busy
from artifactstore.jobs import replay
from artifactstore.migrate import migrate
from tests.cli.program import PURL, Outcome, Program
from tests.databases import TEST_PREFIX
from tests.directories import let_through

LIMIT = 0.2
"""Seconds that a lock is waited for here."""
LONGEST = 20.0
"""Seconds within which the slowest command must have ended, on a machine that does other things too."""
STRANGER = "nightly-report"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stores.toml").write_text(f'[stores.shelf]\ntype = "local"\nroot = "{tmp_path}/shelf"\n')
    monkeypatch.setenv("ARTIFACTSTORE_STORES", str(tmp_path / "stores.toml"))
    monkeypatch.setattr(db, "LOCK_SECONDS", LIMIT)
    monkeypatch.setattr(replay, "_LEAVING", LIMIT)


@contextmanager
def stranger(program: Program, *statements: LiteralString | SQL | Any) -> Iterator[int]:
    """Another session, in a transaction that did this; its backend."""
    with psycopg.connect(program.conninfo, application_name=STRANGER) as connection:
        for statement in statements:
            connection.execute(statement)
        yield connection.info.backend_pid
        connection.rollback()


def patient(program: Program) -> Program:
    """The program, on sessions that wait briefly."""
    options = f"-c lock_timeout={round(LIMIT * 1000)}"
    return Program(make_conninfo(program.conninfo, options=options), program.admin)


def tables(program: Program) -> list[str]:
    """Every table of the schema."""
    query = (
        "SELECT relname::text FROM pg_class"
        " WHERE relnamespace = 'artifactstore'::regnamespace AND relkind = 'r'"
    )
    return sorted(row[0] for row in program.admin.execute(query))


def busy_by(outcome: Outcome, pid: int) -> dict[str, Any]:
    """The error of a run that ended because of this backend."""
    assert outcome.code == 5, outcome
    error = outcome.error
    assert error["code"] == "busy"
    assert pid in [one.get("pid") for one in error["detail"]["holders"]], error
    assert STRANGER in error["message"]
    assert f"SELECT pg_terminate_backend({pid});" in error["detail"]["commands"]
    assert error["detail"]["holders"][0]["since"]
    return error


def run_within(program: Program, *arguments: str | Path) -> Outcome:
    """A run with --json, of which the time is measured."""
    started = time.monotonic()
    outcome = patient(program).run("--json", *arguments)
    assert time.monotonic() - started < LONGEST, arguments
    return outcome


SOME_ID = "0193a3c2-0000-7000-8000-000000000000"
R = ["--reason", "r"]
COMMANDS: dict[str, list[str]] = {
    "ingest": [".", "--purl", "pkg:generic/new@1"],
    "package create": ["pkg:generic/new@1"],
    "package list": [],
    "package show": [PURL],
    "package files": [PURL],
    "package history": [PURL],
    "package seal": [PURL],
    "package label": [PURL, "a=b"],
    "package yank": [PURL, *R],
    "package unyank": [PURL, *R],
    "package delete": [PURL, *R],
    "package restore": [PURL, *R],
    "package purge": [PURL, *R, "--yes"],
    "package remove-file": [PURL, "a", *R],
    "find": ["0" * 64],
    "location list": [PURL],
    "location show": [SOME_ID],
    "location add": [PURL, "a", "--backend", "s3", "--uri", "s3://a/b"],
    "location verify": [SOME_ID],
    "location fail": [SOME_ID, "--failure", "missing"],
    "location remove": [SOME_ID, *R],
    "location retire": [SOME_ID, "--outcome", "deleted", *R],
    "retention show": [PURL],
    "retention explain": [PURL],
    "retention history": [PURL],
    "retention due": [],
    "retention extend": [PURL, "--by", "1y"],
    "retention shorten": [PURL, "--to", "1d", *R],
    "retention escalate": [PURL],
    "retention apply": ["pkg:generic/other@1", "--mode", "governance", "--until", "1y"],
    "retention hold": [PURL, "--case", "d", *R],
    "retention release": [PURL, SOME_ID, *R],
    "sweep": ["--dry-run"],
    "events": ["--since", "0"],
    "audit": ["--since", "0"],
    "append": ["v1.package.yanked", "--subject", SOME_ID, "--payload", "{}"],
    "replay": [],
    "snapshot create": [],
    "snapshot list": [],
    "snapshot show": ["10"],
    "snapshot drop": ["10"],
    "snapshot prune": ["--keep", "0"],
    "as-of": ["--sequence", "3", "--schema", "march"],
    "verify": [],
    "check-files": [],
    "export": ["-"],
    "backend init": ["shelf"],
    "backend claim": ["shelf", "--yes"],
    "backend export": ["shelf"],
    "migrate": ["--lock-seconds", str(LIMIT), "--role-prefix", TEST_PREFIX],
    "status": [],
    "doctor": [],
    "adopt": ["--yes"],
    "restored": [*R, "--yes"],
    "token create": ["user:a", "--role", "reader"],
    "token list": [],
    "token revoke": [SOME_ID],
}
UNLOCKED = {
    "backend list",
    "backend test",
    "completion",
    "man",
    "db start",
    "db stop",
    "db status",
    "demo",
    "serve",
    "psql",
    "verify-export",
    "import",
}
"""What needs no database, or a file first, or is somebody else's program: they append as the others do."""


def leaves() -> Iterator[str]:
    """Every command by what is typed."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (f"{name} {part}" for part in command.commands)
        else:
            yield name


def test_f31_every_command_stands_in_the_table() -> None:
    assert set(leaves()) == set(COMMANDS) | UNLOCKED


@pytest.mark.parametrize("command", COMMANDS)
def test_f31_a_stranger_who_has_every_table_makes_no_command_wait_for_ever(
    history: Program, command: str
) -> None:
    locks = [
        SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier("artifactstore", table))
        for table in tables(history)
    ]
    with stranger(history, *locks) as pid:
        outcome = run_within(history, *command.split(), *COMMANDS[command])
        assert outcome.code != 2, outcome
        busy_by(outcome, pid)


HEAVY = ("token create user:a --role reader", f"package seal {PURL} --expected 1", "verify", "replay",
         f"migrate --lock-seconds {LIMIT} --role-prefix {TEST_PREFIX}")  # fmt: skip


def test_f31_a_stranger_who_has_one_table_is_named(history: Program) -> None:
    busy = 0
    for table in tables(history):
        lock = SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier("artifactstore", table))
        with stranger(history, lock) as pid:
            for command in HEAVY:
                outcome = run_within(history, *command.split())
                if outcome.code == 5:
                    told = busy_by(outcome, pid)
                    assert f"artifactstore.{table}" in told["message"]
                    busy += 1
                assert outcome.code in (0, 1, 3, 5), outcome
    assert busy > len(tables(history))


@pytest.mark.parametrize("mode", ["ACCESS SHARE", "ROW EXCLUSIVE", "SHARE"])
def test_f31_migrate_behind_a_long_transaction_names_it(history: Program, mode: str) -> None:
    lock = SQL("LOCK TABLE artifactstore.events IN {} MODE").format(SQL(mode))
    with stranger(history, lock) as pid:
        outcome = run_within(history, *HEAVY[-1].split())
        if outcome.code:
            assert "artifactstore.events" in busy_by(outcome, pid)["message"]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("command", HEAVY)
def test_f31_a_strangers_advisory_lock_is_named(history: Program, number: int, command: str) -> None:
    lock = SQL("SELECT pg_advisory_lock(1095976275, {})").format(number)
    with stranger(history, lock) as pid:
        outcome = run_within(history, *command.split())
        concerned = (number, command.split()[0]) in ((1, "migrate"), (2, "replay"))
        assert (outcome.code == 5) == concerned, outcome
        if concerned:
            assert f"(1095976275, {number})" in busy_by(outcome, pid)["message"]


def test_f31_a_prepared_transaction_is_named_with_what_ends_it(history: Program) -> None:
    if history.admin.execute("SHOW max_prepared_transactions").fetchone() == ("0",):
        assert run_within(history, "status").code == 0  # there can be none on this server
        return
    with psycopg.connect(history.conninfo, autocommit=True) as connection:
        connection.execute(
            "BEGIN; LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE; PREPARE TRANSACTION 'x'"
        )
        try:
            outcome = run_within(history, "package", "create", "pkg:generic/new@1")
            assert "ROLLBACK PREPARED 'x';" in outcome.error["detail"]["commands"]
        finally:
            connection.execute("ROLLBACK PREPARED 'x'")


def test_f31_by_default_too_every_wait_has_a_limit(history: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions without a lock_timeout of their own."""
    monkeypatch.setattr(db, "_PIN", db._pin(0.3))
    with stranger(history, "SELECT pg_advisory_lock(1095976275, 2)") as pid:
        started = time.monotonic()
        busy_by(history.run("--json", "replay"), pid)
        assert time.monotonic() - started < LONGEST
    with stranger(history, "LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE") as pid:
        busy_by(history.run("--json", "adopt", "--yes"), pid)


def test_f31_the_replay_at_the_end_of_migrate_waits_no_longer(
    history: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_PIN", db._pin(0.3))
    history.admin.execute("UPDATE artifactstore.software SET viewed_by = '\\x00'")
    release = threading.Event()
    locked = threading.Event()

    def lock() -> None:
        with stranger(history, "LOCK TABLE artifactstore.events IN ACCESS EXCLUSIVE MODE"):
            locked.set()
            release.wait(LONGEST)

    thread = threading.Thread(target=lock)

    def hold(line: str) -> None:
        if line.startswith("projectors changed"):
            thread.start()
            assert locked.wait(10)

    started = time.monotonic()
    with pytest.raises(Busy):
        migrate(history.conninfo, role_prefix=TEST_PREFIX, progress=hold)
    assert time.monotonic() - started < LONGEST
    release.set()
    thread.join()


def test_f31_who_stopped_in_the_middle_of_starting_the_embedded_server_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "LOCK_SECONDS", LIMIT)
    let_through(tmp_path)
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    calls: list[Callable[[], Any]] = [
        lambda: embedded.ensure_running(tmp_path),
        lambda: embedded.stop(tmp_path),
    ]
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for call in calls:
            with pytest.raises(Busy) as refused:
                call()
            assert str(tmp_path / "lock") in refused.value.message
            if Path("/proc/locks").exists():
                assert refused.value.detail["pids"] == [os.getpid()]
    finally:
        os.close(descriptor)
