"""``GET /events`` as Server-Sent Events: every event once, in order, across connections; a clear end."""

import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from artifactstore.http.feed import stream as stream_module
from tests.http.feeding import append_packages, fill, sequences, until_waiting, walk
from tests.http.running import Registry, Running, process, running
from tests.http.streaming import ACCEPT, streaming
from tests.http.test_connections import limits
from tests.http.test_waiters import cut, lose_one, replace_last
from tests.timing import PATIENCE, SOON, until, within

SSE = {"Accept": ACCEPT}


@pytest.fixture
def client(service: Running) -> httpx.Client:
    """A client that may do everything."""
    return service.client()


def test_it_gives_what_is_there_and_then_what_comes(service: Running, client: httpx.Client) -> None:
    append_packages(service.settings.database_url, 5)
    there = walk(client)
    with streaming(client) as stream:
        assert stream.answer.headers["Cache-Control"] == "no-store"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        assert stream.answer.headers["Artifactstore-Head"] == str(len(there))
        assert stream.take(len(there)) == there
        for number in range(3):
            append_packages(service.settings.database_url, 2, f"live-{number}")
            came = stream.take(2)
            assert came == walk(client, since=came[0]["sequence"] - 1)
        digest = client.get("/log").json()["head_digest"]
        assert stream.id == f"{len(there) + 6}-{digest}"


def test_it_asks_for_a_pause_before_the_next_connection(client: httpx.Client) -> None:
    with streaming(client) as stream:
        assert stream.next().fields["retry"] == "1000"


def test_each_id_resumes_exactly_there(service: Running, client: httpx.Client) -> None:
    append_packages(service.settings.database_url, 5)
    there = walk(client)
    ids: list[str | None] = ["0"]
    with streaming(client) as stream:
        for event in there:
            assert stream.take(1) == [event]
            ids.append(stream.id)
    for number, last in enumerate(ids[:-1]):
        with streaming(client, last, since="head") as stream:
            assert stream.take(len(there) - number) == there[number:]


def test_from_the_head_its_first_id_holds_the_place(service: Running, client: httpx.Client) -> None:
    """Who loses the connection before an event came must not begin at a later head."""
    with streaming(client, since="head") as stream:
        stream.next()
        last = stream.id
    append_packages(service.settings.database_url, 2)
    with streaming(client, last, since="head") as stream:
        assert stream.take(2) == walk(client)[-2:]


def test_a_filter_moves_the_cursor_past_what_it_leaves_out(
    service: Running, database: str, client: httpx.Client
) -> None:
    head = fill(database, 25_000)
    append_packages(service.settings.database_url, 1, "rare", actor="test:rare")
    with streaming(client, actor="test:rare") as stream:
        assert sequences(stream.take(1)) == [head + 1]
    with streaming(client, actor="test:nobody") as stream:
        while stream.id is None or not stream.id.startswith(f"{head + 1}-"):
            assert stream.next().name is None


