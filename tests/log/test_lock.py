"""The append lock: held to commit by one, waited for by a bounded time, taken by nobody else.

LCK02 (a pool emptied by waiters) is about the HTTP server. LCK06 through a pooler: nothing here outlives its
transaction, which is what transaction pooling needs.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

import artifactstore
from artifactstore.errors import Busy, translate
from artifactstore.events import new_id
from artifactstore.migrate import migrate
from tests.databases import Connect
from tests.effort import RACES
from tests.log.door import append, append_json, created, id_of, ingested, refused, scalar, sequences
from tests.log.sessions import alive, blocked, race
from tests.timing import PATIENCE, until, within

PATIENT = "-c lock_timeout=60s"
"""For many that wait for one lock on a machine that is busy with something else."""


def setting(connection: psycopg.Connection, name: str) -> object:
    """A setting as it is at this moment of the session's transaction."""
    return scalar(connection, "SELECT current_setting(%s)", [name])


def test_waiting_ends_with_a_named_error(connect: Connect) -> None:
    """LCK01: the lock is held; an append fails in time, as busy, and reads go on."""
    holder, service, observer = connect("service", autocommit=False), connect("service"), connect("reader")
    append(holder, created())
    service.execute("SET lock_timeout = '50ms'")
    with refused(connect(), "busy") as refusal:
        append(service, created())
    assert refusal.detail["lock_timeout"] == "50ms"
    assert scalar(observer, "SELECT count(*) FROM artifactstore.event_log") == 0
    holder.commit()
    assert append(service, created())[0].sequence == 3


def test_busy_may_be_retried(connect: Connect) -> None:
    """LCK01: the error is one that callers can tell to be worth a retry."""
    holder, service = connect("service", autocommit=False), connect("service", options="-c lock_timeout=1ms")
    append(holder, created())
    with pytest.raises(psycopg.Error) as caught:
        append(service, created())
    assert isinstance(translate(caught.value), Busy)


@pytest.mark.parametrize("role", ["writer", "operator"])
def test_every_taker_of_the_lock_waits_for_a_bounded_time(connect: Connect, role: str) -> None:
    """LCK01: append_json and replay have the same limit as append."""
    holder, waiting = connect("service", autocommit=False), connect(role, options="-c lock_timeout=50ms")
    append(holder, created())
    with refused(connect(), "busy"):
        if role == "writer":
            append_json(waiting, "v1.package.created", new_id(), {"purl": "pkg:generic/a@1"})
        else:
            waiting.execute("SELECT artifactstore.replay()")


def test_append_sets_its_limits_itself(connect: Connect) -> None:
    """LCK01: settings of roles are not inherited by members, so they are set within the transaction."""
    service = connect("service", autocommit=False)
    names = ("lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")
    service.execute("SET synchronous_commit = off")
    service.commit()
    before = [setting(service, name) for name in names]
    assert before == ["0", "0", "off"]
    append(service, created())
    assert [setting(service, name) for name in names] == ["5s", "15s", "on"]
    service.commit()
    assert [setting(service, name) for name in names] == before
    append(service, created())
    service.rollback()
    assert [setting(service, name) for name in names] == before


@pytest.mark.parametrize("role", ["writer", "operator"])
def test_other_doors_set_the_same_limits(connect: Connect, role: str) -> None:
    connection = connect(role, autocommit=False, options="-c synchronous_commit=off")
    if role == "writer":
        append_json(connection, "v1.package.created", new_id(), {"purl": "pkg:generic/a@1"})
    else:
        connection.execute("SELECT artifactstore.replay()")
    assert setting(connection, "idle_in_transaction_session_timeout") == "15s"
    assert setting(connection, "synchronous_commit") == "on"


def test_settings_of_the_session_count(connect: Connect) -> None:
    """LCK01: a session's own lock_timeout is kept, and so is all that is safer than what append needs."""
    for name, own, then in (
        ("lock_timeout", "7min", "7min"),
        ("lock_timeout", "20ms", "20ms"),
        ("idle_in_transaction_session_timeout", "200ms", "200ms"),
        ("idle_in_transaction_session_timeout", "1h", "15s"),
        ("synchronous_commit", "local", "on"),
        ("synchronous_commit", "remote_apply", "remote_apply"),
    ):
        service = connect("service", autocommit=False, options=f"-c {name}={own}")
        append(service, created())
        assert setting(service, name) == then
        service.rollback()


def test_stuck_holder_is_ended_by_the_server(connect: Connect) -> None:
    """LCK01: a client that stalls inside its transaction loses it, and appends recover by themselves."""
    stuck = connect("service", autocommit=False, options="-c idle_in_transaction_session_timeout=300ms")
    service, observer = connect("service"), connect()
    append(stuck, created())
    backends = service.info.backend_pid, stuck.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(append, service, created())
        until(lambda: blocked(observer, *backends) or waiting.done(), "the append waits")
        (row,) = waiting.result()
    assert row.sequence == 2
    assert not alive(observer, stuck.info.backend_pid)
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        stuck.execute("COMMIT")


def test_many_append_at_once(connect: Connect) -> None:
    """LCK03: all append at the same moment: every one succeeds, no 23505, numbers contiguous."""
    connections = [connect("service", options=PATIENT) for _ in range(32)]
    append(connections[0], created())
    answers = []
    for _ in range(RACES):
        results = race(connections, lambda connection, _: append(connection, created(), created()))
        assert not [result for result in results if isinstance(result, psycopg.Error)]
        answers += [row.sequence for result in results if isinstance(result, list) for row in result]
    assert sorted(answers) == list(range(3, 3 + RACES * 64))
    assert all(second == first + 1 for first, second in zip(answers[::2], answers[1::2], strict=True))
    assert sequences(connect()) == list(range(1, 3 + RACES * 64))


