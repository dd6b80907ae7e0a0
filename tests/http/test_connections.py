"""F56: connections that ask for nothing, or for too long, make room; what acts is logged and counted."""

import contextlib
import logging
import os
import resource
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from artifactstore.errors import BadInput
from artifactstore.http import Settings
from artifactstore.http.settings import variable
from artifactstore.http.web.connections import capacity
from tests.http.raw import Raw, head
from tests.http.running import Registry, Running, running
from tests.timing import SLACK, until, within

_HEAD = 1.2
"""Seconds for a head: twice what a test takes to send half of one."""


def limits(service: Running) -> dict[str, float]:
    """How often each limit acted."""
    start = 'artifactstore_http_limits_total{limit="'
    lines = service.client("operator").get("/metrics").text.splitlines()
    told = [line.removeprefix(start).split('"} ') for line in lines if line.startswith(start)]
    return {limit: float(value) for limit, value in told}


def closed_within(raw: Raw, seconds: float) -> bool:
    """Whether the service closes it after so long; what it says is read and dropped."""
    end = time.monotonic() + seconds + SLACK
    while (left := end - time.monotonic()) > 0:
        raw.socket.settimeout(left)
        try:
            if not raw.socket.recv(65_536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


@pytest.mark.parametrize("first", [True, False], ids=["first request", "second request"])
def test_f56_half_a_head_is_given_up_with_an_answer(service_conninfo: str, first: bool) -> None:
    with running(service_conninfo, head_timeout=_HEAD) as service, Raw(service) as raw:
        before = limits(service).get("head-timeout", 0)
        if not first:
            raw.send(head(service, "GET /healthz"))
            assert raw.answer()
            time.sleep(2 * _HEAD)  # between requests there is more time
        with within(_HEAD):
            raw.send("GET /healthz HTTP/1.1\r\nHost: a\r\nX: ")
            for _ in range(10):
                time.sleep(0.05)
                raw.send("x")
            (answer,) = raw.answers()
        assert (answer.status, answer.code) == (408, "request-timeout")
        assert limits(service)["head-timeout"] == before + 1


@pytest.mark.parametrize("data", ["", "\r\n"])
def test_f56_who_says_nothing_is_given_up_too(service_conninfo: str, data: str) -> None:
    with running(service_conninfo, head_timeout=0.6) as service, Raw(service) as raw:
        raw.send(data)
        assert closed_within(raw, 0.6)


def test_f56_a_connection_without_requests_ends(service_conninfo: str) -> None:
    with running(service_conninfo, idle_timeout=2, head_timeout=30) as service, Raw(service) as raw:
        before = limits(service).get("idle-timeout", 0)
        for _ in range(3):
            raw.send(head(service, "GET /healthz"))
            assert raw.answer()
            time.sleep(0.8)  # all in all longer than a connection without requests would have
        assert closed_within(raw, 2)
        assert limits(service)["idle-timeout"] >= before + 1


def test_f56_idle_connections_outlive_those_of_proxies() -> None:
    """A proxy that sends on a connection which is closed at that moment tells its client 502."""
    assert Settings(database_url="x").idle_timeout > 60


def test_f56_a_body_that_nobody_wants_ends_in_time(service_conninfo: str) -> None:
    """Without a token it is answered before its body; what goes on coming has the time of a body."""
    with running(service_conninfo, body_timeout=0.8) as service, Raw(service) as raw:
        raw.send(head(service, "POST /packages", "Content-Length: 100000", role=None))
        answer = raw.answer()
        assert answer is not None
        assert answer.status == 401
        with within(0.8), contextlib.suppress(OSError):
            while True:
                raw.send("x")
                time.sleep(0.02)


def test_f56_after_such_a_body_the_connection_is_idle(service_conninfo: str) -> None:
    with running(service_conninfo, idle_timeout=1) as service, Raw(service) as raw:
        raw.send(head(service, "POST /packages", "Content-Length: 10", role=None))
        assert raw.answer()
        raw.send("0123456789")
        assert closed_within(raw, 1)


def _labeled(registry: Registry) -> str:
    """The path of a package that is 60 KB as JSON."""
    return registry.package(labels={f"{number:03}": "x" * 1000 for number in range(60)})


def _ask_deaf(service: Running, path: str, count: int) -> Raw:
    """A client that asks so often and reads nothing of the answers."""
    raw = Raw(service)
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(count):
        raw.send(head(service, f"GET {path}", role="reader"))
    return raw


def test_f56_who_does_not_read_is_cut_off(service_conninfo: str) -> None:
    with running(service_conninfo, send_timeout=1) as service:
        registry = Registry(service.client())
        for _ in range(60):
            _labeled(registry)
        with _ask_deaf(service, "/packages?limit=1000", 3):
            _until(service, "send-timeout")
        # Who reads slowly, but reads, is no such client.
        with Raw(service) as raw:
            raw.send(head(service, "GET /packages?limit=10", role="reader"))
            answer = raw.answer()
            assert answer is not None
            assert answer.status == 200


def test_f56_what_waits_for_clients_is_bounded_over_all(service_conninfo: str) -> None:
    with running(service_conninfo, unsent_bytes=5_000_000) as service:
        registry = Registry(service.client())
        for _ in range(60):
            _labeled(registry)
        deaf = [_ask_deaf(service, "/packages?limit=1000", 2) for _ in range(4)]
        _until(service, "unsent-bytes")
        assert registry.get("/packages", limit=1)
        for raw in deaf:
            raw.socket.close()


def _until(service: Running, limit: str) -> None:
    """Return when the limit acted."""
    before = limits(service).get(limit, 0)
    until(lambda: limits(service).get(limit, 0) > before, f"{limit} acts", pause=0.1)


def test_f56_whoever_is_idle_makes_room_the_longest_first(service_conninfo: str) -> None:
    """Those who never asked for anything go before those who did; who waits for an answer stays."""
    with running(service_conninfo, max_connections=8) as service:
        registry = Registry(service.client())  # one connection, kept
        registry.get("/packages")
        waiting = Raw(service)
        waiting.send(head(service, "GET /events?since=head&wait=3"))
        known = Raw(service)
        known.send(head(service, "GET /healthz"))
        assert known.answer()
        strangers = []
        for _ in range(12):
            strangers.append(Raw(service))
            time.sleep(0.02)
        assert closed_within(strangers[0], 2)
        assert not closed_within(strangers[-1], 0.2)
        registry.client.close()
        known.send(head(service, "GET /healthz"))
        assert known.answer()
        strangers[-1].send(head(service, "GET /healthz"))
        strangers[-1].socket.settimeout(10)
        assert strangers[-1].answer()
        answer = waiting.answer()
        assert answer is not None
        assert answer.status == 200
        for raw in (*strangers, waiting, known):
            raw.socket.close()


def test_f56_when_all_are_busy_a_newcomer_is_told(service_conninfo: str) -> None:
    """Requests that wait for events take three quarters at most, so that this is rare."""
    with running(service_conninfo, max_connections=4, max_waiters=100) as service:
        busy = []
        for _ in range(4):
            raw = Raw(service)
            raw.send(head(service, "POST /packages", "Content-Type: application/json", "Content-Length: 9"))
            busy.append(raw)
        time.sleep(0.5)
        with Raw(service) as late:
            (answer,) = late.answers()
        assert (answer.status, answer.code) == (503, "overloaded")
        assert answer.headers["retry-after"]
        for raw in busy:
            raw.send("{}       ")
            answered = raw.answer()
            assert answered is not None
            assert answered.status == 422
            raw.socket.close()


def test_f56_waiting_for_events_leaves_room_for_others(service_conninfo: str) -> None:
    with running(service_conninfo, max_connections=8) as service:
        polls = []
        for _ in range(7):
            raw = Raw(service)
            raw.send(head(service, "GET /events?since=head&wait=20"))
            polls.append(raw)
        at_once = polls[-1].answer()
        assert at_once is not None
        assert at_once.headers["retry-after"]
        for raw in polls:
            raw.socket.close()


def test_f56_what_acts_is_logged_at_once_and_then_by_number(
    service_conninfo: str, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("artifactstore")
    with running(service_conninfo, log_level="warning") as service:
        logger.addHandler(caplog.handler)
        try:
            for _ in range(20):
                with Raw(service) as raw:
                    raw.send("nonsense\r\n\r\n")
                    assert raw.answer()
        finally:
            logger.removeHandler(caplog.handler)
    told: list[Any] = [record for record in caplog.records if getattr(record, "limit", "") == "malformed"]
    assert len(told) == 1
    assert (told[0].getMessage(), told[0].levelname, told[0].times) == ("limit", "WARNING", 1)


def test_f56_the_capacity_is_what_the_process_may_open(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(database_url="x")

    def descriptors(number: int) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (number, number))

    descriptors(1024)
    assert 900 < capacity(settings) < 1024 - settings.pool_max - 20
    descriptors(resource.RLIM_INFINITY)
    assert capacity(settings) == settings.max_connections
    descriptors(100)
    assert capacity(Settings(database_url="x", max_connections=5)) == 5
    descriptors(80)
    with pytest.raises(BadInput, match="ulimit -n"):
        capacity(settings)


def test_f56_too_few_files_are_told_before_anything_starts() -> None:
    command = [sys.executable, "-m", "artifactstore", "serve", "--port", "0"]
    ended = subprocess.run(
        command,
        env={**os.environ, "DATABASE_URL": "host=127.0.0.1 port=1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (70, 70)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "ulimit -n" in ended.stderr
    assert "Traceback" not in ended.stderr


_POSITIVE = (
    "body_bytes", "body_timeout", "page_bytes", "head_bytes", "head_count", "head_timeout", "idle_timeout",
    "send_timeout", "unsent_bytes", "max_connections",
)  # fmt: skip


@pytest.mark.parametrize("name", _POSITIVE)
@pytest.mark.parametrize("text", ["0", "-1", "x", "", "nan", "inf", "1e999"])
def test_limits_are_numbers_more_than_0(name: str, text: str) -> None:
    environment = {"DATABASE_URL": "x", variable(name): text}
    with pytest.raises(BadInput) as refused:
        Settings.from_environment(environment)
    assert refused.value.code == "usage"
    assert variable(name) in str(refused.value)


def test_an_answer_without_a_body_is_sent_at_once(shared_service: Running) -> None:
    """Its head waits for no body: of HEAD, one behind the other, and of the last answer of a connection."""
    with Raw(shared_service) as raw:
        raw.send(head(shared_service, "HEAD /healthz") * 2)
        received = b""
        while received.count(b"\r\n\r\n") < 2:
            received += raw.socket.recv(65_536)
        assert received.startswith(b"HTTP/1.1 200")
        assert received.endswith(b"\r\n\r\n")
        raw.send(head(shared_service, "HEAD /healthz", "Connection: close"))
        last = b"".join(iter(lambda: raw.socket.recv(65_536), b""))
        assert last.startswith(b"HTTP/1.1 200")
        assert last.endswith(b"\r\n\r\n")
