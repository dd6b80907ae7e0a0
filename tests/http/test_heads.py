"""Heads of requests: bounded (F54), not to be read in two ways (F59), and not made of trailers (F55)."""

import contextlib
import time
from collections.abc import Iterator
from uuid import uuid4

import psutil
import pytest

from artifactstore.http.web.request import SINGLE_HEADERS
from tests.http.raw import Answered, Raw, head
from tests.http.running import Registry, Running, running

_LIMIT = 64 * 1024
_KEEP = "Content-Type: application/json"


def ask(service: Running, data: bytes | str) -> Answered:
    """The one answer to these bytes."""
    with Raw(service) as raw:
        raw.send(data)
        answer = raw.answer()
    assert answer is not None
    return answer


def assert_alive(service: Running) -> None:
    """Others are answered."""
    assert ask(service, head(service, "GET /healthz", role=None)).status == 200


def _chunked(service: Running, *headers: str, role: str | None = "producer") -> str:
    return head(service, "POST /packages", "Transfer-Encoding: chunked", *headers, role=role)


def _body() -> tuple[str, str]:
    """A body of a new package as one chunk, without the last one, and the purl."""
    purl = f"pkg:generic/{uuid4().hex}@1"
    text = f'{{"purl": "{purl}"}}'
    return f"{len(text):x}\r\n{text}\r\n", purl


@pytest.mark.parametrize("role", [None, "reader"])
@pytest.mark.parametrize(
    "data",
    [
        "X: " + "x" * _LIMIT,
        "X" * _LIMIT + ": x",
        "\r\n".join(f"X-{number}: {'x' * 4000}" for number in range(17)),
        "\r\n".join(f"X-{number}: x" for number in range(101)),
    ],
    ids=["value", "name", "together", "count"],
)
def test_f54_headers_beyond_the_limit_are_refused(
    data: str, role: str | None, shared_service: Running
) -> None:
    answer = ask(shared_service, head(shared_service, "GET /healthz", data, role=role))
    assert (answer.status, answer.code) == (431, "headers-too-large")
    assert answer.headers["connection"] == "close"
    assert_alive(shared_service)


def test_f54_a_target_beyond_the_limit_is_refused(shared_service: Running) -> None:
    answer = ask(shared_service, head(shared_service, f"GET /packages?purl={'a' * _LIMIT}"))
    assert (answer.status, answer.code) == (431, "headers-too-large")


def test_f54_heads_within_the_limit_are_read(shared_service: Running) -> None:
    for data in ("X: " + "x" * (_LIMIT - 1000), "\r\n".join(f"X-{number}: x" for number in range(97))):
        assert ask(shared_service, head(shared_service, "GET /healthz", data)).status == 200


@pytest.mark.parametrize(
    "begin", ["\r\n", "GET /healthz HTTP/1.1\r\nX: ", "GET /", "GET /healthz HTTP/1.1\r\n"]
)
def test_f54_a_head_without_end_is_judged_while_it_comes(begin: str, shared_service: Running) -> None:
    """Also blank lines before it, and before anything of it is whole."""
    piece = {"\r\n": b"\r\n" * 500, "GET /healthz HTTP/1.1\r\n": b"X: " + b"x" * 100 + b"\r\n"}
    process = psutil.Process()
    before, processor = process.memory_info().rss, time.process_time()
    with Raw(shared_service) as raw:
        raw.send(begin)
        sent = 0
        try:
            while sent < 50_000_000:
                raw.send(piece.get(begin, b"x" * 1000))
                sent += len(piece.get(begin, b"x" * 1000))
        except OSError:
            pass
        assert sent < 10_000_000
    assert process.memory_info().rss - before < 20 * 1024 * 1024
    assert time.process_time() - processor < 5
    assert_alive(shared_service)


def test_f54_the_refusal_arrives_although_more_was_sent(shared_service: Running) -> None:
    """Closing with something unread would reset the connection, and take the answer away."""
    with Raw(shared_service) as raw:
        raw.send(head(shared_service, "GET /healthz", "X: " + "x" * _LIMIT).encode() + b"x" * 400_000)
        (answer,) = raw.answers()
    assert answer.status == 431