def test_what_is_silent_is_sent_a_comment(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PING_SECONDS", 0.1)
    with streaming(client, since="head") as stream:
        stream.next()
        for _ in range(3):
            assert dict(stream.next().fields) == {"": ""}


def test_head_has_no_body_and_ends(client: httpx.Client) -> None:
    answer = client.head("/events", headers=SSE)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"].startswith(ACCEPT)


@pytest.mark.parametrize(
    ("query", "headers", "named"),
    [
        ("until=5", {}, "until"),
        ("wait=5", {}, "wait"),
        ("", {"Last-Event-ID": "1"}, "Last-Event-ID"),
        ("", {"Last-Event-ID": ""}, "Last-Event-ID"),
        ("", {"Last-Event-ID": "0-sha256:" + "0" * 64}, "Last-Event-ID"),
        ("", {"Last-Event-ID": "1-sha256:" + "A" * 64}, "Last-Event-ID"),
        ("since_digest=x", {}, "since_digest"),
    ],
)
def test_what_is_no_stream_is_refused(
    client: httpx.Client, query: str, headers: dict[str, str], named: str
) -> None:
    answer = client.get(f"/events?{query}", headers=SSE | headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert named in (answer.json().get("parameter"), answer.json().get("header"))


def test_two_cursors_are_refused(client: httpx.Client) -> None:
    twice = [("Accept", ACCEPT), ("Last-Event-ID", "0"), ("Last-Event-ID", "0")]
    assert client.get("/events", headers=twice).json()["header"] == "Last-Event-ID"


def test_http_1_0_is_refused_a_stream(service: Running) -> None:
    assert b" 400 " in service.exchange(f"GET /events HTTP/1.0\r\nAccept: {ACCEPT}")


@pytest.mark.parametrize(
    ("last", "epoch", "code"),
    [
        (f"999-sha256:{'0' * 64}", None, "cursor-ahead"),
        (f"1-sha256:{'0' * 64}", None, "diverged"),
        ("0", "9-00000000", "epoch-mismatch"),
    ],
)
def test_a_cursor_of_another_log_is_refused_at_once(
    client: httpx.Client, last: str, epoch: str | None, code: str
) -> None:
    query = {} if epoch is None else {"epoch": epoch}
    answer = client.get("/events", params=query, headers=SSE | {"Last-Event-ID": last})
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert answer.json()["epochs"]


@pytest.mark.parametrize(
    ("change", "code"), [(cut, "cursor-ahead"), (replace_last, "diverged"), (lose_one, "log-damaged")]
)
def test_a_log_that_changes_under_a_stream_ends_it(
    service: Running,
    database: str,
    client: httpx.Client,
    change: Callable[[psycopg.Connection, int], None],
    code: str,
) -> None:
    append_packages(service.settings.database_url, 3)
    head = len(walk(client))
    with streaming(client) as stream:
        assert sequences(stream.take(head))[-1] == head
        until_waiting(service, 1)
        time.sleep(0.3)  # until it was read for the waiter: what is not known cannot be seen to change
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER ALL")
            change(connection, head)
        *before, last = stream.rest()
        assert [block.name for block in before if block.name] == []
        assert (last.name, last.data["code"]) == ("refused", code)


def test_a_revoked_token_ends_its_streams(
    service: Running, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "PING_SECONDS", 0.2)
    made = registry.post("/tokens", {"actor": "user:leaving", "roles": ["reader"]})
    with streaming(service.client(made["token"]), since="head") as stream:
        stream.next()
        registry.post(f"/tokens/{made['token_id']}/revoke")
        last = stream.rest()[-1]
    assert (last.name, last.data["code"]) == ("refused", "unauthorized")


def test_it_goes_on_when_the_database_is_back(
    service: Running, database: str, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "PING_SECONDS", 0.2)
    head = len(walk(client))
    with streaming(client, since="head") as stream, psycopg.connect(database, autocommit=True) as admin:
        stream.next()
        for number in range(3):
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            append_packages(service.settings.database_url, 1, f"after-{number}")
            assert sequences(stream.take(1)) == [head + number + 1]


def test_as_many_as_may_wait_and_no_more(service_conninfo: str) -> None:
    with running(service_conninfo, max_waiters=1) as service:
        client = service.client()
        with streaming(client, since="head") as stream:
            stream.next()
            until_waiting(service, 1)
            answer = client.get("/events", headers=SSE)
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert answer.headers["Retry-After"] == "1"
        until_waiting(service, 0)
        with streaming(client) as stream:
            stream.next()


def test_who_does_not_read_is_cut_off_and_goes_on_later(service_conninfo: str, database: str) -> None:
    with running(service_conninfo, send_timeout=1) as service:
        head = fill(database, 60_000)
        client = service.client()
        address = urlsplit(service.url)
        before = limits(service).get("send-timeout", 0)  # metrics are those of the process
        with socket.create_connection((str(address.hostname), address.port or 0)) as deaf:
            token = service.tokens["reader"]
            deaf.sendall(
                f"GET /events HTTP/1.1\r\nHost: a\r\nAccept: {ACCEPT}\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode()
            )
            until(lambda: limits(service).get("send-timeout", 0) > before, "it is cut off")
            deaf.settimeout(PATIENCE)
            got = b""
            with suppress(ConnectionResetError):
                while part := deaf.recv(1_000_000):
                    got += part
        assert b"event: refused" not in got
        assert not got.endswith(b"0\r\n\r\n"), "it was cut, not ended"
        last = got[: got.rindex(b"\n\n")].rsplit(b"\nid: ", 1)[1].split()[0].decode()
        with streaming(client, last) as stream:
            expected = list(range(int(last.partition("-")[0]) + 1, head + 1))
            assert len(expected) > 1_000
            assert sequences(stream.take(len(expected))) == expected


def test_a_stream_goes_with_its_client(service: Running, client: httpx.Client) -> None:
    with streaming(client, since="head") as stream:
        stream.next()
        until_waiting(service, 1)
    until_waiting(service, 0)


def test_sigterm_ends_it_in_order(service_conninfo: str) -> None:
    with process(service_conninfo) as (served, service):
        client = service.client()
        head = len(walk(client))
        with streaming(client) as stream:
            assert len(stream.take(head)) == head
            served.send_signal(signal.SIGTERM)
            with within(SOON):
                assert [block.name for block in stream.rest() if block.name] == []
        assert served.wait(PATIENCE) == 0
        assert served.stderr is not None
        assert "raceback" not in served.stderr.read()
