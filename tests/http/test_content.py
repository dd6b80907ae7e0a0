"""Content that leaves: ranges, conditions and headers; what is bad is never given whole (BYTES 3.1-3.4)."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from artifactstore.http.pages.rendering import package_url
from tests.http.raw import Raw, head
from tests.http.reading import browser, read
from tests.http.shelving import Shelf, digests, shelved
from tests.timing import PATIENCE

_DATA = bytes(range(256)) * 400
_SIZE = len(_DATA)
_WHOLE = (200, 0, _SIZE)

RANGES: tuple[tuple[str, Any], ...] = (
    ("bytes=0-0", (206, 0, 1)),
    ("bytes=0-", (206, 0, _SIZE)),
    ("bytes=5-9", (206, 5, 10)),
    (f"bytes={_SIZE - 1}-", (206, _SIZE - 1, _SIZE)),
    (f"bytes=5-{_SIZE}", (206, 5, _SIZE)),
    ("bytes=5-99999999999999999999", (206, 5, _SIZE)),
    ("bytes=-1", (206, _SIZE - 1, _SIZE)),
    (f"bytes=-{_SIZE + 1}", (206, 0, _SIZE)),
    ("BYTES= 1-2", (206, 1, 3)),
    (f"bytes={_SIZE}-", 416),
    ("bytes=99999999999999999999-", 416),
    ("bytes=-0", 416),
    ("bytes=0-0,2-3", _WHOLE),
    ("bytes=9-5", _WHOLE),
    ("bytes=-", _WHOLE),
    ("bytes=a-b", _WHOLE),
    ("bytes=1", _WHOLE),
    ("items=0-1", _WHOLE),
    ("", _WHOLE),
    ("bytes=" + "9" * 5_000 + "-", _WHOLE),
    ("bytes=0x1-2", _WHOLE),
    ("bytes=٠-١", _WHOLE),
)
"""Range → status and bytes from .. up to .., or a refusal."""


@pytest.fixture(scope="module")
def shelf(module_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A service with two stores that the tests of this module share."""
    with shelved(module_conninfo, tmp_path_factory.mktemp("stores")) as made:
        yield made


@pytest.fixture(scope="module")
def file(shelf: Shelf) -> dict[str, Any]:
    """A file of some pieces."""
    return shelf.file(shelf.registry.package(), "dir/data.bin", _DATA)


def _paths(file: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"/files/{file['file_id']}/content",
        f"/packages/{file['package_id']}/content/{file['path']}",
        f"/content/blake3:{file['blake3']}",
        f"/content/sha256:{file['sha256']}",
    )


def _get(shelf: Shelf, path: str, **headers: str) -> httpx.Response:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return shelf.client.get(path, headers=named)


@pytest.mark.parametrize(("asked", "expected"), RANGES, ids=[one[0][:30] for one in RANGES])
def test_one_range_is_heard(shelf: Shelf, file: dict[str, Any], asked: str, expected: Any) -> None:
    for path in _paths(file):
        answer = _get(shelf, path, Range=asked)
        if expected == 416:
            assert (answer.status_code, answer.json()["code"]) == (416, "range")
            assert answer.headers["Content-Range"] == f"bytes */{_SIZE}"
            continue
        status, start, end = expected
        assert (answer.status_code, answer.content) == (status, _DATA[start:end])
        told = f"bytes {start}-{end - 1}/{_SIZE}" if status == 206 else None
        assert answer.headers.get("Content-Range") == told
        assert answer.headers["Content-Length"] == str(end - start)


def test_nothing_has_no_ranges(shelf: Shelf) -> None:
    file = shelf.file(shelf.registry.package(), "empty", b"")
    path = _paths(file)[0]
    assert _get(shelf, path).content == b""
    assert _get(shelf, path, Range="bytes=0-").status_code == 416
    assert (_get(shelf, path, Range="bytes=-1").status_code, _get(shelf, path).status_code) == (200, 200)


