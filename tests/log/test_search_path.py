"""LCK09: whatever the caller's search_path and temporary tables are, the real tables are read and written."""

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from artifactstore.events import new_id
from tests.databases import Connect
from tests.log.door import append, append_json, created, rows_of, scalar

PINNED = ["search_path=artifactstore, pg_temp"]


def shadow(connection: psycopg.Connection) -> list[str]:
    """Give the session an empty temporary table under the name of every real one, first in its path."""
    names = [
        name
        for (name,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('artifactstore') "
            "AND relkind = 'r' AND has_table_privilege(oid, 'SELECT') ORDER BY 1"
        )
    ]
    assert {"events", "event_types", "roles", "artifact_packages"} < set(names)
    for name in names:
        connection.execute(
            SQL("CREATE TEMP TABLE {} (LIKE {})").format(Identifier(name), Identifier("artifactstore", name))
        )
    connection.execute("CREATE TEMP TABLE append_lock ()")
    connection.execute("SET search_path = pg_temp, public")
    return names


def assert_empty(connection: psycopg.Connection, names: list[str]) -> None:
    assert {name: rows_of(connection, name, "pg_temp") for name in names} == dict.fromkeys(names, 0)


def test_entry_points_pin_their_path(connect: Connect) -> None:
    """LCK09: every function with its owner's rights has a search_path, and pg_temp is last in it."""
    functions = (
        connect()
        .execute(
            "SELECT proname, array(SELECT c FROM unnest(proconfig) c WHERE c LIKE 'search_path=%') "
            "FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace AND prosecdef"
        )
        .fetchall()
    )
    assert {name for name, _ in functions} >= {"append", "append_json", "replay", "rebuild"}
    assert [(name, path) for name, path in functions if path != PINNED] == []


def test_append_ignores_temporary_tables(connect: Connect) -> None:
    """LCK09: a caller's own events and views stay empty; the rows are in the real ones."""
    service, observer = connect("service"), connect()
    names = shadow(service)
    assert append(service, created())[0].sequence == 2
    assert append(service, created())[0].sequence == 3
    assert scalar(observer, "SELECT count(*) FROM artifactstore.artifact_packages") == 2
    assert_empty(service, names)


def test_append_json_ignores_temporary_tables(connect: Connect) -> None:
    """LCK09: neither the log nor the catalogue of the caller is looked at."""
    writer, observer = connect("writer"), connect()
    names = shadow(writer)
    package_id = new_id()
    assert append_json(writer, "v1.package.created", package_id, {"purl": "pkg:generic/a@1"}, 0) == 2
    assert append_json(writer, "v1.package.labeled", package_id, {"set": {"a": "1"}}, 2) == 3
    assert scalar(observer, "SELECT labels ->> 'a' FROM artifactstore.artifact_packages") == "1"
    assert_empty(writer, names)


def test_forged_catalogue_does_not_lift_a_role(connect: Connect) -> None:
    """LCK09: a catalogue and a list of roles of the caller's own make no operator of a writer."""
    writer = connect("writer")
    shadow(writer)
    writer.execute("INSERT INTO pg_temp.event_types SELECT * FROM artifactstore.event_types")
    writer.execute("UPDATE pg_temp.event_types SET min_role = 'writer'")
    writer.execute("INSERT INTO pg_temp.roles SELECT 'operator', session_user")
    token = {"token_id": str(new_id())}
    with pytest.raises(psycopg.Error) as caught:
        append_json(writer, "v1.system.token_issued", new_id(), token)
    assert caught.value.sqlstate == "ST043"


def test_replay_ignores_temporary_tables(connect: Connect) -> None:
    """LCK09: replay, rebuild and the comparison work on real view sets."""
    operator, observer = connect("operator"), connect()
    append(connect("service"), created(), created())
    names = shadow(operator)
    assert operator.execute("SELECT head FROM artifactstore.replay()").fetchall() == [(3,)]
    assert scalar(operator, "SELECT artifactstore.rebuild('artifactstore_copy')") == 3
    for schema in ("artifactstore", "artifactstore_copy"):
        assert rows_of(observer, "artifact_packages", schema) == 2
    compare = "SELECT count(*) FROM artifactstore.compare_view_sets('artifactstore', 'artifactstore_copy')"
    assert scalar(operator, compare) == 0
    assert_empty(operator, names)


def test_reads_ignore_temporary_tables(connect: Connect) -> None:
    """LCK09: the views for people and log_head show the real log."""
    reader = connect("reader")
    append(connect("service"), created())
    shadow(reader)
    assert scalar(reader, "SELECT artifactstore.log_head()") == 2
    assert [rows_of(reader, view) for view in ("event_log", "audit_events")] == [2, 2]
    purl = scalar(reader, "SELECT purl FROM artifactstore.audit_events WHERE sequence = 2")
    assert purl.startswith("pkg:generic/")


def test_operators_of_the_caller_are_not_used(connect: Connect) -> None:
    """LCK09: an operator of the caller's own for texts would otherwise decide comparisons for the owner."""
    service, superuser = connect("service"), connect()
    superuser.execute("CREATE SCHEMA hostile")
    superuser.execute("GRANT USAGE ON SCHEMA hostile TO PUBLIC")
    superuser.execute(
        "CREATE FUNCTION hostile.never(text, text) RETURNS boolean LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'hostile operator was used by %', current_user; END $$"
    )
    superuser.execute("CREATE OPERATOR hostile.= (FUNCTION = hostile.never, LEFTARG = text, RIGHTARG = text)")
    superuser.execute(
        "CREATE OPERATOR hostile.<> (FUNCTION = hostile.never, LEFTARG = text, RIGHTARG = text)"
    )
    service.execute("SET search_path = hostile, pg_catalog")
    with pytest.raises(psycopg.errors.RaiseException):
        service.execute("SELECT 'a'::text = 'b'::text")
    assert append(service, created())[0].sequence == 2
