"""Who may do what: roles against tables and functions, and what append_json keeps for operators."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from artifactstore.events import NewEvent, PackageCreated, PackageDeleted, Retention, RetentionApplied, new_id
from tests.databases import TEST_PREFIX, Connect
from tests.log.door import (
    about,
    append,
    append_json,
    created,
    denied,
    id_of,
    refused,
    rows_of,
    scalar,
    sequences,
)

ROLES = ("reader", "writer", "service", "operator")
READERS = frozenset(ROLES)
EXECUTE: dict[str, frozenset[str]] = {
    "append": frozenset({"service"}),
    "append_json": frozenset({"writer", "operator"}),
    "append_commands": frozenset({"service"}),
    "admit_commands": frozenset(),
    "fold_commands": frozenset(),
    "insert_events": frozenset(),
    "admit_events": frozenset(),
    "fold_new": frozenset(),
    "take_log": frozenset(),
    "new_id": frozenset({"writer", "service", "operator"}),
    "new_object_ids": frozenset({"writer", "service", "operator"}),
    "known_objects": frozenset({"service"}),
    "doomed_objects": frozenset({"service"}),
    "object_page": frozenset({"service"}),
    "begin_keeper_run": frozenset({"service"}),
    "end_keeper_run": frozenset({"service"}),
    "desired_locks": frozenset({"service"}),
    "doubt_locks": frozenset({"service"}),
    "note_locks": frozenset({"service"}),
    "forget_locks": frozenset({"service"}),
    "check_objects": frozenset(),
    "object_fault": frozenset(),
    "adopt": frozenset({"operator"}),
    "settle_home": frozenset(),
    "last_shared": frozenset(),
    "named_points": frozenset(),
    "check_views": frozenset({"service", "operator"}),
    "log_evidence": frozenset({"service", "operator"}),
    "restored": frozenset({"operator"}),
    "import_events": frozenset({"operator"}),
    "check_continuation": frozenset(),
    "check_import": frozenset(),
    "append_initialized": frozenset(),
    "check_home": frozenset(),
    "check_packages": frozenset({"service", "operator"}),
    "package_at": frozenset({"service", "operator"}),
    "sample_packages": frozenset({"service", "operator"}),
    "lock_log": frozenset(),
    "project": frozenset(),
    "fold": frozenset(),
}
"""Functions that not every role may execute, or none."""
FOR_READERS = {
    "blake3",
    "cbor_decode",
    "cbor_encode",
    "describe_payload",
    "describe_value",
    "from_micros",
    "here",
    "log_head",
    "package_history",
    "rebuild_worker",
    "refuse",
    "retention_due",
    "sequence_at",
    "view_names",
}
REPLAYING = {
    "as_of",
    "begin_parts",
    "begin_rebuild",
    "compare_view_sets",
    "create_snapshot",
    "doubt_views",
    "drop_leftover",
    "drop_rebuild",
    "drop_view_set",
    "end_parts",
    "end_rebuild",
    "equalize",
    "find_differences",
    "rebuild",
    "rebuild_next",
    "rebuild_part",
    "replay",
    "trust_views",
    "verify_part",
    "view_set_problem",
}
DEFINERS = {
    "adopt",
    "append",
    "append_json",
    "here",
    "import_events",
    "rebuild_worker",
    "restored",
} | REPLAYING
SERVICE_DEFINERS = {
    "allowed_commands",
    "append_commands",
    "begin_keeper_run",
    "check_packages",
    "check_views",
    "doubt_locks",
    "end_keeper_run",
    "find_token",
    "forget_locks",
    "issue_token",
    "list_tokens",
    "log_evidence",
    "note_locks",
    "package_at",
    "package_past",
    "revoke_token",
    "sample_packages",
    "set_policies",
}
PRIVATE = {"append_lock", "tokens"}
"""Tables that nobody but the owner reads."""
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


def granted(observer: psycopg.Connection) -> dict[str, frozenset[str]]:
    """Function → the roles that may execute it."""
    query = """
        SELECT p.proname, array(
            SELECT r FROM unnest(%s::text[]) r WHERE has_function_privilege(%s || '_' || r, p.oid, 'EXECUTE'))
        FROM pg_proc p WHERE p.pronamespace = 'artifactstore'::regnamespace
        """
    return {
        name: frozenset(roles)
        for name, roles in observer.execute(query, [list(ROLES), TEST_PREFIX]).fetchall()
    }


def test_functions_are_executed_by_those_they_are_for(connect: Connect) -> None:
    found = granted(connect())
    assert {name: found[name] for name in EXECUTE} == EXECUTE
    assert {name: found[name] for name in FOR_READERS} == dict.fromkeys(FOR_READERS, READERS)
    assert {name: found[name] for name in REPLAYING} == dict.fromkeys(REPLAYING, frozenset({"operator"}))


def test_nobody_executes_a_projector(connect: Connect) -> None:
    """Decision 0007: projectors, and whatever else writes, are the owner's alone."""
    found = granted(connect())
    projectors = {name for name in found if name.startswith(("project", "fold", "forbid", "append_init"))}
    assert len(projectors) > 20
    assert {name: found[name] for name in projectors} == dict.fromkeys(projectors, frozenset())


