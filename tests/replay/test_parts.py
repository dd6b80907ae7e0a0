"""replay by several sessions at once, each with its packages."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError, Busy
from artifactstore.events import FileIngested, NewEvent, PackageCreated, new_id
from artifactstore.jobs import parts
from artifactstore.jobs.replay import replay_online
from artifactstore.store import Store
from tests.databases import Connect
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
    with history.connection.transaction():
        history.connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER events_forbid_change")
        history.connection.execute(
            "UPDATE artifactstore.events SET actor = 'user:eve' WHERE sequence = artifactstore.log_head()"
        )
        history.connection.execute(
            "ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_change"
        )
    done = replay_online(history, another, jobs=2)
    assert done.resumed is None
    assert "another history" in str(done.dropped)


def test_a_session_that_is_lost_is_told_and_the_replay_is_resumed(
    history: Store, another: Another
) -> None:
    tamper(history, *TAMPERED)
    opened: list[psycopg.Connection[Any]] = []

    def dying() -> psycopg.Connection[Any]:
        connection = another()
        opened.append(connection)
        if len(opened) == 2:  # the first one checks digests
            history.connection.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
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

    with parts.sessions(history, another, 2) as stores, pytest.raises(KeyboardInterrupt):
        parts.fold(stores, [0, 1], interrupted)
    assert history.log.head() == EVENTS


@pytest.fixture
def empty(connect: Connect) -> Iterator[Store]:
    yield Store(connect())


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