@pytest.mark.parametrize(
    ("between", "behind"),
    [
        ("1;" + "x" * 1_000_000, ""),
        ("", "X: " + "x" * 1_000_000),
        ("", "X: x\r\n" * 200_000),
    ],
    ids=["chunk extension", "trailer", "trailers"],
)
def test_f54_what_is_around_chunks_is_bounded_too(
    between: str, behind: str, shared_service: Running, shared: Registry
) -> None:
    before = shared.head()
    body, _ = _body()
    process = psutil.Process()
    memory = process.memory_info().rss
    with Raw(shared_service) as raw:
        with contextlib.suppress(OSError):
            raw.send(_chunked(shared_service, _KEEP) + (between or f"{body}0\r\n{behind}"))
        answer = raw.answer()
    assert answer is None or (answer.status, answer.code) == (400, "bad-request")
    assert process.memory_info().rss - memory < 20 * 1024 * 1024
    assert shared.head() == before
    assert_alive(shared_service)


@pytest.mark.parametrize(
    ("trailer", "status"),
    [
        ("Authorization: Bearer {token}", 401),
        ("Content-Type: application/json", 415),
        ("Content-Encoding: gzip", 201),
        ("Idempotency-Key: a b", 201),
        ('If-Match: "x"', 201),
        ("Host: b", 201),
        ("X-Request-Id: forged", 201),
    ],
)
def test_f55_trailers_are_no_headers(
    trailer: str, status: int, shared_service: Running, shared: Registry
) -> None:
    """RFC 9110, 6.5.1: they are ignored, whatever they say, and the next request inherits none."""
    role = None if "Authorization" in trailer else "producer"
    kind = [] if "Content-Type" in trailer else [_KEEP]
    body, _ = _body()
    trailer = trailer.format(token=shared_service.tokens["producer"])
    before = shared.head()
    with Raw(shared_service) as raw:
        raw.send(_chunked(shared_service, *kind, role=role) + f"{body}0\r\n{trailer}\r\n\r\n")
        answer = raw.answer()
        assert answer is not None
        assert answer.status == status
        assert answer.headers["x-request-id"] != "forged"
        assert shared.head() == before + (status == 201)
        # Not closed, and nothing is inherited: without a token it is nobody, without a type no JSON.
        raw.send(head(shared_service, "GET /packages", role=None))
        second = raw.answer()
        assert second is not None
        assert second.status == 401
        raw.send(_chunked(shared_service) + f"{_body()[0]}0\r\n\r\n")
        third = raw.answer()
        assert third is not None
        assert (third.status, third.code) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("trailer", "statuses"),
    [
        ("Content-Length: 1", {400}),
        ("Transfer-Encoding: identity", {400}),
        ("Transfer-Encoding: chunked", {201, 400}),
        ("Connection: close", {201}),
        ("Connection: Upgrade\r\nUpgrade: h2c", {201, 400}),
    ],
)
def test_f55_trailers_that_would_frame_the_next_request_end_the_connection_or_do_nothing(
    trailer: str, statuses: set[int], shared_service: Running
) -> None:
    body, _ = _body()
    with Raw(shared_service, 5) as raw:
        raw.send(_chunked(shared_service, _KEEP) + f"{body}0\r\n{trailer}\r\n\r\n")
        answer = raw.answer()
        assert answer is not None
        assert answer.status in statuses
        try:
            raw.send(head(shared_service, "GET /healthz"))
            second = raw.answer()
        except OSError:
            second = None
        assert second is None or second.status == 200


def test_f55_a_body_with_trailers_is_read_as_one_without(shared_service: Running, shared: Registry) -> None:
    body, purl = _body()
    data = _chunked(shared_service, _KEEP, "Trailer: Digest") + f"{body}0\r\nDigest: x\r\nB: y\r\n\r\n"
    with Raw(shared_service) as raw:
        for byte in data.encode():
            raw.send(bytes([byte]))
        answer = raw.answer()
    assert answer is not None
    assert answer.status == 201
    assert len(shared.get("/packages", purl=purl)["packages"]) == 1


@pytest.mark.parametrize("name", SINGLE_HEADERS)
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("line", ["POST /packages", "GET /packages", "GET /healthz", "GET /nowhere"])
def test_f59_headers_that_are_single_are_refused_twice(
    name: str, same: bool, line: str, shared_service: Running, shared: Registry
) -> None:
    before = shared.head()
    body = f'{{"purl": "pkg:generic/{uuid4().hex}@1"}}'
    good = {
        "Authorization": f"Bearer {shared_service.tokens['producer']}",
        "Content-Encoding": "identity",
        "Content-Length": str(len(body)),
        "Content-Type": "application/json",
        "Host": "a",
        "Idempotency-Key": uuid4().hex,
        "Last-Event-ID": "0",
    }
    lines = [f"{line} HTTP/1.1", *(f"{one}: {value}" for one, value in good.items())]
    lines.append(f"{name.lower()}: {good[name] if same else '7'}")
    answer = ask(shared_service, "\r\n".join([*lines, "", body]))
    assert (answer.status, answer.code) == (400, "bad-request")
    assert shared.head() == before