def test_what_runs_with_the_owners_rights_is_known(connect: Connect) -> None:
    query = "SELECT proname FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace AND prosecdef"
    found = {name for (name,) in connect().execute(query)}
    assert found >= DEFINERS
    assert found <= DEFINERS | SERVICE_DEFINERS


def test_public_may_nothing(connect: Connect) -> None:
    observer = connect()
    query = """
        SELECT proname FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
        WHERE pronamespace = 'artifactstore'::regnamespace AND a.grantee = 0
        UNION ALL
        SELECT relname FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) a
        WHERE relnamespace = 'artifactstore'::regnamespace AND a.grantee = 0
        UNION ALL
        SELECT nspname FROM pg_namespace, aclexplode(nspacl) a
        WHERE nspname = 'artifactstore' AND a.grantee = 0
        """
    assert observer.execute(query).fetchall() == []


@pytest.fixture
def stranger(connect: Connect, database: str) -> Iterator[psycopg.Connection]:
    """A login of the server that plays no part here."""
    superuser = connect()
    name = Identifier(f"stranger_{new_id().hex}")
    superuser.execute(SQL("CREATE ROLE {} LOGIN").format(name))
    with psycopg.connect(database, user=name.as_string().strip('"'), autocommit=True) as connection:
        yield connection
    superuser.execute(SQL("DROP ROLE {}").format(name))


def test_strangers_see_nothing(connect: Connect, stranger: psycopg.Connection) -> None:
    append(connect("service"), created())
    calls = (
        "SELECT * FROM artifactstore.events",
        "SELECT artifactstore.log_head()",
        "SELECT artifactstore.append_json('v1.package.created', gen_random_uuid(), '{}')",
        "CREATE TABLE artifactstore.mine ()",
    )
    for call in calls:
        with denied(connect()):
            stranger.execute(call.encode())


@pytest.mark.parametrize("role", ROLES)
def test_tables_are_read_and_never_written(connect: Connect, role: str) -> None:
    """Every role reads the log, its views and the catalogue; none has any other privilege on any table."""
    query = """
        SELECT relname, has_table_privilege(%(role)s, oid, 'SELECT'),
            array(SELECT w FROM unnest(%(writes)s::text[]) w WHERE has_table_privilege(%(role)s, oid, w)
                OR (w IN ('INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(%(role)s, oid, w)))
        FROM pg_class
        WHERE relnamespace = 'artifactstore'::regnamespace AND relkind IN ('r', 'v', 'm', 'p', 'f')
        """
    parameters = {"role": f"{TEST_PREFIX}_{role}", "writes": list(WRITES)}
    rows = connect().execute(query, parameters).fetchall()
    assert {name for name, _, writes in rows if writes} == set()
    unread = {name for name, reads, _ in rows if not reads}
    assert unread == PRIVATE & {name for name, _, _ in rows}
    assert "append_lock" in unread


@pytest.mark.parametrize("role", ROLES)
def test_roles_stay_what_they_are(connect: Connect, role: str) -> None:
    """No part can become the owner, make objects in the schema, or pass its rights on."""
    observer, connection = connect(), connect(role)
    name = f"{TEST_PREFIX}_{role}"
    assert not scalar(observer, "SELECT pg_has_role(%s, %s, 'MEMBER')", [name, f"{TEST_PREFIX}_owner"])
    assert not scalar(observer, "SELECT has_schema_privilege(%s, 'artifactstore', 'CREATE')", [name])
    with denied(observer):
        connection.execute(SQL("SET ROLE {}").format(Identifier(f"{TEST_PREFIX}_owner")))
    admin = "SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole AND admin_option"
    assert scalar(observer, admin, [name]) == 0
    rights = (
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication OR rolbypassrls"
    )
    assert scalar(observer, f"{rights} FROM pg_roles WHERE rolname = %s", [name]) is False


@pytest.mark.parametrize("role", ROLES)
def test_every_role_reads_the_log(connect: Connect, role: str) -> None:
    package = created()
    append(connect("service"), package)
    reader = connect(role)
    counts = {"events": 2, "event_log": 2, "audit_events": 2, "retention_events": 0}
    assert {name: rows_of(reader, name) for name in counts} == counts
    assert scalar(reader, "SELECT purl FROM artifactstore.audit_events WHERE sequence = 2") is not None
    decoded = (
        "SELECT artifactstore.cbor_decode(payload) ->> 'purl' FROM artifactstore.events WHERE sequence = 2"
    )
    assert scalar(reader, decoded) == f"pkg:generic/{package.subject_id}@1"
    assert scalar(reader, "SELECT package_id FROM artifactstore.artifact_packages") == package.subject_id
    assert scalar(reader, "SELECT artifactstore.log_head()") == 2
    assert rows_of(reader, "event_types") > 20
    assert rows_of(reader, "error_codes") > 20


