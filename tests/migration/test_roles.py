"""Roles: who may migrate, and what each role may do afterwards."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from artifactstore.errors import ArtifactstoreError
from artifactstore.migrate import migrate
from artifactstore.server import SUPERUSER, Cluster
from tests.databases import TEST_PREFIX, Connect
from tests.schema_dump import dump_schema


class Login(NamedTuple):
    """A fresh login user, its empty database, and a prefix for the roles that it makes."""

    name: str
    conninfo: str
    prefix: str


@pytest.fixture
def new_login(server_conninfo: str, new_database: Callable[[], str]) -> Iterator[Callable[[str], Login]]:
    """Makes login users with the given attributes, each with an empty database of its own."""
    made: list[Login] = []

    def make(attributes: str) -> Login:
        database = new_database()
        login = Login(f"u_{uuid.uuid4().hex}", database, f"p_{uuid.uuid4().hex[:8]}")
        with psycopg.connect(server_conninfo, autocommit=True) as conn:
            conn.execute(f"CREATE ROLE {login.name} LOGIN {attributes}".encode())
            dbname = conninfo_to_dict(database)["dbname"]
            conn.execute(f"ALTER DATABASE {dbname} OWNER TO {login.name}".encode())
        made.append(login._replace(conninfo=make_conninfo(database, user=login.name)))
        return made[-1]

    yield make
    for login in made:
        with psycopg.connect(make_conninfo(login.conninfo, user=SUPERUSER), autocommit=True) as conn:
            roles = [
                row[0]
                for row in conn.execute(
                    "SELECT rolname FROM pg_roles WHERE rolname LIKE %s", (f"{login.prefix}\\_%",)
                )
            ]
            owned = sql.SQL(", ").join(sql.Identifier(name) for name in [login.name, *roles])
            conn.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(owned))
            conn.execute(sql.SQL("DROP OWNED BY {}").format(owned))
            conn.execute(sql.SQL("DROP ROLE {}").format(owned))


def test_a_creator_of_roles_who_owns_the_database_can_migrate(
    cluster: Cluster, new_login: Callable[[str], Login], database: str
) -> None:
    login = new_login("CREATEROLE")
    migrate(login.conninfo, role_prefix=login.prefix)
    assert migrate(login.conninfo).migrations == ()
    as_superuser = make_conninfo(login.conninfo, user=SUPERUSER)
    ours = dump_schema(cluster, as_superuser).replace(f"{login.prefix}_", f"{TEST_PREFIX}_")
    assert ours == dump_schema(cluster, database)


def test_who_migrated_is_no_member_of_any_role_afterwards(new_login: Callable[[str], Login]) -> None:
    login = new_login("CREATEROLE")
    names = migrate(login.conninfo, role_prefix=login.prefix).roles
    with psycopg.connect(login.conninfo) as conn:
        members = conn.execute(
            "SELECT r FROM unnest(%s::text[]) r WHERE pg_has_role(current_user, r, 'USAGE')",
            (list(names.values()),),
        ).fetchall()
        assert members == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT count(*) FROM artifactstore.events")


def test_one_person_alone_may_become_service_and_operator(new_login: Callable[[str], Login]) -> None:
    login = new_login("CREATEROLE")
    names = migrate(login.conninfo, role_prefix=login.prefix, grant_to_login=True).roles
    migrate(login.conninfo, grant_to_login=True)
    with psycopg.connect(login.conninfo) as conn:
        members = conn.execute(
            "SELECT r FROM unnest(%s::text[]) r WHERE pg_has_role(current_user, r, 'USAGE')",
            (list(names.values()),),
        ).fetchall()
    assert {row[0] for row in members} == set(names.values()) - {names["owner"]}


def test_a_login_that_may_not_create_roles_is_told_the_commands(
    new_login: Callable[[str], Login], server_conninfo: str
) -> None:
    login = new_login("")
    with pytest.raises(ArtifactstoreError) as caught:
        migrate(login.conninfo, role_prefix=login.prefix)
    assert caught.value.code == "forbidden"
    commands = caught.value.detail["commands"]
    assert isinstance(commands, list)
    with psycopg.connect(server_conninfo, autocommit=True) as conn:
        for command in commands:
            conn.execute(command.encode())
    migrate(login.conninfo, role_prefix=login.prefix)
    assert migrate(login.conninfo).migrations == ()


def test_a_login_that_does_not_own_the_database_is_told_so(new_login: Callable[[str], Login]) -> None:
    login, other = new_login("CREATEROLE"), new_login("CREATEROLE")
    with pytest.raises(ArtifactstoreError, match="does not own the database"):
        migrate(make_conninfo(other.conninfo, user=login.name), role_prefix=login.prefix)


def test_a_login_role_is_never_taken_for_one_of_ours(
    new_login: Callable[[str], Login], server_conninfo: str
) -> None:
    login = new_login("CREATEROLE")
    with psycopg.connect(server_conninfo, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {login.prefix}_owner LOGIN".encode())
    with pytest.raises(ArtifactstoreError, match=f"{login.prefix}_owner can log in"):
        migrate(make_conninfo(login.conninfo, user=SUPERUSER), role_prefix=login.prefix)


def test_roles_are_named_after_the_database(empty_database: str) -> None:
    name = conninfo_to_dict(empty_database)["dbname"]
    names = migrate(empty_database).roles
    try:
        assert names["owner"] == f"{name}_owner"
        with psycopg.connect(empty_database) as conn:
            stored = conn.execute("SELECT role, rolname::text FROM artifactstore.roles").fetchall()
        assert dict(stored) == names
    finally:
        with psycopg.connect(empty_database, autocommit=True) as conn:
            owned = sql.SQL(", ").join(sql.Identifier(role) for role in names.values())
            conn.execute(sql.SQL("DROP OWNED BY {}").format(owned))
            conn.execute(sql.SQL("DROP ROLE {}").format(owned))


def test_the_prefix_of_a_database_cannot_change(database: str) -> None:
    with pytest.raises(ArtifactstoreError, match=f"{TEST_PREFIX}_owner"):
        migrate(database, role_prefix="other")


def test_a_prefix_that_is_too_long_is_refused(empty_database: str) -> None:
    with pytest.raises(ArtifactstoreError, match="63 bytes"):
        migrate(empty_database, role_prefix="p" * 55)


def test_databases_of_one_server_can_make_the_same_roles_at_once(new_database: Callable[[], str]) -> None:
    databases = [new_database() for _ in range(4)]
    prefix = f"p_{uuid.uuid4().hex[:8]}"
    with ThreadPoolExecutor(len(databases)) as pool:
        results = list(pool.map(lambda one: migrate(one, role_prefix=prefix), databases))
    assert {tuple(result.roles.values()) for result in results} == {
        tuple(f"{prefix}_{part}" for part in ("owner", "service", "writer", "reader", "operator"))
    }


def test_a_schema_of_somebody_else_is_left_alone(database: str, connect: Connect) -> None:
    connect().execute("ALTER SCHEMA artifactstore OWNER TO postgres")
    with pytest.raises(ArtifactstoreError, match="belongs to postgres"):
        migrate(database)


EXECUTABLE = {
    "reader": {"bell_rings", "byte_claims", "canonical_path", "canonical_purl", "canonical_qualifiers",
        "canonical_subpath", "cbor_encode", "cbor_encode_list", "cbor_encode_map", "cbor_encode_object",
        "cbor_encode_value", "check_purl_parts", "check_purl_text", "copy_removals", "describe_payload",
        "describe_value", "event_identity", "explain_policies", "here", "log_head", "open_version",
        "package_history", "package_now", "package_picture", "purl_problem", "purl_segment",
        "rebuild_worker", "refuse", "refuse_field", "refuse_purl", "retention_due", "sequence_at",
        "spell_purl"},
    "writer": {"append_json", "new_id", "new_object_ids"},
    "service": {"allowed_commands", "append", "append_commands", "begin_keeper_run", "check_packages",
        "check_views", "desired_locks", "doomed_objects", "doubt_locks", "due_policies", "end_keeper_run",
        "find_token", "fitting_policy", "forget_locks", "issue_token", "known_objects", "list_tokens",
        "log_evidence", "new_id", "new_object_ids", "note_locks", "object_page", "package_at",
        "package_past", "revoke_token", "sample_packages", "set_policies"},
    "operator": {"adopt", "allowed_commands", "as_of", "begin_parts", "begin_rebuild", "check_packages",
        "check_views", "compare_view_sets", "create_snapshot", "doubt_views", "drop_leftover",
        "drop_rebuild", "drop_view_set", "end_parts", "end_rebuild", "equalize", "find_differences",
        "import_events", "log_evidence", "package_at", "package_past", "rebuild", "rebuild_next",
        "rebuild_part", "replay", "restored", "sample_packages", "trust_views", "verify_part",
        "view_set_problem"},
}  # fmt: skip
"""Functions by role, besides the immutable ones, which can neither read nor write anything."""
INCLUDES = {"reader": (), "writer": ("reader",), "service": ("reader",), "operator": ("writer", "reader")}


@pytest.mark.parametrize("role", sorted(INCLUDES))
def test_each_role_may_execute_what_is_listed_and_nothing_else(connect: Connect, role: str) -> None:
    expected = EXECUTABLE[role].union(*(EXECUTABLE[one] for one in INCLUDES[role]))
    allowed = connect(role).execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace "
        "AND has_function_privilege(oid, 'EXECUTE') AND provolatile <> 'i'"
    )
    assert {row[0] for row in allowed} == expected


def test_readers_may_execute_every_immutable_function(connect: Connect) -> None:
    refused = connect("reader").execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace "
        "AND NOT has_function_privilege(oid, 'EXECUTE') AND provolatile = 'i'"
    )
    assert refused.fetchall() == []


@pytest.mark.parametrize("role", sorted(INCLUDES))
def test_no_role_may_write_or_lock_a_table(connect: Connect, role: str) -> None:
    conn = connect(role)
    privileges = "INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"
    writable = conn.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'artifactstore'::regnamespace "
        "AND relkind IN ('r', 'v') AND has_table_privilege(oid, %s)",
        (privileges,),
    )
    assert writable.fetchall() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("BEGIN; LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")


def test_readers_read_every_table_but_the_lock_and_the_tokens(connect: Connect) -> None:
    unreadable = connect("reader").execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'artifactstore'::regnamespace "
        "AND relkind IN ('r', 'v') AND NOT has_table_privilege(oid, 'SELECT') ORDER BY relname"
    )
    assert unreadable.fetchall() == [("append_lock",), ("tokens",)]


def test_everybody_else_may_nothing(database: str, new_login: Callable[[str], Login]) -> None:
    stranger = new_login("")
    with (
        psycopg.connect(make_conninfo(database, user=stranger.name)) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="schema artifactstore"),
    ):
        conn.execute("SELECT artifactstore.log_head()")


def test_a_function_that_is_made_later_is_closed_to_everybody(connect: Connect) -> None:
    owner = connect("owner")
    owner.execute(f"SET ROLE {TEST_PREFIX}_owner")
    owner.execute("CREATE FUNCTION artifactstore.later() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="function later"):
        connect("operator").execute("SELECT artifactstore.later()")
