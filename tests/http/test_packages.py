"""Packages over HTTP: their life, reading them back, versions, pages and filters."""

from typing import Any

import pytest

from artifactstore.events import EVENT_TYPES
from artifactstore.http.routes import ENDPOINTS
from tests.http.running import Registry

_UNTIL, _LATER, _EARLIER = (f"{year}-01-01T00:00:00.000000Z" for year in (2040, 2050, 2030))


def test_every_event_type_but_those_of_the_system_has_an_endpoint() -> None:
    answered = {
        endpoint.answer["allOf"][1]["properties"]["event_type"]["const"]
        for endpoint in ENDPOINTS
        if isinstance(endpoint.answer, dict) and "allOf" in endpoint.answer
    }
    # Files answer with what a batch is, tokens with the token.
    system = {name for name in EVENT_TYPES if name.startswith("v1.system.")}
    assert answered | {"v1.file.ingested"} == set(EVENT_TYPES) - system


def test_the_whole_life_of_a_package(registry: Registry) -> None:
    """Each command answers with its event, each refusal leaves the log as it was."""
    created = registry.post("/packages", {"purl": "pkg:pypi/app@1", "labels": {"team": "a"}}, 201)
    package = f"/packages/{created['subject_id']}"
    assert registry.get(package)["state"] == "open"
    registry.refused(f"{package}/seal", {}, 409, "empty")
    file = registry.file(package, "src/app.py")
    location = registry.location(file)
    registry.post(f"{location}/verified", {"method": "full_read"})
    assert registry.get(file)["state"] == "verified"
    registry.post(f"{location}/failed", {"failure": "missing"})
    assert registry.get(file)["state"] == "corrupted"
    registry.refused(f"{location}/retire", {"outcome": "lost", "reason": "r"}, 422, "bad-payload")
    registry.post(f"{location}/retire", {"outcome": "not_found", "reason": "r"})
    registry.refused(f"{location}/verified", {"method": "full_read"}, 409, "retired")

    manifest = registry.get(f"{package}/manifest")
    registry.refused(f"{package}/seal", {"manifest_digest": "0" * 64}, 409, "manifest-changed")
    sealed = registry.post(f"{package}/seal", {"manifest_digest": manifest["manifest_digest"]})
    assert sealed["payload"]["file_count"] == 1
    assert registry.get(f"{package}/manifest")["sealed_digest"] == manifest["manifest_digest"]
    body = {"path": "b", "size": 1, "blake3": "0" * 64}
    registry.refused(f"{package}/files", body, 409, "not-open")
    registry.refused(f"{file}/remove", {"reason": "r"}, 409, "not-open")

    registry.post(f"{package}/labels", {"set": {"a": "b"}, "unset": ["team"]})
    registry.refused(f"{package}/labels", {"set": {"a": "b"}}, 409, "nothing-to-do")
    assert registry.get(package)["labels"] == {"a": "b"}
    registry.post(f"{package}/yank", {"reason": "r"})
    registry.refused(f"{package}/yank", {"reason": "r"}, 409, "no-change")
    registry.post(f"{package}/unyank", {"reason": "r"})

    registry.post(f"{package}/retention", {"mode": "governance", "until": _UNTIL})
    registry.refused(f"{package}/delete", {"reason": "r"}, 409, "retention-active")
    registry.post(f"{package}/delete", {"reason": "r", "bypass_governance": True})
    registry.post(f"{package}/restore", {"reason": "r"})
    assert registry.get(package)["state"] == "sealed"
    registry.refused(f"{package}/purge", {"reason": "r"}, 409, "wrong-state")
    registry.post(f"{package}/delete", {"reason": "r", "bypass_governance": True})
    purged = registry.post(f"{package}/purge", {"reason": "r", "bypass_governance": True})
    assert purged["payload"]["file_count"] == 1
    assert (registry.get(package)["state"], registry.get(file)["state"]) == ("purged", "purged")
    registry.refused("/packages", {"purl": "pkg:pypi/app@1"}, 409, "name-taken")


def test_writes_answer_with_the_event_and_where_the_log_stands(registry: Registry) -> None:
    response = registry.client.post(
        "/packages", json={"purl": "pkg:generic/a@1", "reason": "why", "on_behalf_of": "user:boss"}
    )
    event = response.json()
    assert response.headers["Location"] == f"/packages/{event['subject_id']}"
    assert response.headers["Artifactstore-Head"] == str(event["sequence"])
    assert event["payload"]["on_behalf_of"] == "user:boss"
    read = registry.client.get(response.headers["Location"], params={"min_sequence": event["sequence"]})
    for name in ("Artifactstore-Head", "Artifactstore-Log", "Artifactstore-Epoch"):
        assert read.headers[name] == response.headers[name]


