"""Cases RG01, RG02, RG06, RG08, RG09 and RG10 over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from tests.effort import RACES
from tests.http.running import Registry

_UNTIL, _LATER, _EARLIER = "2040-01-01T00:00:00Z", "2050-01-01T00:00:00Z", "2035-01-01T00:00:00Z"


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_rg01_retention_is_never_weakened(mode: str, shared: Registry) -> None:
    package = shared.package(retention={"mode": mode, "until": _UNTIL})
    retention = f"{package}/retention"
    shared.refused(f"{retention}/extend", {"to": _EARLIER}, 409, "not-later")
    shared.refused(f"{retention}/extend", {"to": _UNTIL}, 409, "not-later")
    shared.refused(f"{retention}/extend", {"to": None}, 422, "bad-payload")
    shared.refused(f"{retention}/extend", {}, 422, "bad-payload")
    for weaker in ("governance", "compliance"):
        shared.refused(retention, {"mode": weaker, "until": _LATER}, 409, "retention-active")
    shared.refused(retention, {"mode": "none", "until": _LATER}, 422, "bad-payload")
    shared.post(f"{retention}/extend", {"to": _LATER})
    body = {"to": _EARLIER, "reason": "r", "bypass_governance": True}
    if mode == "compliance":
        shared.refused(f"{retention}/shorten", body, 409, "compliance-locked")
        shared.refused(f"{retention}/escalate", {}, 409, "wrong-mode")
    else:
        shared.refused(f"{retention}/shorten", {**body, "bypass_governance": False}, 422, "bad-payload")
        shared.refused(f"{retention}/shorten", {"to": _EARLIER, "reason": "r"}, 422, "bad-payload")
        shared.post(f"{retention}/escalate")
        shared.refused(f"{retention}/shorten", body, 409, "compliance-locked")
    assert shared.get(retention)["retain_until"] == _LATER.replace("Z", ".000000Z")


def test_rg01_the_end_that_was_read_is_the_one_that_is_extended(shared: Registry) -> None:
    package = shared.package(retention={"mode": "governance", "until": _UNTIL})
    body = {"from": _EARLIER, "to": _LATER}
    shared.refused(f"{package}/retention/extend", body, 409, "retention-changed")
    shared.refused(f"{shared.package()}/retention/extend", {"to": _LATER}, 409, "retention-changed")
    shared.post(f"{package}/retention/extend", {"from": _UNTIL, "to": _LATER})


def test_rg02_a_hold_stops_every_destruction(shared: Registry) -> None:
    package = shared.package()
    file = shared.file(package)
    location = shared.location(file)
    hold_id = shared.post(f"{package}/holds", {"case": "c", "reason": "r"}, 201)["payload"]["hold_id"]
    for bypass in ({}, {"bypass_governance": True}):
        shared.refused(f"{package}/delete", {"reason": "r", **bypass}, 409, "legal-hold")
        shared.refused(f"{file}/remove", {"reason": "r", **bypass}, 409, "legal-hold")
    body = {"outcome": "deleted", "reason": "r"}
    shared.refused(f"{location}/retire", body, 409, "last-good-copy")
    overwrite = {"path": "a", "size": 2, "blake3": "cd" * 32}
    shared.refused(f"{package}/files", overwrite, 409, "path-taken")
    shared.post(f"{package}/holds/{hold_id}/release", {"reason": "r"})
    shared.refused(f"{package}/holds/{hold_id}/release", {"reason": "r"}, 409, "no-such-hold")
    shared.post(f"{package}/delete", {"reason": "r"})


def test_rg02_a_hold_on_a_deleted_package_stops_its_purge(shared: Registry) -> None:
    package = shared.package()
    shared.post(f"{package}/delete", {"reason": "r"})
    shared.post(f"{package}/holds", {"case": "c", "reason": "r"}, 201)
    shared.refused(f"{package}/purge", {"reason": "r", "bypass_governance": True}, 409, "legal-hold")


def _post_at_once(registry: Registry, paths: list[str], body: Any) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(lambda path: registry.client.post(path, json=body), paths))


def test_rg06_concurrent_ingest_of_one_file(registry: Registry, admin: psycopg.Connection) -> None:
    body = {"path": "same", "size": 1, "blake3": "ab" * 32}
    for _ in range(RACES):
        package = registry.package()
        paths = [f"{package}/files"] * 16
        answers = _post_at_once(registry, paths, body)
        codes = sorted(answer.json().get("code", "") for answer in answers)
        assert codes == ["", *["path-taken"] * 15]
        assert len(registry.get(f"{package}/files")["files"]) == 1
        paths = [f"{registry.package()}/files" for _ in range(8)]
        answers = _post_at_once(registry, paths, body)
        assert {answer.status_code for answer in answers} == {201}
    row = admin.execute("SELECT count(*), max(sequence) FROM artifactstore.events").fetchone()
    assert row is not None
    assert row[0] == row[1]


def test_rg08_a_name_is_never_given_other_content(shared: Registry) -> None:
    purl = "pkg:generic/reused@1"
    package = f"/packages/{shared.post('/packages', {'purl': purl})['subject_id']}"
    file = shared.file(package, "a", blake3="aa" * 32)
    shared.post(f"{file}/remove", {"reason": "r"})
    again = shared.file(package, "a", blake3="bb" * 32)
    assert shared.get(file)["state"] == "removed"
    assert shared.get(again)["blake3"] == "bb" * 32
    shared.post(f"{package}/seal")
    shared.post(f"{package}/delete", {"reason": "r"})
    shared.refused("/packages", {"purl": purl}, 409, "name-taken")
    shared.refused(f"{package}/files", {"path": "b", "size": 1, "blake3": "0" * 64}, 409, "not-open")


_SAME_PLACE = ["s3://b/k", "s3://b//k", "s3://B/k", "s3://b/./k", "s3://b/k/", "s3://b/%6B"]


def test_rg09_locations_are_compared_byte_by_byte(shared: Registry) -> None:
    """Spellings of one place are distinct rows, as documented; the same spelling twice is refused."""
    file = shared.file(shared.package())
    for uri in _SAME_PLACE:
        shared.location(file, uri)
        body = {"backend": "s3", "uri": uri}
        shared.refused(f"{file}/locations", body, 409, "location-taken")
    shared.post(f"{file}/locations", {"backend": "mirror", "uri": "s3://b/k"}, 201)
    assert len(shared.get(f"{file}/locations")["locations"]) == len(_SAME_PLACE) + 1


def test_rg09_concurrent_registration_of_one_place(shared: Registry) -> None:
    file = shared.file(shared.package())
    body = {"backend": "s3", "uri": "s3://b/k"}
    before = shared.head()
    answers = _post_at_once(shared, [f"{file}/locations"] * 20, body)
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 19]
    assert shared.head() == before + 1


def test_a_copy_of_other_bytes_is_refused(shared: Registry) -> None:
    file = shared.file(shared.package())
    body = {"backend": "s3", "uri": "s3://b/k", "blake3": "cd" * 32}
    shared.refused(f"{file}/locations", body, 409, "digest-mismatch")
    shorter = {"backend": "s3", "uri": "s3://b/k", "size": 2}
    shared.refused(f"{file}/locations", shorter, 409, "digest-mismatch")


_REFUSED_PATHS = [
    "../../x", "/abs", "a/../b", ".", "..", "a//b", "a/", "./a", "a/.", "", "\n", "a\tb", "\x7f", "a\x1bb",
    "x" * 1025, "ü" * 513, "x" * 1_000_000, "e\u0301",
]  # fmt: skip
_KEPT_PATHS = [
    "..\\x",
    "%2e%2e%2f",
    " ",
    "CON",
    "a.",
    "a ",
    "\u202ea",
    "x" * 1024,
    "...",
    "-rf",
    "a b/ü",
    "\ufeff",
]


@pytest.mark.parametrize("path", _REFUSED_PATHS, ids=lambda path: repr(path)[:20])
def test_rg10_paths_that_are_refused(path: str, shared: Registry) -> None:
    body = {"path": path, "size": 1, "blake3": "0" * 64}
    package = shared.package()
    before = shared.head()
    response = shared.client.post(f"{package}/files", json=body)
    assert (response.status_code, response.json()["code"]) in [(422, "bad-path"), (422, "bad-payload")]
    assert shared.head() == before


def test_rg10_paths_that_are_kept_are_served_verbatim(shared: Registry) -> None:
    package = shared.package()
    for path in _KEPT_PATHS:
        file = shared.file(package, path)
        assert shared.get(file)["path"] == path
        assert [row["path"] for row in shared.get(f"{package}/files", path=path)["files"]] == [path]
    listed = [row["path"] for row in shared.get(f"{package}/files")["files"]]
    assert listed == sorted(_KEPT_PATHS, key=str.encode)


@pytest.mark.parametrize(
    "purl",
    ["pkg:generic/../x@1", "pkg:generic/a@1/../b", "pkg:generic/%2e%2e/x@1", "/etc/passwd", "pkg:generic/a b",
     "pkg:generic/\u202e@1", "pkg:generic/a@1\n", "pkg:generic/", "pkg:",
     "pkg:generic/a%2Fb/c@1", "pkg:generic/a?b=c&B=d", "pkg:generic/" + "a" * 1100, "pkg:generic/%00"],
    ids=lambda purl: repr(purl)[:30],
)  # fmt: skip
def test_rg10_purls_that_are_refused(purl: str, shared: Registry) -> None:
    before = shared.head()
    response = shared.client.post("/packages", json={"purl": purl})
    assert (response.status_code, response.json()["code"]) in [(422, "invalid-purl"), (422, "bad-payload")]
    assert shared.head() == before


@pytest.mark.parametrize(
    ("purl", "canonical"),
    [
        ("PKG:generic/a", "pkg:generic/a"),
        ("pkg:Generic/a", "pkg:generic/a"),
        ("pkg:npm/A", "pkg:npm/A"),
        ("pkg:generic/a?b=c&a=d", "pkg:generic/a?a=d&b=c"),
        ("pkg:generic/a%2Fb@1", "pkg:generic/a%2Fb@1"),
    ],
)
def test_rg10_other_spellings_of_a_purl_are_one_package(
    purl: str, canonical: str, registry: Registry
) -> None:
    assert registry.post("/packages", {"purl": purl}, 201)["payload"]["purl"] == canonical
    registry.refused("/packages", {"purl": canonical}, 409, "name-taken")