def test_f59_the_table_has_every_header_that_is_read() -> None:
    """What decides over a request is in it; the others are lists, or told back to the client only."""
    lists = {"Accept", "If-None-Match", "X-Request-Id"}
    assert not lists & set(SINGLE_HEADERS)
    assert len({name.lower() for name in SINGLE_HEADERS}) == len(SINGLE_HEADERS)


@pytest.mark.parametrize("host", ["a", "a:80", "127.0.0.1:8321", "[::1]:80", "", "xn--bcher-kva.example"])
def test_f59_hosts_that_are_one(host: str, shared_service: Running) -> None:
    assert ask(shared_service, head(shared_service, "GET /healthz", host=host)).status == 200


@pytest.mark.parametrize(
    "host", ["a b", "a, b", "a/b", "a@b", 'a"b', "\xe9", "a\tb", "http://a", "a?b", "a#b"]
)
def test_f59_hosts_that_are_none(host: str, shared_service: Running) -> None:
    answer = ask(shared_service, head(shared_service, "GET /healthz", host=host))
    assert (answer.status, answer.code) == (400, "bad-request")


def test_f59_without_host_only_old_http_is_answered(shared_service: Running) -> None:
    answer = ask(shared_service, "GET /healthz HTTP/1.1\r\n\r\n")
    assert (answer.status, answer.code) == (400, "bad-request")
    with Raw(shared_service) as raw:
        raw.send("GET /healthz HTTP/1.0\r\n\r\n")
        (old,) = raw.answers()
    assert old.status == 200