def test_ids_may_be_given_once(registry: Registry) -> None:
    body = {"purl": "pkg:generic/a@1", "package_id": "0192f0c1-2d4b-7b6a-9c1d-0123456789ab"}
    assert registry.post("/packages", body, 201)["subject_id"] == body["package_id"]
    registry.refused("/packages", {**body, "purl": "pkg:generic/b@1"}, 409, "id-taken")


def test_if_match_names_the_version_that_is_changed(registry: Registry) -> None:
    package = registry.package()
    first = registry.client.get(package).headers["ETag"]
    labeled = registry.post(f"{package}/labels", {"set": {"a": "1"}}, If_Match=first)
    problem = registry.refused(f"{package}/labels", {"set": {"a": "2"}}, 412, "changed", If_Match=first)
    assert (problem["expected"], problem["actual"]) == (int(first.strip('"')), labeled["sequence"])
    registry.post(f"{package}/labels", {"set": {"a": "3"}}, If_Match="*")
    for text in ("1", '"1', 'w/"1"', '"1" "2"', "", ",", '*, "1"', '"a"b'):
        registry.refused(f"{package}/labels", {"set": {"a": "4"}}, 400, "bad-request", If_Match=text)
    registry.refused("/packages", {"purl": "pkg:generic/x@1"}, 400, "bad-request", If_Match='"1"')


def test_if_match_of_retention_files_and_locations(registry: Registry) -> None:
    package = registry.package(retention={"mode": "governance", "until": _UNTIL})
    retention, file = f"{package}/retention", registry.file(package)
    location = registry.location(file)
    for subject, command, body in (
        (retention, f"{retention}/extend", {"to": _LATER}),
        (location, f"{location}/verified", {"method": "full_read"}),
        (file, f"{file}/remove", {"reason": "r", "bypass_governance": True}),
    ):
        tag = registry.client.get(subject).headers["ETag"]
        registry.refused(command, body, 412, "changed", If_Match='"1"')
        registry.post(command, body, If_Match=tag)


def test_if_none_match_saves_the_body(registry: Registry) -> None:
    package = registry.package()
    tag = registry.client.get(package).headers["ETag"]
    same = registry.client.get(package, headers={"If-None-Match": f'"1", {tag}'})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    registry.post(f"{package}/labels", {"set": {"a": "1"}})
    assert registry.client.get(package, headers={"If-None-Match": tag}).status_code == 200


