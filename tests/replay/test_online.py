"""replay beside the live views (RPL04, RPL05)."""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from artifactstore.errors import ArtifactstoreError, Busy, Damaged
from artifactstore.events import FileIngested, NewEvent, PackageCreated, new_id
from artifactstore.jobs.digests import DigestChecker
from artifactstore.jobs.replay import ReplayedOnline, replay_online
from artifactstore.store import Store
from tests.databases import Connect, unguarded
from tests.replay.conftest import EVENTS, differences, schemas, tamper

Another = Callable[[], psycopg.Connection[Any]]

TAMPERED = (
    'UPDATE artifactstore.artifact_packages SET labels = \'{"a": "f"}\' WHERE created_sequence % 7 = 0',
    "DELETE FROM artifactstore.artifact_files WHERE created_sequence % 5 = 0",
    "UPDATE artifactstore.storage_locations SET uri = uri || created_sequence WHERE created_sequence % 9 = 0",
    "DELETE FROM artifactstore.retention_holds",
    "UPDATE artifactstore.retention_state SET retain_until = now()",
    "DELETE FROM artifactstore.requests WHERE first_sequence % 2 = 0",
    "UPDATE artifactstore.requests SET events = events + 1 WHERE first_sequence % 3 = 0",
    "UPDATE artifactstore.log_epochs SET reason = 'forged'",
    """
    INSERT INTO artifactstore.artifact_packages SELECT (jsonb_populate_record(p, jsonb_build_object(
        'package_id', gen_random_uuid(), 'purl', 'pkg:generic/forged@1'))).*
    FROM artifactstore.artifact_packages p LIMIT 1
    """,
)


def test_equal_views_are_not_touched_and_appends_never_stand_still(history: Store, another: Another) -> None:
    before = versions(history)
    done = replay_online(history, another)
    assert done.head == history.log.head() == EVENTS
    assert (done.since, done.resumed, done.packages, done.rows, done.stalls) == (0, None, 0, 0, 0)
    assert versions(history) == before
    assert list(schemas(history)) == []


def versions(store: Store) -> list[Any]:
    """Where each row of the files lies, and which transaction wrote it."""
    query = "SELECT file_id, ctid::text, xmin::text FROM artifactstore.artifact_files ORDER BY file_id"
    return store.connection.execute(query.encode()).fetchall()


def test_views_that_were_tampered_with_are_mended(history: Store, another: Another) -> None:
    tamper(history, *TAMPERED)
    assert differences(history)
    done = replay_online(history, another)
    assert differences(history) == []
    assert done.packages > 50
    assert done.rows > 500
    assert 0 < done.longest_stall < 5
    assert list(schemas(history)) == []


def test_a_purl_that_changed_hands_is_mended(history: Store, another: Another) -> None:
    """The batches are of packages: one holds the purl that another needs."""
    names = [row[0] for row in history.connection.execute(
        "SELECT purl FROM artifactstore.artifact_packages ORDER BY package_id")]  # fmt: skip
    first, last = names[0], names[-1]
    tamper(
        history,
        f"UPDATE artifactstore.artifact_packages SET purl = 'pkg:generic/aside@1' WHERE purl = '{first}'",
        f"UPDATE artifactstore.artifact_packages SET purl = '{first}' WHERE purl = '{last}'",
        "UPDATE artifactstore.artifact_packages SET producer = 'user:forged'",
    )
    replay_online(history, another)
    assert differences(history) == []


