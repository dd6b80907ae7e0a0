"""Times in payloads at the edges of what can be stored, through both doors and back.

RPL09 (calendar arithmetic) cannot happen here: no event holds a duration that SQL would add to a time; an
extension carries the instant that it results in.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import cbor2
import pytest

from artifactstore import codec
from artifactstore.events import NewEvent, RetentionApplied, TokenIssued, new_id
from tests.databases import Connect
from tests.log.door import about, append, append_json, append_payloads, created, id_of, refused, scalar

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = 2**53 - 1
LAST_TEXT, FIRST_TEXT = "2255-06-05T23:47:34.740991Z", "1684-07-28T00:12:25.259009Z"

UNFIT = (
    "9999-12-31T23:59:59.999999Z",
    "10000-01-01T00:00:00Z",
    "294276-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "-0044-03-15T00:00:00Z",
    "0044-03-15T00:00:00Z BC",
    "infinity",
    "-infinity",
    "now",
    "tomorrow",
    "epoch",
    "2255-06-05T23:47:34.740992Z",
    "1684-07-28T00:12:25.259008Z",
    "2255-06-05T23:47:34.740991-00:01",
    LAST + 1,
    -LAST - 1,
    2**63,
    -(2**63) - 1,
)
"""Times that no payload can hold: out of ±(2^53 − 1) µs, or no instant (RPL07)."""


def time_payloads(time: object) -> dict[tuple[str, str], dict[str, Any]]:
    """For every field of the catalogue that is a time, a payload that holds ``time`` there and else fits."""
    later = "2100-01-01T00:00:00Z"
    shortened = {"reason": "r", "bypass_governance": True}
    return {
        ("v1.package.created", "retention.until"): {
            "purl": "pkg:generic/edge@1",
            "retention": {"mode": "governance", "until": time},
        },
        ("v1.retention.applied", "until"): {"mode": "governance", "until": time},
        ("v1.retention.extended", "from"): {"from": time, "to": later},
        ("v1.retention.extended", "to"): {"from": later, "to": time},
        ("v1.retention.shortened", "from"): {"from": time, "to": later, **shortened},
        ("v1.retention.shortened", "to"): {"from": later, "to": time, **shortened},
        ("v1.system.token_issued", "expires"): {"token_id": str(new_id()), "expires": time},
        ("v1.system.token_revoked", "expires"): {"token_id": str(new_id()), "expires": time},
    }


def test_every_time_field_is_tried(connect: Connect) -> None:
    query = """
        SELECT event_type, coalesce(outer_name || '.', '') || name
        FROM artifactstore.event_types, LATERAL (
            SELECT NULL AS outer_name, key AS name, value FROM jsonb_each(fields)
            UNION ALL
            SELECT f.key, i.key, i.value
            FROM jsonb_each(fields) f, LATERAL jsonb_each(f.value -> 'fields') i) s
        WHERE value ->> 'type' = 'time'
        """
    fields = [(event_type, name) for event_type, name in connect().execute(query).fetchall()]
    assert sorted(fields) == sorted(time_payloads(0))


@pytest.fixture
def package(connect: Connect) -> NewEvent:
    """A package in the log, without retention."""
    event = created()
    append(connect("service"), event)
    return event


def test_unfit_times_are_refused_in_psql(connect: Connect, package: NewEvent) -> None:
    """RPL07: infinity, years without four digits, and what 2^53 microseconds do not reach."""
    operator, observer = connect("operator"), connect()
    log_id = scalar(observer, "SELECT log_id FROM artifactstore.log_epochs")
    for time in UNFIT:
        for (event_type, name), payload in time_payloads(time).items():
            subject = log_id if event_type.startswith("v1.system") else id_of(package)
            with refused(observer, "bad-payload") as refusal:
                append_json(operator, event_type, subject, payload)
            assert refusal.detail["field"] == name, (event_type, time)


def test_unfit_times_are_refused_as_bytes(connect: Connect, package: NewEvent) -> None:
    """RPL07 at the other door: an integer beyond the bound, a text, a float, a date tag."""
    service, observer = connect("service"), connect()
    event = about(package, RetentionApplied(mode="governance", until=EPOCH))
    times = (LAST + 1, -LAST - 1, 2**63, 2**64 - 1, LAST_TEXT, 1.5, None, True, EPOCH, b"1")
    for time in times:
        payload = cbor2.dumps({"mode": "governance", "until": time}, canonical=True)
        with refused(observer, "bad-payload"):
            append_payloads(service, [event], [payload])


@pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_edges_are_read_as_they_were_written(connect: Connect, package: NewEvent, zone: str) -> None:
    """RPL07, RPL08: the first and the last time that can be stored, in every zone, as JSON and in Python."""
    service, observer = connect("service"), connect(options=f"-c timezone={zone}")
    log_id = scalar(observer, "SELECT log_id FROM artifactstore.log_epochs")
    last, first = EPOCH + timedelta(microseconds=LAST), EPOCH - timedelta(microseconds=LAST)
    append(
        service,
        about(package, RetentionApplied(mode="governance", until=last)),
        about(log_id, TokenIssued(token_id=new_id(), expires=first)),
        about(log_id, TokenIssued(token_id=new_id(), expires=last)),
    )
    texts = observer.execute(
        "SELECT coalesce(payload ->> 'until', payload ->> 'expires') FROM artifactstore.event_log "
        "WHERE sequence > 2 ORDER BY sequence"
    ).fetchall()
    assert texts == [(LAST_TEXT,), (FIRST_TEXT,), (LAST_TEXT,)]
    assert scalar(observer, "SELECT retain_until FROM artifactstore.retention_state") == last
    assert scalar(observer, "SELECT retain_until FROM artifactstore.retention_events") == last
    assert scalar(observer, "SELECT max(retain_until) FROM artifactstore.audit_events") == last


def test_one_instant_has_one_form(connect: Connect) -> None:
    """CB08, RPL10: the same instant in any zone and with 0 to 6 digits gives the same bytes and digest."""
    operator, observer = connect("operator"), connect()
    append(connect("service"), created())
    log_id = scalar(observer, "SELECT log_id FROM artifactstore.log_epochs")
    same = (
        "2031-05-01T12:00:00Z",
        "2031-05-01T12:00:00.000Z",
        "2031-05-01T12:00:00.000000Z",
        "2031-05-01T13:00:00+01:00",
        "2031-05-01T17:45:00.0+05:45",
        "2031-05-01T02:00:00-10:00",
        1_935_403_200_000_000,
    )
    token_id = str(new_id())
    for time in same:
        append_json(operator, "v1.system.token_issued", log_id, {"token_id": token_id, "expires": time})
    stored = observer.execute(
        "SELECT DISTINCT payload, payload_digest FROM artifactstore.events WHERE sequence > 2"
    ).fetchall()
    assert len(stored) == 1
    payload, digest = stored[0]
    assert codec.digest(payload) == digest
    assert codec.decode(payload) == {"expires": same[-1], "token_id": UUID(token_id).bytes}


def test_finer_than_microseconds_is_refused(connect: Connect, package: NewEvent) -> None:
    """RPL10: PostgreSQL would round the seventh digit, cbor2 cut it off; so no digit may follow the sixth."""
    writer, observer = connect("writer"), connect()
    for fraction in ("1234567", "123456789", "0000000"):
        with refused(observer, "bad-payload"):
            retention = {"mode": "governance", "until": f"2031-05-01T12:00:00.{fraction}Z"}
            append_json(writer, "v1.retention.applied", id_of(package), retention)
    until = "2031-05-01T12:00:00Z"
    append_json(writer, "v1.retention.applied", id_of(package), {"mode": "governance", "until": until})
    for fraction in (".1", ".123", ".123456"):
        later = f"2031-05-01T12:00:00{fraction}Z"
        append_json(writer, "v1.retention.extended", id_of(package), {"from": until, "to": later})
        stored = scalar(observer, "SELECT retain_until FROM artifactstore.retention_state")
        assert stored == datetime.fromisoformat(later)
        until = later
    rows = observer.execute("SELECT payload, payload_digest FROM artifactstore.events").fetchall()
    assert all(codec.digest(payload) == digest for payload, digest in rows)


def test_zone_of_the_session_does_not_fill_in(connect: Connect, package: NewEvent) -> None:
    """RG04: a time without a zone is refused, whatever zone the session has."""
    writer, observer = connect("writer", options="-c timezone=Pacific/Auckland"), connect()
    for time in (
        "2031-05-01T12:00:00",
        "2031-05-01 12:00:00",
        "2031-05-01",
        "2031-05-01T12:00:00 Europe/Berlin",
    ):
        with refused(observer, "bad-payload"):
            payload = json.dumps({"mode": "governance", "until": time})
            append_json(writer, "v1.retention.applied", id_of(package), payload)