def test_conditions_are_judged_in_the_order_of_rfc_9110(shelf: Shelf, file: dict[str, Any]) -> None:
    tag, other = f'"b3-{file["blake3"]}"', f'"b3-{"0" * 64}"'
    part = {"Range": "bytes=1-2"}
    table: tuple[tuple[dict[str, str], int], ...] = (
        ({}, 200),
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": f"W/{tag}"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": f"{other}, {tag}", **part}, 304),
        ({"If-None-Match": other}, 200),
        ({"If-Match": tag}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": other}, 412),
        ({"If-Match": f"W/{tag}"}, 412),
        ({"If-Match": other, "If-None-Match": tag}, 412),
        ({"If-Match": tag, "If-None-Match": tag}, 304),
        ({"If-Match": "x"}, 400),
        ({"If-Range": tag, **part}, 206),
        ({"If-Range": other, **part}, 200),
        ({"If-Range": f"W/{tag}", **part}, 200),
        ({"If-Range": "Sat, 28 Nov 2026 11:58:11 GMT", **part}, 200),
        ({"If-Range": other, "Range": f"bytes={_SIZE}-"}, 200),
        ({"If-Range": tag}, 200),
        ({"If-Match": tag, **part}, 206),
    )
    for path in _paths(file):
        for asked, status in table:
            answer = shelf.client.get(path, headers=asked)
            assert answer.status_code == status, (path, asked, answer.text[:200])
            if status in (200, 206, 304):
                assert answer.headers["ETag"] == tag


def test_head_is_get_without_its_bytes(shelf: Shelf, file: dict[str, Any]) -> None:
    for path in _paths(file):
        for asked in ({}, {"If-None-Match": "*"}):
            got, told = shelf.client.get(path, headers=asked), shelf.client.head(path, headers=asked)
            own = {"date", "x-request-id"}
            assert (told.status_code, told.content) == (got.status_code, b"")
            assert {k: v for k, v in told.headers.items() if k not in own} == {
                k: v for k, v in got.headers.items() if k not in own
            }
    ranged = shelf.client.head(_paths(file)[0], headers={"Range": "bytes=0-1"})
    assert (ranged.status_code, ranged.headers["Content-Length"]) == (200, str(_SIZE))


def test_content_is_told_to_caches_and_digests_are_told(shelf: Shelf, file: dict[str, Any]) -> None:
    for path in _paths(file):
        headers = shelf.client.get(path, headers={"Accept-Encoding": "gzip"}).headers
        cache = set(headers["Cache-Control"].split(", "))
        assert {"private", "no-transform"} <= cache
        assert ("immutable" in cache) == path.startswith("/content/")
        assert ("no-cache" in cache) != path.startswith("/content/")
        assert headers["Artifactstore-Blake3"] == file["blake3"]
        assert headers["Repr-Digest"].startswith("sha-256=:")
        assert "Content-Encoding" not in headers


INERT = {
    "text/plain": "text/plain; charset=utf-8",
    "Text/Plain; charset=x": "text/plain; charset=utf-8",
    "application/json": "application/json",
    "image/png": "image/png",
    "text/html": None,
    "image/svg+xml": None,
    "application/pdf": None,
    "application/xhtml+xml": None,
    "text/javascript": None,
    "x": None,
}


@pytest.mark.parametrize("media_type", INERT)
def test_nothing_runs_on_the_origin_of_the_explorer(shelf: Shelf, media_type: str) -> None:
    file = shelf.file(shelf.registry.package(), "page", b"<script>1</script>", Content_Type=media_type)
    for path in _paths(file):
        headers = shelf.client.get(path).headers
        if path.startswith("/content/"):
            assert headers["Content-Type"] not in ("text/html", "image/svg+xml")
        else:
            assert headers["Content-Type"] == (INERT[media_type] or "application/octet-stream")
        assert headers["Content-Disposition"].startswith("attachment; ")
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "sandbox", "frame-ancestors 'none'"} == set(policy)
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_what_is_not_there_is_refused(shelf: Shelf, file: dict[str, Any]) -> None:
    registry = shelf.registry
    unknown = "0198a5f0-0000-7000-8000-000000000001"
    for path, status, code in (
        (f"/files/{unknown}/content", 404, "not-found"),
        (f"/packages/{unknown}/content/a", 404, "not-found"),
        (f"/packages/{file['package_id']}/content/dir", 404, "not-found"),
        (f"/packages/{file['package_id']}/content/dir/data.bin/", 404, "not-found"),
        (f"/content/blake3:{'0' * 64}", 404, "not-found"),
        (f"/content/sha256:{file['blake3']}", 404, "not-found"),
        (f"/content/{file['blake3']}", 400, "bad-request"),
        ("/content/md5:" + "0" * 32, 400, "bad-request"),
        ("/content/blake3:" + "0" * 63, 400, "bad-request"),
        (f"/packages/{file['package_id']}/content/%FF", 400, "bad-request"),
        (f"/packages/{file['package_id']}/content/{'a' * 1025}", 400, "bad-request"),
        (f"/packages/{file['package_id']}/content/a%00", 400, "bad-request"),
    ):
        assert registry.get(path, status)["code"] == code, path
    assert shelf.service.client(None).get(_paths(file)[0]).status_code == 401


