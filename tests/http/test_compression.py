"""Answers in gzip: the same bytes for those who ask for it, told so, with conditions that go on to hold."""

import gzip
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from tests.http.running import Registry, Running, running
from tests.http.test_lists import made
from tests.surroundings.endpoints import with_query

_READS = [
    one for one in ENDPOINTS if one.method == "GET" and one.media_type != "*/*" and "{upload}" not in one.path
]
"""Content leaves as it is (test_content.py), and what is in a ticket is nowhere else (test_objects.py)."""
_GZIP, _PLAIN = {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}


@pytest.fixture(scope="module")
def eager(shared_service: Running) -> Iterator[Running]:
    """A service that compresses whatever it may."""
    url = shared_service.settings.database_url
    with running(url, shared_service.tokens, gzip_bytes=1) as service:
        yield service


@pytest.fixture(scope="module")
def known(shared: Registry) -> dict[str, str]:
    """Ids for paths."""
    return {**made(shared), "sequence": "1", "name": "start.js"}


def raw(
    client: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> tuple[httpx.Response, bytes]:
    """An answer, and its body as it was sent."""
    with client.stream(method, path, headers=headers) as answer:
        return answer, b"".join(answer.iter_raw())


def told(answer: httpx.Response) -> dict[str, str]:
    """Its headers, without those that differ from one answer to the next."""
    return {name: text for name, text in answer.headers.items() if name not in ("date", "x-request-id")}


@pytest.mark.parametrize("endpoint", _READS, ids=lambda one: one.path)
def test_every_read_is_the_same_in_gzip(endpoint: Endpoint, eager: Running, known: dict[str, str]) -> None:
    client, path = eager.client(), with_query(endpoint.path.format(**known), endpoint)
    plain, body = raw(client, "GET", path, _PLAIN)
    packed, sent = raw(client, "GET", path, _GZIP)
    assert (plain.status_code, packed.status_code) == (200, 200)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Length"] == str(len(sent))
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert plain.headers["Vary"] == packed.headers["Vary"]
    if endpoint.path not in ("/metrics", "/readyz") and "now" not in str(endpoint.answer):
        assert gzip.decompress(sent) == body
    if "ETag" in plain.headers:
        assert packed.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'
    if endpoint.path != "/metrics" and "now" not in str(endpoint.answer):
        head, nothing = raw(client, "HEAD", path, _GZIP)
        assert (told(head), nothing) == (told(packed), b"")


@pytest.mark.parametrize("endpoint", [one for one in _READS if one.etag], ids=lambda one: one.path)
def test_either_tag_names_the_row(endpoint: Endpoint, eager: Running, known: dict[str, str]) -> None:
    client, path = eager.client(), with_query(endpoint.path.format(**known), endpoint)
    if endpoint.path == "/events":
        path += "?limit=1"  # a page that ends below the head
    tags = [raw(client, "GET", path, asked)[0].headers["ETag"] for asked in (_PLAIN, _GZIP)]
    assert tags[0] != tags[1]
    for asked, current in zip((_PLAIN, _GZIP), tags, strict=True):
        for tag in (*tags, f"W/{tags[0]}", f"W/{tags[1]}"):
            answer, body = raw(client, "GET", path, {**asked, "If-None-Match": tag})
            assert (answer.status_code, answer.headers["ETag"], body) == (304, current, b"")
            assert "Content-Encoding" not in answer.headers
            assert "Accept-Encoding" in answer.headers["Vary"]


def test_a_command_expects_what_a_compressed_answer_told(eager: Running) -> None:
    registry = Registry(eager.client())
    package = registry.package(purl="pkg:generic/expected@1")
    tag = registry.client.get(package).headers["ETag"]
    assert tag.endswith('-gzip"')
    registry.post(f"{package}/labels", {"set": {"a": "1"}}, If_Match=tag)
    registry.refused(f"{package}/labels", {"set": {"a": "2"}}, 412, "changed", If_Match=tag)


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5, br;q=1", True),
        ("*", True),
        ("*;q=0.1", True),
        ("gzip;q=1.0, identity;q=0.5", True),
        ("gzip ; q=0.001", True),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("br, deflate", False),
        ("", False),
        ("gzip;q=nan", False),
        ("gzip;q=2", False),
        ("gzipped", False),
        (None, False),
    ],
)
def test_who_takes_gzip_says_so(accepted: str | None, taken: bool, eager: Running) -> None:
    headers = f"Accept-Encoding: {accepted}\r\n" if accepted is not None else ""
    answer = eager.exchange(f"GET /packages HTTP/1.1\r\n{headers}Connection: close")
    assert answer.startswith(b"HTTP/1.1 200")
    assert bool(re.search(rb"(?i)\r\ncontent-encoding: gzip\r\n", answer)) == taken


def _small(registry: Registry) -> Any:
    return registry.client.get(registry.package())


def _stream(registry: Registry) -> Any:
    with registry.client.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as answer:
        next(answer.iter_raw())
        return answer


@pytest.mark.parametrize("settings", [{}, {"gzip_bytes": 0}, {"gzip_bytes": 1}], ids=str)
def test_what_is_not_compressed(settings: dict[str, int], service_conninfo: str) -> None:
    """What is small, what is refused, streams, and what a command answers: a token may be in it."""
    with running(service_conninfo, None, **settings) as service:
        registry = Registry(service.client())
        answers = [
            registry.client.get("/packages/x"),
            registry.client.post("/tokens", json={"actor": "user:t" + "x" * 200, "roles": ["reader"]}),
            registry.client.post("/packages", json={"purl": "pkg:a/b", "labels": {"a": "b" * 1_000}}),
            _stream(registry),
        ]
        if settings.get("gzip_bytes") != 1:
            answers.append(_small(registry))
        for answer in answers:
            assert "Content-Encoding" not in answer.headers
        large = registry.client.get("/events").headers
        assert ("Content-Encoding" in large) == (settings != {"gzip_bytes": 0})


def test_a_large_page_is_whole(service_conninfo: str) -> None:
    with running(service_conninfo) as service:
        registry = Registry(service.client())
        package = registry.package()
        registry.post(f"{package}/files", {"files": [
            {"path": f"{number:05}" + "p" * 500, "size": 1, "blake3": "ab" * 32} for number in range(1_000)
        ]})  # fmt: skip
        plain, body = raw(registry.client, "GET", f"{package}/files?limit=1000", _PLAIN)
        packed, sent = raw(registry.client, "GET", f"{package}/files?limit=1000", _GZIP)
        assert plain.status_code == packed.status_code == 200
        assert gzip.decompress(sent) == body
        assert len(sent) < len(body) / 3
