"""F13: a check whose row is missing refuses; it never lets through."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, translate
from artifactstore.events import FileRemoved, NewEvent, PackageDeleted, PackagePurged, new_id
from artifactstore.http.auth import highest
from artifactstore.jobs.verify import verify
from artifactstore.migrate import migrate
from artifactstore.migrate.roles import PARTS
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, Connect
from tests.log.door import append, append_json, created, id_of, ingested, refused, scalar

TOKEN = {"token_id": "01900000-0000-7000-8000-000000000001"}
GUARDS_OFF = "SET session_replication_role = replica; SET artifactstore.projecting = 'on'; "


class World(NamedTuple):
    """A log with two packages: ``package`` with a file, and a deleted one."""

    superuser: psycopg.Connection
    package: UUID
    file: UUID
    deleted: UUID


@pytest.fixture
def world(connect: Connect) -> World:
    superuser = connect()
    package, other = created(), created()
    file = ingested(id_of(package), "a")
    append(superuser, package, file, other)
    append(superuser, NewEvent(PackageDeleted(reason="x"), id_of(other), "user:ann"))
    return World(superuser, id_of(package), id_of(file), id_of(other))


def gone(world: World, statement: str) -> None:
    """Take rows away behind the back of every guard, as a superuser can."""
    world.superuser.execute(f"{GUARDS_OFF}{statement}; RESET ALL".encode())


def sqlstate(act: Callable[..., object], *arguments: object) -> str | None:
    """What the database refuses with, and None if it does not."""
    try:
        act(*arguments)
    except psycopg.Error as failure:
        return failure.sqlstate
    return None


@pytest.mark.parametrize("role", ["operator", "writer", "reader", "service"])
def test_f13_a_role_that_is_not_in_the_table_opens_nothing(world: World, connect: Connect, role: str) -> None:
    """F13: without its row nobody is an operator, and a writer appends no event of operators."""
    writer, operator = connect("writer"), connect("operator")
    gone(world, f"DELETE FROM artifactstore.roles WHERE role = '{role}'")
    with refused(world.superuser, "forbidden"):
        append_json(writer, "v1.system.token_issued", new_id(), TOKEN)
    bypass = {"reason": "x", "bypass_governance": True}
    with refused(world.superuser, "forbidden"):
        append_json(writer, "v1.package.deleted", world.package, bypass)
    found = sqlstate(append_json, operator, "v1.system.token_issued", new_id(), TOKEN)
    assert (found == "ST043") == (role == "operator")


def test_f13_a_role_that_the_server_does_not_have_opens_nothing(world: World, connect: Connect) -> None:
    """F13: the row names a role that was dropped."""
    gone(world, "UPDATE artifactstore.roles SET rolname = 'no such role' WHERE role = 'operator'")
    for login in ("writer", "operator"):
        with refused(world.superuser, "forbidden"):
            append_json(connect(login), "v1.system.token_issued", new_id(), TOKEN)


@pytest.mark.parametrize("event_type", [None, "v1.no.such"])
def test_f13_nobody_knows_who_may_append_an_unknown_type(
    world: World, connect: Connect, event_type: str | None
) -> None:
    """F13: an event type without a row, or none at all."""
    with refused(world.superuser, "unknown-event-type"):
        append_json(connect("writer"), event_type, new_id(), TOKEN)


def destructions(world: World) -> list[NewEvent]:
    """Every event that the destruction guard judges."""
    return [
        NewEvent(PackageDeleted(reason="x"), world.package, "user:ann"),
        NewEvent(FileRemoved(package_id=world.package, reason="x"), world.file, "user:ann"),
        NewEvent(PackagePurged(reason="x", file_count=0), world.deleted, "user:ann"),
    ]


@pytest.mark.parametrize("position", range(3))
def test_f13_nothing_is_destroyed_when_its_retention_is_not_known(world: World, position: int) -> None:
    """F13: with bypass or without; and the replay of a valid log brings the row back and never meets it."""
    event = destructions(world)[position]
    gone(world, "DELETE FROM artifactstore.retention_state")
    with refused(world.superuser, "views-damaged"):
        append(world.superuser, event)
    bypassing = replace(event.event, bypass_governance=True)  # type: ignore[call-arg]
    with refused(world.superuser, "views-damaged"):
        append(world.superuser, NewEvent(bypassing, event.subject_id, "user:op"))
    world.superuser.execute("SELECT artifactstore.replay()")
    append(world.superuser, event)
    world.superuser.execute("SELECT artifactstore.replay()")


def test_f13_every_projector_that_destroys_asks_the_guard(world: World) -> None:
    """F13: the list above is whole."""
    query = "SELECT event_type FROM artifactstore.event_types WHERE destructive ORDER BY 1"
    found = [row[0] for row in world.superuser.execute(query)]
    assert found == sorted(one.event.event_type for one in destructions(world))


def test_f13_every_event_type_needs_its_row(world: World) -> None:
    """F13: also those that are decoded by code of their own; the log stays as it is."""
    file = ingested(world.package, "b")
    for event in (file, *destructions(world)):
        event_type = event.event.event_type
        with world.superuser.transaction(force_rollback=True):
            world.superuser.execute(f"{GUARDS_OFF}DELETE FROM artifactstore.event_types".encode())
            world.superuser.execute("SET LOCAL session_replication_role = origin")
            assert sqlstate(append, world.superuser, event) == "ST002", event_type
        world.superuser.execute("RESET ALL")


def test_f13_a_log_with_an_event_of_a_type_without_row_is_not_replayed(world: World) -> None:
    """F13: its lane is not known, and what is not known is not skipped."""
    gone(world, "DELETE FROM artifactstore.event_types WHERE event_type = 'v1.file.ingested'")
    with refused(world.superuser, "unknown-event-type"):
        world.superuser.execute("SELECT artifactstore.replay()")


@pytest.mark.parametrize("name", ["legal-hold", "forbidden", "bad-payload", "busy"])
def test_f13_a_refusal_without_its_row_is_a_refusal_by_name(
    world: World, connect: Connect, name: str
) -> None:
    """F13: whoever asks, and whatever refuses; Python knows what it means."""
    gone(world, "DELETE FROM artifactstore.error_codes")
    with pytest.raises(psycopg.Error) as raised:
        connect("reader").execute(
            "SELECT artifactstore.refuse(%s, %s)", (name, json.dumps({"problem": "so"}))
        )
    assert raised.value.sqlstate == "ST000"
    meant = translate(raised.value)
    assert (meant.code, meant.detail["problem"]) == (name, "so")


def test_f13_guards_refuse_without_their_error_codes(world: World) -> None:
    """F13: the log stays append-only, and a fold tells refusals from accidents."""
    gone(world, "DELETE FROM artifactstore.error_codes")
    for statement in (
        "DELETE FROM artifactstore.events",
        "TRUNCATE artifactstore.events",
        "DELETE FROM artifactstore.requests",
    ):
        assert sqlstate(world.superuser.execute, statement) == "ST000"
    event = NewEvent(PackageDeleted(reason="x"), new_id(), "user:ann")
    with pytest.raises(ArtifactstoreError) as raised:
        Store(world.superuser).writes.append([event])
    assert raised.value.code == "not-found"


def test_f13_projectors_that_are_not_known_are_trusted_by_nobody(world: World) -> None:
    """F13: without the row of ``software`` no snapshot is made, trusted or begun from, and doctor tells."""
    store = Store(world.superuser)
    with world.superuser.transaction():
        world.superuser.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        snapshot = store.view_sets.create_snapshot().schema_name
    gone(world, "DELETE FROM artifactstore.software")
    assert store.health.views_are_stale()
    for query in (
        "SELECT artifactstore.fingerprint()",
        "SELECT artifactstore.begin_rebuild()",
        f"SELECT artifactstore.begin_rebuild('{snapshot}')",
        f"SELECT artifactstore.replay('{snapshot}')",
        f"SELECT artifactstore.as_of('past', 3, '{snapshot}')",
        f"SELECT artifactstore.view_set_problem('{snapshot}')",
    ):
        assert sqlstate(world.superuser.execute, query) == "ST051", query
    world.superuser.execute("SET default_transaction_isolation = 'repeatable read'")
    assert sqlstate(world.superuser.execute, "SELECT artifactstore.create_snapshot()") == "ST051"


def test_f13_migrate_does_not_take_views_of_unknown_projectors_for_its_own(
    world: World, database: str
) -> None:
    """F13: it replays."""
    gone(world, "DELETE FROM artifactstore.software")
    assert migrate(database).replayed
    assert not migrate(database).replayed


def test_f13_a_log_with_events_and_no_home_is_written_nowhere(world: World, connect: Connect) -> None:
    """F13: a lost row must not make a home of any copy; adopt does, on purpose."""
    gone(world, "DELETE FROM artifactstore.home")
    service = connect("service")
    with refused(world.superuser, "moved"):
        append(service, created())
    payload = scalar(
        world.superuser,
        "SELECT artifactstore.cbor_encode('v1.system.token_issued', %s)",
        (json.dumps(TOKEN | {"roles": ["reader"]}),),
    )
    issue = "SELECT artifactstore.issue_token(%s, %s, 'user:op', 'user:ann', %s)"
    with refused(world.superuser, "moved"):
        service.execute(issue, (payload, codec.digest(payload), bytes(32)))
    connect("operator").execute("SELECT artifactstore.adopt()")
    append(service, created())
    assert verify(Store(world.superuser), connect).findings == []


def test_f13_a_rebuild_whose_progress_is_gone_is_nobodys(world: World) -> None:
    """F13: nobody goes on with it, and it is begun anew."""
    world.superuser.execute("SELECT artifactstore.begin_rebuild()")
    world.superuser.execute("DELETE FROM artifactstore_rebuild.progress")
    assert sqlstate(world.superuser.execute, "SELECT artifactstore.rebuild_next()") == "ST045"
    begun = world.superuser.execute("SELECT * FROM artifactstore.begin_rebuild()").fetchall()
    assert begun == [(0, False, "empty: the server crashed since")]


@pytest.mark.parametrize("roles", [[], ["owner"], ["READER"], [""], ["reader "]])
def test_f13_a_token_without_a_known_role_has_none(roles: list[str]) -> None:
    """F13: of the service."""
    assert highest(roles) is None


def test_f13_no_role_is_granted_what_its_row_is_missing_for(
    world: World, database: str, connect: Connect
) -> None:
    """F13: migrate makes the row again from the names of the others, and grants as before."""
    gone(world, "DELETE FROM artifactstore.roles WHERE role <> 'writer'")
    migrate(database)
    found = world.superuser.execute("SELECT role, rolname FROM artifactstore.roles").fetchall()
    assert sorted(found) == sorted((part, f"{TEST_PREFIX}_{part}") for part in PARTS)
    append(connect("service"), created())