@pytest.mark.parametrize("round_", range(RACES))
def test_many_begin_the_log_at_once(connect: Connect, round_: int) -> None:
    """LCK04: 32 appenders from an empty table: exactly 1 … 33, of which 1 is the beginning of the log."""
    connections = [connect("service" if (n + round_) % 2 else "writer", options=PATIENT) for n in range(32)]

    def act(connection: psycopg.Connection, number: int) -> int:
        if (number + round_) % 2:
            return append(connection, created())[0].sequence
        purl = {"purl": f"pkg:generic/racer@{number}"}
        return append_json(connection, "v1.package.created", new_id(), purl)

    observer = connect()
    results = race(connections, act)
    numbers = [result for result in results if isinstance(result, int)]
    assert sorted(numbers) == list(range(2, 34)), results
    assert sequences(observer) == list(range(1, 34))
    beginnings = (
        "SELECT array_agg(sequence) FROM artifactstore.events WHERE event_type = 'v1.system.initialized'"
    )
    assert scalar(observer, beginnings) == [1]


def test_opposite_orders_do_not_deadlock(connect: Connect) -> None:
    """LCK05: batches that touch the same packages and contents in opposite order."""
    service, observer = connect("service"), connect()
    packages = [created() for _ in range(50)]
    append(service, *packages)
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = scalar(observer, deadlocks)

    def act(connection: psycopg.Connection, number: int) -> None:
        ordered = packages if number else packages[::-1]
        for turn in range(5):
            files = [ingested(id_of(package), f"{number}/{turn}", b"shared") for package in ordered]
            append(connection, *files)

    results = race([connect("service"), connect("service")], act)
    assert results == [None, None]
    assert scalar(observer, "SELECT count(*) FROM artifactstore.artifact_files") == 500
    observer.execute("SELECT pg_stat_clear_snapshot()")
    assert scalar(observer, deadlocks) == before


def advisory_locks(observer: psycopg.Connection) -> list[tuple[object, ...]]:
    """Advisory locks that anybody holds in this database."""
    query = (
        "SELECT pid, classid, objid FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return observer.execute(query).fetchall()


def test_no_advisory_lock_is_left(connect: Connect, database: str) -> None:
    """LCK06: append and replay take none, open or done; that of migrate ends with its transaction."""
    observer = connect()
    service, operator = connect("service", autocommit=False), connect("operator", autocommit=False)
    append(service, created())
    assert advisory_locks(observer) == []
    service.commit()
    operator.execute("SELECT artifactstore.replay()")
    operator.execute("SELECT artifactstore.rebuild('artifactstore_scratch')")
    assert advisory_locks(observer) == []
    operator.rollback()
    migrate(database)
    assert advisory_locks(observer) == []


def test_no_lock_is_taken_for_a_session(connect: Connect) -> None:
    """LCK06: advisory locks are transaction-level, wherever the product takes one."""
    sources = [path.read_text(encoding="utf-8") for path in Path(artifactstore.__file__).parent.rglob("*.py")]
    bodies = connect().execute(
        "SELECT prosrc FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace"
    )
    sources += [body for (body,) in bodies]
    taken = [name for source in sources for name in re.findall(r"pg_(?:try_)?advisory\w*", source)]
    assert set(taken) <= {"pg_advisory_xact_lock", "pg_try_advisory_xact_lock"}
    assert "pg_advisory_xact_lock" in taken, "migrate takes one; or this test looks in the wrong place"


@pytest.mark.parametrize("role", ["reader", "writer", "service", "operator"])
def test_nobody_else_can_take_the_lock(connect: Connect, role: str) -> None:
    """Decision 0002: an advisory lock could be taken and kept by anyone who can connect; this one cannot."""
    connection = connect(role)
    for mode in ("ACCESS SHARE", "ROW EXCLUSIVE", "SHARE", "EXCLUSIVE", "ACCESS EXCLUSIVE"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(f"LOCK TABLE artifactstore.append_lock IN {mode} MODE".encode())


def test_readers_do_not_hold_appends_up(connect: Connect) -> None:
    """What a reader may lock, it may keep: an append must need none of it."""
    service = connect("service", options=f"-c lock_timeout={PATIENCE:g}s")
    reader = connect("reader", autocommit=False)
    append(service, created())
    for table in ("events", "event_types", *scalar(connect(), "SELECT artifactstore.view_names()")):
        reader.execute(f"LOCK TABLE artifactstore.{table} IN ACCESS SHARE MODE".encode())
    reader.execute("SELECT * FROM artifactstore.audit_events").fetchall()
    with within(1):
        assert append(service, created())[0].sequence == 3


def test_no_row_is_updated_by_every_append(connect: Connect) -> None:
    """Decision 0002: no counter row; under one old snapshot its versions would pile up and slow all down."""
    service, superuser = connect("service"), connect()
    package = created()
    append(service, package, ingested(id_of(package), "first"))
    query = """
        SELECT array_agg(v ORDER BY v) FROM (
            SELECT p.xmin::text FROM artifactstore.artifact_packages p
            UNION ALL SELECT r.xmin::text FROM artifactstore.retention_state r
            UNION ALL SELECT g.xmin::text FROM artifactstore.log_epochs g) AS versions (v)
        """
    before = scalar(superuser, query)
    for number in range(5):
        append(service, ingested(id_of(package), f"{number}"))
    assert scalar(superuser, query) == before
    assert scalar(superuser, "SELECT count(*) FROM artifactstore.append_lock") == 0
