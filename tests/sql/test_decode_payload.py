"""decode_payload: its short cuts judge as the long way and as Python do, byte by byte."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore import codec
from artifactstore.errors import BadInput, translate
from artifactstore.events import (
    EVENT_TYPES,
    Event,
    FileIngested,
    Location,
    NewEvent,
    PackageYanked,
    Request,
    from_payload,
)
from artifactstore.events.fields import List, Object, fields_of
from artifactstore.events.kinds import Bool, Hash, Id, Int, Kind, Map, Text, Time

ID = UUID("018f2f3e-0000-7000-8000-0000000000ab")
HASH = bytes(range(32))

_JUDGE = """
CREATE FUNCTION pg_temp.judge(p_event_type text, p_payloads bytea[]) RETURNS jsonb[] LANGUAGE plpgsql AS $$
DECLARE
    v_shape jsonb := (SELECT t.shape FROM artifactstore.event_types t WHERE t.event_type = p_event_type);
    v_payload bytea;
    v_verdicts jsonb[] := '{}';
BEGIN
    FOREACH v_payload IN ARRAY p_payloads LOOP
        BEGIN
            v_verdicts := v_verdicts || artifactstore.decode_payload(p_event_type, v_payload, '{}', v_shape);
        EXCEPTION WHEN SQLSTATE 'ST001' THEN
            v_verdicts := v_verdicts || 'null'::jsonb;
        END;
    END LOOP;
    RETURN v_verdicts;
END
$$
"""


def _sample(kind: Kind) -> Any:
    match kind:
        case Text():
            return kind.enum[0] if kind.enum else "a-text"
        case Int():
            return max(kind.min, min(kind.max, 300))
        case Bool():
            return True
        case Id():
            return ID
        case Hash():
            return HASH
        case Time():
            return datetime(2030, 1, 31, 12, tzinfo=UTC)
        case Map():
            return {"aa": "b", "k": ""}
        case List():
            return (_sample(kind.items), _sample(kind.items))
        case Object():
            return full(kind.model)
        case _:
            raise AssertionError(kind)


def full(model: type) -> Any:
    """An instance of a model with all of its fields."""
    return model(**{field.attribute: _sample(field.kind) for field in fields_of(model)})


def payload(event: Event, **more: Any) -> bytes:
    """Bytes of an event."""
    return NewEvent(event, ID, "user:ann", **more).payload()


USUAL_FILE = FileIngested(
    package_id=ID,
    path="a/b",
    size=300,
    blake3=HASH,
    sha256=HASH,
    locations=(Location(location_id=ID, backend="file", uri="file:///a/b"),),
)
PAYLOADS = [
    *((event_type, payload(full(model))) for event_type, model in EVENT_TYPES.items()),
    ("v1.file.ingested", payload(USUAL_FILE)),
    (
        "v1.package.yanked",
        payload(
            PackageYanked(reason="r"),
            request=Request(key="k", digest=HASH, events=1),
            on_behalf_of="user:bob",
        ),
    ),
]


STRANGERS: list[codec.Value] = [
    0, 1, -1, codec.MAX_INTEGER, "", "x", "é", "x" * 70, "x" * 300, "x" * 2049, b"", b"x" * 16, b"x" * 32,
    True, False, None, [], {}, ["x"], {"x": "y"}, {"x": 1}, "AS-CBOR/1", "\x7f", '"', "\\", "\n",
]  # fmt: skip
"""Values for fields that may not have them."""


def spoiled(value: Any) -> Iterator[Any]:
    """The value with one part of it, at any depth, changed for another, left out or added."""
    yield from STRANGERS
    if isinstance(value, dict):
        for key, item in value.items():
            yield {other: kept for other, kept in value.items() if other != key}
            yield from (value | {key: other} for other in spoiled(item))
        yield from (value | {"reason": other} for other in STRANGERS)
        yield value | {"other": 1}
    elif isinstance(value, list) and value:
        yield from ([other, *value[1:]] for other in spoiled(value[0]))


def changed(data: bytes) -> Iterator[bytes]:
    """The bytes with one of them changed or left out, and every beginning of them."""
    for at, byte in enumerate(data):
        for other in {0x00, 0x60, 0xFF, byte - 1 & 0xFF, byte + 1 & 0xFF} - {byte}:
            yield data[:at] + bytes([other]) + data[at + 1 :]
        yield data[:at] + data[at + 1 :]
        yield data[:at]


def python_verdict(event_type: str, data: bytes) -> Any:
    """The JSON of a payload as Python reads it, None if it refuses the bytes."""
    try:
        from_payload(event_type, data)
    except BadInput:
        return None
    return json.loads(json.dumps(codec.decode(data), default=bytes.hex))


def judge_alike(connection: psycopg.Connection[Any], event_type: str, payloads: list[bytes]) -> None:
    """Assert that Python and SQL say the same of each payload, and take the first."""
    with connection.transaction(force_rollback=True):
        connection.execute(_JUDGE)
        row = connection.execute("SELECT pg_temp.judge(%s, %s)", (event_type, payloads)).fetchone()
    assert row is not None
    expected = [python_verdict(event_type, one) for one in payloads]
    assert expected[0] is not None
    verdicts = zip(payloads, expected, row[0], strict=True)
    assert [(one.hex(), ours, theirs) for one, ours, theirs in verdicts if ours != theirs] == []


@pytest.mark.parametrize(("event_type", "data"), PAYLOADS)
def test_every_change_of_a_byte_is_judged_alike(
    module_connection: psycopg.Connection[Any], event_type: str, data: bytes
) -> None:
    judge_alike(module_connection, event_type, [data, *changed(data)])


@pytest.mark.parametrize(("event_type", "data"), PAYLOADS)
def test_every_change_of_a_value_is_judged_alike(
    module_connection: psycopg.Connection[Any], event_type: str, data: bytes
) -> None:
    other = [codec.encode(value) for value in spoiled(codec.decode(data)) if isinstance(value, dict)]
    judge_alike(module_connection, event_type, [data, *other])


def test_a_refusal_says_type_place_and_problem(module_connection: psycopg.Connection[Any]) -> None:
    data = codec.encode({"reason": b"r"})
    with pytest.raises(psycopg.Error) as caught:
        module_connection.execute(
            """SELECT artifactstore.decode_payload('v1.package.yanked', %s, '{"position": 3}')""", (data,)
        )
    detail = translate(caught.value).detail
    assert (detail["code"], detail["event_type"], detail["position"]) == (
        "bad-payload", "v1.package.yanked", 3,
    )  # fmt: skip
    assert detail["problem"]
