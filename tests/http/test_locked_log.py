"""Cases LCK01 and LCK02: somebody holds the append lock. Case DR02: the client leaves meanwhile."""

import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.store import Store
from tests.http.running import Registry, Running, running
from tests.timing import SLACK

_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'artifactstore%'
        AND (wait_event_type = 'Lock' OR state LIKE 'idle in transaction%')
    """

_SLOW_COMMIT = """
    CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON artifactstore.events DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION public.slow()
    """
_IN_COMMIT = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'artifactstore%'
        AND wait_event = 'PgSleep'
    """


@pytest.fixture
def hurried(service_conninfo: str) -> Iterator[Running]:
    """A service that waits for the log for 1.5 s only, with a pool of 5."""
    with running(service_conninfo, lock_timeout=1.5, pool_max=5) as service:
        yield service


@contextmanager
def _locked(conninfo: str) -> Iterator[None]:
    with psycopg.connect(conninfo) as holder:
        holder.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
        yield


def test_lck02_reads_and_health_go_on_while_writes_wait(hurried: Running, database: str) -> None:
    """50 writes wait: each is answered 503 in time, nothing else takes a second, and all recovers.

    A read that needed what the writes hold would be answered when they are, as often as it is asked.
    """
    registry = Registry(hurried.client())
    package = registry.package()
    before = registry.head()

    def write(n: int) -> tuple[httpx.Response, float]:
        started = time.monotonic()
        answer = registry.client.post("/packages", json={"purl": f"pkg:generic/locked-{n}@1"})
        return answer, time.monotonic() - started

    client = hurried.client()
    seconds: dict[str, list[float]] = defaultdict(list)
    with _locked(database), ThreadPoolExecutor(50) as pool:
        writes = [pool.submit(write, n) for n in range(50)]
        while not all(one.done() for one in writes):
            for path in (package, "/healthz", "/readyz", "/tokens", "/metrics"):
                answer = client.get(path)
                assert answer.status_code == 200
                seconds[path].append(answer.elapsed.total_seconds())
            time.sleep(0.1)
    assert {path: median(took) for path, took in seconds.items() if median(took) >= 1} == {}
    for answer, waited in (one.result() for one in writes):
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert int(answer.headers["Retry-After"]) >= 1
        assert waited < 1.5 + SLACK
    assert registry.head() == before
    registry.post("/packages", {"purl": "pkg:generic/after@1"}, 201)


def test_lck01_a_stuck_holder_is_ended_by_the_server(
    hurried: Running, service_conninfo: str, admin: psycopg.Connection
) -> None:
    """append limits how long its caller may idle in the transaction; here the caller asks for less."""
    registry = Registry(hurried.client())
    registry.package()
    event = NewEvent(PackageCreated(purl="pkg:generic/stuck@1"), new_id(), "user:stuck")
    stuck = psycopg.connect(service_conninfo)
    stuck.execute("SET idle_in_transaction_session_timeout = '1s'")
    Store(stuck).writes.append([event])
    assert registry.client.post("/packages", json={"purl": "pkg:generic/a@1"}).status_code in (201, 503)
    _until(lambda: _count(admin) == 0)
    registry.post("/packages", {"purl": "pkg:generic/b@1"}, 201)
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        stuck.execute("SELECT 1")
    stuck.close()


def test_too_many_waiting_commands_are_answered_at_once(service_conninfo: str, database: str) -> None:
    with running(service_conninfo, queue_commands=5, lock_timeout=2.0) as service:
        registry = Registry(service.client())
        registry.package()
        with _locked(database), ThreadPoolExecutor(30) as pool:
            codes = list(
                pool.map(
                    lambda n: registry.client.post("/packages", json={"purl": f"pkg:generic/q{n}@1"}).json(),
                    range(30),
                )
            )
        found = [answer.get("code") for answer in codes]
        assert set(found) == {"busy", "overloaded"}
        assert found.count("overloaded") >= 30 - 5 - 5


def test_dr02_a_client_that_leaves_takes_its_command_with_it(
    service: Running, database: str, admin: psycopg.Connection
) -> None:
    """Within 2 s no backend waits for it; nothing was appended; the next command works."""
    registry = Registry(service.client())
    registry.package()
    before = registry.head()
    with _locked(database):
        clients = [_send(service, b'{"purl": "pkg:generic/left@1"}') for _ in range(3)]
        _until(lambda: _count(admin) == 1)
        for client in clients:
            client.close()
        _until(lambda: _count(admin) == 0)
        # The first to be given up lets the next one wait, until that client is seen to have left.
        _until(lambda: _count(admin) == 0, holds=0.5)
    assert registry.head() == before
    registry.post("/packages", {"purl": "pkg:generic/left@1"}, 201)


def test_dr02_a_client_that_leaves_during_the_commit_changes_nothing(
    service: Running, admin: psycopg.Connection
) -> None:
    """Event and package are both there or neither is, nothing is left running, and others go on."""
    registry = Registry(service.client())
    registry.package()
    before = registry.head()
    admin.execute(_SLOW_COMMIT)
    client = _send(service, b'{"purl": "pkg:generic/left@1"}')
    _until(lambda: _committing(admin) == 1)
    client.close()
    _until(lambda: _committing(admin) == 0)
    admin.execute("DROP FUNCTION public.slow() CASCADE")
    left = registry.get("/packages", purl="pkg:generic/left@1")["packages"]
    assert registry.head() == before + len(left)
    for number in range(20):
        registry.post("/packages", {"purl": f"pkg:generic/after@{number}"}, 201)
    assert _count(admin) == 0


def test_dr02_who_leaves_does_not_disturb_who_stays(service: Running, database: str) -> None:
    registry = Registry(service.client())
    registry.package()
    outcome: list[httpx.Response] = []
    stays = threading.Thread(
        target=lambda: outcome.append(registry.client.post("/packages", json={"purl": "pkg:generic/b@1"}))
    )
    with _locked(database):
        stays.start()
        with service.client() as leaving, pytest.raises(httpx.ReadTimeout):
            leaving.post("/packages", json={"purl": "pkg:generic/a@1"}, timeout=0.5)
        time.sleep(0.2)
    stays.join(10)
    assert outcome[0].status_code == 201


def _send(service: Running, body: bytes) -> socket.socket:
    """A connection on which a package is asked for, and whose answer nobody has read."""
    address = urlsplit(service.url)
    head = (
        "POST /packages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {service.tokens['producer']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((str(address.hostname), address.port or 0), 10)
    connection.sendall(head.encode() + body)
    return connection


def _committing(admin: psycopg.Connection) -> int:
    row = admin.execute(_IN_COMMIT).fetchone()
    assert row is not None
    return int(row[0])


def _count(admin: psycopg.Connection) -> int:
    row = admin.execute(_WAITING).fetchone()
    assert row is not None
    return int(row[0])


def _until(condition: Callable[[], bool], seconds: float = 2 + SLACK, holds: float = 0) -> None:
    """Wait until a condition is true, and has been for a while; some seconds at most until it is."""
    deadline = time.monotonic() + seconds
    since = None
    while since is None or time.monotonic() < since + holds:
        since = (since or time.monotonic()) if condition() else None
        assert since or time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
