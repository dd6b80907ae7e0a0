"""F04: appends are judged by views; where those do not stand at the head, every door is closed by name."""

import io
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from artifactstore.errors import ArtifactstoreError, Busy, translate
from artifactstore.events import PoliciesSet, TokenIssued, TokenRevoked, new_id
from artifactstore.jobs import snapshots
from artifactstore.jobs.exports import import_log
from artifactstore.jobs.replay import replay, replay_online
from artifactstore.store import Store, prepare
from tests.databases import Connect
from tests.export.crafting import export_of
from tests.log.door import append, append_json, created, id_of, ingested, refused, request, state
from tests.sql.support import KEYS


def empty(superuser: psycopg.Connection, *views: str) -> None:
    """TRUNCATE, as a superuser can."""
    with superuser.transaction():
        superuser.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
        names = SQL(", ").join(Identifier("artifactstore", view) for view in views)
        superuser.execute(SQL("TRUNCATE {}").format(names))


@pytest.fixture
def without_views(connect: Connect) -> psycopg.Connection:
    """A superuser's connection to a log whose views are empty, as after a copy of ``events``."""
    superuser = connect()
    package = created("pkg:generic/taken@1")
    append(superuser, package, ingested(id_of(package), "a", request=request("key")))
    empty(superuser, *KEYS)
    return superuser


def issue(superuser: psycopg.Connection) -> TokenIssued:
    event = TokenIssued(token_id=new_id(), roles=("reader",))
    Store(superuser).tokens.issue_token(event, "user:ann", "user:bob", bytes(32))
    return event


def import_one_more(superuser: psycopg.Connection) -> None:
    events = list(Store(superuser).log.stored_events())
    later = events[-1]._replace(sequence=events[-1].sequence + 1)
    import_log(Store(superuser), io.BytesIO(export_of([*events, later], first=later.sequence)))


DOORS: dict[str, Callable[[psycopg.Connection], Any]] = {
    "append": lambda superuser: append(superuser, created()),
    "a request that is known": lambda superuser: append(
        superuser, ingested(new_id(), "a", request=request("key"))
    ),
    "append_commands": lambda superuser: Store(superuser).writes.append_commands([[prepare(created())]], 1),
    "append_json": lambda superuser: append_json(
        superuser, "v1.package.created", new_id(), {"purl": "pkg:generic/taken@1"}
    ),
    "issue_token": issue,
    "set_policies": lambda superuser: Store(superuser).policies.set(PoliciesSet(rules=()), "user:ann"),
    "restored": lambda superuser: Store(superuser).identity.restored("a drill"),
    "import_events": import_one_more,
}
"""Whatever appends to a log that has begun; revoke_token has a test of its own."""


def test_these_are_all_doors(connect: Connect) -> None:
    """Functions that somebody may execute and that reach take_log."""
    query = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace"
    sources: dict[str, str] = dict(connect().execute(query).fetchall())
    reach = {"take_log"}
    while True:
        more = {name for name, text in sources.items() if any(f".{one}(" in text for one in reach)} - reach
        if not more:
            break
        reach |= more
    inserting = {name for name, text in sources.items() if "INSERT INTO artifactstore.events" in text}
    assert inserting == {"append_initialized", "insert_events", "import_events"}
    doors = reach - {"take_log", "append_log_event"}
    assert doors == {*DOORS, "revoke_token"} - {"a request that is known"}


def refusal(superuser: psycopg.Connection, work: Callable[[psycopg.Connection], Any]) -> ArtifactstoreError:
    """What it is refused with; log and views stay as they were."""
    before = state(superuser)
    with pytest.raises((psycopg.Error, ArtifactstoreError)) as caught:
        work(superuser)
    assert state(superuser) == before
    failure: Exception = caught.value
    if isinstance(failure, psycopg.Error):
        return translate(failure)
    assert isinstance(failure, ArtifactstoreError)
    return failure


@pytest.mark.parametrize("door", DOORS)
def test_f04_every_door_is_closed_while_the_views_are_empty(
    without_views: psycopg.Connection, door: str
) -> None:
    behind = refusal(without_views, DOORS[door])
    assert (behind.code, behind.status, behind.exit_code) == ("views-behind", 503, 5)
    assert behind.detail["head"] == 3
    assert "artifactstore replay" in behind.hint


