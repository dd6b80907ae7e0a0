"""The service on a log that is not at home: refused cleanly, and taking events again after adopt."""

import psycopg
import pytest

from artifactstore.client import Client, Cursor, FeedError
from artifactstore.store import Store
from tests.http.running import Registry, Running


def move(admin: psycopg.Connection) -> None:
    """As if the server had been copied."""
    admin.execute("UPDATE artifactstore.home SET system_identifier = system_identifier - 1")


def test_writes_are_refused_until_the_log_is_adopted(
    service: Running, registry: Registry, admin: psycopg.Connection
) -> None:
    package = registry.package()
    move(admin)
    refusal = registry.refused("/packages", {"purl": "pkg:generic/x@1"}, 503, "moved")
    assert "artifactstore adopt" in refusal["hint"]
    assert refusal["home"]["since"]
    assert registry.get(package)["state"] == "open"
    Store(admin).identity.adopt()
    registry.post("/packages", {"purl": "pkg:generic/x@1"}, 201)
    assert service.client().get("/readyz").status_code == 200


def test_a_token_is_not_issued_in_a_copy(registry: Registry, admin: psycopg.Connection) -> None:
    registry.package()
    move(admin)
    body = {"actor": "user:x", "roles": ["reader"]}
    assert registry.post("/tokens", body, 503)["code"] == "moved"
    assert admin.execute("SELECT count(*) FROM artifactstore.tokens WHERE actor = 'user:x'").fetchone() == (
        0,
    )


def test_a_follower_is_told_what_was_lost(
    service: Running, registry: Registry, admin: psycopg.Connection
) -> None:
    registry.package()
    head = registry.head()
    with Client(service.url, service.tokens["reader"]) as client:
        events = list(client.tail(0, until=head))
        first = client.get("/log")["epoch"]
    assert Store(admin).identity.restored("a drill") == head + 1
    told = registry.get("/log")
    old, new = told["epochs"]
    assert (old["epoch"], old["first_sequence"], old["from_sequence"], old["reason"]) == (
        first,
        1,
        None,
        None,
    )
    assert new["epoch"] == told["epoch"] != first
    assert (new["first_sequence"], new["from_sequence"], new["reason"]) == (head + 1, head, "a drill")
    cursors = {
        "epoch-mismatch": {"since": head, "epoch": first},
        "cursor-ahead": {"since": head + 2},
        "diverged": {"since": head, "since_digest": "00" * 32},
    }
    for code, cursor in cursors.items():
        problem = registry.get("/events", 409, **cursor)
        assert (problem["code"], problem["epochs"]) == (code, told["epochs"])
    with (
        Client(service.url, service.tokens["reader"]) as client,
        pytest.raises(FeedError, match=f"kept events up to {head} \\(a drill\\)") as failure,
    ):
        list(client.tail(Cursor(head, first, events[-1].identity), until=head + 1))
    assert failure.value.code == "epoch-mismatch"
    assert list(failure.value.epochs) == told["epochs"]
