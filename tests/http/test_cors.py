"""Pages of other origins: what browsers are told, for whom; it opens nothing that a token does not."""

from collections.abc import Iterator

import httpx
import pytest

from artifactstore.errors import BadInput
from artifactstore.http import Settings
from artifactstore.http.openapi import document
from artifactstore.http.routes import ENDPOINTS
from artifactstore.http.web.cors import HEARD, TOLD
from tests.http.running import Running, running

_ORIGIN = "https://app.example.org"
_OTHERS = ["https://evil.example.org", "http://app.example.org", f"{_ORIGIN}.evil.org", "null", ""]
_PATHS = ["/packages", "/events", "/nowhere", "/healthz", "/packages/x/seal"]
_ALLOWED, _VARY = "Access-Control-Allow-Origin", "Vary"


@pytest.fixture(scope="module")
def opened(shared_service: Running) -> Iterator[Running]:
    """A service that one origin, and a second one, may use."""
    url, origins = shared_service.settings.database_url, (_ORIGIN, "http://localhost:3000")
    with running(url, shared_service.tokens, cors_origins=origins) as service:
        yield service


def _ask(client: httpx.Client, path: str, origin: str, method: str = "POST") -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return client.options(path, headers=headers | {"Access-Control-Request-Headers": "authorization"})


@pytest.mark.parametrize("path", _PATHS)
def test_a_browser_may_ask_first_without_a_token(path: str, opened: Running) -> None:
    answer = _ask(opened.client(None), path, _ORIGIN)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[_ALLOWED] == _ORIGIN
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, PUT, DELETE"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "X-Request-Id" in answer.headers


@pytest.mark.parametrize("path", _PATHS)
def test_every_answer_can_be_read_by_the_page_that_may(path: str, opened: Running) -> None:
    """Refusals too: a page must be able to tell its user why."""
    for client in (opened.client(), opened.client(None)):
        answer = client.get(path, headers={"Origin": _ORIGIN})
        assert answer.headers[_ALLOWED] == _ORIGIN
        assert answer.headers["Access-Control-Expose-Headers"] == ", ".join(TOLD)
        assert "Origin" in answer.headers[_VARY]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert (answer.status_code == 401) == (
            client.headers.get("Authorization") is None and path != "/healthz"
        )


@pytest.mark.parametrize("origin", _OTHERS)
def test_no_other_page_can(origin: str, opened: Running) -> None:
    """Nor is it answered from a cache with what another one was told."""
    for answer in (
        _ask(opened.client(None), "/packages", origin),
        opened.client().get("/packages", headers={"Origin": origin}),
        opened.client().get("/packages"),
    ):
        assert _ALLOWED not in answer.headers
        assert "Access-Control-Expose-Headers" not in answer.headers
        assert "Origin" in answer.headers[_VARY]


def test_without_the_setting_nothing_is_told(shared_service: Running) -> None:
    for answer in (
        _ask(shared_service.client(None), "/packages", _ORIGIN),
        shared_service.client().get("/packages", headers={"Origin": _ORIGIN}),
    ):
        assert [name for name in answer.headers if name.startswith("access-control")] == []
        assert "Origin" not in answer.headers.get(_VARY, "")
    assert _ask(shared_service.client(None), "/nowhere", _ORIGIN).status_code == 401


def test_all_origins_may_be_allowed(service_conninfo: str) -> None:
    with running(service_conninfo, cors_origins=("*",)) as service:
        assert _ask(service.client(None), "/packages", _OTHERS[0]).headers[_ALLOWED] == "*"
        assert service.client().get("/packages").headers[_ALLOWED] == "*"
        assert service.client(None).get("/packages", headers={"Origin": "null"}).status_code == 401


def test_a_page_may_send_and_read_every_header_that_is_told_of() -> None:
    """What the document says, less what all pages may, and what is for proxies and caches."""
    operations = [one for path in document(ENDPOINTS)["paths"].values() for one in path.values()]
    heard = {one["name"] for told in operations for one in told["parameters"] if one["in"] == "header"}
    assert heard | {"Authorization", "Content-Type", "X-Request-Id"} == set(HEARD)
    told = {
        name
        for one in operations
        for answer in one["responses"].values()
        for name in answer.get("headers", {})
    }
    assert told - {"Cache-Control", "Vary", "X-Accel-Buffering", "Allow"} == set(TOLD)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        ("*", ("*",)),
        (f"{_ORIGIN}, http://[::1]:3000", (_ORIGIN, "http://[::1]:3000")),
        ("http://127.0.0.1:8080 https://a.b", ("http://127.0.0.1:8080", "https://a.b")),
    ],
)
def test_origins_are_a_list(text: str, origins: tuple[str, ...]) -> None:
    environment = {"DATABASE_URL": "x", "ARTIFACTSTORE_CORS_ORIGINS": text}
    assert Settings.from_environment(environment).cors_origins == origins


@pytest.mark.parametrize(
    "text", ["app.example.org", f"{_ORIGIN}/", f"{_ORIGIN}/path", "https://*.example.org", "null",
             "HTTPS://app.example.org", "https://app.example.org:0", "ftp://a", "https://a\u00fc.org", "**"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Settings.from_environment({"DATABASE_URL": "x", "ARTIFACTSTORE_CORS_ORIGINS": text})
    assert "ARTIFACTSTORE_CORS_ORIGINS" in str(caught.value.detail["problem"])
