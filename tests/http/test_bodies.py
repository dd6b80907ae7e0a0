"""Bodies: strict JSON, bounds of the catalogue, limits of size and time; bad input appends nothing."""

import json
import os
import socket
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import pytest

from tests.http.running import Registry, Running
from tests.timing import within

_JSON = {"Content-Type": "application/json"}


def _send_raw(registry: Registry, path: str, body: bytes, headers: dict[str, str] | None = None) -> Any:
    before = registry.head()
    response = registry.client.post(path, content=body, headers={**_JSON, **(headers or {})})
    assert response.headers["Content-Type"] == "application/problem+json"
    assert registry.head() == before
    return response.status_code, response.json()["code"]


@pytest.mark.parametrize(
    "literal",
    ["NaN", "Infinity", "-Infinity", "1e999", "1.0", "-0.0", "1e2", "1.1", "65504.0", "5e-324", "1E400"],
)
@pytest.mark.parametrize("place", ['{"purl": %s}', '{"purl": "pkg:generic/a@1", "labels": {"a": %s}}', "%s"])
def test_cb04_cb09_floats_and_nan_are_refused(literal: str, place: str, shared: Registry) -> None:
    """CB04: 1.0 is not 1; CB09: NaN and infinities never get in, so no list can break on them."""
    body = (place % literal).encode()
    assert _send_raw(shared, "/packages", body) == (400, "bad-request")


def test_cb09_lists_and_reads_answer_whatever_was_sent(shared: Registry) -> None:
    package = shared.package(labels={"value": "NaN"})
    assert shared.get(package)["labels"] == {"value": "NaN"}
    assert shared.get("/packages", label="value=NaN")["packages"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b'{"labels":' * 400 + b"1" + b"}" * 400,
    ],
    ids=["open arrays", "open objects", "closed arrays", "400 levels"],
)
def test_cb05_nesting_bomb(body: bytes, shared: Registry) -> None:
    process = shared.get("/healthz"), os.getpid()
    with within(1):
        status, code = _send_raw(shared, "/packages", body)
    assert (status, code) in [(400, "bad-request"), (422, "bad-payload")]
    assert (shared.get("/healthz"), os.getpid()) == process


def test_cb05_depth_is_limited_to_16(shared: Registry) -> None:
    deep: Any = "x"
    for _ in range(16):
        deep = [deep]
    body = json.dumps({"purl": "pkg:generic/a@1", "labels": deep}).encode()
    assert _send_raw(shared, "/packages", body) == (422, "bad-payload")


@pytest.mark.parametrize(
    "first", [b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", b"\x9b\x7f" + b"\xff" * 7, b"\x9a" * 40_000]
)
def test_cb06_cbor_is_no_body(first: bytes, shared: Registry) -> None:
    """Bodies are JSON, so a declared length promises nothing; CBOR is refused by its type and as text."""
    headers = {"Content-Type": "application/cbor"}
    assert _send_raw(shared, "/packages", first, headers) == (415, "unsupported-media-type")
    assert _send_raw(shared, "/packages", first) == (400, "bad-request")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/packages", {"purl": "pkg:generic/a\0@1"}),
        ("/packages", {"purl": "pkg:generic/a@1", "labels": {"a\0": "b"}}),
        ("/packages", {"purl": "pkg:generic/a@1", "labels": {"a": "b\0"}}),
        ("/packages", {"purl": "pkg:generic/a@1", "media_type": "\0"}),
        ("/packages", {"purl": "pkg:generic/a@1", "on_behalf_of": "\0"}),
        ("/packages", {"purl": "pkg:generic/a@1", "\0": 1}),
        ("{package}/files", {"path": "a\0b", "size": 1, "blake3": "0" * 64}),
        ("{package}/files", {"files": [{"path": "a\0b", "size": 1, "blake3": "0" * 64}]}),
        ("{package}/holds", {"case": "\0", "reason": "r"}),
        ("{package}/delete", {"reason": "a\0"}),
    ],
)  # fmt: skip
def test_cb07_nul_is_refused_at_the_edge(path: str, body: dict[str, Any], shared: Registry) -> None:
    package = shared.package()
    problem = shared.refused(path.format(package=package), body, 422, "bad-payload")
    assert problem["field"]
    assert shared.package()


def test_cb07_the_six_characters_of_an_escape_are_kept(shared: Registry) -> None:
    package = shared.package(labels={"a": "\\u0000"})
    assert shared.get(package)["labels"] == {"a": "\\u0000"}


@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\\udfff x"', b'"\\ude00\\ud83d"'])
def test_lone_surrogates_are_refused(text: bytes, shared: Registry) -> None:
    body = b'{"purl": "pkg:generic/a@1", "labels": {"a": ' + text + b"}}"
    assert _send_raw(shared, "/packages", body) == (422, "bad-payload")


