"""F07: guards are compared by what they are, not by their names, with what this software installs."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError
from artifactstore.jobs import doctor
from artifactstore.jobs.verify import verify
from artifactstore.migrate import guards, migrate
from artifactstore.server import Cluster
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, Connect
from tests.migration.sources import fill

OWNER = f"{TEST_PREFIX}_owner"
EMPTY = "RETURNS trigger LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN coalesce(new, old); END'"
NOTHING = "CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"

TAMPERED: dict[str, tuple[str, str]] = {
    "trigger that never fires": (
        (
            "CREATE OR REPLACE TRIGGER events_forbid_change BEFORE UPDATE OR DELETE ON artifactstore.events"
            " FOR EACH ROW WHEN (false) EXECUTE FUNCTION artifactstore.forbid_change()"
        ),
        "trigger events_forbid_change ON artifactstore.events: definition is",
    ),
    "trigger of another function": (
        NOTHING + "CREATE OR REPLACE TRIGGER events_forbid_change BEFORE UPDATE OR DELETE"
        " ON artifactstore.events FOR EACH ROW EXECUTE FUNCTION public.nothing()",
        "trigger events_forbid_change ON artifactstore.events: definition is",
    ),
    "trigger for fewer events": (
        (
            "CREATE OR REPLACE TRIGGER events_forbid_change BEFORE UPDATE ON artifactstore.events"
            " FOR EACH ROW EXECUTE FUNCTION artifactstore.forbid_change()"
        ),
        "trigger events_forbid_change ON artifactstore.events: definition is",
    ),
    "trigger dropped": (
        "DROP TRIGGER events_forbid_truncate ON artifactstore.events",
        "trigger events_forbid_truncate ON artifactstore.events is missing",
    ),
    "trigger disabled": (
        "ALTER TABLE artifactstore.requests DISABLE TRIGGER requests_forbid_direct_write",
        "trigger requests_forbid_direct_write ON artifactstore.requests: enabled is D, installed is A",
    ),
    "trigger for replicas only": (
        "ALTER TABLE artifactstore.events ENABLE REPLICA TRIGGER events_forbid_change",
        "trigger events_forbid_change ON artifactstore.events: enabled is R, installed is A",
    ),
    "trigger added": (
        NOTHING + "CREATE TRIGGER added BEFORE INSERT ON artifactstore.events"
        " FOR EACH ROW EXECUTE FUNCTION public.nothing()",
        "trigger added ON artifactstore.events is not of this software",
    ),
    "function emptied": (
        f"CREATE OR REPLACE FUNCTION artifactstore.forbid_change() {EMPTY}",
        "function artifactstore.forbid_change(): source is",
    ),
    "function without its path": (
        "ALTER FUNCTION artifactstore.replay(text, boolean) RESET search_path",
        "function artifactstore.replay(text,boolean): settings is",
    ),
    "function with the rights of its caller": (
        "ALTER FUNCTION artifactstore.find_token(uuid) SECURITY INVOKER",
        "function artifactstore.find_token(uuid): security_definer is false",
    ),
    "function with the rights of its owner": (
        "ALTER FUNCTION artifactstore.log_head() SECURITY DEFINER",
        "function artifactstore.log_head(): security_definer is true",
    ),
    "function of another volatility": (
        "ALTER FUNCTION artifactstore.log_head() IMMUTABLE PARALLEL RESTRICTED",
        "function artifactstore.log_head(): parallel is r, installed is s; volatility is i, installed is s",
    ),
    "function given away": (
        "ALTER FUNCTION artifactstore.forbid_change() OWNER TO login_writer",
        "function artifactstore.forbid_change(): owner is login_writer, installed is owner",
    ),
    "function dropped": (
        "DROP FUNCTION artifactstore.check_requests",
        "function artifactstore.check_requests(artifactstore.decoded_event[]) is missing",
    ),
    "function added": (
        "CREATE FUNCTION artifactstore.log_head(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "function artifactstore.log_head(integer) is not of this software",
    ),
    "operator added": (
        "CREATE OPERATOR artifactstore.= (FUNCTION = pg_catalog.texteq, LEFTARG = text, RIGHTARG = text)",
        "operator artifactstore.=(pg_catalog.text,pg_catalog.text) is not of this software",
    ),
    "domain added": ("CREATE DOMAIN artifactstore.d AS text", "type artifactstore.d is not of this software"),
    "rule on delete": (
        "CREATE RULE r AS ON DELETE TO artifactstore.artifact_files DO INSTEAD NOTHING",
        "rule r ON artifactstore.artifact_files is not of this software",
    ),
    "rule on insert": (
        "CREATE RULE r AS ON INSERT TO artifactstore.error_codes DO INSTEAD NOTHING",
        "rule r ON artifactstore.error_codes is not of this software",
    ),
    "rule on the log": (
        "CREATE RULE r AS ON UPDATE TO artifactstore.events DO ALSO NOTHING",
        "rule r ON artifactstore.events is not of this software",
    ),
    "grant to public": (
        "GRANT SELECT ON artifactstore.tokens TO PUBLIC",
        "grant SELECT ON TABLE artifactstore.tokens TO PUBLIC is not of this software",
    ),
    "grant to a stranger": (
        "GRANT INSERT ON artifactstore.events TO login_writer",
        "grant INSERT ON TABLE artifactstore.events TO login_writer is not of this software",
    ),
    "grant of a column": (
        "GRANT UPDATE (actor) ON artifactstore.events TO login_writer",
        "grant UPDATE (actor) ON TABLE artifactstore.events TO login_writer is not of this software",
    ),
    "grant of a function": (
        f"GRANT EXECUTE ON FUNCTION artifactstore.fold TO {TEST_PREFIX}_reader",
        "grant EXECUTE ON ROUTINE artifactstore.fold(artifactstore.decoded_event[]) TO reader is not",
    ),
    "grant of the schema": (
        "GRANT CREATE ON SCHEMA artifactstore TO login_writer",
        "grant CREATE ON SCHEMA artifactstore TO login_writer is not of this software",
    ),
    "grant with the right to pass it on": (
        f"GRANT SELECT ON artifactstore.events TO {TEST_PREFIX}_reader WITH GRANT OPTION",
        "grant SELECT ON TABLE artifactstore.events TO reader: grant_option is true, installed is false",
    ),
    "grant taken back": (
        f"REVOKE EXECUTE ON FUNCTION artifactstore.append_json FROM {TEST_PREFIX}_writer",
        "TO writer is missing",
    ),
    "grants to come": (
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA artifactstore GRANT SELECT ON TABLES TO PUBLIC",
        "default grant SELECT ON NEW TABLES IN artifactstore BY owner TO PUBLIC is not of this software",
    ),
    "functions open from the beginning": (
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        "default grant EXECUTE ON NEW FUNCTIONS BY owner TO owner is missing",
    ),
    "table given away": (
        "ALTER TABLE artifactstore.tokens OWNER TO login_writer",
        "table artifactstore.tokens: owner is login_writer, installed is owner",
    ),
    "schema given away": (
        "ALTER SCHEMA artifactstore OWNER TO login_writer",
        "schema artifactstore: owner is login_writer, installed is owner",
    ),
    "view given away": (
        "ALTER VIEW artifactstore.event_log OWNER TO login_writer",
        "view artifactstore.event_log: owner is login_writer, installed is owner",
    ),
    "log that a crash empties": (
        "ALTER TABLE artifactstore.events SET UNLOGGED",
        "table artifactstore.events: persistence is u, installed is p",
    ),
    "rows that some do not see": (
        "ALTER TABLE artifactstore.events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "table artifactstore.events: forced_row_security is true, installed is false; row_security is true",
    ),
    "policy": (
        "CREATE POLICY hidden ON artifactstore.artifact_packages USING (false)",
        "policy hidden ON artifactstore.artifact_packages is not of this software",
    ),
    "child of the log": (
        "CREATE TABLE public.child () INHERITS (artifactstore.events)",
        "child public.child OF artifactstore.events is not of this software",
    ),
    "reference to a view": (
        "CREATE TABLE public.child (p uuid REFERENCES artifactstore.artifact_packages)",
        "reference child_p_fkey ON public.child is not of this software",
    ),
    "constraint dropped": (
        "ALTER TABLE artifactstore.events DROP CONSTRAINT events_actor_check",
        "constraint events_actor_check ON artifactstore.events is missing",
    ),
    "constraint loosened": (
        (
            "ALTER TABLE artifactstore.events DROP CONSTRAINT events_actor_check,"
            " ADD CONSTRAINT events_actor_check CHECK (true)"
        ),
        "constraint events_actor_check ON artifactstore.events: definition is CHECK (true)",
    ),
    "null allowed": (
        "ALTER TABLE artifactstore.events ALTER COLUMN actor DROP NOT NULL",
        "column artifactstore.events.actor: not_null is false, installed is true",
    ),
    "default added": (
        "ALTER TABLE artifactstore.events ALTER COLUMN actor SET DEFAULT 'user:nobody'",
        "column artifactstore.events.actor: default is 'user:nobody'::text, installed is null",
    ),
    "index dropped": (
        "DROP INDEX artifactstore.storage_locations_file_id_backend_uri_key",
        "index artifactstore.storage_locations_file_id_backend_uri_key is missing",
    ),
    "index that refuses": (
        "CREATE UNIQUE INDEX one_actor ON artifactstore.requests (actor)",
        "index artifactstore.one_actor is not of this software",
    ),
    "view replaced": (
        (
            "CREATE OR REPLACE VIEW artifactstore.event_log AS SELECT e.sequence, e.created_at, e.event_type,"
            " e.subject_kind, e.subject_id, 'user:nobody'::text COLLATE \"C\" AS actor,"
            " artifactstore.describe_payload(e.event_type, e.payload) AS payload, e.payload_digest"
            " FROM artifactstore.events e"
        ),
        "view artifactstore.event_log: definition is",
    ),
    "operators' events for writers": (
        "UPDATE artifactstore.event_types SET min_role = 'writer' WHERE event_type = 'v1.system.restored'",
        "row event_types v1.system.restored: min_role is writer, installed is operator",
    ),
    "event type that destroys nothing": (
        "UPDATE artifactstore.event_types SET destructive = false WHERE event_type = 'v1.package.deleted'",
        "row event_types v1.package.deleted: destructive is false, installed is true",
    ),
    "event type removed": (
        "DELETE FROM artifactstore.event_types WHERE event_type = 'v1.package.deleted'",
        "row event_types v1.package.deleted is missing",
    ),
    "error code renamed": (
        "UPDATE artifactstore.error_codes SET sqlstate = 'ST999' WHERE name = 'legal-hold'",
        "row error_codes legal-hold: sqlstate is ST999, installed is ST020",
    ),
    "error code removed": (
        "DELETE FROM artifactstore.error_codes WHERE name = 'append-only'",
        "row error_codes append-only is missing",
    ),
    "projectors that are not these": (
        "UPDATE artifactstore.software SET projectors = '\\x00', viewed_by = '\\x00'",
        "row software: projectors is \\x00",
    ),
    "role removed from the table": (
        "DELETE FROM artifactstore.roles WHERE role = 'operator'",
        "row roles operator is missing",
    ),
}
"""What a superuser can do to the guards: statement, and the finding that names it."""

COMMANDS_TOLD = {
    "trigger added": "DROP TRIGGER added ON artifactstore.events;",
    "function given away": f'ALTER ROUTINE artifactstore.forbid_change() OWNER TO "{OWNER}";',
    "function added": "DROP FUNCTION artifactstore.log_head(integer);",
    "operator added": "DROP OPERATOR artifactstore.=(pg_catalog.text,pg_catalog.text);",
    "domain added": "DROP TYPE artifactstore.d;",
    "rule on delete": "DROP RULE r ON artifactstore.artifact_files;",
    "rule on insert": "DROP RULE r ON artifactstore.error_codes;",
    "rule on the log": "DROP RULE r ON artifactstore.events;",
    "policy": "DROP POLICY hidden ON artifactstore.artifact_packages;",
    "child of the log": "ALTER TABLE public.child NO INHERIT artifactstore.events;",
    "reference to a view": "ALTER TABLE public.child DROP CONSTRAINT child_p_fkey;",
    "index that refuses": "DROP INDEX artifactstore.one_actor;",
    "table given away": f"ALTER TABLE artifactstore.tokens OWNER TO {OWNER};",
    "schema given away": f"ALTER SCHEMA artifactstore OWNER TO {OWNER};",
    "view given away": f'ALTER VIEW artifactstore.event_log OWNER TO "{OWNER}";',
}
"""Those that migrate refuses, with the command that it tells."""


def found_by_verify(conninfo: str) -> list[str]:
    """What verify says of the guards."""

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(conninfo, autocommit=True)

    with connect() as connection:
        done = verify(Store(connection), connect, limit=1000)
    return [one.what for one in done.findings if one.kind == "guard"]


def found_by_doctor(store: Store) -> list[str]:
    kinds = ("guard", "privilege", "stray")
    ours = (one for one in doctor.examine(store) if "may act as" not in one.what)
    return [f"{one.what}: {one.fix}" for one in ours if one.check in kinds]


@pytest.mark.parametrize("name", TAMPERED)
def test_f07_what_was_tampered_with_is_found_named_and_put_right(
    name: str, database: str, connect: Connect
) -> None:
    """F07: by verify and by doctor; migrate puts it back, or tells the command."""
    statement, told = TAMPERED[name]
    superuser = connect()
    fill(superuser)
    store = Store(superuser)
    superuser.execute(statement.encode())

    for found in (found_by_verify(database), found_by_doctor(store)):
        assert any(told in one for one in found), found
        assert len(found) == 1 or "given away" in name or name == "role removed from the table", found
    try:
        migrate(database)
        assert name not in COMMANDS_TOLD
    except ArtifactstoreError as refusal:
        assert refusal.detail["commands"] == [COMMANDS_TOLD[name]]  # noqa: PT017
        assert refusal.code in ("undefined-object", "forbidden")  # noqa: PT017
        superuser.execute(COMMANDS_TOLD[name].encode())
        migrate(database)
    assert guards.differences(Store(connect("operator"))) == []


def test_f07_an_emptied_guard_lets_through_what_a_whole_one_refuses(connect: Connect, database: str) -> None:
    """F07: that is why it matters."""
    superuser = connect()
    fill(superuser)
    superuser.execute(f"CREATE OR REPLACE FUNCTION artifactstore.forbid_change() {EMPTY}".encode())
    with superuser.transaction(force_rollback=True):
        assert superuser.execute("DELETE FROM artifactstore.events").rowcount == 4
    assert found_by_verify(database) != []


def test_f07_an_index_that_only_makes_things_fast_may_be_added(database: str, connect: Connect) -> None:
    """F07: a DBA's own; it evaluates nothing of anybody and refuses nothing."""
    superuser = connect()
    superuser.execute("CREATE INDEX by_actor ON artifactstore.events (actor)")
    migrate(database)
    assert guards.differences(Store(superuser)) == []


