"""replay by several sessions at once, each with its packages."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError, Busy
from artifactstore.events import FileIngested, NewEvent, PackageCreated, new_id
from artifactstore.jobs import parts
from artifactstore.jobs.replay import replay_online
from artifactstore.jobs.verify import verify
from artifactstore.store import Store
from tests.databases import Connect, unguarded
from tests.replay.conftest import EVENTS, differences, schemas, tamper
from tests.replay.test_online import TAMPERED

Another = Callable[[], psycopg.Connection[Any]]
KEY = b"\x6apackage_id\x50"


@pytest.mark.parametrize("jobs", [2, 3, 8])
def test_views_are_those_of_one_session(history: Store, another: Another, jobs: int) -> None:
    tamper(history, *TAMPERED)
    done = replay_online(history, another, jobs=jobs)
    assert (done.head, done.jobs) == (EVENTS, jobs)
    assert differences(history) == []
    assert list(schemas(history)) == []


def begin(store: Store, jobs: int = 3) -> list[int]:
    """Leave a rebuild of so many parts unfinished, the first of them done."""
    store.view_sets.begin_rebuild(None)
    shared = store.view_sets.begin_parts(jobs)
    leader = store.connection.info.backend_pid
    at, last, events = store.view_sets.rebuild_part(shared[0], leader)
    assert at == last == EVENTS
    assert 0 < events < EVENTS
    return shared


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_rpl05_a_killed_one_is_resumed_by_any_number(
    history: Store, another: Another, connect: Connect, jobs: int
) -> None:
    tamper(history, *TAMPERED)
    killed = Store(connect())
    begin(killed)
    pid = killed.connection.info.backend_pid
    history.connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    done = replay_online(history, another, jobs=jobs)
    assert done.resumed == 0
    assert differences(history) == []
    assert list(schemas(history)) == []


def test_a_step_for_a_leader_that_is_gone_is_refused(history: Store, connect: Connect) -> None:
    killed = Store(connect())
    begin(killed)
    leader = killed.connection.info.backend_pid
    killed.connection.close()
    history.connection.execute("SELECT pg_terminate_backend(%s, 5000)", (leader,))
    assert history.view_sets.begin_rebuild(None).resumed
    with pytest.raises(Busy, match="took the rebuild over"):
        history.view_sets.rebuild_part(1, leader)


def test_parts_that_are_not_done_are_no_rebuild(history: Store) -> None:
    begin(history)
    with pytest.raises(Busy, match="parts that are not done"):
        history.view_sets.rebuild_next()
    with pytest.raises(ArtifactstoreError) as caught:
        history.view_sets.end_parts()
    assert caught.value.code == "log-damaged"


def test_a_part_of_another_history_is_dropped(history: Store, another: Another, connect: Connect) -> None:
    killed = Store(connect())
    begin(killed)
    killed.connection.close()
    with unguarded(history.connection):
        history.connection.execute(
            "UPDATE artifactstore.events SET actor = 'user:eve' WHERE sequence = artifactstore.log_head()"
        )
    done = replay_online(history, another, jobs=2)
    assert done.resumed is None
    assert "another history" in str(done.dropped)


def test_a_session_that_is_lost_is_told_and_the_replay_is_resumed(history: Store, another: Another) -> None:
    tamper(history, *TAMPERED)
    opened: list[psycopg.Connection[Any]] = []

    def dying() -> psycopg.Connection[Any]:
        connection = another()
        opened.append(connection)
        if len(opened) == 2:  # the first one checks digests
            pid = connection.info.backend_pid
            history.connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        return connection

    with pytest.raises(ArtifactstoreError) as caught:
        replay_online(history, dying, jobs=2)
    assert caught.value.code == "unavailable"
    assert differences(history)
    assert replay_online(history, another, jobs=2).resumed is not None
    assert differences(history) == []


def test_fewer_connections_are_fewer_jobs(history: Store, another: Another) -> None:
    left = 2

    def limited() -> psycopg.Connection[Any]:
        nonlocal left
        if left == 0:
            raise ArtifactstoreError("unavailable", {"problem": "too many clients"})
        left -= 1
        return another()

    assert replay_online(history, limited, jobs=8).jobs == 2
    assert differences(history) == []


def test_who_waits_and_is_interrupted_leaves_nothing_running(history: Store, another: Another) -> None:
    def interrupted(_: Store, __: int) -> bool:
        raise KeyboardInterrupt

    with parts.sessions(another, 2) as stores, pytest.raises(KeyboardInterrupt):
        parts.fold(stores, [0, 1], interrupted)
    assert history.log.head() == EVENTS


@pytest.fixture
def empty(connect: Connect) -> Store:
    return Store(connect())


@pytest.mark.parametrize("decoys", [1, 2])
def test_a_path_may_hold_the_bytes_that_name_a_package(empty: Store, another: Another, decoys: int) -> None:
    """Its event is taken by the part of its package alone, whatever package the path seems to name."""
    packages = [new_id() for _ in range(20)]
    other = UUID(bytes=b"p" * 16)
    path = "/".join([f"{KEY.decode()}{other.bytes.decode()}"] * decoys)
    empty.writes.append(
        [NewEvent(PackageCreated(purl=f"pkg:generic/p@{n}"), one, "user:a") for n, one in enumerate(packages)]
    )
    files = [FileIngested(package_id=one, path=path + str(n), size=n, blake3=bytes(32))
             for one in packages for n in range(20)]  # fmt: skip
    empty.writes.append([NewEvent(one, new_id(), "user:a") for one in files])
    tamper(empty, "UPDATE artifactstore.artifact_files SET size = 7")
    assert replay_online(empty, another, jobs=4).jobs == 4
    assert differences(empty) == []


def test_each_event_type_names_its_package_where_parts_look_for_it(history: Store) -> None:
    """Packages, retention and the log are subjects of their events; any other event has the key."""
    for kind, fields in history.connection.execute(
        "SELECT subject_kind, fields FROM artifactstore.event_types"
    ).fetchall():
        assert ("package_id" in fields) == (kind not in ("package", "retention", "system"))


DAMAGE = {
    "a hole": "DELETE FROM artifactstore.events WHERE sequence = 700",
    "a damaged payload": """
        UPDATE artifactstore.events SET payload = substr(payload, 1, 20) WHERE sequence = 700
    """,
    "an unknown type": "UPDATE artifactstore.events SET event_type = 'v9.a.b' WHERE sequence = 700",
    "another kind": "UPDATE artifactstore.events SET subject_kind = 'package' WHERE subject_kind = 'file'",
    "a package that comes twice": """
        UPDATE artifactstore.events e SET payload = o.payload FROM artifactstore.events o
        WHERE e.event_type = 'v1.package.created' AND o.sequence = (
            SELECT min(f.sequence) FROM artifactstore.events f WHERE f.event_type = 'v1.package.created')
    """,
    "a file without its package": """
        UPDATE artifactstore.events SET subject_id = gen_random_uuid() WHERE event_type = 'v1.package.created'
    """,
}


def damage(store: Store, statement: str) -> None:
    """Change the log behind its guards; digests fit again, so that projectors are asked."""
    with store.connection.transaction():
        store.connection.execute("SET LOCAL session_replication_role = replica")
        store.connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER ALL")
        store.connection.execute(statement.encode())
        for trigger in ("change", "truncate", "insert"):
            store.connection.execute(
                f"ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_{trigger}".encode()
            )


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_refused_is_what_one_session_refuses(history: Store, another: Another, name: str) -> None:
    damage(history, DAMAGE[name])
    found: list[object] = []
    for jobs in (1, 2, 4):
        try:
            replay_online(history, another, jobs=jobs)
            found.append(None)
        except ArtifactstoreError as failure:
            found.append(failure.detail)
    assert found == [found[0]] * 3
    assert (found[0] is None) == (name == "another kind")


@pytest.mark.parametrize("name", DAMAGE)
def test_verify_finds_what_it_finds_in_one_session(history: Store, another: Another, name: str) -> None:
    damage(history, DAMAGE[name])
    one, two = (verify(history, another, jobs=jobs, limit=10_000).findings for jobs in (1, 3))
    assert one == two
    assert one


@pytest.mark.parametrize("statement", TAMPERED)
def test_verify_finds_each_change_of_a_row(history: Store, another: Another, statement: str) -> None:
    tamper(history, statement)
    one, two = (verify(history, another, jobs=jobs, limit=10_000).findings for jobs in (1, 3))
    assert [finding for finding in one if finding.kind == "view"]
    assert one == two


def test_verify_of_whole_views_needs_no_second_look(
    history: Store, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("artifactstore.store.rebuilds.Rebuilds.rebuild")
    assert verify(history, another, jobs=3).findings == []
    assert list(schemas(history)) == []