def test_pages_give_every_row_once_in_order(registry: Registry) -> None:
    purls = sorted(f"pkg:generic/{name}@1" for name in ("a", "B", "a-1", "a1", "Z", "z.", "~"))
    for purl in reversed(purls):
        registry.post("/packages", {"purl": purl})
    for limit in (1, 2, 3, 7, 100):
        found: list[str] = []
        after: dict[str, Any] = {}
        while True:
            page = registry.get("/packages", limit=limit, **after)
            assert len(page["packages"]) <= limit
            found += [package["purl"] for package in page["packages"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert found == purls


def test_pages_of_files_and_locations(registry: Registry) -> None:
    package = registry.package()
    for path in ("b", "a", "c"):
        file = registry.file(package, path)
    registry.post(f"{registry.file(package, 'gone')}/remove", {"reason": "r"})
    for uri in ("s3://b/1", "s3://b/0"):
        registry.location(file, uri)

    def pages(path: str, items: str, key: str, **query: Any) -> list[str]:
        found: list[str] = []
        while True:
            page = registry.get(path, limit=1, **query)
            found += [row[key] for row in page[items]]
            if page["next"] is None:
                return found
            query["after"] = page["next"]

    assert pages(f"{package}/files", "files", "path") == ["a", "b", "c"]
    assert pages(f"{package}/files", "files", "path", removed="true") == ["a", "b", "c", "gone"]
    assert len(pages("/files", "files", "path", removed="true")) == 4
    assert len(pages("/files", "files", "path", blake3="ab" * 32)) == 3
    assert pages(f"{file}/locations", "locations", "uri") == ["s3://b/1", "s3://b/0"]
    assert [row["path"] for row in registry.get(f"{package}/files", path="b")["files"]] == ["b"]
    assert registry.get(f"{package}/files", path="%2e%2e/\u202e")["files"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"purl": "pkg:npm/a@1"}, ["pkg:npm/a@1"]),
        ({"purl": "pkg:npm/nothing"}, []),
        ({"purl": "PKG:NPM//a@1#"}, ["pkg:npm/a@1"]),
        ({"namespace": "@s"}, ["pkg:npm/%40s/c@1", "pkg:npm/%40s/d@1"]),
        ({"namespace": "@s", "name": "d"}, ["pkg:npm/%40s/d@1"]),
        ({"namespace": "s"}, []),
        ({"purl_prefix": "pkg:npm/%40s/"}, ["pkg:npm/%40s/c@1", "pkg:npm/%40s/d@1"]),
        ({"purl_prefix": "pkg:npm/a"}, ["pkg:npm/a@1"]),
        ({"purl_prefix": "pkg:p"}, ["pkg:pypi/a@1"]),
        ({"purl_prefix": "pkg:npm/~"}, []),
        ({"type": "npm"}, ["pkg:npm/%40s/c@1", "pkg:npm/%40s/d@1", "pkg:npm/a@1", "pkg:npm/b@1"]),
        ({"name": "a"}, ["pkg:npm/a@1", "pkg:pypi/a@1"]),
        ({"state": "deleted"}, ["pkg:npm/b@1"]),
        ({"label": "team=x"}, ["pkg:npm/a@1", "pkg:pypi/a@1"]),
        ({"label": ["team=x", "tier=1"]}, ["pkg:npm/a@1"]),
        ({"label": "team="}, []),
        ({"actor": "user:operator", "type": "pypi"}, ["pkg:pypi/a@1"]),
        ({"actor": "user:other"}, []),
        ({"type": "npm", "state": "open", "label": "team=x"}, ["pkg:npm/a@1"]),
    ],
    ids=str,
)
def test_filters(query: dict[str, Any], found: list[str], filtered: Registry) -> None:
    purls = [package["purl"] for package in filtered.get("/packages", **query)["packages"]]
    assert purls == found


@pytest.fixture(scope="module")
def filtered(shared: Registry) -> Registry:
    """Five packages."""
    shared.post("/packages", {"purl": "pkg:npm/a@1", "labels": {"team": "x", "tier": "1"}})
    shared.post("/packages", {"purl": "pkg:pypi/a@1", "labels": {"team": "x"}})
    for name in ("c", "d"):
        shared.post("/packages", {"purl": f"pkg:npm/@s/{name}@1"}, 201)
    deleted = shared.post("/packages", {"purl": "pkg:npm/b@1"})["subject_id"]
    shared.post(f"/packages/{deleted}/delete", {"reason": "r"})
    return shared


def test_explain_says_what_keeps_a_package(registry: Registry) -> None:
    package = registry.package(retention={"mode": "governance", "until": _UNTIL})
    created = registry.get(package)["created_sequence"]
    extended = registry.post(f"{package}/retention/extend", {"to": _LATER})["sequence"]
    held = registry.post(f"{package}/holds", {"case": "c", "reason": "r"})
    hold = f"{package}/holds/{held['payload']['hold_id']}"
    why = registry.get(f"{package}/retention/explain")
    assert [event["sequence"] for event in why["because"]] == [created, extended, held["sequence"]]
    assert (why["destroyable"], why["purgeable_from"], why["holds"]) == (False, None, 1)
    assert why["operator_may_bypass"] is False

    registry.post(f"{hold}/release", {"reason": "r"})
    why = registry.get(f"{package}/retention/explain")
    assert [event["sequence"] for event in why["because"]] == [created, extended]
    assert (why["purgeable_from"], why["operator_may_bypass"]) == (_LATER, True)
    shorter = {"to": _EARLIER, "reason": "r", "bypass_governance": True}
    registry.post(f"{package}/retention/shorten", shorter)
    assert registry.get(f"{package}/retention/explain")["purgeable_from"] == _EARLIER
    registry.post(f"{package}/retention/escalate")
    assert registry.get(f"{package}/retention/explain")["operator_may_bypass"] is False


def test_explain_of_a_free_and_of_a_purged_package(registry: Registry) -> None:
    package = registry.package()
    why = registry.get(f"{package}/retention/explain")
    assert (why["destroyable"], why["because"]) == (True, [])
    assert why["purgeable_from"] == why["now"]
    registry.post(f"{package}/delete", {"reason": "r"})
    registry.post(f"{package}/purge", {"reason": "r"})
    why = registry.get(f"{package}/retention/explain")
    assert (why["destroyable"], why["purgeable_from"]) == (False, None)


