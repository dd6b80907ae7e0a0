"""Models of events: what a payload may hold, ids, times, manifests."""

import threading
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from artifactstore import codec
from artifactstore.errors import BadInput
from artifactstore.events import (
    EVENT_TYPES,
    Event,
    FileIngested,
    HoldPlaced,
    Location,
    NewEvent,
    Origin,
    PackageCreated,
    PackageLabeled,
    PackageYanked,
    Request,
    Retention,
    RetentionApplied,
    RetentionExtended,
    RetentionShortened,
    StorageVerified,
    SystemInitialized,
    TokenIssued,
    catalogue,
    from_payload,
    manifest_digest,
    new_id,
    parse_time,
)

ANN = "user:ann"
ID = UUID("018f2f3e-0000-7000-8000-0000000000ab")
HASH = bytes(range(32))
WHEN = datetime(2030, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)
FILE = FileIngested(package_id=ID, path="a/b", size=3, blake3=HASH)
PLACE = Location(location_id=ID, backend="file", uri="file:///a/b")


def payload(event: Event, **more: Any) -> bytes:
    """Bytes of an event about ``ID``."""
    return NewEvent(event, ID, ANN, **more).payload()


def refused(event: Event, field: str, **more: Any) -> str:
    """Assert that the event is refused for that field; returns the problem."""
    with pytest.raises(BadInput) as caught:
        payload(event, **more)
    assert caught.value.code == "bad-payload"
    assert caught.value.detail["event_type"] == event.event_type
    assert caught.value.detail["field"] == field
    return str(caught.value.detail["problem"])


def test_a_payload_is_the_cbor_of_its_fields() -> None:
    event = replace(FILE, locations=(PLACE,))
    assert codec.decode(payload(event)) == {
        "package_id": ID.bytes,
        "path": "a/b",
        "size": 3,
        "blake3": HASH,
        "locations": [{"location_id": ID.bytes, "backend": "file", "uri": "file:///a/b"}],
    }


def test_names_that_python_reserves_and_times() -> None:
    event = RetentionExtended(from_=WHEN, to=WHEN + timedelta(microseconds=1))
    assert codec.decode(payload(event)) == {"from": 1_896_091_200_500_000, "to": 1_896_091_200_500_001}


def test_origin_is_part_of_the_payload_and_comes_back() -> None:
    request = Request(key="k", digest=HASH, events=2)
    data = payload(PackageYanked(reason="bad"), request=request, on_behalf_of="user:bob")
    assert codec.decode(data) == {
        "reason": "bad",
        "request": {"key": "k", "digest": HASH, "events": 2},
        "on_behalf_of": "user:bob",
    }
    assert from_payload("v1.package.yanked", data) == (
        PackageYanked(reason="bad"),
        Origin(request=request, on_behalf_of="user:bob"),
    )


def test_absent_fields_come_back_as_none() -> None:
    assert from_payload("v1.file.ingested", payload(FILE)) == (FILE, Origin())