@pytest.mark.parametrize("tampered", [False, True])
def test_rpl04_writers_go_on_and_nothing_is_missed_or_applied_twice(
    history: Store, another: Another, connect: Connect, tampered: bool
) -> None:
    if tampered:
        tamper(history, *TAMPERED)
    stop = threading.Event()
    failures: list[Exception] = []
    appended = [0] * 4
    packages = history.rebuilds.view_counts()["artifact_packages"]

    def write(number: int) -> None:
        store = Store(connect("service"))
        try:
            while not stop.is_set():
                package = new_id()
                created = NewEvent(
                    PackageCreated(purl=f"pkg:generic/w{number}@{appended[number]}"), package, "user:w"
                )
                file = FileIngested(package_id=package, path="a", size=1, blake3=bytes(32))
                store.writes.append([created, NewEvent(file, new_id(), "user:w")])
                appended[number] += 1
        except Exception as failure:  # whatever it is fails the test
            failures.append(failure)

    def read() -> None:
        connection = connect("reader")
        try:
            while not stop.is_set():
                [count] = connection.execute(
                    "SELECT count(*) FROM artifactstore.artifact_packages"
                ).fetchone() or [0]
                assert count >= packages, "readers never see an empty or half table"
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    try:
        runs = [replay_online(history, another) for _ in range(3)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert differences(history) == []
    assert history.log.head() == EVENTS + 2 * sum(appended)
    assert all(appended)
    assert [run.packages for run in runs[1:]] == [0, 0]


def test_old_snapshots_see_the_rows_that_they_saw(history: Store, another: Another, connect: Connect) -> None:
    tamper(history, *TAMPERED)
    old = connect("reader")
    old.isolation_level = IsolationLevel.REPEATABLE_READ
    query = "SELECT md5(string_agg(f::text, ',' ORDER BY file_id)) FROM artifactstore.artifact_files f"
    with old.transaction():
        before = old.execute(query.encode()).fetchone()
        replay_online(history, another)
        assert old.execute(query.encode()).fetchone() == before
    assert differences(history) == []


def begin(store: Store, ranges: int) -> int:
    """Leave a rebuild unfinished after so many ranges of a tenth of the log."""
    sequence = store.view_sets.begin_rebuild(None).sequence
    for _ in range(ranges):
        sequence = store.connection.execute(
            "SELECT artifactstore.rebuild_next(%s)", (sequence + EVENTS // 10,)
        ).fetchone()[0]  # type: ignore[index]
    return sequence


@pytest.mark.parametrize("tenths", [1, 5, 9])
def test_rpl05_a_killed_replay_is_resumed(
    history: Store, another: Another, connect: Connect, tenths: int
) -> None:
    tamper(history, *TAMPERED)
    killed = Store(connect())
    sequence = begin(killed, tenths)
    before = history.rebuilds.view_counts()
    pid = killed.connection.info.backend_pid
    history.connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert history.rebuilds.view_counts() == before, "the live views are the old ones"
    assert list(schemas(history)) == ["artifactstore_rebuild"]
    done = replay_online(history, another)
    assert done.resumed == sequence
    assert differences(history) == []
    assert list(schemas(history)) == []


def test_a_rebuild_of_other_projectors_is_not_resumed(
    history: Store, another: Another, connect: Connect
) -> None:
    other = connect()
    begin(Store(other), 3)
    other.close()
    tamper(history, "UPDATE artifactstore.software SET projectors = sha256('others')")
    done = replay_online(history, another)
    assert done.resumed is None
    assert history.connection.execute(
        "SELECT viewed_by = projectors FROM artifactstore.software"
    ).fetchone() == (True,)


def test_two_at_once_are_refused(history: Store, another: Another, connect: Connect) -> None:
    working = Store(connect())
    begin(working, 2)
    with pytest.raises(Busy, match=f"backend {working.connection.info.backend_pid}"):
        replay_online(history, another)
    with pytest.raises(Busy):
        history.view_sets.drop_rebuild()
    assert replay_online(working, another).resumed == 2 * (EVENTS // 10)


def test_a_damaged_event_stops_it_before_any_row_is_mended(history: Store, another: Another) -> None:
    tamper(history, *TAMPERED)
    with history.connection.transaction():
        for statement in (
            "ALTER TABLE artifactstore.events DISABLE TRIGGER ALL",
            "UPDATE artifactstore.events SET payload_digest = sha256('x') WHERE sequence = 1000",
            "ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_change",
            "ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_truncate",
            "ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_insert",
        ):
            history.connection.execute(statement.encode())
    found = differences(history)
    with pytest.raises(Damaged) as caught:
        replay_online(history, another)
    assert caught.value.detail["sequence"] == 1000
    assert differences(history) == found


def test_a_stuck_writer_makes_it_busy_and_it_is_resumed_after(
    history: Store, another: Another, connect: Connect
) -> None:
    tamper(history, *TAMPERED)
    history.connection.execute("SET lock_timeout = '50ms'")
    stuck = connect()
    with stuck.transaction():
        stuck.execute("SELECT artifactstore.lock_log()")
        with pytest.raises(Busy):
            replay_online(history, another)
    assert differences(history)
    done = replay_online(history, another)
    assert done.resumed == EVENTS
    assert differences(history) == []


def test_an_empty_log_and_one_event(connect: Connect, another: Another) -> None:
    store = Store(connect())
    for head in (0, 2):
        started = time.monotonic()
        done = replay_online(store, another)
        assert (done.head, done.packages) == (head, 0)
        assert time.monotonic() - started < 10
        store.writes.append([NewEvent(PackageCreated(purl=f"pkg:generic/a@{head}"), new_id(), "user:ann")])


def test_only_operators_may(history: Store, connect: Connect, another: Another) -> None:
    assert isinstance(replay_online(Store(connect("operator")), another), ReplayedOnline)
    for role in ("reader", "writer", "service"):
        with pytest.raises(ArtifactstoreError) as caught:
            replay_online(Store(connect(role)), another)
        assert caught.value.code == "forbidden"
    assert differences(history) == []


def test_f02_digests_that_were_checked_are_those_of_the_log_that_is_there(
    history: Store, another: Another
) -> None:
    """The log was replaced after the checker had read it: its numbers are the same, its events are not."""
    with another() as reading:
        checker = DigestChecker(Store(reading), history.connection)
        checker.start()
        assert checker.finished.wait(60)
        checker.stop()
    checker.check_rest(history)
    with unguarded(history.connection):
        history.connection.execute(
            "UPDATE artifactstore.events SET actor = 'user:eve' WHERE sequence = artifactstore.log_head()"
        )
    with pytest.raises(Busy, match="rebuild-outdated"):
        checker.check_rest(history)
