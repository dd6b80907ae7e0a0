"""verify judges each payload once: the fold does it, the program only where that cannot be believed."""

from collections.abc import Collection

import pytest

from artifactstore import codec
from artifactstore.events import EVENT_TYPES, from_payload
from artifactstore.events.fields import fields_of
from artifactstore.jobs.findings import Finding
from artifactstore.jobs.verify import verify
from artifactstore.store import Store
from tests.databases import unguarded
from tests.replay.conftest import EVENTS, tamper
from tests.replay.test_online import TAMPERED
from tests.replay.test_parts import DAMAGE, Another, damage

JOBS = [1, 3]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by the event type of each payload that the program judges."""
    judged: list[str] = []

    def note(event_type: str, payload: bytes) -> object:
        judged.append(event_type)
        return from_payload(event_type, payload)

    monkeypatch.setattr("artifactstore.jobs.verify.from_payload", note)
    return judged


@pytest.mark.parametrize("jobs", JOBS)
def test_what_was_folded_is_not_judged_again(
    history: Store, another: Another, judged: list[str], jobs: int
) -> None:
    assert verify(history, another, jobs=jobs).findings == []
    assert judged == []


@pytest.mark.parametrize("jobs", JOBS)
def test_views_that_differ_say_nothing_of_payloads(
    history: Store, another: Another, judged: list[str], jobs: int
) -> None:
    tamper(history, *TAMPERED)
    assert {one.kind for one in verify(history, another, jobs=jobs).findings} >= {"view"}
    assert judged == []


def test_without_a_fold_the_program_judges_all(history: Store, another: Another, judged: list[str]) -> None:
    assert verify(history, another, compare=False).findings == []
    assert len(judged) == EVENTS


def of_events(findings: list[Finding]) -> list[Finding]:
    """Those that tell of events by themselves, in their order."""
    kinds = ("hole", "time", "digest", "payload", "event-type", "subject")
    return [one for one in findings if one.kind in kinds]


def rewrite(store: Store, sequence: int, payload: bytes) -> None:
    """Put another payload into an event, with its digest, as only somebody with all rights can."""
    with unguarded(store.connection):
        store.connection.execute(
            "UPDATE artifactstore.events SET payload = %s, payload_digest = %s WHERE sequence = %s",
            (payload, codec.digest(payload), sequence),
        )


def payload_of(store: Store, sequence: int) -> bytes:
    (event,) = store.log.stored_events(sequence - 1, sequence)
    return event.payload


def required(store: Store, sequence: int) -> set[str]:
    """Fields that the payload of an event must have."""
    (event,) = store.log.stored_events(sequence - 1, sequence)
    return {field.name for field in fields_of(EVENT_TYPES[event.event_type]) if field.required}


def bad_payloads(payload: bytes, needed: Collection[str]) -> dict[str, bytes]:
    """Changes of a payload that it cannot have, by name; some are still CBOR, of the same values."""
    values = codec.decode(payload)
    first = next(name for name in values if name in needed)
    return {
        "bytes after the end": payload + b"\0",
        "not canonical": b"\xb8" + bytes([len(values)]) + payload[1:],
        "cut off": payload[:-1],
        "no map": b"\x00",
        "another field": codec.encode({**values, "other": 1}),
        "a field is missing": codec.encode({key: one for key, one in values.items() if key != first}),
        "of another type": codec.encode({**values, first: [True]}),
    }


@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("name", bad_payloads(b"\xa1\x61a\x01", {"a"}))
def test_a_bad_payload_is_found_as_without_a_fold(
    history: Store, another: Another, name: str, jobs: int
) -> None:
    """Also one behind it, where the fold never came."""
    for sequence in (700, EVENTS):
        payload = payload_of(history, sequence)
        rewrite(history, sequence, bad_payloads(payload, required(history, sequence))[name])
    found = of_events(verify(history, another, jobs=jobs, limit=10_000).findings)
    assert [(one.kind, one.sequence) for one in found] == [("payload", 700), ("payload", EVENTS)]
    assert found == of_events(verify(history, another, compare=False, limit=10_000).findings)


@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("name", DAMAGE)
def test_events_are_told_of_as_without_a_fold(history: Store, another: Another, name: str, jobs: int) -> None:
    damage(history, DAMAGE[name])
    alone = of_events(verify(history, another, compare=False, limit=10_000).findings)
    assert of_events(verify(history, another, jobs=jobs, limit=10_000).findings) == alone


LAX = """
    ALTER FUNCTION artifactstore.decode_payload(text, bytea, jsonb, jsonb) RENAME TO decode_honestly;
    CREATE FUNCTION artifactstore.decode_payload(text, bytea, jsonb, jsonb) RETURNS jsonb LANGUAGE sql AS $$
        SELECT artifactstore.decode_honestly($1, CASE $3 ->> 'sequence'
            WHEN '700' THEN substr($2, 1, octet_length($2) - 1) ELSE $2 END, $3, $4)
    $$
"""


@pytest.mark.parametrize("jobs", JOBS)
def test_a_database_whose_functions_were_changed_is_not_believed(
    history: Store, another: Another, judged: list[str], jobs: int
) -> None:
    """The fold takes the event, and the views are equal; that the payload is none is found all the same."""
    history.connection.execute(LAX)
    rewrite(history, 700, payload_of(history, 700) + b"\0")
    found = verify(history, another, jobs=jobs, limit=10_000).findings
    assert [one.sequence for one in of_events(found) if one.kind == "payload"] == [700]
    assert {one.kind for one in found} == {"payload", "guard"}
    assert len(judged) == EVENTS


@pytest.mark.parametrize("jobs", JOBS)
def test_a_good_event_of_a_bad_digest_is_found_without_a_second_look(
    history: Store, another: Another, judged: list[str], jobs: int
) -> None:
    with unguarded(history.connection):
        history.connection.execute(
            "UPDATE artifactstore.events SET payload_digest = sha256('x') WHERE sequence IN (7, 1200)"
        )
    found = verify(history, another, jobs=jobs).findings
    assert [(one.kind, one.sequence) for one in found] == [("digest", 7), ("digest", 1200)]
    assert judged == []
