"""Lists: links from page to page; what is found across packages: by path, by content, by case, by purl."""

from typing import Any
from urllib.parse import quote

import pytest

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from tests.http.running import Registry
from tests.surroundings.endpoints import QUERIES

_LISTS = [one for one in ENDPOINTS if "Link" in one.may_have]
_PURL = "pkg:npm/%40scope/name@1.0?arch=x%20y&os=linux#a/b"


def made(registry: Registry) -> dict[str, str]:
    """Ids of something of each kind, of which every list has several rows."""
    package = registry.package()
    for path in ("a", "b", "c"):
        file = registry.file(package, path)
        registry.location(file, f"s3://bucket/{path}")
    for uri in ("s3://bucket/1", "s3://bucket/2", "file:///srv/1", "file:///srv/2"):
        location = registry.location(file, uri)
    for case in ("c", "c", "d"):
        registry.post(f"{package}/holds", {"case": case, "reason": "r"})
    registry.package()
    return {f"{one.split('/')[1][:-1]}_id": one.split("/")[2] for one in (package, file, location)}


@pytest.fixture(scope="module")
def known(shared: Registry) -> dict[str, str]:
    """Ids for paths."""
    return made(shared)


@pytest.mark.parametrize("endpoint", _LISTS, ids=lambda one: one.path)
def test_links_lead_through_every_page(endpoint: Endpoint, shared: Registry, known: dict[str, str]) -> None:
    """They say what ``next`` does, keep what else was asked for, and end with the list."""
    path = endpoint.path.format(**known)
    needed: dict[str, Any] = {**QUERIES.get(endpoint.path, {})}
    whole = shared.get(path, limit=1_000, **needed)
    items = next(name for name, value in whole.items() if isinstance(value, list))
    answer = shared.client.get(path, params={"limit": 1, "min_sequence": 1, **needed})
    found: list[Any] = []
    while True:
        page = answer.json()
        found += page[items]
        if page["next"] is None:
            assert "Link" not in answer.headers
            break
        link = answer.links["next"]["url"]
        assert link.startswith("?limit=1&min_sequence=1&")
        answer = shared.client.get(str(answer.url.join(link)))
        assert answer.status_code == 200, answer.text
    assert found == whole[items]
    assert len(found) > 1 or items in ("removals", "tokens")


def test_a_link_that_would_be_longer_than_headers_may_be_is_left_out(registry: Registry) -> None:
    labels = {f"key-{n}": "x" * 1_000 for n in range(3)}
    for _ in range(2):
        registry.package(labels=labels)
    wanted = [("label", f"{key}={value}") for key, value in labels.items()]
    answer = registry.client.get("/packages", params=[*wanted, ("limit", "1")])
    assert answer.json()["next"] is not None
    assert "Link" not in answer.headers


def test_files_are_found_across_packages(registry: Registry) -> None:
    packages = [registry.package(purl=f"pkg:generic/p@{n}") for n in (1, 2)]
    for package in packages:
        registry.file(package, "README.md", sha256="cd" * 32)
        registry.file(package, "other", blake3="ef" * 32)
    for query in ({"path": "README.md"}, {"blake3": "ab" * 32}, {"sha256": "cd" * 32}):
        files = registry.get("/files", 200, **query)["files"]
        assert [(file["path"], file["purl"]) for file in files] == [
            ("README.md", "pkg:generic/p@1"),
            ("README.md", "pkg:generic/p@2"),
        ]
    assert registry.get("/files", path="other", blake3="ab" * 32)["files"] == []


