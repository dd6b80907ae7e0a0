"""2xx means: with the standbys that synchronous_standby_names asks for, here one that does not exist."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from artifactstore.migrate import migrate
from tests.databases import TEST_PREFIX, create_database, programs, running_cluster, superuser_conninfo
from tests.http.running import Running, issue, running
from tests.timing import PATIENCE, until, within

NOBODY = "ANY 1 (nobody)"
WRITE_SECONDS = 2.0
_WAITING = """
    SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()
    """


class Standbys:
    """Which standbys the server waits for, and who waits."""

    def __init__(self, admin: psycopg.Connection) -> None:
        self.admin = admin

    def ask(self, names: str) -> None:
        """Wait for these from now on; who waits for others ends its wait."""
        self.admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'".encode())
        self.admin.execute("SELECT pg_reload_conf()")
        until(
            lambda: self.admin.execute("SHOW synchronous_standby_names").fetchone() == (names,), "it is known"
        )

    def waiting(self) -> list[int]:
        """The backends whose commit waits."""
        return [pid for (pid,) in self.admin.execute(_WAITING.encode())]

    def head(self) -> int:
        """The last event that is to be seen."""
        row = self.admin.execute("SELECT artifactstore.log_head()").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture(scope="module")
def conninfo() -> Iterator[str]:
    """A database on a server of its own."""
    with running_cluster(programs()) as cluster:
        made = create_database(superuser_conninfo(cluster))
        migrate(made, role_prefix=TEST_PREFIX)
        yield made


@pytest.fixture
def standbys(conninfo: str) -> Iterator[Standbys]:
    """None is asked for at first, nor in the end."""
    # Its own commits wait for nobody.
    with psycopg.connect(conninfo, autocommit=True, options="-c synchronous_commit=local") as admin:
        made = Standbys(admin)
        made.ask("")
        yield made
        made.ask("")


@pytest.fixture
def service(conninfo: str, standbys: Standbys) -> Iterator[Running]:
    """A service that answers a write within seconds, and asks before them who has which token."""
    with running(conninfo, issue(conninfo), write_timeout=WRITE_SECONDS, check_seconds=0) as made:
        assert made.client().get("/whoami").status_code == 200
        standbys.ask(NOBODY)
        yield made
        standbys.ask("")


@pytest.fixture
def post(service: Running) -> Callable[..., httpx.Response]:
    """Creates a package of this name, with this key."""
    client = service.client()

    def create(name: str, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return client.post("/packages", json={"purl": f"pkg:generic/{name}@1"}, headers=headers)

    return create


def assert_unknown(answer: httpx.Response) -> None:
    """It is told that nobody knows, and what to do."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "unavailable"), problem
    assert "not known whether" in problem["detail"]
    assert "Idempotency-Key" in problem["hint"]


def test_a_wait_that_somebody_cancels_is_no_success(
    post: Callable[..., httpx.Response], standbys: Standbys
) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, "cancelled")
        until(standbys.waiting, "the commit waits")
        standbys.admin.execute("SELECT pg_cancel_backend(%s)", standbys.waiting())
        assert_unknown(answer.result(PATIENCE))


def test_no_wait_is_longer_than_a_write_may_take(post: Callable[..., httpx.Response]) -> None:
    with within(WRITE_SECONDS):
        assert_unknown(post("waited"))


def test_a_repeated_request_is_answered_when_its_event_is_with_the_standbys(
    post: Callable[..., httpx.Response], standbys: Standbys
) -> None:
    """Although it is in the log of this server already, and is to be seen there."""
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, "repeated", "key")
        until(standbys.waiting, "the commit waits")
        standbys.admin.execute("SELECT pg_cancel_backend(%s)", standbys.waiting())
        assert_unknown(first.result(PATIENCE))
        head = standbys.head()
        assert_unknown(post("repeated", "key"))
        again = pool.submit(post, "repeated", "key")
        until(standbys.waiting, "it waits like the first")
        standbys.ask("")
        answer = again.result(PATIENCE)
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (201, "true")
    assert answer.json()["sequence"] == head == standbys.head()


def test_who_leaves_during_the_commit_cancels_nothing(service: Running, standbys: Standbys) -> None:
    """A cancelled commit would be to be seen here, and lost with this server."""
    head = standbys.head()
    left, body = threading.Event(), {"purl": "pkg:generic/left@1"}

    def post_and_leave() -> None:
        headers = {"Authorization": f"Bearer {service.tokens['producer']}"}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{service.url}/packages", json=body, headers=headers, timeout=0.5)
        left.set()

    with ThreadPoolExecutor(1) as pool:
        gone = pool.submit(post_and_leave)
        until(standbys.waiting, "the commit waits")
        waiting = standbys.waiting()
        assert left.wait(PATIENCE)
        # So long would the service need to see that the client has left, and to cancel.
        for _ in range(10):
            assert not left.wait(0) or standbys.waiting() == waiting
            assert standbys.head() == head
            threading.Event().wait(0.1)
        gone.result(PATIENCE)
    standbys.ask("")
    until(lambda: standbys.head() == head + 1, "it is committed")
