"""F25: a 200 that is no page of ours, and whatever else a stranger answers, ends in a named error."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cbor2
import pytest
from click.testing import CliRunner

from artifactstore.cli import cli
from artifactstore.client import AsyncClient, Client, FeedError, RemoteError
from artifactstore.client.messages import CBOR

JSON = "application/json"
PORTAL = b"<html><title>Welcome to the hotel</title></html>"
PAGE = {"Artifactstore-Head": "1", "Artifactstore-Next": "1", "Artifactstore-Has-More": "false"}
EVENT = {
    "sequence": 1, "created_at": 0, "event_type": "v1.package.created", "subject_kind": "package",
    "subject_id": bytes(16), "actor": "a", "payload": b"\xa0", "payload_digest": bytes(32),
}  # fmt: skip

Answer = tuple[int, dict[str, str], bytes]

FOREIGN: dict[str, Answer] = {
    "captive portal": (200, {"Content-Type": "text/html"}, PORTAL),
    "no content type": (200, {}, b"{}"),
    "nothing": (200, {}, b""),
    "204": (204, {}, b""),
    "empty JSON": (200, {"Content-Type": JSON}, b""),
    "JSON of something else": (200, {"Content-Type": JSON}, b'{"status": "ok"}'),
    "a JSON list": (200, {"Content-Type": JSON}, b"[1, 2]"),
    "a JSON null": (200, {"Content-Type": JSON}, b"null"),
    "cut JSON": (200, {"Content-Type": JSON}, b'{"head": '),
    "JSON that is not UTF-8": (200, {"Content-Type": JSON}, b'{"head": "\xff"}'),
    "deep JSON": (200, {"Content-Type": JSON}, b"[" * 100_000),
    "HTML said to be JSON": (200, {"Content-Type": JSON}, PORTAL),
    "HTML said to be a page": (200, {"Content-Type": CBOR, **PAGE}, PORTAL),
    "a page without headers": (200, {"Content-Type": CBOR}, b""),
    "a page with odd headers": (200, {"Content-Type": CBOR, **PAGE, "Artifactstore-Next": "x"}, b""),
    "a page with an odd digest": (200, {"Content-Type": CBOR, **PAGE, "Artifactstore-Next-Digest": "x"}, b""),
    "a page of numbers": (200, {"Content-Type": CBOR, **PAGE}, b"\x01\x02"),
    "a page of an event of another version": (
        200, {"Content-Type": CBOR, **PAGE}, cbor2.dumps({**EVENT, "sequence": "1"})),
    "a page of an event without digest": (
        200, {"Content-Type": CBOR, **PAGE}, cbor2.dumps({k: v for k, v in EVENT.items() if k[-1] != "t"})),
    "a time out of range": (200, {"Content-Type": CBOR, **PAGE}, cbor2.dumps({**EVENT, "created_at": 2**63})),
    "not the compression that it says": (200, {"Content-Type": JSON, "Content-Encoding": "gzip"}, b"{}"),
    "compressed HTML": (
        200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, gzip.compress(PORTAL)),
    "redirect": (302, {"Location": "http://login.hotel/"}, b""),
    "redirect to TLS": (301, {"Location": "https://127.0.0.1/"}, PORTAL),
    "404 of a web server": (404, {"Content-Type": "text/html"}, b"<h1>404 Not Found</h1>"),
    "403 with JSON": (403, {"Content-Type": JSON}, b'{"error": "forbidden"}'),
    "407 of a proxy": (407, {"Content-Type": "text/html"}, b""),
    "500 of another program": (500, {"Content-Type": "text/plain"}, b"oops"),
    "a code that is no text": (400, {"Content-Type": JSON}, b'{"code": 7}'),
    "a code of another version": (
        422, {"Content-Type": "application/problem+json"}, b'{"code": "quota-used-up", "detail": "0 left"}'),
}  # fmt: skip
AWAY: dict[str, Answer] = {
    f"{status} of a proxy": (status, {"Content-Type": "text/html"}, b"<h1>later</h1>")
    for status in (502, 503, 504)
}


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The URL of a real server that gives this answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self.rfile.read(length)
            status, headers, body = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)


CALLS: dict[str, Callable[[Client], Any]] = {
    "get": lambda client: client.get("/log"),
    "post": lambda client: client.post("/packages", {"purl": "pkg:generic/a@1"}),
    "events": lambda client: client.events(0),
    "tail": lambda client: next(client.tail(0, until=1, retry_seconds=0)),
    "tail of a filter": lambda client: next(client.tail(0, actor="a", retry_seconds=0)),
    "tail from the head": lambda client: next(client.tail(None, until=1, retry_seconds=0)),
}
JSON_IS_TAKEN = {"JSON of something else", "a JSON list", "a JSON null"}
"""What get and post cannot tell from an answer of the service: they give any JSON."""


@pytest.mark.parametrize("name", FOREIGN)
def test_f25_every_call_of_the_client_names_a_foreign_answer(name: str) -> None:
    with answering(FOREIGN[name]) as url:
        for call, run in CALLS.items():
            if call in ("get", "post") and name in JSON_IS_TAKEN:
                continue
            with Client(url, "t") as client, pytest.raises(RemoteError) as refused:
                run(client)
            assert refused.value.local().code == "foreign-answer", (call, refused.value)
            assert not refused.value.passing, call


@pytest.mark.parametrize("name", FOREIGN)
def test_f25_the_asynchronous_client_names_it_too(name: str) -> None:
    async def run(url: str) -> None:
        async with AsyncClient(url, "t") as client:
            calls: list[Any] = [client.events(0), anext(client.tail(0, until=1, retry_seconds=0))]
            if name not in JSON_IS_TAKEN:
                calls += [client.get("/log"), client.post("/packages", {})]
            for call in calls:
                with pytest.raises(RemoteError) as refused:
                    await call
                assert refused.value.local().code == "foreign-answer"

    with answering(FOREIGN[name]) as url:
        asyncio.run(run(url))


@pytest.mark.parametrize("name", AWAY)
def test_f25_what_a_proxy_says_of_a_service_that_is_away_may_pass(name: str) -> None:
    with answering(AWAY[name]) as url:
        for run in CALLS.values():
            with Client(url, "t") as client, pytest.raises(RemoteError) as refused:
                run(client)
            assert (refused.value.local().code, refused.value.passing) == ("service-unreachable", True)


def test_f25_a_problem_with_odd_epochs_is_still_told() -> None:
    for epochs in ("x", [1], [{"epoch": 1}], {"a": 1}):
        body = json.dumps({"code": "diverged", "detail": "other", "epochs": epochs}).encode()
        with answering((409, {"Content-Type": JSON}, body)) as url, Client(url, "t") as client:
            with pytest.raises(FeedError) as lost:
                next(client.tail(0))
            assert (lost.value.code, lost.value.epochs) == ("diverged", ())


def test_f25_a_retry_after_of_centuries_is_not_waited_for() -> None:
    with answering((503, {"Retry-After": "9" * 400}, b"")) as url, Client(url, "t") as client:
        with pytest.raises(RemoteError) as refused:
            client.get("/log")
        assert refused.value.retry_after == 300


def _run(command: str, url: str, *more: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(cli, ["--json", command, "--url", url, "--token", "t", *more])
    assert result.stdout == ""
    return result.exit_code, json.loads(result.stderr)["error"]


WAYS: tuple[list[str], ...] = (
    [], ["--since", "0", "--limit", "1"], ["--since", "head", "--follow"], ["--since", "1h"],
    ["--until", "1h"], ["--since", "0", "--follow"],
)  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_f25_the_command_line_names_it_however_it_reads(name: str) -> None:
    with answering(FOREIGN[name]) as url:
        for more in WAYS:
            code, error = _run("events", url, *more)
            assert (code, error["code"]) == (2, "foreign-answer"), (more, error)
            assert "URL" in error["hint"]


@pytest.mark.parametrize(
    "url", ["localhost:1", "ftp://localhost", "http://host:port", "http://\x01", "//x", ""]
)
@pytest.mark.parametrize("more", WAYS, ids=" ".join)
def test_f33_a_url_that_is_none_is_refused_at_once(url: str, more: list[str]) -> None:
    code, error = _run("events", url, *more)
    assert (code, error["code"]) == (2, "usage"), error


def test_f33_a_service_that_is_away_is_not_called_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactstore.remote.log._RETRY_SECONDS", 0.0)
    for more in WAYS:
        code, error = _run("events", "http://127.0.0.1:9", *more)
        assert (code, error["code"]) == (5, "service-unreachable"), error
        assert "database" not in error["message"] + error["hint"]


def test_f33_a_token_that_no_header_can_carry_is_refused_at_once() -> None:
    with answering(FOREIGN["captive portal"]) as url:
        for token in ("a\nb", "schlüssel", "a\0"):
            result = CliRunner().invoke(cli, ["--json", "events", "--url", url, "--token", token])
            assert (result.exit_code, json.loads(result.stderr)["error"]["code"]) == (2, "usage"), token