def test_unknown_subjects_are_not_found(registry: Registry) -> None:
    missing = "0192f0c1-2d4b-7b6a-9c1d-0123456789ab"
    registry.package()
    for path in (f"/packages/{missing}", f"/files/{missing}", f"/locations/{missing}"):
        assert registry.get(path, 404)["code"] == "not-found"
    for path in ("files", "manifest", "retention", "retention/explain", "holds"):
        assert registry.get(f"/packages/{missing}/{path}", 404)["code"] == "not-found"
    registry.get(f"/files/{missing}/locations", 404)
    registry.refused(f"/packages/{missing}/delete", {"reason": "r"}, 404, "not-found")
    registry.refused(f"/files/{missing}/remove", {"reason": "r"}, 404, "not-found")
    registry.refused(f"/locations/{missing}/verified", {"method": "full_read"}, 404, "not-found")


_ONCE = "pkg:generic/a?vcs_url=git%2Bhttps:%2F%2Fh%2Fr%40c#x"
_SPELLINGS = (
    _ONCE,
    "pkg:generic/a?vcs_url=git+https://h/r@c#x",
    "PKG:Generic//a@?vcs_url=git%2bhttps://h/r%40c#x/",
)


@pytest.mark.parametrize("text", _SPELLINGS)
def test_f50_a_package_is_made_and_found_by_any_spelling_of_its_purl(registry: Registry, text: str) -> None:
    """The answer tells the canonical form; a query that was decoded once too often is one more spelling."""
    made = registry.post("/packages", {"purl": text}, 201)
    assert made["payload"]["purl"] == _ONCE
    for other in _SPELLINGS:
        [found] = registry.get("/packages", purl=other)["packages"]
        assert (found["package_id"], found["purl"]) == (made["subject_id"], _ONCE)
        registry.refused("/packages", {"purl": other}, 409, "name-taken")


def test_f50_npm_scopes_may_be_written_as_people_write_them(registry: Registry) -> None:
    made = registry.post("/packages", {"purl": "pkg:npm/@scope/name@1"}, 201)
    assert made["payload"]["purl"] == "pkg:npm/%40scope/name@1"
    [found] = registry.get("/packages", purl="pkg:npm/@scope/name@1")["packages"]
    assert (found["namespace"], found["name"]) == ("@scope", "name")


def test_f50_a_repeated_request_is_the_request_that_was_sent(registry: Registry) -> None:
    """The idempotency digest is over the spelling that the client sent, not over the canonical form."""
    body = {"purl": "pkg:npm/@scope/name@1"}
    first = registry.client.post("/packages", json=body, headers={"Idempotency-Key": "k"})
    again = registry.client.post("/packages", json=body, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    other = {"purl": "pkg:npm/%40scope/name@1"}
    registry.refused("/packages", other, 422, "request-mismatch", Idempotency_Key="k")


@pytest.mark.parametrize(
    ("purl", "canonical"),
    [
        ("nothing", None),
        ("pkg:generic/a b", "pkg:generic/a%20b"),
        ("pkg:generic/a\u200bb", "pkg:generic/ab"),
        ("pkg:generic/a?b=c&d", None),
        ("pkg:generic/100%", "pkg:generic/100%25"),
        ("pkg:swift/Alamofire@5", None),
    ],
)
def test_f50_what_is_no_purl_is_never_an_empty_page(
    registry: Registry, purl: str, canonical: str | None
) -> None:
    problem = registry.get("/packages", 400, purl=purl)
    assert (problem["code"], problem["parameter"]) == ("bad-request", "purl")
    assert problem.get("canonical") == canonical
    refused = registry.refused("/packages", {"purl": purl}, 422, "invalid-purl")
    assert refused.get("canonical") == canonical
    assert refused["part"] == problem["part"]


@pytest.mark.parametrize("prefix", ["x", "pkg", "npm/", "pkg:npm/@s", "pkg:Npm/", "pkg:npm/ü", "pkg:npm/a b"])
def test_f50_what_no_canonical_purl_begins_with_is_refused(registry: Registry, prefix: str) -> None:
    problem = registry.get("/packages", 400, purl_prefix=prefix)
    assert (problem["code"], problem["parameter"]) == ("bad-request", "purl_prefix")
