"""RPL16: the log is append-only and the views are written by projectors only, whoever tries and however.

What these guards cannot do: the owner of the tables and a superuser may disable a trigger or drop a table,
and PostgreSQL has nothing that would stop them. The owner is a role without login; what such a hand did is
found by ``verify``, and ``migrate`` switches the guards on again.
"""

from collections.abc import Callable

import psycopg
import pytest

from tests.databases import TEST_PREFIX, Connect
from tests.log.door import append, created, denied, id_of, ingested, refused, scalar, state

OTHERS = ("reader", "writer", "service", "operator")
EVENT = """
    8, clock_timestamp(), 'v1.package.created', 'package', '00000000-0000-7000-8000-000000000001'::uuid,
    'user:eve', '\\xa0'::bytea, decode(repeat('00', 32), 'hex')
    """
MERGE = "MERGE INTO artifactstore.events e USING (SELECT 2 AS n) s ON e.sequence = s.n WHEN "
CHANGES: dict[str, str] = {
    "update": "UPDATE artifactstore.events SET actor = 'user:eve' WHERE sequence = 2",
    "update all": "UPDATE artifactstore.events SET actor = actor",
    "delete": "DELETE FROM artifactstore.events WHERE sequence = 2",
    "truncate": "TRUNCATE artifactstore.events",
    "truncate cascade": "TRUNCATE artifactstore.events RESTART IDENTITY CASCADE",
    "insert": "INSERT INTO artifactstore.events VALUES (EVENT)",
    "insert nothing": "INSERT INTO artifactstore.events VALUES (EVENT) ON CONFLICT DO NOTHING",
    "upsert": "INSERT INTO artifactstore.events SELECT * FROM artifactstore.events WHERE sequence = 2 "
    "ON CONFLICT (sequence) DO UPDATE SET actor = 'user:eve'",
    "merge update": MERGE + "MATCHED THEN UPDATE SET actor = 'user:eve'",
    "merge delete": MERGE + "MATCHED THEN DELETE",
    "merge insert": MERGE.replace("2 AS n", "8 AS n") + "NOT MATCHED THEN INSERT VALUES (EVENT)",
    "with delete": "WITH gone AS (DELETE FROM artifactstore.events RETURNING *) SELECT count(*) FROM gone",
    "through the view": "DELETE FROM artifactstore.event_log WHERE sequence = 2",
}
CHANGES = {name: statement.replace("(EVENT)", f"({EVENT})") for name, statement in CHANGES.items()}
"""Statements that would change the log."""

DEFINITIONS: dict[str, str] = {
    "disable trigger": "ALTER TABLE artifactstore.events DISABLE TRIGGER ALL",
    "drop": "DROP TABLE artifactstore.events CASCADE",
    "drop trigger": "DROP TRIGGER events_forbid_change ON artifactstore.events",
    "add column": "ALTER TABLE artifactstore.events ADD COLUMN note text",
    "rule": "CREATE RULE hide AS ON INSERT TO artifactstore.events DO INSTEAD NOTHING",
    "trigger": "CREATE TRIGGER own BEFORE INSERT ON artifactstore.events "
    "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "inherit": "CREATE TABLE child () INHERITS (artifactstore.events)",
    "function": "CREATE OR REPLACE FUNCTION artifactstore.log_head() RETURNS bigint "
    "LANGUAGE sql AS 'SELECT 0::bigint'",
    "drop function": "DROP FUNCTION artifactstore.forbid_change() CASCADE",
    "new table": "CREATE TABLE artifactstore.mine (n int)",
    "drop schema": "DROP SCHEMA artifactstore CASCADE",
    "replica": "SET session_replication_role = replica",
    "owner": f"SET ROLE {TEST_PREFIX}_owner",
}
"""Statements that would take the guards away."""


@pytest.fixture
def observer(connect: Connect) -> psycopg.Connection:
    """A superuser's session; the log has seven events."""
    package = created()
    append(connect("service"), package, *(ingested(id_of(package), f"{n}") for n in range(5)))
    return connect()


def copy_in(connection: psycopg.Connection, table: str) -> None:
    with connection.cursor().copy(f"COPY artifactstore.{table} FROM STDIN".encode()) as copy:
        copy.write_row(
            (8, "2026-01-01", "v1.package.created", "package", None, "user:eve", "\\xa0", "\\x" + "00" * 32)
        )


@pytest.mark.parametrize("role", OTHERS)
def test_no_role_may_change_the_log(connect: Connect, observer: psycopg.Connection, role: str) -> None:
    """RPL16: no application role has the privilege, for any statement."""
    connection = connect(role)
    for statement in (CHANGES | DEFINITIONS).values():
        with denied(observer):
            connection.execute(statement.encode())
    with denied(observer):
        copy_in(connection, "events")


