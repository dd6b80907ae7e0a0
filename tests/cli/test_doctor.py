"""doctor finds what is wrong, and names the statement that puts it right."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.jobs.doctor import examine
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.cli.program import Program
from tests.databases import TEST_PREFIX, create_database, programs, running_cluster, superuser_conninfo
from tests.restore.drills import opened
from tests.timing import until

NOBODY = 65_534
_HARMFUL = {
    "fsync": "error",
    "full_page_writes": "error",
    "synchronous_commit": "warning",
    "autovacuum": "warning",
}
_OF_THE_TEST_SERVER = {"setting", "size", "disk"}


def findings(program: Program, *arguments: str) -> list[dict[str, Any]]:
    """What doctor finds beside what every test server has."""
    outcome = program.run("--json", "doctor", *arguments)
    (told,) = outcome.objects
    assert outcome.code == int(told["errors"] > 0), outcome
    return [
        one
        for one in told["findings"]
        if one["check"] not in _OF_THE_TEST_SERVER and "login_owner" not in one["what"]
    ]


def only(program: Program, check: str, severity: str) -> dict[str, Any]:
    """The one finding, of this check and severity."""
    (found,) = findings(program)
    assert (found["check"], found["severity"]) == (check, severity), found
    return found


def cured(program: Program, found: dict[str, Any]) -> None:
    """The statement that the finding names makes it go away."""
    program.admin.execute(found["fix"].encode())
    assert findings(program) == []


@pytest.fixture(scope="module")
def neglected() -> Iterator[server.Cluster]:
    """A server with every setting that does harm, that lets transactions be prepared."""
    with running_cluster(
        programs(), dict.fromkeys(_HARMFUL, "off") | {"max_prepared_transactions": "2"}
    ) as made:
        yield made


@pytest.fixture
def program_there(neglected: server.Cluster) -> Iterator[Program]:
    """The program on the neglected server."""
    database = create_database(superuser_conninfo(neglected))
    migrate(database, role_prefix=TEST_PREFIX)
    with opened(database) as made:
        yield made


def all_findings(program: Program, check: str) -> list[dict[str, Any]]:
    """What doctor finds of one check, whatever the server is."""
    (told,) = program.run("--json", "doctor").objects
    return [one for one in told["findings"] if one["check"] == check]


def cured_by_program(program: Program, found: dict[str, Any], *more: str) -> None:
    """The command that the finding names makes it go away."""
    command, *arguments = found["fix"].removeprefix("run ").split(" (")[0].split()
    assert command == "artifactstore"
    assert program.run(*arguments, *more).code == 0
    assert findings(program) == []


def test_a_healthy_database_has_no_finding(history: Program) -> None:
    assert findings(history) == []
    (size,) = all_findings(history, "size")
    assert (size["severity"], size["fix"]) == ("info", None)


def test_harmful_settings_are_put_right_by_the_statements(program_there: Program) -> None:
    found = all_findings(program_there, "setting")
    assert {one["what"].split()[0]: one["severity"] for one in found} == _HARMFUL
    assert "ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf();" in (one["fix"] for one in found)
    for one in found:
        # As psql sends them: one after the other.
        for statement in one["fix"].split("; "):
            program_there.admin.execute(statement.encode())
    until(lambda: all_findings(program_there, "setting") == [], "new sessions have the new settings")


def test_prepared_transactions(program_there: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(program_there.conninfo) as connection:
        connection.execute("SELECT count(*) FROM artifactstore.events")
        connection.execute("PREPARE TRANSACTION 'it''s old'")
    assert all_findings(program_there, "prepared") == []
    monkeypatch.setattr("artifactstore.jobs.doctor.IDLE_SECONDS", 0.0)
    (found,) = all_findings(program_there, "prepared")
    assert (found["severity"], found["fix"]) == ("warning", "ROLLBACK PREPARED 'it''s old';")
    program_there.admin.execute(found["fix"].encode())
    assert all_findings(program_there, "prepared") == []


def test_a_prepared_transaction_that_has_the_append_lock(
    program_there: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process has the lock then, so none can be ended: the transaction is told at once."""
    monkeypatch.setattr("artifactstore.jobs.doctor.LOCK_SECONDS", 0.0)
    with psycopg.connect(program_there.conninfo) as connection:
        connection.execute("SELECT artifactstore.lock_log()")
        connection.execute("PREPARE TRANSACTION 'stuck'")
    lock = b"LOCK artifactstore.append_lock IN EXCLUSIVE MODE NOWAIT"
    with pytest.raises(psycopg.errors.LockNotAvailable), program_there.admin.transaction():
        program_there.admin.execute(lock)
    (found,) = all_findings(program_there, "prepared")
    assert found["severity"] == "error"
    assert "append lock" in found["what"]
    assert all_findings(program_there, "append-lock") == []
    program_there.admin.execute(found["fix"].encode())
    assert all_findings(program_there, "prepared") == []
    program_there.row("package", "create", "pkg:generic/a@1")


