"""The two forms of the feed, and what caches may keep of it."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import cbor2
import httpx
import pytest

from artifactstore import codec
from artifactstore.http.feed import encoding
from artifactstore.http.feed.encoding import json_event
from artifactstore.http.feed.representation import preferred
from artifactstore.leaves import columns
from artifactstore.store import LoggedEvent
from tests.http.feeding import append_packages, page
from tests.http.running import Running


@pytest.fixture
def client(service: Running) -> httpx.Client:
    """A client that may do everything."""
    return service.client()


CBOR = {"Accept": "application/cbor-seq"}


def items(body: bytes) -> list[dict[str, Any]]:
    """The items of a CBOR sequence."""
    stream = io.BytesIO(body)
    found = []
    while stream.tell() < len(body):
        found.append(cbor2.load(stream))
    return found


def test_the_cbor_sequence_has_the_exact_bytes(service: Running, client: httpx.Client) -> None:
    ids = append_packages(service.settings.database_url, 3)
    answer = client.get("/events", headers=CBOR)
    assert answer.headers["Content-Type"] == "application/cbor-seq"
    assert answer.headers["Artifactstore-Next"] == answer.headers["Artifactstore-Head"] == "7"
    assert answer.headers["Artifactstore-Has-More"] == "false"
    events, told = items(answer.content), page(client)["events"]
    assert [event["sequence"] for event in events] == list(range(1, 8))
    for event, as_json in zip(events, told, strict=True):
        assert codec.digest(event["payload"]) == event["payload_digest"]
        assert as_json["payload_digest"] == f"blake3:{event['payload_digest'].hex()}"
        assert event["actor"] == as_json["actor"]
        assert event["event_type"] == as_json["event_type"]
    assert events[-1]["subject_id"] == ids[-1].bytes
    assert codec.encode_item(events[-1]) == client.get("/events/7", headers=CBOR).content


def test_an_empty_page_is_an_empty_sequence(client: httpx.Client) -> None:
    answer = client.get("/events?since=head", headers=CBOR)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("accept", "cbor"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", False),
        ("application/cbor-seq", True),
        ("Application/CBOR-Seq ; q=0.5", True),
        ("application/cbor-seq;q=0.5, application/json", False),
        ("application/cbor-seq, application/json;q=0.9", True),
        ("application/cbor-seq;q=0", False),
        ("application/cbor-seq;q=x", False),
        (",;q=,", False),
    ],
)
def test_the_form_is_the_one_preferred(accept: str | None, cbor: bool) -> None:
    wanted = encoding.CBOR if cbor else encoding.JSON
    assert preferred(accept, (encoding.JSON, encoding.CBOR)) == wanted


def test_what_touches_the_head_is_not_stored(service: Running, client: httpx.Client) -> None:
    append_packages(service.settings.database_url, 5)
    for query in ("", "since=head", "limit=9", "since=0&actor=user:nobody"):
        answer = client.get(f"/events?{query}")
        assert answer.headers["Cache-Control"] == "no-store", query
        assert "ETag" not in answer.headers


def test_a_full_page_below_the_head_has_a_strong_etag(service: Running, client: httpx.Client) -> None:
    append_packages(service.settings.database_url, 5)
    epoch = page(client)["epoch"]
    plain = client.get("/events?limit=3")
    assert plain.headers["Cache-Control"] == "private, no-cache"
    named = client.get(f"/events?limit=3&epoch={epoch}")
    assert "immutable" in named.headers["Cache-Control"]
    assert "Accept" in named.headers["Vary"]
    assert plain.headers["ETag"] == named.headers["ETag"]
    mirrored = client.get("/events?limit=3", headers=CBOR)
    assert mirrored.headers["ETag"] != plain.headers["ETag"]

    append_packages(service.settings.database_url, 1, name="later")
    # The page tells the head, so it is another one now; the events alone are as before.
    changed = client.get("/events?limit=3", headers={"If-None-Match": plain.headers["ETag"]})
    assert changed.status_code == 200
    same = client.get("/events?limit=3", headers={**CBOR, "If-None-Match": mirrored.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_one_event_can_be_kept_while_the_epoch_is_named(client: httpx.Client) -> None:
    epoch = page(client)["epoch"]
    assert client.get("/events/1").headers["Cache-Control"] == "private, no-cache"
    kept = client.get(f"/events/1?epoch={epoch}")
    assert "immutable" in kept.headers["Cache-Control"]
    again = client.get("/events/1", headers={"If-None-Match": kept.headers["ETag"]})
    assert again.status_code == 304


def test_values_that_the_catalogue_does_not_know_are_shown_as_they_are() -> None:
    """A damaged event hides no other: an id of 15 bytes, a digest and a time that are texts."""
    payload = codec.encode({"path": 7, "sha256": "none", "blake3": b"\xab", "package_id": bytes(15)})
    damaged = LoggedEvent(
        9, datetime(2026, 1, 1, tzinfo=UTC), "v1.file.ingested", "file", None, "user:a", payload, bytes(32)
    )
    shown = json.loads(json_event(columns(damaged)))
    assert shown["payload"] == {"path": 7, "sha256": "none", "blake3": "ab", "package_id": "00" * 15}
    assert shown["created_at"] == "2026-01-01T00:00:00.000000Z"
    applied = damaged._replace(event_type="v1.retention.applied", payload=codec.encode({"until": "never"}))
    assert json.loads(json_event(columns(applied)))["payload"] == {"until": "never"}
    # With its own digest the profile's bounds are not looked at again.
    payload = cbor2.dumps({"until": 2**64 - 1})
    late = applied._replace(payload=payload, payload_digest=codec.digest(payload))
    assert json.loads(json_event(columns(late)))["payload"] == {"until": 2**64 - 1}
