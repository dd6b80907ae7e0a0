"""Reports to look at: what is answered at the origin of content, to whom, and nowhere else (BYTES 3.4)."""

import logging
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from artifactstore.errors import BadInput
from artifactstore.http import Settings, server
from artifactstore.http.content.headers import report_type
from artifactstore.http.pages.rendering import package_url
from artifactstore.stores.tickets import ReportTicket, Seal, Sealed, Ticket
from tests.http.reading import browser, read, visitor
from tests.http.running import Running, running
from tests.http.shelving import Shelf, shelved
from tests.timing import PATIENCE

HOST = "content.example.org"
ORIGIN = f"https://{HOST}"
KEY = "k" * 32
PAGE = b"<!doctype html><script src=../app.js></script>"
HOUR = 3600


@pytest.fixture(scope="module")
def shelf(module_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A service with an origin for reports that the tests of this module share."""
    directory = tmp_path_factory.mktemp("stores")
    with shelved(module_conninfo, directory, ("main",), content_origin=ORIGIN, ticket_key=KEY) as made:
        yield made


@pytest.fixture(scope="module")
def package(shelf: Shelf) -> str:
    """The path of a package with a report."""
    made = shelf.registry.package()
    for path, data in (("cov/index.html", PAGE), ("app.js", b"1"), ("notes.bin", b"\0")):
        shelf.file(made, path, data)
    return made


def ask(shelf: Shelf, path: str, method: str = "GET", host: str = HOST, **headers: str) -> httpx.Response:
    """What a browser is answered, which has no token."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return shelf.service.client(None).request(method, path, headers={"Host": host, **named})


def address(shelf: Shelf, package: str, path: str = "cov/index.html") -> str:
    """The path on its host at which a file can be looked at."""
    url: str = shelf.registry.post(f"{package}/reports", {"path": path}, 200)["url"]
    assert url.startswith(ORIGIN + "/c/")
    return url.removeprefix(ORIGIN)


def sealed(said: Sealed, ago: float = 0, key: str = KEY) -> str:
    """A ticket that was made so many seconds ago."""
    return Seal(key.encode()).seal(said, time.time() - ago)


def test_a_reader_is_given_an_address_for_an_hour(shelf: Shelf, package: str) -> None:
    head = shelf.registry.head()
    for role in ("reader", "producer", "operator"):
        answer = shelf.service.client(role).post(f"{package}/reports", json={"path": "cov/index.html"})
        assert answer.status_code == 200
        told = answer.json()
        left = datetime.fromisoformat(told["expires_at"]).timestamp() - time.time()
        assert HOUR - 60 < left <= HOUR
        page = ask(shelf, told["url"].removeprefix(ORIGIN))
        assert (page.status_code, page.content) == (200, PAGE)
    assert shelf.registry.head() == head
    assert shelf.service.client(None).post(f"{package}/reports", json={"path": "a"}).status_code == 401


def test_relative_links_lead_to_the_other_files(shelf: Shelf, package: str) -> None:
    page = httpx.URL(ORIGIN + address(shelf, package))
    for link, content in (("../app.js", b"1"), ("index.html", PAGE), ("../notes.bin", b"\0")):
        assert ask(shelf, page.join(link).raw_path.decode()).content == content


def test_names_of_files_are_paths_of_urls(shelf: Shelf) -> None:
    made = shelf.registry.package()
    for path in ("a b/ü#?%2e.html", "x;y=1/&.html"):
        shelf.file(made, quote(path), b"x")
        assert ask(shelf, address(shelf, made, path)).content == b"x"


_FORGED = ReportTicket("0198a5f0-0000-7000-8000-000000000001", "user:x")
TICKETS: dict[str, tuple[str | None, int, str]] = {
    "forged": (sealed(_FORGED, key="x" * 32), 422, "bad-ticket"),
    "none": ("x", 422, "bad-ticket"),
    "of another kind": (sealed(Ticket("main", "k", 1, b"", None, "user:x")), 422, "bad-ticket"),
    "too long": ("x" * 5_000, 400, "bad-request"),
    "of a package that is not there": (sealed(_FORGED), 404, "not-found"),
    "stale": (None, 422, "bad-ticket"),
    "of another package": (None, 404, "not-found"),
}


@pytest.mark.parametrize("case", TICKETS)
def test_no_other_ticket_opens_a_report(shelf: Shelf, package: str, case: str) -> None:
    ticket, status, code = TICKETS[case]
    if case == "stale":
        ticket = sealed(ReportTicket(package.rpartition("/")[2], "user:x"), HOUR)
    elif case == "of another package":
        ticket = sealed(ReportTicket(shelf.registry.package().rpartition("/")[2], "user:x"))
    for method in ("GET", "HEAD"):
        answer = ask(shelf, f"/c/{ticket}/cov/index.html", method)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert ask(shelf, f"/c/{ticket}/cov/index.html").json()["code"] == code
    fresh = sealed(ReportTicket(package.rpartition("/")[2], "user:x"), HOUR - 30)
    assert ask(shelf, f"/c/{fresh}/cov/index.html").status_code == 200


def test_a_ticket_of_a_report_is_good_for_nothing_else(shelf: Shelf, package: str) -> None:
    ticket = address(shelf, package).split("/")[2]
    told = shelf.registry.refused(f"{package}/files", {"path": "f", "ticket": ticket}, 422, "bad-ticket")
    assert "1 h" in told["hint"]


_OTHERS = ("/", "/packages", "/ui/", "/ui/sign-in", "/healthz", "/metrics", "/openapi.json", "/docs", "/c/")
_OTHER_HOSTS = ("registry.example.org", f"evil.{HOST}", f"{HOST}.evil.org", "127.0.0.1", "[::1]")


@pytest.mark.parametrize("path", _OTHERS)
def test_that_host_answers_nothing_else(shelf: Shelf, path: str) -> None:
    """Neither to a token nor to a cookie, however the host is spelt."""
    token = shelf.service.tokens["operator"]
    cookie = f"artifactstore_token={token}"
    for host in (HOST, HOST.upper(), f"{HOST}:8443", f"{HOST}."):
        answer = ask(shelf, path, host=host, Authorization=f"Bearer {token}", Cookie=cookie)
        assert (answer.status_code, answer.json()["code"]) == (404, "no-such-path")
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", _OTHER_HOSTS)
def test_no_other_host_gives_a_report(shelf: Shelf, package: str, host: str) -> None:
    path = address(shelf, package)
    for role in (None, "reader"):
        answer = shelf.service.client(role).get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (404, "no-such-path")
        assert PAGE not in answer.content
    assert ask(shelf, "/healthz", host=host).status_code == 200


def test_two_hosts_in_one_request_are_none(shelf: Shelf, package: str) -> None:
    answer = shelf.service.exchange(f"GET {address(shelf, package)} HTTP/1.1\r\nHost: {HOST}")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Host is given twice" in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_reports_are_only_read(shelf: Shelf, package: str, method: str) -> None:
    answer = ask(shelf, address(shelf, package), method)
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")


TYPES: tuple[tuple[str, str | None, str | None], ...] = (
    ("cov/index.html", None, "text/html"),
    ("INDEX.HTM", "application/octet-stream", "text/html"),
    ("style.css", None, "text/css"),
    ("app.js", None, "text/javascript"),
    ("data.json", None, "application/json"),
    ("logo.svg", None, "image/svg+xml"),
    ("font.woff2", None, "font/woff2"),
    ("result.xml", None, "application/xml"),
    ("page", "Text/HTML; charset=utf-8", "text/html"),
    ("page.html", "text/plain", "text/plain"),
    ("page.html", "application/pdf", None),
    ("manual.pdf", None, None),
    ("app.exe", None, None),
    ("html", None, "text/html"),
    ("dir.html/file", None, None),
)
"""Path, media type of the log, media type at the origin of content; None: it is a download there, too."""


@pytest.mark.parametrize(("path", "said", "told"), TYPES)
def test_media_types_are_those_of_a_list(path: str, said: str | None, told: str | None) -> None:
    assert report_type(path, said) == told


def test_a_report_may_run_where_it_can_do_nothing_else(shelf: Shelf, package: str) -> None:
    here = address(shelf, package)
    for path, media_type in (("cov/index.html", "text/html; charset=utf-8"), ("notes.bin", None)):
        headers = ask(shelf, here.replace("cov/index.html", path)).headers
        policy = headers["Content-Security-Policy"].split("; ")
        assert policy[0] == "sandbox allow-scripts", "without allow-same-origin"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Type"] == (media_type or "application/octet-stream")
        assert ("Content-Disposition" in headers) == (media_type is None)
        assert "Cross-Origin-Opener-Policy" not in headers, "a browser refuses it in a sandbox"
        assert {"private", "no-transform"} <= set(headers["Cache-Control"].split(", "))


def test_ranges_conditions_and_head_are_those_of_content(shelf: Shelf, package: str) -> None:
    path = address(shelf, package)
    whole = ask(shelf, path)
    tag, size = whole.headers["ETag"], len(PAGE)
    for headers, status, content in (
        ({"Range": "bytes=0-4"}, 206, PAGE[:5]),
        ({"Range": "bytes=0-4", "If-Range": '"b3-x"'}, 200, PAGE),
        ({"If-None-Match": tag}, 304, b""),
    ):
        answer = ask(shelf, path, **{name.replace("-", "_"): value for name, value in headers.items()})
        assert (answer.status_code, answer.content) == (status, content)
    beyond = ask(shelf, path, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range")
    told = ask(shelf, path, "HEAD")
    own = {"date", "x-request-id"}
    assert (told.status_code, told.content) == (200, b"")
    assert {k: v for k, v in told.headers.items() if k not in own} == {
        k: v for k, v in whole.headers.items() if k not in own
    }


def test_a_bad_copy_of_a_report_is_not_given(shelf: Shelf) -> None:
    made = shelf.registry.package()
    copy = shelf.copy(shelf.file(made, "index.html", b"<p>good</p>"))
    copy.unlink()
    copy.write_bytes(b"<p>evil</p>")
    answer = ask(shelf, address(shelf, made, "index.html"))
    assert (answer.status_code, answer.json()["code"]) == (503, "content-unavailable")


def test_what_is_deleted_is_not_looked_at_any_more(shelf: Shelf) -> None:
    made = shelf.registry.package()
    file = shelf.file(made, "index.html", PAGE)
    path = address(shelf, made, "index.html")
    assert shelf.registry.post(f"{made}/reports", {"path": "nothing"}, 404)["code"] == "not-found"
    shelf.registry.post(f"/files/{file['file_id']}/remove", {"reason": "r"})
    assert ask(shelf, path).json()["code"] == "not-found"
    shelf.registry.post(f"{made}/delete", {"reason": "r"})
    shelf.file(other := shelf.registry.package(), "index.html", PAGE)
    path = address(shelf, other, "index.html")
    shelf.registry.post(f"{other}/delete", {"reason": "r"})
    assert ask(shelf, path).json()["code"] == "wrong-state"


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged of each request."""
    lines = [vars(one) for one in caplog.records if one.name == "artifactstore.http"]
    return list({line["request_id"]: str(line) for line in lines}.values())


def test_no_log_has_a_ticket(shelf: Shelf, package: str, caplog: pytest.LogCaptureFixture) -> None:
    path = address(shelf, package)
    ticket = path.split("/")[2]
    logger = logging.getLogger("artifactstore")
    level, logger.propagate = logger.level, True
    logger.setLevel(logging.INFO)
    try:
        with caplog.at_level(logging.INFO, "artifactstore.http"):
            for asked, host in ((path, HOST), (path[:-1], HOST), (f"/c/{ticket}", HOST), (path, "a")):
                ask(shelf, asked, host=host)
            end = time.monotonic() + PATIENCE
            while len(told := _told(caplog)) < 4:  # a line comes behind its answer
                assert time.monotonic() < end
                time.sleep(0.02)
    finally:
        logger.propagate = False
        logger.setLevel(level)
    assert not any(ticket in one for one in told)
    assert "'path': '/c/…/cov/index.html'" in told[0]
    assert "'actor': 'user:operator'" in told[0]


def test_a_page_leads_to_reports_where_they_can_be_looked_at(shelf: Shelf, package: str) -> None:
    here = package_url(shelf.registry.get(package)["purl"])
    client = browser(shelf.service)
    links = [one for one in read(client, here).all("a") if one.text == "View report"]
    (link,) = [one.attributes["href"] for one in links]
    answer = visitor(shelf.service).get(link)
    assert answer.status_code == 303
    assert answer.headers["Cache-Control"] == "private, no-store"
    location = answer.headers["Location"]
    assert location.startswith(ORIGIN)
    assert ask(shelf, location.removeprefix(ORIGIN)).content == PAGE
    assert visitor(shelf.service, None).get(link).headers["Location"].startswith("/ui/sign-in")


def test_without_an_origin_nothing_is_looked_at(shelf: Shelf, package: str) -> None:
    settings = shelf.service.settings
    with running(settings.database_url, shelf.service.tokens, stores=settings.stores) as plain:
        answer = plain.client("reader").post(f"{package}/reports", json={"path": "app.js"})
        assert (answer.status_code, answer.json()["code"]) == (409, "no-content-origin")
        assert plain.client(None).get(address(shelf, package), headers={"Host": HOST}).status_code == 404
        here = package_url(plain.client().get(package).json()["purl"])
        page = read(browser(plain), here)
        assert {one.text for one in page.all("a")} & {"Download", "View report"} == {"Download"}
        _refused_by_page(plain, package)


def _refused_by_page(plain: Running, package: str) -> None:
    files = plain.client().get(f"{package}/files").json()["files"]
    answer = visitor(plain).get(f"/ui/files/{UUID(files[0]['file_id'])}/report")
    assert answer.status_code == 409
    assert "no-content-origin" in answer.text


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://content.example.org", "content.example.org"),
        ("http://content.localhost:8321", "content.localhost"),
        ("http://[::1]:8321", "[::1]"),
        ("", ""),
    ],
)
def test_an_origin_has_a_host(origin: str, host: str) -> None:
    environment = {"DATABASE_URL": "x", "ARTIFACTSTORE_CONTENT_ORIGIN": origin}
    assert Settings.from_environment(environment).content_host == host


@pytest.mark.parametrize(
    "text", ["*", "content.example.org", f"{ORIGIN}/", f"{ORIGIN}/c", "https://*.example.org", "null",
             "HTTPS://content.example.org", f"{ORIGIN}:0", f"{ORIGIN},https://b.org", "ftp://a"],
)  # fmt: skip
def test_what_is_no_origin_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Settings.from_environment({"DATABASE_URL": "x", "ARTIFACTSTORE_CONTENT_ORIGIN": text})
    assert "ARTIFACTSTORE_CONTENT_ORIGIN" in str(caught.value.detail["problem"])


@pytest.mark.parametrize(
    ("origin", "host", "good"),
    [
        ("http://127.0.0.1:8321", "127.0.0.1", False),
        ("https://127.0.0.1", "localhost", False),
        ("http://localhost:1", "localhost", False),
        ("http://localhost:1", "127.0.0.1", True),
        ("https://content.example.org", "127.0.0.1", True),
        ("", "127.0.0.1", True),
    ],
)
def test_the_host_of_the_explorer_is_none_for_reports(origin: str, host: str, good: Any) -> None:
    settings = Settings(database_url="x", content_origin=origin)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        if good:
            server.check_content_origin(settings, host, listening)
            return
        with pytest.raises(BadInput) as caught:
            server.check_content_origin(settings, host, listening)
    assert "ARTIFACTSTORE_CONTENT_ORIGIN" in str(caught.value.detail["problem"])
