"""Content that comes with its file: refusals before a byte, digests, names, limits (BYTES 2.7, 2.8)."""

import os
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactstore.errors import BadInput
from artifactstore.http.content.said import check_name
from tests.http.raw import Raw, head
from tests.http.running import Registry, issue, running
from tests.http.shelving import Shelf, digests, shelved
from tests.timing import PATIENCE, SLACK

_DATA = b"some bytes"
_BLAKE3, _SHA256 = digests(_DATA)
_OTHER = "0" * 64


def _repr(digest: str) -> str:
    return f"sha-256=:{b64encode(bytes.fromhex(digest)).decode()}:"


@pytest.fixture(scope="module")
def shelf(module_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A service with two stores that the tests of this module share."""
    with shelved(module_conninfo, tmp_path_factory.mktemp("stores")) as made:
        yield made


@pytest.fixture
def package(shelf: Shelf) -> str:
    """The path of a new package."""
    return shelf.registry.package()


@pytest.mark.parametrize("size", [0, 1, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 16 * 1024 * 1024, 20_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_what_comes_is_what_is_there(shelf: Shelf, package: str, size: int, chunked: bool) -> None:
    data = os.urandom(size)
    pieces: Any = (data[at : at + 100_000] for at in range(0, size, 100_000))
    answer = shelf.client.put(
        f"{package}/content/a/b", content=pieces if chunked else data, headers={"Content-Type": "text/csv"}
    )
    file = answer.json()
    assert answer.status_code == 201, file
    assert answer.headers["Location"] == f"/files/{file['file_id']}"
    assert (file["size"], (file["blake3"], file["sha256"])) == (size, digests(data))
    assert shelf.copy(file).read_bytes() == data
    row = shelf.registry.get(f"/files/{file['file_id']}")
    assert (row["path"], row["media_type"], row["state"]) == ("a/b", "text/csv", "ingested")
    head = shelf.registry.head()
    again = shelf.put(package, "a/b", data)
    assert (again.status_code, again.json()) == (200, file)
    other = shelf.put(package, "a/b", data + b"x")
    assert (other.status_code, other.json()["code"]) == (409, "path-taken")
    assert shelf.registry.head() == head


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Repr-Digest": _repr(_SHA256)}, 201, None),
        ({"Repr-Digest": f"sha-512=:{b64encode(bytes(64)).decode()}:, {_repr(_SHA256)}"}, 201, None),
        ({"Repr-Digest": "md5=:AAAAAAAAAAAAAAAAAAAAAA==:"}, 201, None),
        ({"Artifactstore-Blake3": _BLAKE3}, 201, None),
        ({"Artifactstore-Blake3": f"blake3:{_BLAKE3.upper()}"}, 201, None),
        ({"Artifactstore-Blake3": _BLAKE3, "Repr-Digest": _repr(_SHA256)}, 201, None),
        ({"Repr-Digest": _repr(_OTHER)}, 409, "digest-mismatch"),
        ({"Artifactstore-Blake3": _OTHER}, 409, "digest-mismatch"),
        ({"Artifactstore-Blake3": _BLAKE3, "Repr-Digest": _repr(_OTHER)}, 409, "digest-mismatch"),
        ({"Repr-Digest": "sha-256=:AAAA:"}, 400, "bad-request"),
        ({"Repr-Digest": "sha-256=" + _SHA256}, 400, "bad-request"),
        ({"Repr-Digest": "sha-256=:****:"}, 400, "bad-request"),
        ({"Artifactstore-Blake3": "x"}, 400, "bad-request"),
        ({"Artifactstore-Blake3": f"sha256:{_SHA256}"}, 400, "bad-request"),
        ({"Content-Encoding": "gzip"}, 415, "bad-media"),
        ({"Content-Encoding": "identity"}, 201, None),
        ({"If-Match": '"1"'}, 400, "bad-request"),
        ({"Content-Type": "x" * 256}, 400, "bad-request"),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_what_is_said_of_bytes_is_compared_before_anything_is_recorded(
    shelf: Shelf, package: str, headers: dict[str, str], status: int, code: str | None, large: bool
) -> None:
    data, before = _DATA, len(shelf.objects())
    if large:  # the same digests cannot be said of it: only what is refused anyway
        data = _DATA * 1_000_000
        if code != "digest-mismatch":
            return
    log = shelf.registry.head()
    answer = shelf.client.put(f"{package}/content/f", content=data, headers=headers)
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert shelf.registry.head() - log == (0 if code else 1)
    if code:
        assert len(shelf.objects()) == before
        assert not list((shelf.directory / "main" / "uploads").glob("*"))


NAMES: tuple[tuple[str, int, str | None], ...] = (
    ("a\r\nSet-Cookie: x=1", 422, "bad-path"),
    ("a\x7f", 422, "bad-path"),
    ("..", 422, "bad-path"),
    ("a/../b", 422, "bad-path"),
    ("./a", 422, "bad-path"),
    ("a//b", 422, "bad-path"),
    ("a/", 422, "bad-path"),
    ("/a", 422, "bad-path"),
    ("e\u0301", 422, "bad-path"),
    ("a" * 1025, 400, "bad-request"),
    ("a\0", 400, "bad-request"),
    ("a" * 1024, 201, None),
    ("é" * 512, 201, None),
    ('quote"back\\slash', 201, None),
    ("semi;colon=1, comma", 201, None),
    ("\u202egnp.exe", 201, None),
    ("a\u2028b", 201, None),
    ("%2e%2e", 201, None),
    ("%", 201, None),
    ("a?b#c", 201, None),
    (" a ", 201, None),
    ("...", 201, None),
    (".hidden", 201, None),
    ("COM1", 201, None),
    ("\U0001f4be\ufeff", 201, None),
    ("a:b*c|d<e>f", 201, None),
    ("content/pkg:generic/x", 201, None),
)
"""Path → what is answered to it."""


@pytest.mark.parametrize(("name", "status", "code"), NAMES, ids=[repr(one[0])[:40] for one in NAMES])
def test_names_do_no_harm(shelf: Shelf, package: str, name: str, status: int, code: str | None) -> None:
    """Sent as they are, percent-encoded: clients would take .. out of a path themselves."""
    target = f"{package}/content/{quote(name, safe='')}"
    with Raw(shelf.service) as raw:
        raw.send(head(shelf.service, f"PUT {target}", "Content-Length: 4"))
        raw.send(b"data")
        answer = raw.answer()
    assert answer is not None
    assert (answer.status, answer.code) == (status, code), answer.body
    if code is not None:
        return
    with Raw(shelf.service) as raw:
        raw.send(head(shelf.service, f"GET {target}"))
        got = raw.answer()
    assert got is not None
    assert (got.status, got.body) == (200, b"data")
    told = got.headers["content-disposition"]
    assert told.isascii()
    assert told.isprintable()
    plain = told.removeprefix('attachment; filename="').partition('"')[0]
    assert not set(plain) & set('\\/:*?"<>|%;\r\n') - {";"}
    assert "%E2%80%AE" not in told
    assert "%E2%80%A8" not in told
    (row,) = shelf.registry.get(f"{package}/files")["files"]
    assert row["path"] == name


def test_a_file_and_a_directory_of_one_name_are_two_paths(shelf: Shelf, package: str) -> None:
    first, second = shelf.file(package, "a", b"1"), shelf.file(package, "a/b", b"2")
    for file, data in ((first, b"1"), (second, b"2")):
        assert shelf.client.get(f"{package}/content/{file['path']}").content == data


@settings(max_examples=300, deadline=None)
@given(path=st.text(alphabet=st.sampled_from("a./\\\x00\x01\x1f\x7f\x80é\u2028 "), min_size=1, max_size=8))
def test_a_name_is_judged_as_the_log_judges_it(module_admin: psycopg.Connection[Any], path: str) -> None:
    if "\0" in path:
        return
    row = module_admin.execute("SELECT artifactstore.is_path(%s)", (path,)).fetchone()
    try:
        check_name(path)
        taken = True
    except BadInput:
        taken = False
    assert row == (taken,)


REFUSED_EARLY: tuple[tuple[str, str, list[str], int, str], ...] = (
    ("reader", "/packages/{package}/content/a", [], 403, "forbidden"),
    ("nobody", "/packages/{package}/content/a", [], 401, "unauthorized"),
    ("producer", "/packages/{unknown}/content/a", [], 404, "not-found"),
    ("producer", "/packages/{sealed}/content/new", [], 409, "not-open"),
    ("producer", "/packages/{package}/content/a%0A", [], 422, "bad-path"),
    ("producer", "/packages/{package}/content/a?store=nowhere", [], 404, "store-unknown"),
    ("producer", "/packages/{package}/content/a?x=y", [], 400, "bad-request"),
    ("producer", "/packages/{package}/content/a", ["Content-Encoding: br"], 415, "bad-media"),
    ("producer", "/packages/{package}/content/a", ["Repr-Digest: sha-256=:x:"], 400, "bad-request"),
    ("producer", "/packages/{package}/content/there", [], 409, "path-taken"),
    ("producer", "/stores/nowhere/objects", [], 404, "store-unknown"),
    ("reader", "/stores/main/objects", [], 403, "forbidden"),
    ("producer", "/stores/main/uploads/x/parts/1", [], 422, "bad-ticket"),
)
"""Role, target, headers and what is answered before the body is sent."""


@pytest.fixture(scope="module")
def known(shelf: Shelf) -> dict[str, str]:
    """Ids that targets name."""
    sealed, package = shelf.registry.package(), shelf.registry.package()
    shelf.file(sealed, "f", b"1")
    shelf.registry.post(f"{sealed}/seal", {})
    shelf.file(package, "there", b"1")
    unknown = "0198a5f0-0000-7000-8000-000000000001"
    return {
        "sealed": sealed.rpartition("/")[2],
        "package": package.rpartition("/")[2],
        "unknown": unknown,
    }


@pytest.mark.parametrize("expects", [True, False], ids=["asks", "sends"])
@pytest.mark.parametrize(("role", "target", "headers", "status", "code"), REFUSED_EARLY)
def test_a_refusal_comes_before_the_body(
    shelf: Shelf,
    known: dict[str, str],
    role: str,
    target: str,
    headers: list[str],
    status: int,
    code: str,
    expects: bool,
) -> None:
    """Who asks (Expect: 100-continue) is not told to go on; who does not is answered, and closed."""
    method = "POST" if target.endswith("/objects") else "PUT"
    asks = ["Expect: 100-continue"] if expects else []
    line = f"{method} {target.format(**known)}"
    with Raw(shelf.service) as raw:
        told = head(
            shelf.service,
            line,
            "Content-Length: 100000",
            *asks,
            *headers,
            role=role if role != "nobody" else None,
        )
        raw.send(told)
        answer = raw.answer()
        assert answer is not None
        assert (answer.status, answer.code) == (status, code), answer.body
        assert answer.headers["connection"] == "close"


def test_who_asks_first_is_told_to_go_on(shelf: Shelf, package: str) -> None:
    target = f"PUT {package}/content/f"
    with Raw(shelf.service) as raw:
        raw.send(head(shelf.service, target, "Content-Length: 4", "Expect: 100-continue"))
        assert raw.socket.recv(100).startswith(b"HTTP/1.1 100 ")
        raw.send(b"data")
        answer = raw.answer()
        assert answer is not None
        assert answer.status == 201


def test_too_much_is_refused_before_and_while_it_comes(service_conninfo: str, tmp_path: Any) -> None:
    with shelved(service_conninfo, tmp_path, ("small",), max_put=10_000_000, upload_bytes=9_000_000) as shelf:
        package = shelf.registry.package()
        data = b"x" * 10_000_001
        for content in (data, iter([data])):
            answer = shelf.client.put(f"{package}/content/f", content=content)
            assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert shelf.objects("small") == []
        assert not list((shelf.directory / "small" / "uploads").glob("*"))
        assert shelf.put(package, "f", data[:-1]).status_code == 201
        tiny = shelf.client.post("/stores/small/uploads", json={"size": 10**15})
        assert (tiny.status_code, tiny.json()["code"]) == (413, "too-large")


def test_equal_content_is_stored_once(shelf: Shelf) -> None:
    data = os.urandom(1000)
    large = os.urandom(9_000_000)
    for content in (data, large):
        files = [shelf.file(shelf.registry.package(), "f", content) for _ in range(3)]
        assert len({shelf.copy(file) for file in files}) == 1
        assert shelf.objects().count(content) == 1
    assert not list((shelf.directory / "main" / "uploads").glob("*"))


def test_bytes_that_are_going_are_stored_again(shelf: Shelf) -> None:
    """The log refuses to name an object again that was given up; small ones are put anew at once."""
    data = os.urandom(1000)
    package = shelf.registry.package()
    first = shelf.file(package, "f", data)
    shelf.registry.post(f"/files/{first['file_id']}/remove", {"reason": "r"})
    second = shelf.file(package, "f", data)
    assert shelf.copy(second) != shelf.copy(first)
    assert shelf.client.get(f"{package}/content/f").content == data


def test_many_at_once_make_one_file_of_one_path(shelf: Shelf, package: str) -> None:
    data = os.urandom(100_000)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: shelf.put(package, "f", data), range(16)))
        others = list(threads.map(lambda n: shelf.put(package, f"g{n}", data + bytes([n])), range(16)))
    assert sorted(one.status_code for one in answers) == [200] * 15 + [201]
    assert len({one.json()["file_id"] for one in answers}) == 1
    assert [one.status_code for one in others] == [201] * 16
    mixed = shelf.registry.package()
    with ThreadPoolExecutor(8) as threads:
        raced = list(threads.map(lambda n: shelf.put(mixed, "f", bytes([n])), range(8)))
    assert sorted(one.status_code for one in raced) == [201] + [409] * 7


def test_no_store_is_no_place_to_put_anything(service_conninfo: str, tmp_path: Any) -> None:
    with shelved(service_conninfo, tmp_path, ()) as shelf:
        package = shelf.registry.package()
        answer = shelf.put(package, "f", b"1")
        assert (answer.status_code, answer.json()["code"]) == (404, "store-unknown")
        assert shelf.registry.get("/stores")["stores"] == []


def test_a_place_of_another_log_takes_nothing(service_conninfo: str, tmp_path: Any) -> None:
    with shelved(service_conninfo, tmp_path, ("main",)) as shelf:
        place = tmp_path / "main" / "artifactstore.json"
        told = place.read_text()
        log_id = shelf.client.get("/packages").headers["Artifactstore-Log"]
        place.write_text(told.replace(log_id, "0198a5f0-0000-7000-8000-000000000001"))
        answer = shelf.put(shelf.registry.package(), "f", b"1")
        assert (answer.status_code, answer.json()["code"]) == (409, "store-mismatch")
        assert shelf.objects() == []


def test_a_full_store_is_told(service_conninfo: str, tmp_path: Any) -> None:
    with shelved(service_conninfo, tmp_path, ("main",)) as shelf:
        package = shelf.registry.package()
    config = tmp_path / "stores.toml"
    config.write_text(config.read_text().replace('"0%"', '"99.9%"'))
    with running(service_conninfo, issue(service_conninfo), stores=str(config)) as service:
        registry = Registry(service.client())
        before = registry.head()
        for data in (b"1", os.urandom(9_000_000)):
            answer = registry.client.put(f"{package}/content/f", content=data)
            assert (answer.status_code, answer.json()["code"]) == (507, "store-full")
        assert registry.head() == before


@pytest.mark.parametrize("sent", [b"", b"x"], ids=["nothing", "a byte now and then"])
def test_who_sends_too_slowly_is_given_up(service_conninfo: str, tmp_path: Any, sent: bytes) -> None:
    """And is no hindrance to others, although no more bodies than its own are taken at once."""
    limits = {"upload_seconds": 0.5, "upload_rate": 1000, "max_uploads": 1}
    with shelved(service_conninfo, tmp_path, ("main",), **limits) as shelf:
        package = shelf.registry.package()
        before = shelf.registry.head()
        with Raw(shelf.service) as raw:
            raw.send(head(shelf.service, f"PUT {package}/content/f", "Content-Length: 1000"))
            began = time.monotonic()
            raw.send(b"y")
            time.sleep(0.2)
            full = shelf.put(package, "g", b"1")
            assert (full.status_code, full.json()["code"]) == (503, "overloaded")
            assert full.headers["Retry-After"]
            raw.socket.settimeout(0.1)
            while True:
                assert time.monotonic() < began + PATIENCE
                try:
                    if sent:
                        raw.send(sent)
                    answer = raw.answer()
                    break
                except TimeoutError:
                    continue
        assert answer is not None
        assert (answer.status, answer.code) == (408, "slow-upload")
        assert time.monotonic() - began < 1.5 + SLACK
        assert shelf.put(package, "g", b"1").status_code == 201
        assert shelf.registry.head() == before + 1


def test_who_leaves_in_the_middle_leaves_nothing(shelf: Shelf, package: str) -> None:
    before = len(shelf.objects())
    for sent in (b"", b"x" * 1000, b"x" * 20_000_000):
        with Raw(shelf.service) as raw:
            raw.send(head(shelf.service, f"PUT {package}/content/f", "Content-Length: 30000000"))
            raw.send(sent)
            raw.socket.shutdown(socket.SHUT_RDWR)
    end = time.monotonic() + PATIENCE
    uploads = shelf.directory / "main" / "uploads"
    while list(uploads.glob("*")) and time.monotonic() < end:
        time.sleep(0.05)
    assert not list(uploads.glob("*"))
    assert len(shelf.objects()) == before
    assert shelf.registry.get(f"{package}/files")["files"] == []


def test_a_digest_is_that_of_all_that_came(shelf: Shelf, package: str) -> None:
    data = os.urandom(17_000_000)
    good = {"Repr-Digest": _repr(sha256(data).hexdigest())}
    assert shelf.client.put(f"{package}/content/f", content=data, headers=good).status_code == 201