def test_f04_a_token_is_not_revoked_either(connect: Connect) -> None:
    superuser = connect()
    token = issue(superuser)
    empty(superuser, *KEYS)
    revoke = TokenRevoked(token_id=token.token_id)
    assert (
        refusal(superuser, lambda on: Store(on).tokens.revoke_token(revoke, "user:ann")).code
        == "views-behind"
    )
    found = Store(superuser).tokens.find_token(token.token_id)
    assert found is not None
    assert not found.revoked


@pytest.mark.parametrize("run", [replay, replay_online])
def test_f04_a_replay_opens_them_again(
    without_views: psycopg.Connection, connect: Connect, run: Callable[..., Any]
) -> None:
    store = Store(without_views)
    run(store, connect)
    for door in DOORS:
        if door not in ("append_json", "import_events"):
            DOORS[door](without_views)
    with refused(without_views, "name-taken"):
        append(without_views, created("pkg:generic/taken@1"))
    with without_views.transaction(force_rollback=True):
        store.rebuilds.rebuild("scratch")
        assert list(store.rebuilds.compare("artifactstore", "scratch")) == []


def test_f04_views_that_are_empty_are_no_snapshot(without_views: psycopg.Connection) -> None:
    with pytest.raises(Busy, match="views-behind"):
        snapshots.create(Store(without_views))


@pytest.mark.parametrize("view", ["artifact_packages", "artifact_files", "retention_state", "log_epochs"])
def test_f04_one_view_that_was_emptied_is_enough_if_the_last_event_is_about_it(
    connect: Connect, view: str
) -> None:
    superuser = connect()
    package = created()
    append(superuser, package)
    if view == "artifact_files":
        append(superuser, ingested(id_of(package), "a"))
    elif view == "retention_state":
        until = "2200-01-01T00:00:00Z"
        append_json(superuser, "v1.retention.applied", id_of(package), {"mode": "governance", "until": until})
    empty(superuser, view)
    with refused(superuser, "views-behind"):
        append(superuser, created())


def test_f04_after_token_events_the_event_before_them_tells(connect: Connect) -> None:
    """They change no view; log_epochs alone would not show that the others are empty."""
    superuser = connect()
    append(superuser, created())
    for _ in range(3):
        issue(superuser)
    append(superuser, created())
    issue(superuser)
    empty(superuser, "artifact_packages")
    with refused(superuser, "views-behind"):
        append(superuser, created())


def test_f04_a_log_of_token_events_alone_goes_on(connect: Connect) -> None:
    superuser = connect()
    for _ in range(105):
        issue(superuser)
    assert append(superuser, created())[0].sequence == 107


def test_f04_views_of_a_log_that_is_empty(connect: Connect) -> None:
    """What a superuser left when he emptied the log alone."""
    superuser = connect()
    append(superuser, created())
    with superuser.transaction():
        superuser.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER USER")
        superuser.execute("TRUNCATE artifactstore.events")
        for trigger in ("forbid_change", "forbid_insert", "forbid_truncate"):
            superuser.execute(
                f"ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_{trigger}".encode()
            )
    with refused(superuser, "views-behind"):
        append(superuser, created())


def test_f04_several_appends_of_one_transaction_see_each_other(connect: Connect) -> None:
    service = connect("service", autocommit=False)
    package = created()
    append(service, package)
    append(service, ingested(id_of(package), "a"), ingested(id_of(package), "b"))
    service.commit()


def test_f04_a_request_is_known_only_if_the_log_has_it(connect: Connect) -> None:
    """requests says by number which events a key made; those of another history are none of it."""
    superuser = connect()
    package = created(request=request("key"))
    append(superuser, package, created("pkg:generic/other@1"))
    with superuser.transaction():
        superuser.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
        superuser.execute(
            "UPDATE artifactstore.requests SET first_sequence = 3, created_sequence = 3, last_sequence = 3"
        )
    with refused(superuser, "views-behind"):
        append(superuser, package)
