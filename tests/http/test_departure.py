"""F57: what a client that left asked for is not carried out, and keeps nobody waiting."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from tests.http.raw import Raw, head
from tests.http.running import Registry, Running, running
from tests.surroundings.endpoints import with_query
from tests.timing import at_best, until

_ID = "0198a5f0-0000-7000-8000-000000000001"
_READS = [
    one for one in ENDPOINTS
    if one.method == "GET" and one.reads_log and one.path not in ("/clock", "/canonical-purl")
]  # fmt: skip
"""Those that read the log or a view."""
_DERIVING = [
    f"POST /packages/{_ID}/seal",
    f"POST /packages/{_ID}/purge",
    f"POST /files/{_ID}/remove",
    f"POST /files/{_ID}/locations",
    f"POST /locations/{_ID}/verified",
]


@contextmanager
def standing_still(conninfo: str) -> Iterator[psycopg.Connection]:
    """Meanwhile no read of the log or of a view ends."""
    with psycopg.connect(conninfo) as connection:
        tables = connection.execute(
            """
            SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
            WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'p')
                AND c.relname NOT IN ('tokens', 'access_tokens')
            """
        ).fetchone()
        assert tables is not None
        connection.execute(f"LOCK TABLE {tables[0]} IN ACCESS EXCLUSIVE MODE")
        yield connection


def active(conninfo: str) -> int:
    """Connections of the service for reads that run something."""
    query = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'artifactstore reader' AND state = 'active'
        """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def until_active(conninfo: str, count: int) -> None:
    """Return when so many run something; only statement_timeout, 30 s, would end a read otherwise."""
    until(lambda: active(conninfo) == count, f"{count} are active", seconds=15, pause=0.05)


def leave(raw: Raw) -> None:
    """Close the connection the way a program that was killed does."""
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raw.socket.close()


def _path(endpoint: Endpoint) -> str:
    path = endpoint.path.replace("{sequence}", "1").replace("{digest}", "blake3:" + "0" * 64)
    for parameter in endpoint.path_parameters:
        path = path.replace("{" + parameter.name + "}", _ID)
    return with_query(path, endpoint)


@pytest.fixture
def impatient(service_conninfo: str) -> Iterator[Running]:
    """A service that reads with two connections and waits long, so that only leaving ends a read."""
    with running(service_conninfo, pool_max=2, pool_timeout=20, statement_timeout=30, check_seconds=0) as one:
        for role in ("reader", "producer", "operator"):
            assert one.client(role).get("/log").status_code == 200  # its token is known from now on
        yield one


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_f57_every_read_ends_with_its_client(method: str, impatient: Running, database: str) -> None:
    for endpoint in _READS:
        with standing_still(database):
            raw = Raw(impatient)
            raw.send(head(impatient, f"{method} {_path(endpoint)}", role="operator"))
            until_active(database, 1)
            leave(raw)
            until_active(database, 0)
    assert impatient.client().get("/packages").status_code == 200


@pytest.mark.parametrize("line", _DERIVING)
def test_f57_so_does_the_read_of_a_command(line: str, impatient: Running, database: str) -> None:
    with standing_still(database):
        raw = Raw(impatient)
        raw.send(head(impatient, line, "Content-Type: application/json", "Content-Length: 2") + "{}")
        time.sleep(0.3)
        leave(raw)
        until_active(database, 0)


def test_f57_who_leaves_the_queue_gives_its_place_up(impatient: Running, database: str) -> None:
    """400 clients that left keep nobody waiting: those who stayed are next."""
    assert at_best(lambda: _seconds_behind_those_who_left(impatient, database), 1) < 1


def _seconds_behind_those_who_left(impatient: Running, database: str) -> float:
    with standing_still(database) as blocker:
        stay = [Raw(impatient) for _ in range(2)]
        for raw in stay:
            raw.send(head(impatient, "GET /packages", role="reader"))
        until_active(database, 2)
        left = [Raw(impatient) for _ in range(400)]
        for raw in left:
            raw.send(head(impatient, "GET /packages?limit=1000", role="reader"))
        last = Raw(impatient)
        last.send(head(impatient, "GET /log", role="reader"))
        time.sleep(1)
        for raw in left:
            leave(raw)
        time.sleep(1)
        began = time.monotonic()
        blocker.rollback()
        for raw in (*stay, last):
            answer = raw.answer()
            assert answer is not None
            assert answer.status == 200
            raw.socket.close()
        return time.monotonic() - began


def test_f57_ending_one_read_never_ends_another(impatient: Running, database: str) -> None:
    """The request to cancel goes to a connection, which may have another read to run by then."""
    registry = Registry(impatient.client())
    registry.package(labels={"a": "b"})
    for turn in range(60):
        asked = []
        for _ in range(8):
            raw = Raw(impatient)
            raw.send(head(impatient, "GET /packages?limit=1000", role="reader"))
            asked.append(raw)
        time.sleep(turn % 6 * 0.002)
        for raw in asked:
            leave(raw)
        for _ in range(4):
            registry.get("/packages")
    until_active(database, 0)


def test_f57_a_request_behind_it_on_the_connection_is_answered(impatient: Running, database: str) -> None:
    """To watch whether a client leaves takes nothing of what it sends next."""
    with standing_still(database) as blocker, Raw(impatient) as raw:
        raw.send(head(impatient, "GET /packages"))
        until_active(database, 1)
        raw.send(head(impatient, "GET /packages?limit=1") + head(impatient, "GET /log"))
        time.sleep(0.3)
        blocker.rollback()
        answers = [raw.answer() for _ in range(3)]
        assert all(answer is not None and answer.status == 200 for answer in answers)
