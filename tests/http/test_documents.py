"""What the service says of itself: to everybody, or to readers alone; and what each path takes."""

import re
from importlib.resources import files
from typing import Any

import pytest

from artifactstore import __version__
from artifactstore.http.pages.headers import EXPLORER
from artifactstore.http.routes import ENDPOINTS
from artifactstore.http.routes.documents import closed
from tests.http.running import Running, running

_FILES = ("start.js", "contrast.css", "swagger-ui.css", "swagger-ui-bundle.js")
_PAGE = ["/docs", *(f"/docs/{name}" for name in _FILES)]


def test_the_root_says_what_this_is_and_leads_on(shared_service: Running) -> None:
    client = shared_service.client(None)
    told = client.get("/").json()
    assert (told["name"], told["version"]) == ("artifactstore", __version__)
    for path in told["links"].values():
        assert client.get(path, follow_redirects=True).status_code == 200
    led = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (led.status_code, led.headers["Location"], led.headers["Vary"]) == (303, EXPLORER, "Accept")
    for accepted in ("application/json, text/html", "*/*"):
        assert client.get("/", headers={"Accept": accepted}).status_code == 200


@pytest.mark.parametrize("path", _PAGE)
def test_the_page_is_sent_with_what_a_browser_may_do_with_it(path: str, shared_service: Running) -> None:
    answer = shared_service.client(None).get(path)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = shared_service.client(None).get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_the_page_names_nothing_that_is_not_here(shared_service: Running) -> None:
    """Relative, so that it works below a path of a proxy."""
    page = files("artifactstore.http").joinpath("viewer", "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"]*)"', page)
    client = shared_service.client(None)
    assert {f"/{name}" for name in named} - {"/data:,"} == {*_PAGE[1:], "/openapi.json"}
    assert {client.get(f"/{name}").status_code for name in named if name != "data:,"} == {200}


def test_nothing_else_can_be_read_there(shared_service: Running) -> None:
    for name in ("index.html", "LICENSE", "..%2Fapp.py", "%2e%2e", "start.js%00", "", "x" * 2_000):
        assert shared_service.client().get(f"/docs/{name}").status_code in (400, 404)


def test_documents_can_be_for_readers_alone(shared_service: Running) -> None:
    url = shared_service.settings.database_url
    with running(url, shared_service.tokens, public_docs=False) as service:
        for path in ["/openapi.json", *_PAGE]:
            assert service.client(None).get(path).status_code == 401
            assert service.client("reader").get(path).status_code == 200
        assert service.client(None).get("/").status_code == 200
        told: dict[str, Any] = service.client().get("/openapi.json").json()
        assert "security" not in told["paths"]["/openapi.json"]["get"]
    assert {one.path for one in ENDPOINTS if closed(one)} == {"/openapi.json", "/docs", "/docs/{name}"}


def test_every_path_tells_what_it_takes(shared_service: Running) -> None:
    """Without a token, as a browser asks; of a path that is none nothing is told."""
    client = shared_service.client(None)
    taken: dict[str, set[str]] = {}
    for endpoint in ENDPOINTS:
        taken.setdefault(endpoint.path, {"OPTIONS"}).add(endpoint.method)
    for path, methods in taken.items():
        answer = client.options(re.sub(r"{\w+}", "x", path))
        assert (answer.status_code, answer.content) == (204, b"")
        expected = methods | ({"HEAD"} if "GET" in methods else set())
        assert set(answer.headers["Allow"].split(", ")) == expected
    assert client.options("/nowhere").status_code == 401
    assert shared_service.client().options("/nowhere").status_code == 404