def test_what_was_removed_or_deleted_is_not_given(shelf: Shelf) -> None:
    registry = shelf.registry
    package = registry.package()
    removed, kept = (shelf.file(package, name, name.encode() * 9) for name in ("removed", "kept"))
    registry.post(f"/files/{removed['file_id']}/remove", {"reason": "r"})
    assert registry.get(_paths(removed)[0], 409)["code"] == "gone"
    assert registry.get(_paths(removed)[1], 404)["code"] == "not-found"
    assert registry.get(_paths(removed)[2], 404)["code"] == "not-found"
    registry.post(f"{package}/seal", {})
    registry.post(f"{package}/yank", {"reason": "r"})
    for path in _paths(kept)[:2]:
        assert shelf.client.get(path).headers["Artifactstore-Warning"] == "yanked"
    registry.post(f"{package}/delete", {"reason": "r"})
    for path in _paths(kept)[:2]:
        assert registry.get(path, 409)["code"] == "wrong-state"
    assert registry.get(_paths(kept)[2], 404)["code"] == "not-found"


def _corrupt_last(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    _write(path, bytes(data))


def _corrupt_first(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    _write(path, bytes(data))


def _write(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


HARM: dict[str, tuple[Callable[[Path], None], str]] = {
    "another last byte": (_corrupt_last, "digest_mismatch"),
    "another first byte": (_corrupt_first, "digest_mismatch"),
    "a byte too few": (lambda path: _write(path, path.read_bytes()[:-1]), "size_mismatch"),
    "a byte too many": (lambda path: _write(path, path.read_bytes() + b"x"), "size_mismatch"),
    "empty": (lambda path: _write(path, b""), "size_mismatch"),
    "missing": (lambda path: path.unlink(), "missing"),
}


def _received(shelf: Shelf, path: str) -> tuple[bytes, bool]:
    """What came of a whole answer, and whether it was whole."""
    received = bytearray()
    with shelf.client.stream("GET", path) as answer:
        assert answer.status_code == 200
        try:
            for piece in answer.iter_raw():
                received += piece
        except httpx.RemoteProtocolError:
            return bytes(received), False
    return bytes(received), True


def _becomes(shelf: Shelf, location_id: str, state: str) -> None:
    end = time.monotonic() + PATIENCE
    while shelf.state(location_id) != state:
        assert time.monotonic() < end, shelf.state(location_id)
        time.sleep(0.05)


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("size", [1, 64 * 1024, 3_000_000])
def test_a_bad_copy_is_never_given_whole(shelf: Shelf, size: int, harm: str) -> None:
    """Its last bytes are held back; it is recorded, and is not read again."""
    data = os.urandom(size)
    file = shelf.file(shelf.registry.package(), "f", data)
    spoil, failure = HARM[harm]
    spoil(shelf.copy(file))
    path = _paths(file)[0]
    if size <= 1024 * 1024 or harm in ("missing", "empty"):
        assert shelf.registry.get(path, 503)["code"] == "content-unavailable"
    else:
        received, whole = _received(shelf, path)
        assert not whole
        assert len(received) <= size - 64 * 1024
    location = file["location_ids"][0]
    _becomes(shelf, location, "failed")
    assert shelf.registry.get(f"/locations/{location}")["failure"] == failure
    told = shelf.registry.get("/audit", subject_id=location)["events"][-1]
    assert told["actor"] == "system:service"
    assert shelf.registry.get(path, 503)["code"] == "content-unavailable"


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("size", [1_000, 3_000_000])
def test_the_next_copy_is_given_instead(shelf: Shelf, size: int, harm: str) -> None:
    data = os.urandom(size)
    package = shelf.registry.package()
    file = shelf.file(package, "f", data)
    other = shelf.client.post("/stores/spare/objects", content=data).json()
    second = shelf.registry.post(f"/files/{file['file_id']}/locations", {"ticket": other["ticket"]})
    HARM[harm][0](shelf.copy(file))
    path = _paths(file)[0]
    begun = size > 1024 * 1024 and harm not in ("missing", "empty")
    received, whole = _received(shelf, path)
    assert whole != begun
    assert received == data or begun
    _becomes(shelf, file["location_ids"][0], "failed")
    assert _received(shelf, path) == (data, True)
    assert shelf.state(second["subject_id"]) == "registered"


def test_a_verified_copy_comes_before_one_that_is_registered(shelf: Shelf) -> None:
    """Although the store of the other one comes first in stores.toml."""
    data = os.urandom(1000)
    file = shelf.file(shelf.registry.package(), "f", data)
    other = shelf.client.post("/stores/spare/objects", content=data).json()
    second = shelf.registry.post(f"/files/{file['file_id']}/locations", {"ticket": other["ticket"]})
    shelf.registry.post(f"/locations/{second['subject_id']}/verified", {"method": "full_read"})
    shelf.copy(file).unlink()
    assert _received(shelf, _paths(file)[0]) == (data, True)
    assert shelf.state(file["location_ids"][0]) == "registered"


def test_a_store_that_is_away_makes_no_copy_bad(shelf: Shelf) -> None:
    file = shelf.file(shelf.registry.package(), "f", b"x" * 1000)
    there, away = shelf.directory / "main", shelf.directory / "away"
    there.rename(away)
    try:
        for path in _paths(file):
            assert shelf.registry.get(path, 503)["code"] == "content-unavailable"
            assert shelf.client.head(path).status_code == 503
    finally:
        away.rename(there)
    assert shelf.client.get(_paths(file)[0]).content == b"x" * 1000
    assert shelf.state(file["location_ids"][0]) == "registered"


def test_a_client_that_leaves_is_no_trouble(shelf: Shelf) -> None:
    """It reads a little of much, and goes; others are answered."""
    file = shelf.file(shelf.registry.package(), "f", os.urandom(30_000_000))
    for _ in range(20):
        with Raw(shelf.service) as raw:
            raw.send(head(shelf.service, f"GET {_paths(file)[0]}"))
            assert raw.socket.recv(100).startswith(b"HTTP/1.1 200")
    assert digests(shelf.client.get(_paths(file)[0]).content)[0] == file["blake3"]


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_other_methods_are_refused(shelf: Shelf, file: dict[str, Any], method: str) -> None:
    for path in _paths(file):
        answer = shelf.client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")


def test_a_page_leads_to_what_can_be_had(shelf: Shelf) -> None:
    """For who is signed in; a file without a copy in a store, or then, has no link."""
    package = shelf.registry.package()
    good = shelf.file(package, "good", b"data")
    shelf.registry.location(shelf.registry.file(package, "elsewhere"))
    client = browser(shelf.service)
    row = shelf.registry.get(package)
    here = package_url(row["purl"])
    links = [one for one in read(client, here).all("a") if one.text == "Download"]
    (link,) = [one.attributes["href"] for one in links]
    assert link == f"/ui/files/{good['file_id']}/content"
    answer = client.get(link)
    assert (answer.status_code, answer.content) == (200, b"data")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="good"'
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    then = read(client, f"{here}?at={shelf.registry.head()}")
    assert [one for one in then.all("a") if one.text == "Download"] == []
    shelf.registry.post(f"/locations/{good['location_ids'][0]}/failed", {"failure": "missing"})
    assert [one for one in read(client, here).all("a") if one.text == "Download"] == []
    stranger = shelf.service.client(None).get(link, headers=dict(client.headers))
    assert stranger.status_code in (303, 401)


def test_a_slow_reader_is_waited_for_and_one_that_stops_is_not(service_conninfo: str, tmp_path: Path) -> None:
    with shelved(service_conninfo, tmp_path, ("main",), send_timeout=2.0, upload_rate=10_000) as shelf:
        file = shelf.file(shelf.registry.package(), "f", os.urandom(60_000_000))
        for pause, whole in ((0.005, True), (60.0, False)):
            with Raw(shelf.service) as raw:
                raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
                raw.send(head(shelf.service, f"GET {_paths(file)[0]}"))
                received, slow_until = 0, time.monotonic() + 6
                while received <= file["size"] and (piece := _some(raw)):
                    received += len(piece)
                    if time.monotonic() < slow_until:
                        time.sleep(min(pause, slow_until - time.monotonic() + 0.01))
                assert (received > file["size"]) == whole


def _some(raw: Raw) -> bytes:
    try:
        return raw.socket.recv(65_536)
    except ConnectionResetError:
        return b""
