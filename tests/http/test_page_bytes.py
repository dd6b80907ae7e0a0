"""F58: a list is bounded by bytes, however long its rows are; every list, whoever adds it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from artifactstore.store import retention
from tests.http.running import Registry, Running, running

_BYTES = 3_000
_ROWS = 24
_BOUNDED_OTHERWISE = {
    "/audit": "as the others, with before in place of after: see tests/http/test_audit.py",
    "/events": "4 MiB of payloads, see tests/http/test_feed.py",
    "/copies": "as the others; it needs a backend: see tests/surroundings/test_over_http.py",
    "/copies/totals": "one row for each backend and scheme",
    "/log": "the last 1,000 epochs, of at most 1 KB of reason each",
    "/packages/{package_id}/commands": "one for each command; of holds a refusal names the first few",
    "/stores": "what a file of the host names",
    "/policies": "100 rules at most, of one event",
    "/policies/explain": "the same",
    "/stores/{store}/uploads/{upload}": "9,000 parts at most",
    "/packages/{package_id}/retention/explain": "1,000 events of at most 2 KB, see below",
    "/packages/{package_id}/retention/history": "as the others, with sequences as keys",
}
_LISTS = [
    one
    for one in ENDPOINTS
    if one.path not in _BOUNDED_OTHERWISE and any(parameter.name == "after" for parameter in one.query)
]


def _has_list(schema: object) -> bool:
    """Whether an answer has a list of objects somewhere."""
    if isinstance(schema, dict):
        if schema.get("type") == "array" and schema["items"].get("type") != "string":
            return True
        return any(map(_has_list, schema.values()))
    return isinstance(schema, list) and any(map(_has_list, schema))


def test_f58_every_list_is_in_pages() -> None:
    lists = {one.path for one in ENDPOINTS if one.method == "GET" and _has_list(one.answer)}
    assert lists == {one.path for one in _LISTS} | set(_BOUNDED_OTHERWISE)


@pytest.fixture(scope="module")
def narrow(shared_service: Running) -> Iterator[Running]:
    """A service whose pages are small, on the database of the shared one."""
    url = shared_service.settings.database_url
    with running(url, shared_service.tokens, page_bytes=_BYTES) as service:
        yield service


@pytest.fixture(scope="module")
def places(narrow: Running) -> dict[str, str]:
    """Many rows for every list: the value of each parameter of a path."""
    registry = Registry(narrow.client())
    for _ in range(_ROWS):
        _package(registry, {"text": "x" * 700})
    package = _package(registry, {})
    for number in range(_ROWS):
        registry.file(package, f"{number:03}-" + "é" * 300)
        registry.post(f"{package}/holds", {"case": f"{number}", "reason": "x" * 600})
        registry.post("/tokens", {"actor": f"user:{number}-" + "x" * 200, "roles": ["reader"]})
    file = registry.file(package, "copied")
    for number in range(_ROWS):
        registry.location(file, f"s3://{number}/" + "x" * 500)
    # Copies of a file that is removed are to go.
    going = registry.file(_package(registry, {}), "going")
    for number in range(_ROWS):
        registry.location(going, f"s3://going-{number}/" + "x" * 500)
    registry.post(f"{going}/remove", {"reason": "x"})
    return {"package_id": package.rsplit("/", 1)[1], "file_id": file.rsplit("/", 1)[1]}


def _package(registry: Registry, labels: dict[str, str]) -> str:
    """The path of a new package, whoever made some before."""
    return registry.package(purl=f"pkg:generic/{uuid4().hex}@1", labels=labels)


def _walk(service: Running, path: str, limit: int | None) -> Iterator[tuple[bytes, list[dict[str, object]]]]:
    """The body and the rows of each page."""
    after = None
    while True:
        query = {name: value for name, value in {"after": after, "limit": limit}.items() if value is not None}
        answer = service.client().get(path, params=query)
        assert answer.status_code == 200, answer.text
        value = answer.json()
        (rows,) = [one for one in value.values() if isinstance(one, list)]
        yield answer.content, rows
        after = value["next"]
        if after is None:
            return


@pytest.mark.parametrize("endpoint", _LISTS, ids=lambda endpoint: endpoint.path)
def test_f58_pages_have_as_many_rows_as_fit(
    endpoint: Endpoint, narrow: Running, shared_service: Running, places: dict[str, str]
) -> None:
    path = endpoint.path.format(**places)
    whole = [row for _, rows in _walk(shared_service, path, None) for row in rows]
    assert len(whole) >= _ROWS
    pages = list(_walk(narrow, path, 1000))
    assert len(pages) >= 2
    assert [row for _, rows in pages for row in rows] == whole
    for body, rows in pages:
        size = sum(
            len(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()) + 1 for row in rows
        )
        assert size <= _BYTES or len(rows) == 1
        assert len(body) <= size + 1500  # purl and digests of a manifest
    # As many rows as are asked for, where they fit, and the last page says that it is.
    for limit in (1, 2):
        assert [len(rows) for _, rows in _walk(narrow, path, limit)][:-1] == [limit] * (
            -(-len(whole) // limit) - 1
        )


def test_f58_a_row_that_is_longer_is_a_page_of_its_own(narrow: Running) -> None:
    registry = Registry(narrow.client())
    for _ in range(2):
        _package(registry, dict.fromkeys("abcd", "x" * 1000))
    pages = [rows for _, rows in _walk(narrow, "/packages", 1000)]
    assert any(len(rows) == 1 for rows in pages)


def test_f58_pages_of_a_manifest_have_the_digest_of_the_whole(
    narrow: Running, shared_service: Running, places: dict[str, str]
) -> None:
    path = f"/packages/{places['package_id']}/manifest"
    whole = shared_service.client().get(path).json()
    assert whole["next"] is None
    assert whole["file_count"] == len(whole["files"]) == _ROWS + 1
    pages = [json.loads(body) for body, _ in _walk(narrow, path, None)]
    assert len(pages) > 1
    told = ("manifest_digest", "file_count", "total_bytes", "as_of", "sealed_digest", "state", "purl")
    assert {tuple(page[name] for name in told) for page in pages} == {tuple(whole[name] for name in told)}
    assert [page["next"] for page in pages[:-1]] == [page["files"][-1]["path"] for page in pages[:-1]]


@pytest.mark.parametrize("query", ["limit=0", "limit=100001", "after=", "after=%00", "limit=x"])
def test_f58_parameters_of_a_manifest(query: str, shared: Registry) -> None:
    answer = shared.client.get(f"{_package(shared, {})}/manifest?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_f58_what_keeps_a_package_is_told_within_bounds(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_MAX_EVENTS", 3)
    package = registry.package()
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    registry.post(f"{package}/retention", {"mode": "governance", "until": until})
    for number in range(5):
        registry.post(f"{package}/holds", {"case": f"{number}", "reason": "x"})
    told = registry.get(f"{package}/retention/explain")
    assert (told["holds"], len(told["because"])) == (5, 3)


def test_f58_a_connection_whose_page_ended_early_is_used_again(
    narrow: Running, places: dict[str, str]
) -> None:
    """The query is cancelled, and nothing of that is left: with one connection each meets the same."""
    with running(narrow.settings.database_url, narrow.tokens, page_bytes=_BYTES, pool_max=1) as service:
        registry = Registry(service.client())
        for _ in range(20):
            assert registry.get("/packages", limit=1000)["next"]
            assert registry.get(f"/packages/{places['package_id']}")
        text = service.client().get("/metrics").text
    assert 'artifactstore_http_limits_total{limit="page-bytes"}' in text
