"""event_log, audit_events and retention_events: the log as people read it, damaged events included."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from artifactstore import codec
from artifactstore.events import (
    FileIngested,
    FileRemoved,
    HoldPlaced,
    HoldReleased,
    Location,
    NewEvent,
    PackageCreated,
    Request,
    Retention,
    RetentionApplied,
    RetentionExtended,
    RetentionShortened,
    StorageFailed,
    TokenIssued,
    new_id,
)
from tests.sql.support import ANN, BOB, CONTENT, FAR, Log

EDGES = (datetime(1684, 7, 28, 0, 12, 25, 259009, UTC), datetime(2255, 6, 5, 23, 47, 34, 740991, UTC))
"""Earliest and latest time that a payload can hold: ±(2^53 - 1) µs."""
ZONES = ("UTC", "Europe/Amsterdam", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kolkata")


def last(log: Log, view: str) -> dict[str, Any]:
    """The latest event as a view shows it."""
    return log.query(f"SELECT * FROM artifactstore.{view} ORDER BY sequence DESC LIMIT 1")[0]


def test_event_log_shows_every_column_and_the_payload_decoded(log: Log) -> None:
    package, file, location = log.package(), new_id(), new_id()
    event = FileIngested(
        package_id=package,
        path="dir/ä",
        size=3,
        blake3=CONTENT,
        locations=(Location(location_id=location, backend="file", uri="file:///a"),),
    )
    new = NewEvent(event, file, BOB, request=Request(key="k", digest=CONTENT, events=1), on_behalf_of=ANN)
    log.append_all([new])
    assert last(log, "event_log") == {
        "sequence": log.head,
        "created_at": log.time,
        "event_type": "v1.file.ingested",
        "subject_kind": "file",
        "subject_id": file,
        "actor": BOB,
        "payload": {
            "package_id": str(package),
            "path": "dir/ä",
            "size": 3,
            "blake3": CONTENT.hex(),
            "locations": [{"location_id": str(location), "backend": "file", "uri": "file:///a"}],
            "request": {"key": "k", "digest": CONTENT.hex(), "events": 1},
            "on_behalf_of": ANN,
        },
        "payload_digest": codec.digest(new.payload()),
    }


def test_audit_events_shows_what_matters_as_columns(log: Log) -> None:
    package, file = log.package("tool"), new_id()
    location = Location(location_id=new_id(), backend="s3", uri="s3://b/k")
    ingested = FileIngested(package_id=package, path="a", size=3, blake3=CONTENT, locations=(location,))
    log.append_all([NewEvent(ingested, file, BOB, on_behalf_of=ANN)])
    row = last(log, "audit_events")
    payload = row.pop("payload")
    assert payload["path"] == "a"
    assert row == {
        "sequence": log.head,
        "created_at": log.time,
        "actor": BOB,
        "on_behalf_of": ANN,
        "action": "v1.file.ingested",
        "result": "applied",
        "subject_kind": "file",
        "subject_id": file,
        "package_id": package,
        "purl": "pkg:generic/tool@1",
        "reason": None,
        "path": "a",
        "backend": "s3",
        "uri": "s3://b/k",
        "retain_until": None,
        "hold_id": None,
    }
    log.append(file, FileRemoved(package_id=package, reason="wrong bytes"))
    row = last(log, "audit_events")
    assert (row["package_id"], row["purl"], row["reason"]) == (package, "pkg:generic/tool@1", "wrong bytes")


def test_audit_events_of_the_log_itself_have_no_package(log: Log) -> None:
    log.append(log.log_id, TokenIssued(token_id=new_id(), expires=FAR))
    row = last(log, "audit_events")
    assert (row["package_id"], row["purl"], row["subject_id"]) == (None, None, log.log_id)


def test_audit_events_resolves_the_package_of_every_kind_of_subject(log: Log) -> None:
    package = log.package("tool")
    log.location(package, log.file(package))
    log.append(package, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    rows = log.query("SELECT subject_kind, purl FROM artifactstore.audit_events ORDER BY sequence")
    assert [row["subject_kind"] for row in rows] == ["system", "package", "file", "storage", "retention"]
    assert [row["purl"] for row in rows] == [None, *["pkg:generic/tool@1"] * 4]


def test_retention_events_is_the_history_of_a_package(log: Log) -> None:
    package, plain, hold = new_id(), log.package("plain"), new_id()
    later, sooner = FAR + timedelta(days=2), FAR + timedelta(days=1)
    log.append(
        package,
        PackageCreated(purl="pkg:generic/a@1", retention=Retention(mode="governance", until=FAR, policy="p")),
    )
    log.append(package, RetentionExtended(from_=FAR, to=later, reason="audit"))
    log.append(package, RetentionShortened(from_=later, to=sooner, reason="r", bypass_governance=True), BOB)
    log.append(package, HoldPlaced(hold_id=hold, case="case 7", reason="subpoena"))
    log.append(package, HoldReleased(hold_id=hold, reason="settled"))
    log.append(plain, RetentionApplied(mode="compliance", until=FAR))
    log.file(package)
    rows = log.query("SELECT * FROM artifactstore.retention_events ORDER BY sequence")
    assert [
        (row["action"].removeprefix("v1."), row["mode"], row["retain_until_before"], row["retain_until"],
         row["hold_id"], row["case_ref"], row["reason"], row["actor"])
        for row in rows
    ] == [
        ("package.created", "governance", None, FAR, None, None, None, ANN),
        ("retention.extended", None, FAR, later, None, None, "audit", ANN),
        ("retention.shortened", None, later, sooner, None, None, "r", BOB),
        ("retention.hold_placed", None, None, None, hold, "case 7", "subpoena", ANN),
        ("retention.hold_released", None, None, None, hold, None, "settled", ANN),
        ("retention.applied", "compliance", None, FAR, None, None, None, ANN),
    ]  # fmt: skip
    assert {row["package_id"] for row in rows} == {package, plain}
    assert rows[0]["purl"] == "pkg:generic/a@1"


DAMAGED = [b"\xa1\x61", b"\xff", b"\xf6", b"\x00", b"\xa0\xa0", b"\xa1\x61a\xf9\x3c\x00", b"\xbf\xff"]


@pytest.mark.parametrize("payload", DAMAGED)
@pytest.mark.parametrize("view", ["event_log", "audit_events", "retention_events"])
def test_a_damaged_payload_is_shown_as_such_and_hides_no_other_event(
    log: Log, view: str, payload: bytes
) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    event = RetentionApplied(mode="governance", until=FAR)
    damaged = log.insert(NewEvent(event, package, ANN), payload=payload)
    rows = log.query(f"SELECT * FROM artifactstore.{view} ORDER BY sequence DESC LIMIT 2")
    assert [row["sequence"] for row in rows] == [damaged, damaged - 1]
    if view != "retention_events":
        assert rows[0]["payload"].keys() == {"unreadable"}
        assert rows[0]["payload"]["unreadable"].startswith("bad-payload: ")


WRONG_TYPES = [
    {"package_id": "not a uuid"},
    {"package_id": 5},
    {"file_id": b"short"},
    {"until": "soon"},
    {"retention": []},
    {"locations": 7},
    {"request": "r"},
    {"until": -(2**53) + 1, "from": 2**53 - 1},
]


@pytest.mark.parametrize("payload", WRONG_TYPES)
@pytest.mark.parametrize("event_type", ["v1.file.ingested", "v1.retention.applied", "v9.file.exploded"])
def test_a_payload_that_does_not_fit_its_type_stops_no_view(
    log: Log, event_type: str, payload: dict[str, Any]
) -> None:
    event = StorageFailed(package_id=new_id(), file_id=new_id(), failure="missing")
    sequence = log.insert(
        NewEvent(event, new_id(), ANN), payload=codec.encode(payload), event_type=event_type
    )
    for view in ("event_log", "audit_events", "retention_events"):
        log.query(f"SELECT * FROM artifactstore.{view}")
    assert last(log, "event_log")["sequence"] == sequence
    assert last(log, "audit_events")["action"] == event_type


def test_an_unknown_type_shows_its_payload_as_it_is(log: Log) -> None:
    payload = codec.encode({"id": bytes(16), "n": 1, "list": [{"a": None}], "flag": True})
    event = TokenIssued(token_id=new_id())
    log.insert(NewEvent(event, log.log_id, ANN), payload=payload, event_type="v9.system.token_issued")
    assert last(log, "event_log")["payload"] == {
        "unreadable": "the event type is not in the catalogue",
        "payload": {"id": "00" * 16, "n": 1, "list": [{"a": None}], "flag": True},
    }


@pytest.mark.parametrize("until", EDGES)
def test_rpl08_edge_times_read_alike_in_every_zone(log: Log, until: datetime) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    log.insert(NewEvent(RetentionApplied(mode="compliance", until=until), package, ANN))
    seen = set()
    for zone in ZONES:
        log.set("TimeZone", zone)
        seen.add(
            (
                last(log, "event_log")["payload"]["until"],
                log.value(
                    "SELECT artifactstore.to_micros(retain_until) FROM artifactstore.audit_events"
                    " ORDER BY sequence DESC LIMIT 1"
                ),
            )
        )
    micros = (until - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert seen == {(until.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), micros)}
    assert abs(micros) == 2**53 - 1


@pytest.mark.parametrize("created_at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_rpl08_edge_times_of_events_read_alike_in_every_zone(empty_log: Log, created_at: str) -> None:
    with empty_log.guard_off():
        empty_log.execute(
            "INSERT INTO artifactstore.events VALUES"
            " (1, %s, 'v1.system.token_issued', 'system', NULL, 'user:ann', '\\xa0', %s)",
            created_at,
            codec.digest(b"\xa0"),
        )
    seen = set()
    for zone in ZONES:
        empty_log.set("TimeZone", zone)
        for view in ("event_log", "audit_events"):
            query = f"SELECT extract(EPOCH FROM created_at)::text FROM artifactstore.{view}"
            seen.add(empty_log.value(query))
    assert len(seen) == 1


def test_the_log_is_read_in_parallel_plans(log: Log) -> None:
    """PostgreSQL up to 16 starts no subtransaction, and so no EXCEPTION block, in a parallel plan."""
    package = log.package()
    log.insert(NewEvent(RetentionApplied(mode="compliance", until=FAR), package, ANN), payload=b"\xff")
    forced = "debug_parallel_query" if log.connection.info.server_version >= 160000 else "force_parallel_mode"
    log.set(forced, "on")
    for name in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
        log.set(name, "0")
    count = log.value("SELECT count(payload::text) FROM artifactstore.audit_events")
    assert count == log.stored_head()
