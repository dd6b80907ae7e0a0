"""doctor finds what is wrong, and names the statement that puts it right."""

from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.cli.program import Program
from tests.databases import TEST_PREFIX

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


def test_a_healthy_database_has_no_finding(history: Program) -> None:
    assert findings(history) == []


def test_dangerous_settings_are_errors(program: Program) -> None:
    """The servers of these tests have all of them."""
    outcome = program.run("doctor")
    assert outcome.code == 1
    for line in ("error: setting: fsync is off", "warning: setting: synchronous_commit is off"):
        assert line in outcome.stdout
    assert "ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf();" in outcome.stdout


def test_who_holds_the_append_lock(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactstore.doctor.LOCK_SECONDS", 0.0)
    with psycopg.connect(program.conninfo, application_name="stuck") as holder:
        holder.execute("SELECT artifactstore.lock_log()")
        found = only(program, "append-lock", "error")
        assert f"backend {holder.info.backend_pid} (postgres, stuck) has the append lock" in found["what"]
        program.admin.execute(found["fix"].encode())
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")
    assert findings(program) == []


def test_idle_transactions(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactstore.doctor.IDLE_SECONDS", 0.0)
    with psycopg.connect(program.conninfo) as idle:
        idle.execute("SELECT count(*) FROM artifactstore.events")
        found = only(program, "transaction", "warning")
        assert "idle in transaction" in found["what"]
        program.admin.execute(found["fix"].encode())
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")


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


def test_stray_functions_and_tables(program: Program) -> None:
    program.admin.execute("CREATE FUNCTION artifactstore.odd(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    program.admin.execute("REVOKE ALL ON FUNCTION artifactstore.odd FROM PUBLIC")
    found = only(program, "stray", "warning")
    assert found["fix"] == "DROP FUNCTION artifactstore.odd(integer);"
    cured(program, found)
    program.admin.execute("CREATE TABLE artifactstore.odd (a int)")
    cured(program, only(program, "stray", "warning"))


def test_guards_that_are_switched_off(program: Program) -> None:
    program.admin.execute("ALTER TABLE artifactstore.events ENABLE TRIGGER events_forbid_change")
    found = only(program, "trigger", "error")
    assert "events_forbid_change is not ENABLE ALWAYS" in found["what"]
    assert found["fix"] == "artifactstore migrate"
    program.rows("migrate")
    assert findings(program) == []


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


def test_a_copy_is_not_at_home_and_a_promotion_warns(history: Program) -> None:
    history.admin.execute("UPDATE artifactstore.home SET timeline = 7")
    assert "timeline 1, not 7" in only(history, "home", "warning")["what"]
    history.admin.execute("UPDATE artifactstore.home SET database_oid = 1")
    assert "artifactstore adopt" in only(history, "home", "error")["fix"]
    history.row("adopt", "--yes")
    assert findings(history) == []


def test_views_of_other_projectors(history: Program) -> None:
    history.admin.execute("UPDATE artifactstore.software SET viewed_by = '\\x00'")
    assert only(history, "projectors", "error")["fix"] == "artifactstore replay"


def test_an_unmigrated_database(program: Program) -> None:
    program.admin.execute("UPDATE artifactstore.software SET version = '0.0.1'")
    assert only(program, "version", "error")["fix"] == "run artifactstore migrate"


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
    assert login_names["operator"] in sight["fix"]