def test_surrogate_pairs_are_one_character(shared: Registry) -> None:
    purl = f"pkg:generic/a@{uuid4().hex}"
    body = b'{"purl": "%s", "labels": {"a": "\\ud83d\\ude00"}}' % purl.encode()
    response = shared.client.post("/packages", content=body, headers=_JSON)
    assert response.json()["payload"]["labels"] == {"a": "\U0001f600"}


@pytest.mark.parametrize(
    "text",
    ["2040-01-01T00:00:00", "2040-01-01", "2040-13-01T00:00:00Z", "2040-02-30T00:00:00Z", "infinity",
     "9999-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "-0044-03-15T00:00:00Z",
     "2040-01-01T00:00:00.1234567Z", "2040-01-01T24:00:00Z", "2040-01-01T00:00:60Z",
     "2040-01-01T00:00:00+25:00", "now", "", 1900000000, True, None, {"$date": 1}],
)  # fmt: skip
def test_cb08_times_that_are_no_instant(text: object, shared: Registry) -> None:
    """CB08: naive times too; RPL07: those outside of what all can hold."""
    package = shared.package()
    body = {"mode": "governance", "until": text}
    problem = shared.refused(f"{package}/retention", body, 422, "bad-payload")
    assert problem["field"] == "until"


def test_cb08_one_instant_has_one_stored_form(shared: Registry) -> None:
    stored = set()
    for text in ("2040-01-01T01:00:00+01:00", "2040-01-01T00:00:00Z", "2040-01-01T00:00:00.000000Z",
                 "2039-12-31T19:00:00.0-05:00"):  # fmt: skip
        package = shared.package()
        answer = shared.post(f"{package}/retention", {"mode": "governance", "until": text})
        stored.add((answer["payload"]["until"], answer["payload_digest"]))
    assert len(stored) == 1
    assert stored.pop()[0] == "2040-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("size", "status"),
    [("-1", 422), ("0", 201), ("1.0", 400), ("1.5", 400), ('"10"', 422), ("true", 422), ("null", 422),
     ("9007199254740991", 201), ("9007199254740992", 422), ("9223372036854775807", 400), ("1" * 5000, 400)],
)  # fmt: skip
def test_rg11_sizes(size: str, status: int, shared: Registry) -> None:
    package = shared.package()
    body = f'{{"path": "a", "size": {size}, "blake3": "{"0" * 64}"}}'.encode()
    before = shared.head()
    response = shared.client.post(f"{package}/files", content=body, headers=_JSON)
    assert response.status_code == status, response.text
    if status == 201:
        found = shared.get(f"/files/{response.json()['files'][0]['file_id']}")
        assert str(found["size"]) == size
    else:
        assert shared.head() == before


def test_rg11_sums_do_not_overflow(shared: Registry) -> None:
    package = shared.package()
    largest = 2**53 - 1
    for path in ("a", "b"):
        shared.file(package, path, size=largest)
    assert shared.get(f"{package}/manifest")["total_bytes"] == 2 * largest
    # The sum is more than a payload holds, so such a package cannot be sealed, and says why.
    assert shared.refused(f"{package}/seal", {}, 422, "bad-payload")["field"] == "total_bytes"


def test_rg11_missing_size(shared: Registry) -> None:
    package = shared.package()
    problem = shared.refused(f"{package}/files", {"path": "a", "blake3": "0" * 64}, 422, "bad-payload")
    assert problem["field"] == "size"


@pytest.mark.parametrize(
    "digest",
    ["md5:" + "0" * 32, "sha-256:" + "0" * 64, "sha256:" + "0" * 64, "blake3:" + "0" * 63, "0" * 63, "0" * 65,
     "zz" * 32, " " + "0" * 64, "0" * 64 + "\n", "", "0" * 10_000, 0, None],
    ids=lambda digest: str(digest)[:16],
)  # fmt: skip
def test_rg12_digests_that_are_none_of_ours(digest: object, shared: Registry) -> None:
    package = shared.package()
    body = {"path": "a", "size": 1, "blake3": digest}
    assert shared.refused(f"{package}/files", body, 422, "bad-payload")["field"] == "blake3"