@pytest.mark.parametrize("role", ["owner", None])
@pytest.mark.parametrize("replication", ["origin", "local", "replica"])
def test_owner_and_superuser_meet_the_triggers(
    connect: Connect, observer: psycopg.Connection, role: str | None, replication: str
) -> None:
    """RPL16: also for the owner and a superuser, also as a replica, where ordinary triggers are silent."""
    if role == "owner" and replication != "origin":
        with denied(observer):
            connect(role).execute(f"SET session_replication_role = {replication}".encode())
        return
    connection = connect(role)
    if replication != "origin":
        connection.execute(f"SET session_replication_role = {replication}".encode())
    for name, statement in CHANGES.items():
        with refused(observer, "append-only") as refusal:
            connection.execute(statement.encode())
        assert refusal.detail["table"] == "events", name
    with refused(observer, "append-only"):
        copy_in(connection, "events")


def view_changes(view: str) -> dict[str, str]:
    """Statements that would change a view."""
    statements = {
        "INSERT": "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT DO NOTHING",
        "UPDATE": "UPDATE {0} SET last_sequence = last_sequence",
        "DELETE": "DELETE FROM {0}",
        "TRUNCATE": "TRUNCATE {0}",
        "MERGE": "MERGE INTO {0} v USING {0} w ON v.last_sequence = w.last_sequence WHEN MATCHED THEN DELETE",
    }
    return {name: text.format(f"artifactstore.{view}") for name, text in statements.items()}


@pytest.mark.parametrize("role", ["owner", None])
def test_views_are_written_by_projectors_only(
    connect: Connect, observer: psycopg.Connection, role: str | None
) -> None:
    """RPL16 for the views: owner and superuser are refused, as a replica too, also on an empty view."""
    connection = connect(role)
    for mode in ("origin", "replica") if role is None else ("origin",):
        if mode == "replica":
            connection.execute("SET session_replication_role = replica")
        for view in scalar(observer, "SELECT artifactstore.view_names()"):
            for operation, statement in view_changes(view).items():
                with refused(observer, "direct-write") as refusal:
                    connection.execute(statement.encode())
                assert refusal.detail["table"] == view, operation
            with refused(observer, "direct-write"):
                copy_in(connection, view)


@pytest.mark.parametrize("role", OTHERS)
def test_no_role_may_change_a_view(connect: Connect, observer: psycopg.Connection, role: str) -> None:
    connection = connect(role)
    for view in scalar(observer, "SELECT artifactstore.view_names()"):
        for statement in view_changes(view).values():
            with denied(observer):
                connection.execute(statement.encode())
        with denied(observer):
            copy_in(connection, view)


@pytest.mark.parametrize("role", OTHERS)
def test_settings_give_no_way_in(connect: Connect, observer: psycopg.Connection, role: str) -> None:
    """The setting that lets append and replay through is no privilege: setting it gives a role nothing."""
    connection = connect(role)
    connection.execute("SET artifactstore.projecting = 'on'")
    for statement in (CHANGES["insert"], view_changes("artifact_packages")["DELETE"]):
        with denied(observer):
            connection.execute(statement.encode())


def test_guards_are_up_again_after_an_append(connect: Connect, observer: psycopg.Connection) -> None:
    """An append or a replay opens the way for itself alone, not for the rest of its transaction."""
    superuser = connect(autocommit=False)
    before = state(observer)
    calls: tuple[Callable[[], object], ...] = (
        lambda: append(superuser, created()),
        lambda: superuser.execute("SELECT artifactstore.replay()"),
    )
    writes = {CHANGES["insert"]: "ST047", view_changes("requests")["DELETE"]: "ST048"}
    for call in calls:
        for statement, sqlstate in writes.items():
            call()
            with pytest.raises(psycopg.Error) as caught:
                superuser.execute(statement.encode())
            assert caught.value.sqlstate == sqlstate
            superuser.rollback()
    assert state(observer) == before


def test_guards_are_up_again_after_a_refusal(connect: Connect, observer: psycopg.Connection) -> None:
    superuser = connect(autocommit=False)
    file = ingested(id_of(created()), "a")
    with pytest.raises(psycopg.Error), superuser.transaction():
        append(superuser, file)
    with refused(observer, "append-only"):
        superuser.execute(CHANGES["insert"].encode())


def test_triggers_fire_always(observer: psycopg.Connection) -> None:
    """RPL16: ENABLE ALWAYS, three on the log and two on each view."""
    query = (
        "SELECT c.relname, array_agg(DISTINCT t.tgenabled::text), count(*) FROM pg_trigger t "
        "JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE c.relnamespace = 'artifactstore'::regnamespace AND NOT t.tgisinternal GROUP BY 1"
    )
    views = scalar(observer, "SELECT artifactstore.view_names()")
    found = {name: (enabled, count) for name, enabled, count in observer.execute(query).fetchall()}
    assert found == {"events": (["A"], 3)} | {view: (["A"], 2) for view in views}