def test_null_is_not_absent() -> None:
    data = codec.encode({"purl": "pkg:generic/a@1", "media_type": None})
    with pytest.raises(BadInput, match="must be text"):
        from_payload("v1.package.created", data)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (replace(FILE, path=""), "path"),
        (replace(FILE, path="é" * 513), "path"),
        (replace(FILE, path="a\0b"), "path"),
        (replace(FILE, path="\udc80"), "path"),
        (replace(FILE, path=b"a"), "path"),  # type: ignore[arg-type]
        (replace(FILE, size=-1), "size"),
        (replace(FILE, size=2**53), "size"),
        (replace(FILE, size=True), "size"),
        (replace(FILE, size=1.0), "size"),  # type: ignore[arg-type]
        (replace(FILE, size="10"), "size"),  # type: ignore[arg-type]
        (replace(FILE, size=None), "size"),  # type: ignore[arg-type]
        (replace(FILE, blake3=b""), "blake3"),
        (replace(FILE, blake3=HASH[:31]), "blake3"),
        (replace(FILE, sha256=HASH + b"x"), "sha256"),
        (replace(FILE, blake3=HASH.hex()), "blake3"),  # type: ignore[arg-type]
        (replace(FILE, package_id=str(ID)), "package_id"),  # type: ignore[arg-type]
        (replace(FILE, locations=[PLACE]), "locations"),  # type: ignore[arg-type]
        (replace(FILE, locations=(PLACE,) * 257), "locations"),
        (replace(FILE, locations=(PLACE, replace(PLACE, uri="u" * 2049))), "locations[1].uri"),
        (replace(FILE, locations=(PLACE, replace(PLACE, backend="b" * 65))), "locations[1].backend"),
        (replace(FILE, locations=(ID,)), "locations[0]"),  # type: ignore[arg-type]
        (PackageCreated(purl="p" * 1025), "purl"),
        (PackageCreated(purl="p", media_type="m" * 256), "media_type"),
        (PackageCreated(purl="p", labels={"k": "v" * 1025}), "labels.k"),
        (PackageCreated(purl="p", labels={"k" * 129: "v"}), "labels." + "k" * 129),
        (PackageCreated(purl="p", labels={"": "v"}), "labels."),
        (PackageCreated(purl="p", labels={"k": 1}), "labels.k"),  # type: ignore[dict-item]
        (PackageCreated(purl="p", labels={1: "v"}), "labels"),  # type: ignore[dict-item]
        (PackageCreated(purl="p", labels={str(n): "" for n in range(257)}), "labels"),
        (PackageCreated(purl="p", retention=Retention(mode="soft", until=WHEN)), "retention.mode"),
        (PackageLabeled(unset=("",)), "unset[0]"),
        (PackageYanked(reason=""), "reason"),
        (PackageYanked(reason="r" * 1025), "reason"),
        (replace(FILE, reason="r" * 1025), "reason"),
        (HoldPlaced(hold_id=ID, case="c" * 256, reason="r"), "case"),
        (StorageVerified(package_id=ID, file_id=ID, method="guess"), "method"),
        (RetentionShortened(from_=WHEN, to=WHEN, reason="r", bypass_governance=False), "bypass_governance"),
        (RetentionShortened(from_=WHEN, to=WHEN, reason="r", bypass_governance=1), "bypass_governance"),  # type: ignore[arg-type]
        (SystemInitialized(log_id=ID, epoch=2, epoch_id=ID, payload_profile="AS-CBOR/1"), "epoch"),
        (TokenIssued(token_id=ID, roles=("r" * 65,)), "roles[0]"),
        (RetentionApplied(mode="governance", until=WHEN.replace(tzinfo=None)), "until"),
        (RetentionApplied(mode="governance", until=datetime.max.replace(tzinfo=UTC)), "until"),
        (RetentionApplied(mode="governance", until=datetime.min.replace(tzinfo=UTC)), "until"),
        (RetentionApplied(mode="governance", until=1), "until"),  # type: ignore[arg-type]
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_rg11_rg12_rpl07_values_out_of_bounds_are_refused_by_field(event: Event, field: str) -> None:
    assert refused(event, field)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"request": Request(key="k" * 256, digest=HASH, events=1)}, "request.key"),
        ({"request": Request(key="k\0", digest=HASH, events=1)}, "request.key"),
        ({"request": Request(key="k", digest=HASH, events=0)}, "request.events"),
        ({"request": Request(key="k", digest=HASH[1:], events=1)}, "request.digest"),
        ({"on_behalf_of": "b" * 256}, "on_behalf_of"),
    ],
)
def test_origin_is_bounded(more: dict[str, Any], field: str) -> None:
    assert refused(FILE, field, **more)


@pytest.mark.parametrize(
    "event",
    [
        replace(FILE, path="é" * 512, size=2**53 - 1),
        replace(FILE, size=0, media_type="m" * 255, reason="r" * 1024),
        replace(FILE, locations=(replace(PLACE, uri="u" * 2048, backend="b" * 64),) * 30),
        replace(FILE, locations=()),
        PackageCreated(purl="p" * 1024, labels={"k" * 128: "v" * 1024, "e": ""}),
        PackageCreated(purl="p", labels={f"{n:03}": "" for n in range(256)}),
        PackageLabeled(set={}, unset=()),
    ],
    ids=lambda event: type(event).__name__,
)
def test_values_at_their_bounds_are_allowed(event: Event) -> None:
    assert from_payload(event.event_type, payload(event))[0] == event