def test_f07_a_fresh_an_upgraded_and_a_restored_database_have_no_finding(
    cluster: Cluster, new_database: Callable[[], str]
) -> None:
    """F07: whatever the server, the prefix of roles and the settings of the session."""
    for prefix in ("ours", TEST_PREFIX, "Odd.Prefix-é"):
        fresh, restored = new_database(), new_database()
        migrate(fresh, role_prefix=prefix, version="0.0.1")
        with psycopg.connect(fresh, autocommit=True) as connection:
            fill(connection)
            assert guards.differences(Store(connection)) == []
        migrate(fresh)
        text = cluster.run("pg_dump", "--dbname", fresh)
        cluster.run("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", restored, stdin=text)
        for conninfo in (fresh, restored):
            with psycopg.connect(conninfo, autocommit=True) as connection:
                for setting in (
                    "search_path = artifactstore, public",
                    "timezone = 'Asia/Kathmandu'",
                    "datestyle = 'SQL, DMY'",
                    "bytea_output = escape",
                    "quote_all_identifiers = on",
                ):
                    connection.execute(f"SET {setting}".encode())
                assert guards.differences(Store(connection)) == []
                path = connection.execute("SHOW search_path").fetchone()
                assert path == ("artifactstore, public",)


@pytest.mark.parametrize("mode", ["REPEATABLE READ READ ONLY", "SERIALIZABLE READ ONLY", "READ COMMITTED"])
def test_f07_an_operator_may_compare_in_any_transaction(connect: Connect, mode: str) -> None:
    """F07: no superuser is needed, and nothing is written."""
    operator = connect("operator")
    with operator.transaction():
        operator.execute(f"SET TRANSACTION ISOLATION LEVEL {mode}".encode())
        assert guards.differences(Store(operator)) == []


def test_f07_rows_that_do_not_fit_a_constraint_are_told(database: str, connect: Connect) -> None:
    """F07: what was let in while it was away keeps it from coming back, by name."""
    superuser = connect()
    fill(superuser)
    superuser.execute("ALTER TABLE artifactstore.requests DROP CONSTRAINT requests_pkey")
    superuser.execute("SET artifactstore.projecting = 'on'")
    for _ in range(2):
        superuser.execute("INSERT INTO artifactstore.requests VALUES ('user:a', 'k', '', 1, 1, 1, 1)")
    with pytest.raises(ArtifactstoreError, match="requests_pkey") as refusal:
        migrate(database)
    assert refusal.value.code == "migration-failed"