_POST = (
    "POST /packages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    "Authorization: Bearer {token}\r\n"
)
_GET = "GET /healthz HTTP/1.1\r\nHost: a\r\n"
_JSON = '{{"purl": "pkg:generic/smuggled@1"}}'


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (_POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", {400}),
        (_POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
        (_POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", {400}),
        (_POST + "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", {400}),
        (_POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", {400}),
        (_POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400}),
        (_POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", {400}),
        (_POST + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", {400}),
        (_POST + "Content-Length: 5, 5\r\n\r\n{{}}   ", {400}),
        (_POST + "Content-Length: +5\r\n\r\n{{}}   ", {400}),
        (_POST + "Content-Length: -5\r\n\r\n{{}}   ", {400}),
        (_POST + "Content-Length: 0x5\r\n\r\n{{}}   ", {400}),
        (_POST + "Content-Length: 5 5\r\n\r\n{{}}   ", {400}),
        (_POST + "Content-Length: " + "9" * 40 + "\r\n\r\n{{}}", {400}),
        (_POST + "Content-Length:\r\n\r\n", {400}),
        (_POST + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + _JSON, {400}),
        (_POST + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + _JSON, {400}),
        (_POST + "Transfer-Encoding: chunked\r\n\r\n0x5\r\n" + _JSON, {400}),
        (_POST + "Transfer-Encoding: chunked\r\n\r\n" + "f" * 20 + "\r\n" + _JSON, {400}),
        (_POST + "Transfer-Encoding: chunked\r\n\r\n5 \r\n12345\r\n0\r\n\r\n", {400}),
        (_POST + "Transfer-Encoding: chunked\r\n\r\n5\n12345\n0\n\n", {400}),
        (_POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}xx0\r\n\r\n", {400}),
        (_POST + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", {400}),
        (_POST + " X: a\r\nContent-Length: 0\r\n\r\n", {400}),
        (_POST + "X\r\nContent-Length: 0\r\n\r\n", {400}),
        (_POST + ": a\r\nContent-Length: 0\r\n\r\n", {400}),
        (_POST + "X: a\nContent-Length: 0\n\n", {400}),
        (_POST + "X: a\rY: b\r\nContent-Length: 0\r\n\r\n", {400}),
        (_POST + "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 33\r\n\r\n" + _JSON, {400}),
        (_POST + "Connection: Upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
        (_GET + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n", {200}),
        (_GET + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", {200}),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", {400, 405}),
        ("CONNECT /packages HTTP/1.1\r\nHost: a\r\n\r\n", {400, 401, 405}),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {400, 401, 404}),
        ("GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n", {200}),
        ("GET http://b/healthz HTTP/1.1\r\nHost: a\r\n\r\n", {200, 400}),
        ("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", {400, 401, 404}),
        ("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", {400, 401, 404}),
        ("GET healthz HTTP/1.1\r\nHost: a\r\n\r\n", {400, 401, 404}),
        ("GET //healthz HTTP/1.1\r\nHost: a\r\n\r\n", {400, 401, 404}),
        ("GET /%zz%00%ff HTTP/1.1\r\nHost: a\r\n\r\n", {400, 401, 404}),
        ("GET /healthz# HTTP/1.1\r\nHost: a\r\n\r\n", {200, 400}),
        ("GET /healthz?%ff HTTP/1.1\r\nHost: a\r\n\r\n", {200, 400}),
        ("GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n", {200, 400}),
        ("GET /healthz HTTP/1.1 \r\nHost: a\r\n\r\n", {400}),
        ("GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n", {400}),
        ("GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", {400}),
        ("GET /healthz HTTP/0.9\r\n\r\n", {400}),
        ("GET /healthz\r\n\r\n", {400}),
        ("get /healthz HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
        ("G\xc3\xa9T /healthz HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    ],
    ids=lambda value: repr(value[-60:]) if isinstance(value, str) else "",
)  # fmt: skip
def test_f59_what_two_parsers_read_in_two_ways_is_refused_or_harmless(
    data: str, statuses: set[int], shared_service: Running, shared: Registry
) -> None:
    """One answer, and the connection closed, unless the next request begins where everybody takes it to."""
    before = shared.head()
    with Raw(shared_service) as raw:
        if data.startswith("POST"):
            data = data.format(token=shared_service.tokens["producer"])
        raw.send(data)
        answer = raw.answer()
        assert answer is not None
        assert answer.status in statuses, answer
        assert answer.status == 200 or answer.code is not None
        if data.startswith("POST"):
            assert raw.answer() is None, "the connection is used again"
    assert shared.head() == before


def test_f59_nothing_behind_an_upgrade_is_taken_for_a_request(shared_service: Running) -> None:
    data = head(shared_service, "GET /healthz", "Connection: Upgrade", "Upgrade: h2c")
    with Raw(shared_service) as raw:
        raw.send(data + head(shared_service, "GET /packages"))
        (answer,) = raw.answers()
    assert answer.status == 200


@pytest.mark.parametrize(
    "more", ["nonsense\r\n\r\n", "GET /healthz HTTP/1.1\r\nX: " + "x" * 70_000 + "\r\n\r\n"]
)
def test_what_cannot_be_read_is_not_the_answer_to_what_was_asked_before(
    more: str, shared_service: Running
) -> None:
    """Pipelined: those in front get their own answers, in order; then the connection is closed."""
    asked = [head(shared_service, "GET /log"), head(shared_service, "GET /packages?limit=1")]
    with Raw(shared_service) as raw:
        raw.send("".join(asked) + more)
        answers = raw.answers()
    assert [answer.status for answer in answers] == [200, 200]
    assert b'"head"' in answers[0].body
    assert b'"packages"' in answers[1].body


def test_requests_that_wait_behind_another_are_few(shared_service: Running) -> None:
    """They are in memory before anybody is asked who sends them."""
    first = head(shared_service, f"GET /events?since={2**40}&wait=1")
    waits = head(shared_service, "GET /events?since=head&wait=1")
    with Raw(shared_service) as raw:
        raw.send(first + head(shared_service, "GET /healthz") * 10)
        for _ in range(11):
            assert raw.answer() is not None
        raw.send(waits + head(shared_service, "GET /healthz") * 2_000)
        assert 1 <= len(raw.answers()) <= 17
    assert_alive(shared_service)


@pytest.fixture
def tight(service_conninfo: str) -> Iterator[Running]:
    """A service with small limits."""
    with running(service_conninfo, head_bytes=1000, head_count=5) as service:
        yield service


def test_f54_the_limits_are_settings(tight: Running) -> None:
    assert ask(tight, head(tight, "GET /healthz", "X: " + "x" * 800, role=None)).status == 200
    assert ask(tight, head(tight, "GET /healthz", "X: " + "x" * 1000, role=None)).status == 431
    assert ask(tight, head(tight, "GET /healthz", *["X: x"] * 4, role=None)).status == 200
    assert ask(tight, head(tight, "GET /healthz", *["X: x"] * 5, role=None)).status == 431
