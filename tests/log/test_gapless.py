"""The numbers of the log: 1, 2, 3 … without holes, in the order of commits.

The feed's share of these cases (a GET across a hole, GAP04 to GAP08) is tested where the feed is.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore import codec
from artifactstore.events import FileIngested, NewEvent, RetentionEscalated, new_id
from artifactstore.jobs.verify import verify
from artifactstore.store import Store
from tests.databases import Connect, unguarded
from tests.effort import IN_CI
from tests.log.door import (
    about,
    append,
    append_arrays,
    created,
    id_of,
    ingested,
    refused,
    request,
    scalar,
    sequences,
)
from tests.log.sessions import alive, blocked, cut
from tests.timing import until

MIX_ROUNDS = 20
TAIL_WRITERS, TAIL_APPENDS = 8, 25


def test_later_append_waits_for_the_earlier_commit(connect: Connect) -> None:
    """GAP01: with an append uncommitted, another one cannot commit before it."""
    first, second, observer = connect("service", autocommit=False), connect("service"), connect()
    append(first, created())
    backends = second.info.backend_pid, first.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(append, second, created())
        until(lambda: blocked(observer, *backends), "the second append waits for the first")
        assert sequences(observer) == []
        first.commit()
        assert [row.sequence for row in waiting.result()] == [3]
    assert sequences(observer) == [1, 2, 3]


def test_later_append_gets_the_number_of_a_rolled_back_one(connect: Connect) -> None:
    """GAP01, GAP02: what was rolled back has no number, even when somebody waited behind it."""
    first, second, observer = connect("service", autocommit=False), connect("service"), connect()
    append(first, created())
    backends = second.info.backend_pid, first.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(append, second, created())
        until(lambda: blocked(observer, *backends), "the second append waits for the first")
        first.rollback()
        assert [row.sequence for row in waiting.result()] == [2]
    assert sequences(observer) == [1, 2]


def test_tailer_sees_every_event_once_and_in_order(connect: Connect) -> None:
    """GAP01: a reader that polls sees each number once, in order, while writers dawdle before COMMIT."""
    writers = [connect("service", autocommit=False) for _ in range(TAIL_WRITERS)]
    reader = connect("reader")
    done = Flag()

    def write(connection: psycopg.Connection) -> None:
        dawdle = random.Random(connection.info.backend_pid)  # noqa: S311
        for _ in range(TAIL_APPENDS):
            append(connection, created())
            time.sleep(dawdle.random() / 500)
            connection.commit()

    def tail() -> list[int]:
        seen: list[int] = []
        while True:
            last_look = done.is_set()
            rows = reader.execute(
                "SELECT sequence FROM artifactstore.events WHERE sequence > %s ORDER BY sequence",
                [seen[-1] if seen else 0],
            )
            seen += [sequence for (sequence,) in rows]
            if last_look:
                return seen

    with ThreadPoolExecutor(TAIL_WRITERS + 1) as pool:
        tailing = pool.submit(tail)
        list(pool.map(write, writers))
        done.set()
    assert tailing.result() == list(range(1, TAIL_WRITERS * TAIL_APPENDS + 2))


def domain_error(connect: Connect, package: UUID, path: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        append(connect("service"), ingested(package, path), about(package, RetentionEscalated()))
    assert caught.value.sqlstate == "ST032"


def constraint_error(connect: Connect, package: UUID, path: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        append(connect("service"), ingested(package, path), ingested(package, f"unwanted/{path}"))


def savepoint_rollback(connect: Connect, package: UUID, path: str) -> None:
    service = connect("service", autocommit=False)
    with service.transaction(), service.transaction(force_rollback=True):
        append(service, ingested(package, path))


def client_gone_before_commit(connect: Connect, package: UUID, path: str) -> None:
    service = connect("service", autocommit=False)
    append(service, ingested(package, path))
    cut(service)


def backend_terminated(connect: Connect, package: UUID, path: str) -> None:
    service = connect("service", autocommit=False)
    append(service, ingested(package, path))
    connect().execute("SELECT pg_terminate_backend(%s)", [service.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        service.execute("COMMIT")


FAILURES = (
    domain_error,
    constraint_error,
    savepoint_rollback,
    client_gone_before_commit,
    backend_terminated,
)


def test_failed_appends_burn_no_numbers(connect: Connect) -> None:
    """GAP02: half of the appends fail, in turn by each kind of failure; count = max, min = 1, no hole."""
    service, superuser = connect("service"), connect()
    package = created()
    append(service, package)
    superuser.execute("ALTER TABLE artifactstore.artifact_files ADD CHECK (path NOT LIKE 'unwanted/%')")
    for turn in range(MIX_ROUNDS):
        FAILURES[turn % len(FAILURES)](connect, id_of(package), f"{turn}")
        (row,) = append(service, ingested(id_of(package), f"{turn}"))
        assert row.sequence == turn + 3
    assert sequences(superuser) == list(range(1, MIX_ROUNDS + 3))
    files = scalar(superuser, "SELECT count(*) FROM artifactstore.artifact_files")
    assert files == MIX_ROUNDS


def test_cancelled_append_is_not_there(connect: Connect) -> None:
    """GAP02, DR02: cancelled while it waits for the lock: nothing appended, nothing left running."""
    holder, service, observer = connect("service", autocommit=False), connect("service"), connect()
    append(holder, created())
    backends = service.info.backend_pid, holder.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(append, service, created())
        until(lambda: blocked(observer, *backends), "the append waits")
        service.cancel()
        with pytest.raises(psycopg.errors.QueryCanceled):
            waiting.result()
    holder.commit()
    assert [row.sequence for row in append(service, created())] == [3]


def test_terminated_while_waiting(connect: Connect) -> None:
    """GAP02: a backend that is terminated while it waits for the lock leaves nothing behind."""
    holder, service, observer = connect("service", autocommit=False), connect("service"), connect()
    append(holder, created())
    backend = service.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(append, service, created())
        until(lambda: blocked(observer, backend, holder.info.backend_pid), "the append waits")
        observer.execute("SELECT pg_terminate_backend(%s)", [backend])
        with pytest.raises(psycopg.OperationalError):
            waiting.result()
    until(lambda: not alive(observer, backend), "the backend ends")
    holder.commit()
    assert sequences(observer) == [1, 2]


def delete_event(superuser: psycopg.Connection, sequence: int) -> None:
    """Make a hole, as only somebody who may switch the guards off can."""
    with unguarded(superuser):
        superuser.execute("DELETE FROM artifactstore.events WHERE sequence = %s", [sequence])


@pytest.mark.parametrize("missing", [1, 2, 4])
def test_hole_stops_a_replay_with_its_number(connect: Connect, missing: int) -> None:
    """GAP03: replay and rebuild name the missing number and leave everything as it was."""
    superuser, operator = connect(), connect("operator")
    append(connect("service"), *(created() for _ in range(4)))
    delete_event(superuser, missing)
    for call in ("replay()", "rebuild('artifactstore_scratch')"):
        with refused(superuser, "log-damaged") as refusal:
            operator.execute(f"SELECT artifactstore.{call}".encode())
        assert refusal.detail["sequence"] == missing
    schemas = scalar(superuser, "SELECT count(*) FROM pg_namespace WHERE nspname = 'artifactstore_scratch'")
    assert schemas == 0


def test_verify_names_the_hole(connect: Connect) -> None:
    """GAP03: verify reports the missing number, and only that one."""
    superuser = connect()
    append(connect("service"), *(created() for _ in range(4)))
    delete_event(superuser, 3)
    findings = verify(Store(superuser), connect).findings
    holes = [finding.sequence for finding in findings if finding.kind == "hole"]
    assert holes == [3]


def test_hole_is_not_filled(connect: Connect) -> None:
    """GAP03: the next event goes after the head; a number that readers have passed is never given again."""
    service, superuser = connect("service"), connect()
    append(service, *(created() for _ in range(4)))
    delete_event(superuser, 3)
    assert append(service, created())[0].sequence == 6


def arrays_of_files(package: NewEvent, count: int) -> tuple[list[Any], ...]:
    """The arguments of ``append`` for a package and its files, which differ in path and id only."""
    event = FileIngested(package_id=id_of(package), path="f/0000000", size=0, blake3=bytes(32))
    before, after = NewEvent(event, new_id(), package.actor).payload().split(b"0000000")
    payloads = [package.payload(), *(b"%s%07d%s" % (before, number, after) for number in range(count))]
    ids = [UUID(int=new_id().int >> 32 << 32 | number) for number in range(count)]
    return (
        [package.event.event_type, *[event.event_type] * count],
        [package.subject_id, *ids],
        [package.actor] * (count + 1),
        payloads,
        [codec.digest(payload) for payload in payloads],
    )


@pytest.mark.parametrize("count", [1, 7_000, 10_000, pytest.param(70_000, marks=IN_CI)])
def test_many_files_in_one_append(connect: Connect, count: int) -> None:
    """GAP10: a package with so many files in one request: all of them, numbers contiguous, one answer."""
    service, observer = connect("service"), connect()
    package = created(request=request("many", events=count + 1))
    arrays = arrays_of_files(package, count)
    rows = append_arrays(service, *arrays, None)
    assert [row.sequence for row in rows] == list(range(2, count + 3))
    assert scalar(observer, "SELECT artifactstore.log_head()") == count + 2
    paths = "SELECT count(DISTINCT path) FROM artifactstore.artifact_files WHERE package_id = %s"
    assert scalar(observer, paths, [package.subject_id]) == count


def test_retry_of_many_files(connect: Connect) -> None:
    """GAP10, RG07: a large request, too, is answered again and not appended again."""
    service = connect("service")
    arrays = arrays_of_files(created(request=request("many", events=2_001)), 2_000)
    rows = append_arrays(service, *arrays, None)
    assert append_arrays(service, *arrays, None) == [row._replace(appended=False) for row in rows]


def test_many_files_of_which_the_last_is_bad(connect: Connect) -> None:
    """GAP10: refused whole; nothing of it is left behind."""
    service, observer = connect("service"), connect()
    arrays = arrays_of_files(created(), 3_000)
    arrays[3][-1] = arrays[3][-2]
    arrays[4][-1] = arrays[4][-2]
    with refused(observer, "path-taken") as refusal:
        append_arrays(service, *arrays, None)
    assert refusal.detail["position"] == 3_001
    assert sequences(observer) == []