def test_rg12_one_digest_in_any_spelling(shared: Registry) -> None:
    package = shared.package()
    digest = uuid4().hex * 2
    spelled = [digest, digest.upper(), f"blake3:{digest}", f"blake3:{digest.upper()}"]
    for index, text in enumerate(spelled):
        shared.file(package, f"f{index}", blake3=text, sha256=f"sha256:{digest}")
    for text in spelled:
        assert len(shared.get("/files", blake3=text)["files"]) == len(spelled)
    assert {file["blake3"] for file in shared.get("/files", sha256=digest)["files"]} == {digest}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "bad-payload"),
        (b"{", 400, "bad-request"),
        (b"{}{}", 400, "bad-request"),
        (b'{"purl": "a", "purl": "b"}', 400, "bad-request"),
        (b'{"purl": "\xff"}', 400, "bad-request"),
        (b"\xef\xbb\xbf{}", 400, "bad-request"),
        (b'\x00{"purl": 1}', 400, "bad-request"),
        (b"[]", 422, "bad-payload"),
        (b"null", 422, "bad-payload"),
        (b'"purl"', 422, "bad-payload"),
        (b'{"purl": "pkg:generic/a@1", "unknown": 1}', 422, "bad-payload"),
        (b'{"purl": "pkg:generic/a@1", "request": {"key": "k"}}', 422, "bad-payload"),
        (b'{"purl": "pkg:generic/a@1", "media_type": null}', 422, "bad-payload"),
        (b'{"purl": 1}', 422, "bad-payload"),
        (b'{"purl": "npm/a"}', 422, "invalid-purl"),
    ],
)
def test_what_is_no_such_body(body: bytes, status: int, code: str, shared: Registry) -> None:
    assert _send_raw(shared, "/packages", body) == (status, code)


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "text/plain"}, {"Content-Type": "application/json; charset=latin-1"},
     {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Encoding": "gzip"}],
    ids=str,
)  # fmt: skip
def test_other_kinds_of_bodies(headers: dict[str, str], shared: Registry) -> None:
    body = b'{"purl": "pkg:generic/a@1"}'
    assert _send_raw(shared, "/packages", body, headers) == (415, "unsupported-media-type")


def test_gap10_batches_work_whole_or_name_their_limit(shared: Registry) -> None:
    """10,000 files are one transaction; more are refused before anything happens."""
    package = shared.package()
    files = [{"path": f"{n:05}", "size": n, "blake3": "0" * 64} for n in range(10_000)]
    answer = shared.post(f"{package}/files", {"files": files}, 201)
    assert [file["sequence"] for file in answer["files"]] == list(
        range(answer["first_sequence"], answer["sequence"] + 1)
    )
    assert len(answer["files"]) == 10_000
    more = [{"path": f"x{n}", "size": n, "blake3": "0" * 64} for n in range(10_001)]
    problem = shared.refused(f"{package}/files", {"files": more}, 422, "bad-payload")
    assert "10000" in problem["detail"]


def test_a_batch_is_all_or_nothing_and_names_its_bad_file(shared: Registry) -> None:
    package = shared.package()
    files = [{"path": path, "size": 1, "blake3": "0" * 64} for path in ("a", "b", "a")]
    problem = shared.refused(f"{package}/files", {"files": files}, 409, "path-taken")
    assert problem["field"] == "files[2]"
    files[1]["path"], files[2]["path"] = "b/../c", "c"
    assert shared.refused(f"{package}/files", {"files": files}, 422, "bad-path")["field"] == "files[1]"
    files[1]["path"] = "e\u0301"
    assert shared.refused(f"{package}/files", {"files": files}, 422, "bad-path")["field"] == "files[1]"
    files[1]["size"] = -1
    problem = shared.refused(f"{package}/files", {"files": files}, 422, "bad-payload")
    assert problem["field"] == "files[1].size"


@pytest.mark.parametrize("length", [8 * 1024 * 1024 + 1, 2**31, 2**63 - 1])
def test_dr05_a_declared_length_over_the_limit(length: int, shared_service: Running) -> None:
    head = f"POST /packages HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}"
    answer = shared_service.exchange(head, b"{")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too-large"' in answer


def test_dr05_a_length_that_lies_short(shared_service: Running, shared: Registry) -> None:
    before = shared.head()
    head = "POST /packages HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2"
    answer = shared_service.exchange(head, b'{"purl": "pkg:generic/lie@1"}')
    assert answer.startswith(b"HTTP/1.1 4")
    assert shared.head() == before


def test_dr05_an_endless_body_is_cut_off(shared_service: Running, shared: Registry) -> None:
    """Chunked, without Content-Length: as much is read as is allowed, and memory stays."""
    process = psutil.Process()
    before = process.memory_info().rss
    sent = _pour(shared_service, b"%x\r\n%s\r\n" % (65_536, b"x" * 65_536), chunks=40_000)
    assert sent < 200 * 1024 * 1024
    assert process.memory_info().rss - before < 100 * 1024 * 1024
    assert shared.get("/healthz") == {"status": "alive"}


def _pour(service: Running, chunk: bytes, chunks: int) -> int:
    """Send chunks until the service hangs up; bytes sent."""
    address = urlsplit(service.url)
    sent = 0
    with socket.create_connection((str(address.hostname), address.port or 0), 10) as connection:
        head = (
            "POST /packages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {service.tokens['producer']}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(head.encode())
        try:
            for _ in range(chunks):
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            return sent
    raise AssertionError("the service took it all")