def test_little_disk(history: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the data directory; file systems that are really full are in tests/crash/test_disk_full.py."""
    monkeypatch.setattr("artifactstore.jobs.doctor.LITTLE_DISK", 0)
    assert all_findings(history, "disk") == []
    monkeypatch.setattr("artifactstore.jobs.doctor.LITTLE_DISK", 1 << 62)
    (found,) = all_findings(history, "disk")
    assert (found["severity"], found["fix"]) == ("warning", "see the runbook disk-full")
    monkeypatch.setattr("artifactstore.jobs.doctor.NO_DISK", 1 << 62)
    (found,) = all_findings(history, "disk")
    assert found["severity"] == "error"


def test_a_data_directory_that_this_process_may_not_enter(history: Program, cluster: server.Cluster) -> None:
    """As on most servers: then only the disk is not looked at."""
    with psycopg.connect(history.conninfo, autocommit=True) as connection:
        found = examine(Store(connection))
        # What is looked at before the disk needs the files of this software.
        assert any(one.check == "size" for one in found)
        with no_entry(cluster.data.parent):
            assert not os.access(cluster.data / "PG_VERSION", os.R_OK, effective_ids=True)
            assert list(found) == []


@contextmanager
def no_entry(directory: Path) -> Iterator[None]:
    """Nobody may enter a directory that belongs to us; root, who always may, is somebody else meanwhile."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        mode = directory.stat().st_mode
        directory.chmod(0)
        try:
            yield
        finally:
            directory.chmod(mode)


def test_who_holds_the_append_lock(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactstore.jobs.doctor.LOCK_SECONDS", 0.0)
    with psycopg.connect(program.conninfo, application_name="stuck") as holder:
        holder.execute("SELECT artifactstore.lock_log()")
        found = only(program, "append-lock", "error")
        assert f"backend {holder.info.backend_pid} (postgres, stuck) has the append lock" in found["what"]
        program.admin.execute(found["fix"].encode())
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")
    assert findings(program) == []


def test_idle_transactions(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactstore.jobs.doctor.IDLE_SECONDS", 0.0)
    with psycopg.connect(program.conninfo) as idle:
        idle.execute("SELECT count(*) FROM artifactstore.events")
        found = only(program, "transaction", "warning")
        assert "idle in transaction" in found["what"]
        program.admin.execute(found["fix"].encode())
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
    assert findings(program) == []


def test_long_transactions(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactstore.jobs.doctor.IDLE_SECONDS", 0.0)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(program.conninfo, autocommit=True) as busy:
        running = pool.submit(busy.execute, "SELECT pg_sleep(60)")
        state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
        pid = (busy.info.backend_pid,)
        until(lambda: program.admin.execute(state, pid).fetchone() == ("active",), "it works")
        assert findings(program) == []
        monkeypatch.setattr("artifactstore.jobs.doctor.OLD_SECONDS", 0.0)
        found = only(program, "transaction", "warning")
        assert "(active)" in found["what"]
        program.admin.execute(found["fix"].encode())
        with pytest.raises(psycopg.OperationalError):
            running.result()
    assert findings(program) == []


def test_an_unfinished_rebuild_is_removed(history: Program) -> None:
    with psycopg.connect(history.conninfo, autocommit=True) as killed:
        killed.execute("SELECT artifactstore.begin_rebuild()")
    assert only(history, "leftover", "warning")["schema"] == "artifactstore_rebuild"
    assert findings(history, "--fix") == []
    assert history.admin.execute("SELECT to_regnamespace('artifactstore_rebuild')").fetchone() == (None,)


def test_scratch_schemas_are_removed_and_stored_ones_stay(history: Program) -> None:
    history.row("snapshot", "create")
    history.admin.execute("SELECT artifactstore.rebuild('artifactstore_verify_1')")
    assert only(history, "leftover", "warning")["schema"] == "artifactstore_verify_1"
    assert findings(history, "--fix") == []
    assert len(history.rows("snapshot", "list")) == 1
    with pytest.raises(psycopg.Error) as refusal:
        history.admin.execute("SELECT artifactstore.drop_leftover('public')")
    assert refusal.value.sqlstate == "ST052"


@pytest.mark.parametrize(
    ("created", "fix"),
    [
        (
            "FUNCTION artifactstore.odd(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ROUTINE artifactstore.odd(integer)",
        ),
        ("PROCEDURE artifactstore.odd(int) LANGUAGE sql AS 'SELECT 1'", "ROUTINE artifactstore.odd(integer)"),
        ("TABLE artifactstore.odd (a int)", "TABLE artifactstore.odd"),
        ('VIEW artifactstore."Odd" AS SELECT 1', 'VIEW artifactstore."Odd"'),
        ("MATERIALIZED VIEW artifactstore.odd AS SELECT 1", "MATERIALIZED VIEW artifactstore.odd"),
    ],
)
def test_stray_objects(program: Program, created: str, fix: str) -> None:
    program.admin.execute(f"CREATE {created}".encode())
    if fix.startswith("ROUTINE"):
        program.admin.execute(f"REVOKE ALL ON {fix} FROM PUBLIC".encode())
    found = only(program, "stray", "warning")
    assert found["fix"] == f"DROP {fix};"
    cured(program, found)


@pytest.mark.parametrize(
    ("tampered", "what"),
    [
        (
            "ALTER TABLE artifactstore.events ENABLE TRIGGER events_forbid_change",
            ": enabled is O, installed is A",
        ),
        ("DROP TRIGGER events_forbid_change ON artifactstore.events", " is missing"),
    ],
)
def test_guards_that_are_switched_off(program: Program, tampered: str, what: str) -> None:
    program.admin.execute(tampered.encode())
    found = only(program, "guard", "error")
    assert f"events_forbid_change ON artifactstore.events{what}" in found["what"]
    cured_by_program(program, found)


@pytest.mark.parametrize(
    "grant",
    [
        f"INSERT ON artifactstore.events TO {TEST_PREFIX}_service",
        "SELECT ON artifactstore.tokens TO PUBLIC",
        "EXECUTE ON FUNCTION artifactstore.fold TO PUBLIC",
        "CREATE ON SCHEMA artifactstore TO login_reader",
    ],
)
def test_wide_privileges(program: Program, grant: str, login_names: dict[str, str]) -> None:
    assert "login_reader" in login_names.values()
    program.admin.execute(f"GRANT {grant}".encode())
    cured(program, only(program, "privilege", "error"))


def test_an_owner_that_may_not_create_schemas(program: Program) -> None:
    # Owning the database is enough: as after a restore, somebody else does.
    program.admin.execute(f"ALTER DATABASE {program.admin.info.dbname} OWNER TO postgres".encode())
    found = only(program, "privilege", "error")
    assert "may not create schemas" in found["what"]
    cured_by_program(program, found)


def test_members_of_the_owner(program: Program) -> None:
    name = f"m_{program.admin.info.backend_pid}"
    program.admin.execute(f"CREATE ROLE {name}; GRANT {TEST_PREFIX}_owner TO {name}".encode())
    try:
        found = [one for one in findings(program) if f"{name} may act as" in one["what"]]
        assert [(one["check"], one["severity"]) for one in found] == [("privilege", "warning")]
        program.admin.execute(found[0]["fix"].encode())
        assert not [one for one in findings(program) if name in one["what"]]
    finally:
        program.admin.execute(f"DROP ROLE {name}".encode())


def test_a_promotion_warns(history: Program) -> None:
    history.admin.execute("UPDATE artifactstore.home SET timeline = 7")
    found = only(history, "home", "warning")
    assert "timeline 1, not 7" in found["what"]
    cured_by_program(history, found, "--yes")


@pytest.mark.parametrize("column", ["database_oid", "system_identifier"])
def test_a_copy_is_not_at_home(history: Program, column: str) -> None:
    history.admin.execute(f"UPDATE artifactstore.home SET {column} = 1".encode())
    cured_by_program(history, only(history, "home", "error"), "--yes")


def test_views_of_other_projectors(history: Program) -> None:
    history.admin.execute("UPDATE artifactstore.software SET viewed_by = '\\x00'")
    cured_by_program(history, only(history, "projectors", "error"))


def test_an_unmigrated_database(program: Program) -> None:
    program.admin.execute("UPDATE artifactstore.software SET version = '0.0.1'")
    cured_by_program(program, only(program, "version", "error"))


def test_a_database_of_newer_software(program: Program) -> None:
    program.admin.execute("UPDATE artifactstore.software SET version = '999.0'")
    assert only(program, "version", "error")["fix"] == "upgrade this software"


def test_unused_replication_slots(program: Program) -> None:
    name = f"s_{program.admin.info.backend_pid}"
    program.admin.execute("SELECT pg_create_physical_replication_slot(%s)", (name,))
    found = [one for one in findings(program) if one["check"] == "slot" and f" {name} " in one["what"]]
    program.admin.execute(found[0]["fix"].encode())
    assert not [one for one in findings(program) if f" {name} " in one["what"]]


def test_an_operator_is_told_what_it_cannot_see(program: Program, login_names: dict[str, str]) -> None:
    conninfo = make_conninfo(program.conninfo, user=login_names["operator"])
    (sight,) = findings(Program(conninfo, program.admin))
    assert (sight["check"], sight["severity"]) == ("sight", "info")
    program.admin.execute(sight["fix"].encode())
    try:
        assert findings(Program(conninfo, program.admin)) == []
    finally:
        program.admin.execute(f"REVOKE pg_read_all_stats FROM {login_names['operator']}".encode())
