"""Requests that wait: TL01 to TL06, TL08, and logs that change under them; GAP08.

TL05, TL06: what an append notifies, and when, is in tests/log/test_notify.py too.
"""

import signal
import socket
import statistics
import time
from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest

from artifactstore.events import NewEvent, SystemRestored, new_id
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.databases import create_database, programs, running_cluster, superuser_conninfo
from tests.effort import LOOKS
from tests.http.feeding import Poll, append_packages, fill, page, sequences, until_waiting, waiting
from tests.http.running import Running, issue, process, running
from tests.timing import PATIENCE, SLACK, SOON, until, within

HALF_CLOSED = "half-closed"


def head_of(service: Running) -> int:
    """The head of its log."""
    return int(page(service.client())["head"])


def append(service: Running, name: str, count: int = 1) -> None:
    """Append past the service, with the notification that every append sends."""
    append_packages(service.settings.database_url, count, name)


def sessions(conninfo: str, purpose: str = "") -> list[int]:
    """Backends of the service, by what they are for."""
    query = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'artifactstore ' || %s || '%%'
        """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return [row[0] for row in connection.execute(query, (purpose,))]


@pytest.mark.parametrize("departure", ["closed", HALF_CLOSED, "reset"])
def test_tl01_a_waiter_goes_with_its_client(service: Running, departure: str) -> None:
    polls = [Poll(service, "since=head&wait=55") for _ in range(100)]
    until_waiting(service, 100)
    for poll in polls:
        if departure == HALF_CLOSED:
            poll.socket.shutdown(socket.SHUT_WR)
        elif departure == "reset":
            poll.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if departure != HALF_CLOSED:
            poll.close()
    until_waiting(service, 0)
    for poll in polls:
        poll.close()


def test_tl01_clients_that_never_read_hold_nobody_up(service: Running) -> None:
    deaf = [Poll(service, f"since={head_of(service)}&wait=55") for _ in range(50)]
    until_waiting(service, 50)
    append(service, "deaf")
    until_waiting(service, 0)
    assert service.client().get("/log").status_code == 200
    for poll in deaf:
        poll.close()


def test_tl02_waiters_hold_no_connections(service_conninfo: str, database: str) -> None:
    with running(service_conninfo, pool_max=5, max_waiters=300) as service:
        polls = [Poll(service, "since=head&wait=55&actor=user:nobody") for _ in range(300)]
        until_waiting(service, 300)
        client = service.client()
        seconds = []
        for number in range(30):
            answer = client.post("/packages", json={"purl": f"pkg:generic/among-waiters@{number}"})
            assert answer.status_code == 201
            seconds.append(answer.elapsed.total_seconds())
        assert statistics.quantiles(seconds, n=20)[-1] < 1
        assert len(sessions(database)) <= 5 + 3
        assert len(sessions(database, "listener")) == 1

        status, headers, value = Poll(service, "since=head&wait=55").answer(timeout=SOON)
        assert (status, value["events"], headers["retry-after"]) == (200, [], "1")
        assert waiting(service) == 300
        for poll in polls:
            poll.close()


def test_all_waiters_see_an_event_and_only_theirs(service: Running) -> None:
    head = head_of(service)
    everyone = [Poll(service, f"since={head}&wait=20") for _ in range(20)]
    theirs = Poll(service, f"since={head}&wait=20&actor=test:theirs")
    kinds = Poll(service, f"since={head}&wait=2&subject_kind=file")
    later = Poll(service, f"since={head}&wait=20&until={head + 1}&event_type=v1.file.*")
    until_waiting(service, 23)
    append(service, "first")
    for poll in everyone:
        got = poll.page(timeout=SOON)
        assert (sequences(got["events"]), got["next"], got["head"]) == ([head + 1],) + (head + 1,) * 2
    # What it waited for can come no more: its last event was another.
    assert (got := later.page(timeout=SOON))["events"] == []
    assert got["next"] == head + 1
    append_packages(service.settings.database_url, 1, "second", actor="test:theirs")
    assert sequences(theirs.page(timeout=SOON)["events"]) == [head + 2]
    # A wait that ends without a match has examined what came meanwhile.
    assert (got := kinds.page(timeout=2 + SLACK))["events"] == []
    assert got["next"] == head + 2


def test_tl03_the_listener_is_replaced(service: Running, database: str) -> None:
    head = head_of(service)
    polls = [Poll(service, f"since={head}&wait=20") for _ in range(20)]
    until_waiting(service, 20)
    (listener,) = sessions(database, "listener")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (listener,))
    append(service, "in-the-gap")
    for poll in polls:
        assert sequences(poll.page(timeout=SOON)["events"]) == [head + 1]
    until(lambda: sessions(database, "listener") not in ([], [listener]), "another listener")


def test_tl03_an_event_without_notification_is_seen(service: Running, database: str) -> None:
    head = head_of(service)
    poll = Poll(service, f"since={head}&wait=20")
    until_waiting(service, 1)
    fill(database, 3)
    assert sequences(poll.page(timeout=SOON)["events"]) == [head + 1, head + 2, head + 3]


def test_tl03_waiters_outlive_a_restart_of_the_server() -> None:
    with running_cluster(programs()) as cluster:
        conninfo = create_database(superuser_conninfo(cluster))
        migrate(conninfo, role_prefix="restart")
        with running(conninfo, issue(conninfo)) as service:
            head = head_of(service)
            polls = [Poll(service, f"since={head}&wait=50") for _ in range(10)]
            until_waiting(service, 10)
            cluster.stop()
            cluster.start()
            append(service, "after-the-restart")
            for poll in polls:
                assert sequences(poll.page(timeout=PATIENCE)["events"]) == [head + 1]


def test_tl04_no_event_comes_between_the_look_and_the_wait(service: Running) -> None:
    client = service.client()
    head = head_of(service)
    for number in range(LOOKS):
        poll = Poll(service, f"since={head}&wait=20")
        time.sleep(number * 7 % 21 / 1000)
        client.post("/packages", json={"purl": f"pkg:generic/between@{number}"})
        assert sequences(poll.page(timeout=SOON)["events"]) == [head + 1]
        head += 1


def test_more_events_at_once_than_memory_holds(service: Running, database: str) -> None:
    head = head_of(service)
    poll = Poll(service, f"since={head}&wait=20&limit=1000")
    rare = Poll(service, f"since={head}&wait=20&actor=test:rare")
    until_waiting(service, 2)
    last = fill(database, 4_999)
    append_packages(service.settings.database_url, 1, "rare", actor="test:rare")
    got = poll.page(timeout=SOON)
    assert sequences(got["events"]) == list(range(head + 1, head + len(got["events"]) + 1))
    found = rare.page(timeout=SOON)
    while not found["events"]:
        assert found["has_more"]
        found = page(service.client(), since=found["next"], actor="test:rare")
    assert sequences(found["events"]) == [last + 1]


def test_a_late_event_comes_from_memory(service: Running) -> None:
    """Who waited while more passed than memory holds goes on from there, and the database is left alone."""
    polls = [Poll(service, "since=head&wait=20&actor=test:late") for _ in range(5)]
    until_waiting(service, 5)
    for round_ in range(5):
        append(service, f"passing-{round_}", count=500)
    append_packages(service.settings.database_url, 1, "late", actor="test:late")
    before = pages_from(service, "database")
    for poll in polls:
        got = poll.page(timeout=SOON)
        assert sequences(got["events"]) == [got["next"]] == [head_of(service)]
    # head_of asks the database; those who waited did not.
    assert pages_from(service, "database") - before == len(polls)


def pages_from(service: Running, source: str) -> int:
    """How many pages came from ``memory`` or ``database``, as the metrics tell."""
    name = f'artifactstore_feed_pages_total{{source="{source}"}} '
    for line in service.client("operator").get("/metrics").text.splitlines():
        if line.startswith(name):
            return int(float(line.removeprefix(name)))
    return 0


def cut(connection: psycopg.Connection, head: int) -> None:
    """The log loses its last event, as in a failover to a server that was behind."""
    connection.execute("DELETE FROM artifactstore.events WHERE sequence = %s", (head,))


def replace_last(connection: psycopg.Connection, head: int) -> None:
    """The last event becomes another one."""
    command: LiteralString = (
        "UPDATE artifactstore.events SET payload = '\\xa0', payload_digest = artifactstore.blake3('\\xa0')"
        " WHERE sequence = %s"
    )
    connection.execute(command, (head,))


def lose_one(connection: psycopg.Connection, head: int) -> None:
    """The next event leaves a hole before it."""
    command: LiteralString = (
        "INSERT INTO artifactstore.events SELECT sequence + 2, created_at, event_type, subject_kind,"
        " subject_id, actor, payload, payload_digest FROM artifactstore.events WHERE sequence = %s"
    )
    connection.execute(command, (head,))


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [(cut, 409, "cursor-ahead"), (replace_last, 409, "diverged"), (lose_one, 500, "log-damaged")],
)
def test_a_log_that_changes_under_a_waiter_is_told(
    service: Running,
    database: str,
    change: Callable[[psycopg.Connection, int], None],
    status: int,
    code: str,
) -> None:
    append(service, "last", 3)
    head = head_of(service)
    digest = service.client().get("/log").json()["head_digest"]
    poll = Poll(service, f"since={head}&wait=20&since_digest={digest}")
    until_waiting(service, 1)
    time.sleep(0.3)  # until it was read for the waiter: what is not known cannot be seen to change
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER ALL")
        change(connection, head)
    answered, _, problem = poll.answer(timeout=SOON)
    assert (answered, problem["code"]) == (status, code)


def test_a_new_epoch_is_told_to_those_who_follow_the_old_one(service: Running) -> None:
    before = page(service.client())
    head, epoch = before["head"], before["epoch"]
    follower = Poll(service, f"since={head}&wait=20&epoch={epoch}")
    careless = Poll(service, f"since={head}&wait=20")
    until_waiting(service, 2)
    log_id = before["events"][0]["subject_id"]
    with psycopg.connect(service.settings.database_url, autocommit=True) as connection:
        restored = SystemRestored(epoch=2, epoch_id=new_id(), from_sequence=head, reason="a drill")
        store = Store(connection)
        store.writes.append([NewEvent(restored, store.identity.position().log_id, "test:operator")])
    status, _, problem = follower.answer(timeout=SOON)
    assert (status, problem["code"]) == (409, "epoch-mismatch")
    assert problem["epoch"].startswith("2-")
    got = careless.page(timeout=SOON)
    assert (got["epoch"], sequences(got["events"]), got["log_id"]) == (problem["epoch"], [head + 1], log_id)


def test_gap08_catching_up_beside_a_writer_skips_nothing(service: Running, database: str) -> None:
    behind = fill(database, 20_000)
    client = service.client()
    since = 0
    pages = written = 0
    while since < behind + written:
        limit = 100 if pages % 4 else 1000
        got = page(client, since=since, limit=limit, wait=pages % 2)
        expected = list(range(since + 1, since + len(got["events"]) + 1))
        assert sequences(got["events"]) == expected
        assert got["next"] == expected[-1]
        since = got["next"]
        pages += 1
        if pages % 3 == 0 and written < 30:
            append(service, f"beside-{pages}")
            written += 1
    assert since == behind + written == head_of(service)


def test_tl05_a_notification_is_a_number_however_large_the_event(service: Running, database: str) -> None:
    head = head_of(service)
    sizes = (100, 7_999, 8_001, 60_000)
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN artifactstore_events")
        for number, size in enumerate(sizes, 1):
            poll = Poll(service, f"since={head}&wait=20")
            labels = {f"größe-{part}": "ü" * 500 for part in range(size // 1_000)}
            body = {"purl": f"pkg:generic/large@{number}", "labels": {**labels, "rest": "x" * (size % 1_000)}}
            assert service.client().post("/packages", json=body).status_code == 201
            (event,) = poll.page(timeout=SOON)["events"]
            assert event["payload"]["labels"] == body["labels"]
            head += 1
        heard = [one.payload for one in listener.notifies(timeout=PATIENCE, stop_after=len(sizes))]
    assert heard == [str(head - len(sizes) + number) for number in range(1, len(sizes) + 1)]


def test_tl06_an_open_append_delays_only_appends(
    service: Running, database: str, server_conninfo: str
) -> None:
    head = head_of(service)
    create = """
        SELECT artifactstore.append_json(
            'v1.package.created', artifactstore.new_id(), '{"purl": "pkg:generic/stuck@1"}')
        """
    with psycopg.connect(database) as stuck:
        stuck.execute(create)
        waiter = Poll(service, f"since={head}&wait=20")
        for query in ("since=0", f"since={head}", "since=head", "actor=user:nobody"):
            assert Poll(service, query).page(timeout=SOON)["head"] == head
        with psycopg.connect(server_conninfo, options=f"-c statement_timeout={SOON:g}s") as elsewhere:
            elsewhere.execute("NOTIFY elsewhere")
        stuck.commit()
    assert sequences(waiter.page(timeout=SOON)["events"]) == [head + 1]


def test_tl08_sigterm_answers_those_who_wait(service_conninfo: str) -> None:
    with process(service_conninfo) as (served, service):
        head = head_of(service)
        polls = [Poll(service, f"since={head}&wait=55") for _ in range(20)]
        until_waiting(service, 20)
        served.send_signal(signal.SIGTERM)
        with within(7):
            for poll in polls:
                status, headers, value = poll.answer(timeout=SOON)
                assert (status, value["events"], value["next"]) == (200, [], head)
                assert headers["connection"] == "close"
            assert served.wait(10) == 0
        assert served.stderr is not None
        assert "raceback" not in served.stderr.read()