def test_doors_are_closed_to_others(connect: Connect) -> None:
    observer = connect()
    append(connect("service"), created())
    for role in ("reader", "writer", "operator"):
        with denied(observer):
            append(connect(role), created())
    for role in ("reader", "service"):
        with denied(observer):
            append_json(connect(role), "v1.package.created", new_id(), {"purl": "pkg:generic/a@1"})
    for role in ("reader", "writer", "service"):
        with denied(observer):
            connect(role).execute("SELECT artifactstore.replay()")
        with denied(observer):
            connect(role).execute("SELECT artifactstore.rebuild('artifactstore_mine')")


@pytest.fixture
def kept(connect: Connect) -> UUID:
    """A package under governance retention."""
    package = created()
    until = datetime(2100, 1, 1, tzinfo=UTC)
    append(connect("service"), package, about(package, RetentionApplied(mode="governance", until=until)))
    return id_of(package)


SHORTENING = {
    "from": "2100-01-01T00:00:00Z",
    "to": "2099-01-01T00:00:00Z",
    "reason": "r",
    "bypass_governance": True,
}


def test_writers_bypass_nothing(connect: Connect, kept: UUID) -> None:
    """RG01: what needs an operator is refused to a writer in psql too."""
    writer, observer = connect("writer"), connect()
    calls = {
        "v1.package.deleted": {"reason": "r", "bypass_governance": True},
        "v1.package.purged": {"reason": "r", "file_count": 0, "bypass_governance": True},
        "v1.file.removed": {"reason": "r", "package_id": str(kept), "bypass_governance": True},
        "v1.retention.shortened": SHORTENING,
    }
    for event_type, payload in calls.items():
        with refused(observer, "forbidden") as refusal:
            append_json(writer, event_type, kept, payload)
        assert refusal.detail["needs"] == "operator"
    with refused(observer, "retention-active"):
        append_json(writer, "v1.package.deleted", kept, {"reason": "r", "bypass_governance": False})
    with refused(observer, "bad-payload"):
        append_json(writer, "v1.package.deleted", kept, {"reason": "r", "bypass_governance": "true"})
    twice = '{"reason": "r", "bypass_governance": false, "bypass_governance": true}'
    with refused(observer, "bad-payload"):
        append_json(writer, "v1.package.deleted", kept, twice)


def test_operators_may_bypass_governance(connect: Connect, kept: UUID) -> None:
    operator = connect("operator")
    assert append_json(operator, "v1.retention.shortened", kept, SHORTENING) == 4
    assert append_json(operator, "v1.package.deleted", kept, {"reason": "r", "bypass_governance": True}) == 5
    actor = scalar(connect(), "SELECT DISTINCT actor FROM artifactstore.events WHERE sequence > 3")
    assert actor == f"db:{operator.info.user}"


def test_operators_do_not_bypass_compliance(connect: Connect, kept: UUID) -> None:
    operator, observer = connect("operator"), connect()
    append_json(operator, "v1.retention.escalated", kept, {})
    with refused(observer, "retention-active"):
        append_json(operator, "v1.package.deleted", kept, {"reason": "r", "bypass_governance": True})
    with refused(observer, "compliance-locked"):
        append_json(operator, "v1.retention.shortened", kept, SHORTENING)


def test_types_of_operators_are_refused_to_writers(connect: Connect) -> None:
    """Every type whose min_role is operator, whatever its payload; on an empty log too."""
    writer, observer = connect("writer"), connect()
    time = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    samples: dict[str, tuple[str, dict[str, object]]] = {
        "v1.system.initialized": ("log_id epoch_id", {"epoch": 1, "payload_profile": "AS-CBOR/1"}),
        "v1.system.restored": ("epoch_id", {"epoch": 2, "from_sequence": 1, "reason": "r"}),
        "v1.system.token_issued": ("token_id", {"expires": time}),
        "v1.system.token_revoked": ("token_id", {}),
        "v1.system.policies_set": ("", {"rules": []}),
        "v1.retention.shortened": ("", SHORTENING),
        "v1.storage.retiring": ("package_id file_id", {"reason": "r"}),
    }
    types = "SELECT event_type FROM artifactstore.event_types WHERE min_role = 'operator'"
    found = [event_type for (event_type,) in observer.execute(types)]
    assert len(found) == 7
    for _ in range(2):
        for event_type in found:
            ids, payload = samples[event_type]
            with refused(observer, "forbidden"):
                append_json(
                    writer, event_type, new_id(), payload | {name: str(new_id()) for name in ids.split()}
                )
        append(connect("service"), created())
    assert sequences(observer) == [1, 2, 3]


def test_service_vouches_for_actor_and_bypass(connect: Connect) -> None:
    """Who may is decided by the service, for append takes the actor as given."""
    service = connect("service")
    retention = Retention(mode="governance", until=datetime(2100, 1, 1, tzinfo=UTC))
    event = PackageCreated(purl="pkg:generic/kept@1", retention=retention)
    package = NewEvent(event, new_id(), "oidc:issuer.example#ann")
    append(service, package)
    with refused(connect(), "retention-active"):
        append(service, about(package, PackageDeleted(reason="r")))
    assert append(service, about(package, PackageDeleted(reason="r", bypass_governance=True)))[0].appended