def test_all_holds_of_a_case_are_released_one_by_one(registry: Registry) -> None:
    """As the page on it says: page after page of those in force, until there are none."""
    one = "0192f0c1-2d4b-7b6a-9c1d-0123456789ab"
    for number in range(5):
        package = registry.package(purl=f"pkg:generic/held@{number}")
        # A hold has its id within its package only.
        registry.post(f"{package}/holds", {"case": "2026/7", "reason": "r", "hold_id": one})
        registry.post(f"{package}/holds", {"case": "other", "reason": "r"})
    released = 0
    while holds := registry.get("/holds", case="2026/7", in_force="true", limit=2)["holds"]:
        for hold in holds:
            registry.post(f"/packages/{hold['package_id']}/holds/{hold['hold_id']}/release", {"reason": "r"})
            released += 1
    assert released == 5
    all_of_it = registry.get("/holds", case="2026/7")["holds"]
    assert [hold["purl"] for hold in all_of_it] == [f"pkg:generic/held@{number}" for number in range(5)]
    assert {hold["released_by"] for hold in all_of_it} == {"user:operator"}
    assert len(registry.get("/holds")["holds"]) == 10
    assert len(registry.get("/holds", in_force="true")["holds"]) == 5
    assert registry.get("/holds", case="2026")["holds"] == []
    assert registry.get("/holds", 400, after="1")["parameter"] == "after"


def test_the_contents_of_a_package_are_those_of_its_parts(registry: Registry) -> None:
    package = registry.package()
    for path in [f"{number:03}" for number in range(250)]:
        file = registry.file(package, path)
    kept, retired = (registry.location(file, uri) for uri in ("s3://b/1", "s3://b/2"))
    registry.post(f"{retired}/retire", {"outcome": "not_found", "reason": "r"})
    registry.post(f"{registry.file(package, 'gone')}/remove", {"reason": "r"})
    found = registry.get(f"{package}/contents", limit=1_000)
    assert found["package"] == registry.get(package)
    assert found["retention"] == registry.get(f"{package}/retention")
    copies = [file.pop("locations") for file in found["files"]]
    assert found["files"] == registry.get(f"{package}/files", limit=1_000)["files"]
    assert copies[:-1] == [[]] * 249
    assert copies[-1] == [registry.get(kept)]


@pytest.mark.parametrize(
    "path",
    [
        quote(_PURL, safe=""),
        quote(_PURL, safe="/:@"),
        quote(_PURL, safe="").lower(),
        quote("pkg:npm/@scope/name@1.0?os=linux&arch=x%20y#a/b", safe=""),
        quote("PKG:NPM//%40scope/name@1.0?os=linux&arch=x%20y#/a/b/", safe="/"),
    ],
)
def test_a_package_is_read_by_any_spelling_of_its_purl(registry: Registry, path: str) -> None:
    package = registry.post("/packages", {"purl": _PURL}, 201)["subject_id"]
    by_id = registry.client.get(f"/packages/{package}")
    by_purl = registry.client.get(f"/packages/{path}")
    assert by_purl.status_code == 200, by_purl.text
    assert (by_purl.content, by_purl.headers["ETag"]) == (by_id.content, by_id.headers["ETag"])
    same = registry.client.get(f"/packages/{path}", headers={"If-None-Match": by_id.headers["ETag"]})
    assert same.status_code == 304
    registry.post(f"/packages/{package}/labels", {"set": {"a": "b"}})
    past = registry.get(f"/packages/{path}", at_sequence=by_id.json()["created_sequence"])
    assert (past["labels"], past["purl"]) == ({}, _PURL)


def test_a_purl_that_ends_as_a_path_of_ours_is_a_purl(registry: Registry) -> None:
    for purl in ("pkg:generic/files", "pkg:generic/a/manifest", "pkg:generic/retention/explain"):
        registry.post("/packages", {"purl": purl}, 201)
        assert registry.get(f"/packages/{purl}")["purl"] == purl


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        ("pkg:generic/unknown@1", 404, "not-found"),
        ("pkg:generic", 422, "invalid-purl"),
        ("pkg:", 422, "invalid-purl"),
        ("pkg:swift/Alamofire@5", 422, "invalid-purl"),
        ("pkg:generic/" + "a" * 1_100, 400, "bad-request"),
        ("npm/a", 404, "no-such-path"),
        ("a@1", 400, "bad-request"),
        ("pkg:generic/a%0Ab", 422, "invalid-purl"),
        ("pkg:generic/a%FF", 404, "not-found"),
    ],
)
def test_what_is_no_package_is_told_apart(shared: Registry, reference: str, status: int, code: str) -> None:
    answer = shared.client.get(f"/packages/{reference}")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert shared.client.post(f"/packages/{reference}").status_code in (404, 405)
