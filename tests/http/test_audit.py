"""``GET /audit``: the log backwards, by package, actor and time; no page skips or repeats anything."""

from typing import Any

import httpx
import pytest

from tests.http.feeding import append_packages, sequences, walk
from tests.http.running import Registry, Running, running


def backwards(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Every event that is asked for, page by page, the newest first unless it says otherwise."""
    events: list[dict[str, Any]] = []
    while True:
        answer = client.get("/audit", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        events += page["events"]
        if page["next"] is None:
            return events
        assert page["next"] == page["events"][-1]["sequence"]
        query["after" if query.get("order") == "oldest" else "before"] = page["next"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1_000])
def test_every_paging_gives_the_log_backwards_and_forwards(service: Running, limit: int) -> None:
    append_packages(service.settings.database_url, 4)
    client = service.client()
    assert sequences(backwards(client, limit=limit)) == sequences(walk(client))[::-1]
    assert sequences(backwards(client, limit=limit, order="oldest")) == sequences(walk(client))
    assert sequences(backwards(client, limit=limit, order="oldest", after=3)) == sequences(walk(client))[3:]


def test_what_is_appended_meanwhile_moves_no_page(service: Running) -> None:
    append_packages(service.settings.database_url, 4)
    client = service.client()
    first = client.get("/audit", params={"limit": 3}).json()
    append_packages(service.settings.database_url, 4, "meanwhile")
    rest = backwards(client, limit=3, before=first["next"])
    assert sequences(first["events"] + rest) == list(range(first["events"][0]["sequence"], 0, -1))


def test_a_package_has_its_files_copies_and_holds(registry: Registry) -> None:
    package, other = registry.package(purl="pkg:npm/%40scope/app@1"), registry.package()
    file = registry.file(package)
    registry.location(file)
    registry.post(f"{package}/holds", {"case": "c", "reason": "why"})
    registry.file(other)
    expected = ["v1.retention.hold_placed", "v1.storage.registered", "v1.file.ingested", "v1.package.created"]
    for reference in (package.split("/")[-1], "pkg:npm/%40scope/app@1", "pkg:NPM/@scope/app@1"):
        found = registry.get("/audit", package=reference)["events"]
        assert [event["action"] for event in found] == expected
        assert {event["purl"] for event in found} == {"pkg:npm/%40scope/app@1"}
    assert (found[0]["reason"], found[2]["path"], found[0]["result"]) == ("why", "a", "applied")


def test_conditions_are_all_held(service: Running) -> None:
    append_packages(service.settings.database_url, 3, actor="test:one")
    append_packages(service.settings.database_url, 3, "other", actor="test:two")
    client = service.client()
    log = walk(client)
    assert sequences(backwards(client, actor="test:one")) == sequences(log)[-4:-7:-1]
    assert sequences(backwards(client, actor="test:one", action="v1.system.*")) == []
    assert sequences(backwards(client, actor=["test:one", "test:two"])) == sequences(log)[:-7:-1]
    subject = log[-1]["subject_id"]
    assert sequences(backwards(client, subject_id=subject, subject_kind="package")) == [len(log)]
    assert sequences(backwards(client, action="v1.package.created", limit=4)) == sequences(log)[:-7:-1]


def test_times_are_from_and_before(service: Running) -> None:
    for number in range(3):
        append_packages(service.settings.database_url, 2, f"at-{number}")
    client = service.client()
    log = walk(client)
    for event in log:
        at = event["created_at"]
        later = [one["sequence"] for one in log if one["created_at"] >= at]
        assert sequences(backwards(client, limit=2, **{"from": at})) == later[::-1]
        earlier = [one["sequence"] for one in log if one["created_at"] < at]
        assert sequences(backwards(client, limit=2, to=at)) == earlier[::-1]
    assert backwards(client, **{"from": "2200-01-01T00:00:00Z"}) == []
    assert len(backwards(client, to="2200-01-01T00:00:00Z")) == len(log)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("before=0", 400, "bad-request"),
        ("before=999", 409, "cursor-ahead"),
        ("from=yesterday", 400, "bad-request"),
        ("package=x", 422, "invalid-purl"),
        ("package=pkg:generic/unknown@1", 404, "not-found"),
        ("package=00000000-0000-7000-8000-000000000000", 404, "not-found"),
        ("action=v1.nothing", 400, "bad-request"),
        ("before=3&before=4", 400, "bad-request"),
        ("since=1", 400, "bad-request"),
    ],
)
def test_what_cannot_be_is_refused(shared: Registry, query: str, status: int, code: str) -> None:
    answer = shared.client.get(f"/audit?{query}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_f58_a_page_is_bounded_by_bytes(service_conninfo: str) -> None:
    with running(service_conninfo, page_bytes=3_000) as service:
        registry = Registry(service.client())
        for _ in range(8):
            registry.package(labels={"text": "x" * 700})
        first = registry.get("/audit", limit=1_000)
        assert 0 < len(first["events"]) < 8
        assert sequences(backwards(registry.client)) == list(range(registry.head(), 0, -1))


@pytest.mark.parametrize("actor", ["100%", "%z", "%s", "%(a)s", "it's \\ {}"])
def test_an_actor_of_any_characters_is_asked_for(shared: Registry, actor: str) -> None:
    assert shared.get("/audit", actor=actor)["events"] == []
