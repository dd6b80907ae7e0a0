"""Snapshots: used when they can be trusted, refused with the reason when not (RPL13, RPL14)."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError, BadInput, NotFound, Refused
from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.jobs import snapshots
from artifactstore.jobs.replay import replay, replay_online
from artifactstore.store import Store, ViewSet
from tests.databases import Connect
from tests.replay.conftest import EVENTS, differences, schemas, tamper

Another = Callable[[], psycopg.Connection[Any]]


@pytest.fixture
def snapshot(history: Store) -> ViewSet:
    """A snapshot, and events after it."""
    made = snapshots.create(history)
    append(history, 10)
    return made


def chosen(store: Store, last: int | None = None) -> tuple[ViewSet | None, dict[int, str]]:
    """Where a look at the past begins, and which snapshots were refused for what; nothing stays of it."""
    refused: dict[int, str] = {}

    def tell(one: ViewSet, problem: str) -> None:
        refused[one.sequence] = problem

    made, base = snapshots.as_of(store, "probe", store.log.head() if last is None else last, tell=tell)
    store.view_sets.drop_view_set(made.schema_name)
    return base, refused


def append(store: Store, packages: int) -> None:
    created = (
        NewEvent(PackageCreated(purl=f"pkg:generic/{new_id()}"), new_id(), "user:a") for _ in range(packages)
    )
    store.writes.append(list(created))


def test_a_snapshot_is_the_live_views_at_its_sequence(history: Store, snapshot: ViewSet) -> None:
    assert (snapshot.sequence, snapshot.purpose) == (EVENTS, "snapshot")
    assert differences(history, snapshot.schema_name, EVENTS) == []
    assert history.view_sets.view_set_problem(snapshot.schema_name) is None
    assert (
        snapshot.digests["artifact_packages"]["rows"]
        == history.rebuilds.view_counts()["artifact_packages"] - 10
    )


def test_it_sees_one_sequence_or_is_refused(history: Store) -> None:
    with pytest.raises(BadInput, match="REPEATABLE READ"):
        history.view_sets.create_snapshot()


@pytest.mark.parametrize("run", [replay, replay_online])
@pytest.mark.parametrize("tampered", [False, True])
def test_a_replay_from_it_projects_only_what_came_after(
    history: Store, snapshot: ViewSet, another: Another, run: Callable[..., Any], tampered: bool
) -> None:
    if tampered:
        tamper(
            history, "DELETE FROM artifactstore.artifact_files", "DELETE FROM artifactstore.retention_holds"
        )
    done = run(history, another, snapshot=snapshot)
    assert (done.since, done.head) == (EVENTS, EVENTS + 10)
    assert differences(history) == []
    assert list(schemas(history)) == [snapshot.schema_name]


def test_rpl13_it_does_not_outlive_the_projectors_that_made_it(history: Store, snapshot: ViewSet) -> None:
    tamper(history, "UPDATE artifactstore.software SET projectors = sha256('new')")
    problem = history.view_sets.view_set_problem(snapshot.schema_name)
    assert problem == "stale: other projectors or views made it"
    assert chosen(history) == (None, {EVENTS: problem})


def test_rpl13_nor_the_columns_of_the_views(history: Store, snapshot: ViewSet) -> None:
    history.connection.execute("ALTER TABLE artifactstore.artifact_files ADD COLUMN origin text")
    problem = history.view_sets.view_set_problem(snapshot.schema_name)
    assert problem == "stale: other projectors or views made it"


def test_views_of_other_projectors_are_not_stored(history: Store) -> None:
    tamper(history, "UPDATE artifactstore.software SET projectors = sha256('new')")
    with pytest.raises(Refused) as caught:
        snapshots.create(history)
    assert caught.value.code == "stale-views"


DAMAGES = {
    "future": "UPDATE artifactstore.view_sets SET sequence = 1000000",
    "foreign: it was made": "UPDATE artifactstore.view_sets SET log_id = gen_random_uuid()",
    "foreign: event": "UPDATE artifactstore.view_sets SET identity = sha256('other')",
    "damaged: the rows of artifact_files": f"DELETE FROM artifactstore_snapshot_{EVENTS}.artifact_files"
    " WHERE ctid = '(0,1)'",
    "damaged: the rows of retention_state": f"UPDATE artifactstore_snapshot_{EVENTS}.retention_state"
    " SET hold_count = hold_count + 1 WHERE ctid = '(0,1)'",
    "damaged: the rows of requests": f"INSERT INTO artifactstore_snapshot_{EVENTS}.requests"
    f" SELECT * FROM artifactstore_snapshot_{EVENTS}.requests LIMIT 1",
    "damaged: it lacks retention_holds": f"DROP TABLE artifactstore_snapshot_{EVENTS}.retention_holds",
    "damaged: it lacks artifact_packages": f"DROP SCHEMA artifactstore_snapshot_{EVENTS} CASCADE",
}


@pytest.mark.parametrize("reason", DAMAGES)
def test_rpl14_a_future_foreign_or_damaged_one_is_never_used(
    history: Store, snapshot: ViewSet, another: Another, reason: str
) -> None:
    history.connection.execute(DAMAGES[reason].encode())
    told: list[str] = []
    used, base = snapshots.begin(
        snapshots.newest(history),
        lambda one: None if one is None else history.view_sets.begin_rebuild(one.schema_name),
        lambda _, problem: told.append(problem),
    )
    assert (used, base) == (None, None)
    [problem] = told
    assert problem.startswith(reason)
    assert history.view_sets.view_set_problem(snapshot.schema_name) == problem
    before = history.rebuilds.view_counts()
    for run in (replay, replay_online):
        with pytest.raises(ArtifactstoreError) as caught:
            run(history, another, snapshot=snapshot)
        assert caught.value.code == "bad-view-set"
    assert history.rebuilds.view_counts() == before
    with pytest.raises(ArtifactstoreError, match="bad-view-set"):
        history.view_sets.as_of("past", EVENTS, snapshot.schema_name)
    made, _ = snapshots.as_of(history, "past", EVENTS)
    assert differences(history, made.schema_name, EVENTS) == []


def test_the_newest_that_can_be_trusted_is_chosen(history: Store, snapshot: ViewSet) -> None:
    newer = snapshots.create(history)
    assert chosen(history) == (newer, {})
    assert chosen(history, newer.sequence - 1) == (snapshot, {})
    assert chosen(history, 10) == (None, {})
    history.connection.execute(f"DELETE FROM {newer.schema_name}.artifact_files".encode())
    base, refused = chosen(history)
    assert base == snapshot
    assert list(refused) == [newer.sequence]


def test_made_again_at_the_same_sequence_it_is_replaced(history: Store) -> None:
    first = snapshots.create(history)
    history.connection.execute(f"DELETE FROM {first.schema_name}.artifact_files".encode())
    second = snapshots.create(history)
    assert second.schema_name == first.schema_name
    assert history.view_sets.view_set_problem(second.schema_name) is None
    assert len(history.view_sets.view_sets()) == 1


def test_pruning_keeps_the_newest_that_are_good(history: Store) -> None:
    made = []
    for _ in range(4):
        made.append(snapshots.create(history))
        append(history, 1)
    tamper(history, f"UPDATE artifactstore.view_sets SET log_id = NULL WHERE sequence = {made[3].sequence}")
    dropped = [one.sequence for one in snapshots.prune(history, 2)]
    assert dropped == [made[3].sequence, made[0].sequence]
    assert [one.sequence for one in history.view_sets.view_sets()] == [made[2].sequence, made[1].sequence]
    assert list(schemas(history)) == sorted(one.schema_name for one in made[1:3])


def test_dropping_takes_nothing_of_others(history: Store, snapshot: ViewSet) -> None:
    history.connection.execute(
        f"CREATE VIEW public.mine AS SELECT purl FROM {snapshot.schema_name}.artifact_packages".encode()
    )
    with pytest.raises(Refused) as caught:
        history.view_sets.drop_view_set(snapshot.schema_name)
    assert caught.value.code == "view-set-in-use"
    assert history.view_sets.view_set_problem(snapshot.schema_name) is None
    history.connection.execute("DROP VIEW public.mine")
    history.view_sets.drop_view_set(snapshot.schema_name)
    assert list(schemas(history)) == []
    for schema in ("artifactstore", "public", snapshot.schema_name):
        with pytest.raises(NotFound) as missing:
            history.view_sets.drop_view_set(schema)
        assert missing.value.code == "no-such-view-set"


def test_operators_make_them_and_readers_read_them(history: Store, connect: Connect) -> None:
    made = snapshots.create(Store(connect("operator")))
    reader = connect("reader")
    counted = reader.execute(f"SELECT count(*) FROM {made.schema_name}.artifact_packages".encode()).fetchone()
    assert counted == (history.rebuilds.view_counts()["artifact_packages"],)
    with pytest.raises(ArtifactstoreError, match="forbidden"):
        snapshots.create(Store(reader))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(f"DELETE FROM {made.schema_name}.artifact_packages".encode())


def test_an_empty_log_has_a_snapshot_too(connect: Connect, another: Another) -> None:
    store = Store(connect())
    made = snapshots.create(store)
    assert (made.sequence, made.identity, made.log_id) == (0, None, None)
    append(store, 1)
    assert chosen(store) == (made, {})
    assert replay_online(store, another, snapshot=made).head == 2
    assert differences(store) == []
