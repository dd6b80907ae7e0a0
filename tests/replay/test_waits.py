"""F12: nobody is shown an empty registry, and whoever waits for a lock is told for whom, in bounded time."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.db import one_snapshot
from artifactstore.errors import Busy
from artifactstore.jobs import snapshots
from artifactstore.jobs.doctor import examine, remove_leftovers
from artifactstore.jobs.replay import replay, replay_online
from artifactstore.jobs.verify import verify
from artifactstore.migrate import migrate
from artifactstore.migrate.files import packaged
from artifactstore.store import PackageQuery, Store
from tests.databases import TEST_PREFIX, Connect
from tests.http.running import running
from tests.replay.conftest import EVENTS, differences, schemas, tamper
from tests.timing import until

Another = Callable[[], psycopg.Connection[Any]]

ALL = 1_000
LONGEST = 15.0
"""Seconds within which every loser must have been told."""


@pytest.fixture
def stranger(connect: Connect) -> psycopg.Connection[Any]:
    """A session of other software, in a REPEATABLE READ transaction when it begins one."""
    connection = connect("reader", application_name="report")
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    return connection


@pytest.fixture
def packages(history: Store) -> int:
    """How many packages there are: what every reader must see at any time."""
    return history.rebuilds.view_counts()["artifact_packages"]


def told(refusal: pytest.ExceptionInfo[Busy], *sessions: psycopg.Connection[Any]) -> str:
    """The problem of a ``busy`` that names these backends."""
    assert refusal.value.detail["pids"] == sorted(one.info.backend_pid for one in sessions)
    problem = str(refusal.value.detail["problem"])
    for one in sessions:
        assert f"backend {one.info.backend_pid} ({one.info.parameter_status('application_name')})" in problem
    return problem


def test_a_snapshot_from_before_the_truncation_is_refused_not_answered(
    history: Store, stranger: psycopg.Connection[Any]
) -> None:
    """F12."""
    with stranger.transaction():
        stranger.execute("SELECT 1")
        history.rebuilds.replay()
        with pytest.raises(Busy, match="its views are empty"):
            Store(stranger).identity.position()
    with stranger.transaction():
        assert Store(stranger).identity.position().head == EVENTS


def test_whoever_looks_twice_waits_before_its_snapshot(
    history: Store, connect: Connect, packages: int
) -> None:
    seen: list[int] = []

    def read() -> None:
        store = Store(connect("reader"))
        with one_snapshot(store.connection):
            seen.append(len(list(store.pages.package_page(PackageQuery(), None, ALL))))

    with history.connection.transaction():
        history.rebuilds.replay()
        reader = threading.Thread(target=read)
        reader.start()
        until(lambda: _waiting(history) == 1, "it waits")
    reader.join(LONGEST)
    assert seen == [packages]


def test_the_service_answers_busy_meanwhile_and_then_all(
    history: Store, database: str, login_names: dict[str, str], packages: int
) -> None:
    conninfo = make_conninfo(database, user=login_names["service"])
    with running(conninfo, lock_timeout=0.2) as service:
        client = service.client("reader")
        paths = ("/packages", "/log", "/events?since=0", "/events/1", "/locations?limit=1", "/files")
        before = {path: client.get(path).status_code for path in paths}
        with history.connection.transaction():
            history.rebuilds.replay()
            for path in paths:
                answer = client.get(path)
                if before[path] == 200:
                    assert (answer.status_code, answer.json()["code"]) == (503, "busy"), path
                    assert int(answer.headers["Retry-After"]) > 0
        assert {path: client.get(path).status_code for path in paths} == before
        assert len(client.get("/packages", params={"limit": ALL}).json()["packages"]) == packages


def test_requests_that_wait_through_it_see_everything(
    history: Store, database: str, login_names: dict[str, str], packages: int
) -> None:
    conninfo = make_conninfo(database, user=login_names["service"])
    answers: list[Any] = []
    with running(conninfo, lock_timeout=10) as service:
        client = service.client("reader")

        def get() -> None:
            answers.append(client.get("/packages", params={"limit": ALL}))

        get()  # and the token is known from now on
        with history.connection.transaction():
            history.rebuilds.replay()
            threads = [threading.Thread(target=get) for _ in range(3)]
            for thread in threads:
                thread.start()
            until(lambda: _waiting(history) == 3, "all three wait")
        for thread in threads:
            thread.join(LONGEST)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [len(answer.json()["packages"]) for answer in answers] == [packages] * 4


def test_an_autovacuum_of_a_view_gives_way(history: Store, connect: Connect) -> None:
    """It is cancelled for who waits in the queue for it, and for nobody else: a long one made replay busy."""
    table = "artifactstore.artifact_packages"
    history.connection.execute(
        f"ALTER TABLE {table} SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
    )
    tamper(history, *[f"UPDATE {table} SET state = state"] * 3)
    vacuuming = "SELECT pid FROM pg_catalog.pg_stat_progress_vacuum WHERE relid = %s::regclass"
    watch = connect()
    until(lambda: watch.execute(vacuuming, (table,)).fetchone(), "an autovacuum is at it", 120)
    assert history.rebuilds.replay() is not None


def test_a_reader_at_the_door_makes_it_busy_by_name(
    history: Store, another: Another, connect: Connect
) -> None:
    history.connection.execute("SET lock_timeout = '200ms'")
    reader = connect("reader", application_name="artifactstore reader")
    with one_snapshot(reader), pytest.raises(Busy) as refusal:
        replay(history, another)
    assert "the live views" in told(refusal, reader)
    assert not history.health.views_are_stale(), "they are what they were"
    assert replay(history, another).head == EVENTS


def test_a_reader_of_one_view_makes_it_busy_by_name(
    history: Store, another: Another, stranger: psycopg.Connection[Any]
) -> None:
    history.connection.execute("SET lock_timeout = '200ms'")
    with stranger.transaction():
        stranger.execute("SELECT count(*) FROM artifactstore.retention_holds")
        with pytest.raises(Busy) as refusal:
            replay(history, another)
    told(refusal, stranger)
    assert not history.health.views_are_stale()


def test_an_old_snapshot_without_a_lock_makes_it_busy_by_name(
    history: Store, another: Another, stranger: psycopg.Connection[Any], packages: int
) -> None:
    """A pg_dump between its snapshot and its locks would write a backup without views."""
    history.connection.execute("SET lock_timeout = '200ms'")
    with stranger.transaction():
        stranger.execute("SELECT 1")
        with pytest.raises(Busy) as refusal:
            replay(history, another)
        assert "old snapshots" in told(refusal, stranger)
        query = "SELECT count(*) FROM artifactstore.artifact_packages"
        assert stranger.execute(query).fetchone() == (packages,)
    assert replay(history, another).head == EVENTS
    assert not history.health.views_are_stale()


def test_a_dump_that_began_meanwhile_says_itself_that_its_views_are_to_be_made(
    history: Store, cluster: server.Cluster, database: str, new_database: Callable[[], str], packages: int
) -> None:
    dumped: list[str] = []
    history.rebuilds.doubt_views()
    with history.connection.transaction():
        history.rebuilds.replay(doubted=True)
        dump = threading.Thread(target=lambda: dumped.append(cluster.run("pg_dump", "--dbname", database)))
        dump.start()
        until(lambda: _waiting(history) >= 1, "it waits")
    dump.join(60)
    assert not history.health.views_are_stale()
    restored = new_database()
    with psycopg.connect(restored) as connection:
        directory = cluster.sockets.parent / f"dump-{connection.info.dbname}"
    directory.mkdir()
    (directory / "sql").write_text(dumped[0], encoding="utf-8")
    cluster.hand_over(directory)
    cluster.run("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(directory / "sql"),
                "--dbname", restored)  # fmt: skip
    with psycopg.connect(restored, autocommit=True) as connection:
        store = Store(connection)
        assert store.rebuilds.view_counts()["artifact_packages"] == 0
        with pytest.raises(Busy, match="artifactstore replay"):
            store.identity.position()
        assert migrate(restored, role_prefix=TEST_PREFIX).replayed
        assert store.rebuilds.view_counts()["artifact_packages"] == packages
        assert differences(store) == []


def test_a_finished_replay_that_a_dump_reads_succeeds_and_tells_what_is_left(
    history: Store, another: Another, connect: Connect
) -> None:
    history.connection.execute("SET lock_timeout = '200ms'")
    unfinished = Store(connect())
    unfinished.view_sets.begin_rebuild(None)
    unfinished.connection.close()
    dump = connect(application_name="pg_dump")
    with dump.transaction():
        dump.execute("LOCK TABLE artifactstore_rebuild.artifact_files IN ACCESS SHARE MODE")
        started = time.monotonic()
        done = replay_online(history, another)
        assert time.monotonic() - started < LONGEST
        assert done.head == EVENTS
        assert f"backend {dump.info.backend_pid} (pg_dump)" in (done.leftover or "")
        [finding] = remove_leftovers(history.health)
        assert finding.schema is None
        assert f"backend {dump.info.backend_pid} (pg_dump)" in finding.what
        with pytest.raises(Busy) as refusal:
            history.health.drop_leftover("artifactstore_rebuild")
        told(refusal, dump)
    assert list(schemas(history)) == ["artifactstore_rebuild"]
    assert replay_online(history, another).leftover is None
    assert list(schemas(history)) == []


def test_whatever_drops_a_view_set_is_refused_by_name_while_it_is_read(
    history: Store, connect: Connect
) -> None:
    made = snapshots.create(history)
    history.view_sets.as_of("past", 10, None)
    actions: dict[str, Callable[[], Any]] = {
        made.schema_name: lambda: snapshots.create(history),
        f"{made.schema_name} ": lambda: list(snapshots.prune(history, 0)),
        f"{made.schema_name}  ": lambda: history.view_sets.drop_view_set(made.schema_name),
        "past": lambda: history.view_sets.drop_view_set("past"),
    }
    history.connection.execute("SET lock_timeout = '200ms'")
    dump = connect(application_name="pg_dump")
    for schema, action in actions.items():
        with dump.transaction():
            dump.execute(f"LOCK TABLE {schema}.requests IN ACCESS SHARE MODE".encode())
            with pytest.raises(Busy) as refusal:
                action()
            assert "tables of the schema" in told(refusal, dump)
    assert len(history.view_sets.view_sets()) == 2
    history.view_sets.drop_view_set("past")
    assert list(snapshots.prune(history, 0)) == [made]


def test_the_advisory_lock_of_a_stranger_is_waited_for_with_a_limit(
    history: Store, another: Another, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artifactstore.jobs.replay._LEAVING", 0.0)
    history.connection.execute("SET lock_timeout = '200ms'")
    other = connect(application_name="somebody")
    other.execute("SELECT pg_advisory_lock(1095976275, 2)")
    with pytest.raises(Busy) as refusal:
        replay_online(history, another)
    told(refusal, other)


def test_two_that_make_one_schema_do_not_wait_for_ever(history: Store, connect: Connect) -> None:
    first = Store(connect())
    history.connection.execute("SET lock_timeout = '200ms'")
    with first.connection.transaction(force_rollback=True):
        first.view_sets.as_of("past", 10, None)
        for action in (
            lambda: history.view_sets.as_of("past", 10, None),
            lambda: history.rebuilds.rebuild("past", 10),
        ):
            with pytest.raises(Busy):
                action()


def test_verify_and_a_truncation_wait_for_each_other_with_a_limit(
    history: Store, another: Another, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artifactstore.db.LOCK_SECONDS", 0.2)
    other = Store(connect())
    with other.connection.transaction():
        other.rebuilds.replay()
        for look in (lambda: verify(history, another), lambda: snapshots.create(history)):
            with pytest.raises(Busy):
                look()
    assert verify(history, another).found == 0


def test_doctor_tells_of_a_replay_under_way(history: Store, connect: Connect) -> None:
    working = Store(connect())
    working.view_sets.begin_rebuild(None)
    reader = Store(connect("operator"))
    found = [one for one in examine(reader) if one.check in ("replay", "leftover")]
    assert [(one.severity, one.check) for one in found] == [("info", "replay")]
    assert f"backend {working.connection.info.backend_pid}" in found[0].what
    assert "--exclude-schema" in found[0].what
    assert list(remove_leftovers(history.health)) == []
    working.connection.close()
    until(
        lambda: [one.schema for one in remove_leftovers(history.health)] == ["artifactstore_rebuild"],
        "nobody works on it any more",
    )


def test_every_function_that_takes_a_strong_lock_bounds_its_wait() -> None:
    """The kind: what is added later has to say how long it waits, too."""
    strong = re.compile(r"\b(LOCK TABLE|TRUNCATE|DROP (TABLE|SCHEMA)|CREATE SCHEMA|pg_advisory\w*lock)\b")
    bound = re.compile(
        r"\b((limit_waits|lock_log|lock_tables|lock_views|drop_views)\(|set_config\('lock_timeout', '[1-9])"
    )
    texts = {file.name: file.text for file in packaged().read_sql() if file.kind == "function"}
    found = {
        name for name, text in texts.items() if strong.search(re.sub(r"--.*|COMMENT ON[^;]*;", "", text))
    }
    assert {"replay", "drop_views", "drop_rebuild", "begin_rebuild", "lock_log", "lock_views"} <= found
    assert {"create_schema", "take_scratch", "view_set_fault"} <= found
    assert {name for name in found if not bound.search(texts[name])} == set()


def test_every_transaction_of_one_snapshot_begins_at_the_door() -> None:
    """The kind: REPEATABLE READ is written in one place."""
    root = Path(packaged().sql).parent / "artifactstore"
    sources = {path.name: path.read_text("utf-8") for path in root.rglob("*.py")}
    assert sources
    written = re.compile(r"ISOLATION LEVEL REPEATABLE|IsolationLevel\.REPEATABLE")
    assert {name for name, text in sources.items() if written.search(text)} == {"db.py"}
    # The door is in the statement that begins the reads of the service, and in one_snapshot of the program.
    assert sources["db.py"].count("READS_VIEWS}") == 1
    assert "connection.execute(READS_VIEWS)" in sources["db.py"]


def _waiting(store: Store) -> int:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
    row = store.connection.execute(query).fetchone()
    return int(row[0]) if row else 0