def test_a_payload_over_64_kib_is_refused_with_its_limit() -> None:
    labels = {f"{n:03}": "v" * 1024 for n in range(64)}
    with pytest.raises(BadInput, match="of which 65536 are allowed"):
        payload(PackageCreated(purl="p", labels=labels))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "reason"),
        ({"reason": "r", "extra": 1}, "extra"),
        ({"reason": 1}, "reason"),
        ({"reason": b"r"}, "reason"),
        ({"reason": "r", "request": {"key": "k", "digest": HASH}}, "request.events"),
        ({"reason": "r", "request": {"key": "k", "digest": HASH, "events": 1, "x": 1}}, "request.x"),
        ({"reason": "r", "request": []}, "request"),
    ],
)
def test_payloads_that_do_not_fit_their_type_are_refused_by_field(values: Any, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        from_payload("v1.package.yanked", codec.encode(values))
    assert caught.value.detail["field"] == field


def test_unknown_event_types_are_refused() -> None:
    with pytest.raises(BadInput) as caught:
        from_payload("v2.package.created", b"\xa0")
    assert caught.value.code == "unknown-event-type"


def test_events_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        FILE.path = "other"  # type: ignore[misc]


def test_the_catalogue_has_every_type_with_the_common_fields() -> None:
    assert set(catalogue()) == set(EVENT_TYPES)
    for event_type, fields in catalogue().items():
        assert {"request", "reason", "on_behalf_of"} <= set(fields), event_type
    assert catalogue()["v1.retention.extended"]["from"] == {
        "type": "time", "required": True, "doc": "retain_until before",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2030-01-31T12:00:00.5Z", 1_896_091_200_500_000),
        ("2030-01-31t13:00:00.500000+01:00", 1_896_091_200_500_000),
        ("2030-01-31T06:29:59.50-05:30", 1_896_091_199_500_000),
        ("2024-02-29T23:59:59Z", 1_709_251_199_000_000),
        ("2255-06-05T23:47:34.740991Z", 2**53 - 1),
        ("1684-07-28T00:12:25.259009z", -(2**53) + 1),
    ],
)
def test_rpl10_times_are_exact(text: str, micros: int) -> None:
    """CB08 too: one instant is one integer, however it is written."""
    event = RetentionApplied(mode="governance", until=parse_time(text))
    assert codec.decode(payload(event))["until"] == micros


@pytest.mark.parametrize(
    "text",
    [
        "", "2030-01-31", "2030-01-31T12:00:00", "2030-01-31T12:00Z", "2030-01-31T12:00:00.Z",
        "2030-01-31T12:00:00.1234567Z", "2030-01-31T12:00:00.000000000Z", "2030-01-31T12:00:00,5Z",
        "2030-01-31T12:00:60Z", "2030-01-31T24:00:00Z", "2030-02-30T12:00:00Z", "2023-02-29T12:00:00Z",
        "2030-13-01T12:00:00Z", "2030-00-01T12:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z", "2255-06-05T23:47:34.740992Z",
        "-0044-03-15T00:00:00Z", "infinity", "now", "2030-01-31T12:00:00+1:00", "2030-01-31T12:00:00+0100",
        "2030-01-31T12:00:00+01:60", "2030-01-31T12:00:00+24:00", "2030-01-31T12:00:00 UTC", "1896091200",
        "٢٠٣٠-01-31T12:00:00Z", " 2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z\n", "2030-01-31 12:00:00Z",
    ],
)  # fmt: skip
def test_rpl07_rpl10_other_times_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_time(text)


def test_subclasses_of_datetime_may_hide_digits_and_are_refused() -> None:
    class Stamp(datetime):
        pass

    assert refused(RetentionApplied(mode="governance", until=Stamp(2030, 1, 1, tzinfo=UTC)), "until")


def test_cb08_zones_do_not_matter() -> None:
    there = WHEN.astimezone(timezone(timedelta(hours=5, minutes=30)))
    ours, theirs = (RetentionApplied(mode="governance", until=when) for when in (WHEN, there))
    assert payload(ours) == payload(theirs)


def test_ids_ascend_and_say_when_they_were_made() -> None:
    before = datetime.now(UTC)
    ids = [new_id() for _ in range(5_000)]
    assert ids == sorted(set(ids))
    assert all(one.version == 7 and one.variant == "specified in RFC 4122" for one in ids)
    made = datetime.fromtimestamp((ids[0].int >> 80) / 1000, UTC)
    assert abs(made - before) < timedelta(seconds=5)


def test_ids_of_threads_are_all_different() -> None:
    made: list[list[UUID]] = [[] for _ in range(8)]

    def make(into: list[UUID]) -> None:
        into.extend(new_id() for _ in range(500))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for into in made for one in into}) == 4_000
    assert all(into == sorted(into) for into in made)


def test_a_manifest_does_not_depend_on_the_order_of_files() -> None:
    files = [("b", 2, HASH), ("a", 1, HASH), ("é", 3, HASH), ("aa", 4, HASH)]
    rows: list[codec.Value] = [
        ["a", 1, HASH], ["aa", 4, HASH], ["b", 2, HASH], ["é", 3, HASH],
    ]  # fmt: skip
    assert manifest_digest(files) == manifest_digest(reversed(files))
    assert manifest_digest(files) == codec.digest(codec.encode_item(rows))


def test_a_manifest_of_names_that_are_no_text_is_refused() -> None:
    with pytest.raises(BadInput):
        manifest_digest([("\udcff", 1, HASH)])
