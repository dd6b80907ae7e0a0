"""Python and SQL have one codec: same bytes, same values, same digests, and the same bytes are refused."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactstore import codec
from artifactstore.codec import Payload
from artifactstore.errors import BY_SQLSTATE, BadInput
from artifactstore.events import NewEvent, from_payload
from tests.databases import create_database, drop_database
from tests.property.payloads import damaged, new_events, payloads, written
from tests.vectors import as_json


@pytest.fixture(scope="module")
def connection(server_conninfo: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    """Superuser's connection to a migrated database."""
    conninfo = create_database(server_conninfo, template)
    with psycopg.connect(conninfo, autocommit=True) as opened:
        yield opened
    drop_database(server_conninfo, conninfo)


def sql_value(connection: psycopg.Connection[Any], call: str, *arguments: object) -> Any:
    """Result of a call, or the SQLSTATE of its refusal in a tuple; any other error fails the test."""
    try:
        row = connection.execute(f"SELECT artifactstore.{call}", arguments).fetchone()
    except psycopg.Error as failure:
        if failure.sqlstate not in BY_SQLSTATE:
            raise
        return (failure.sqlstate,)
    assert row is not None
    return row[0]


def typed(connection: psycopg.Connection[Any], event_type: str, payload: bytes) -> Any:
    """What decode_payload makes of the bytes; its short cuts must not show."""
    shaped = (
        "decode_payload(t.event_type, %s, '{}', t.shape) "
        "FROM artifactstore.event_types t WHERE t.event_type = %s"
    )
    value = sql_value(connection, shaped, payload, event_type)
    assert sql_value(connection, "decode_any_payload(%s, %s, '{}')", event_type, payload) == value
    return value


def python_fits(event_type: str, data: bytes) -> bool:
    """Whether Python takes the bytes for a payload of the type."""
    try:
        from_payload(event_type, data)
    except BadInput:
        return False
    return True


@settings(max_examples=200)
@given(event=new_events())
def test_every_payload_of_the_catalogue_is_the_same_in_python_and_sql(
    connection: psycopg.Connection[Any], event: NewEvent
) -> None:
    """CB02, RPL10, RPL12: encode(decode(p)) = p in both, and both give the same."""
    event_type = event.event.event_type
    data = event.payload()
    model, origin = from_payload(event_type, data)
    assert (model, origin.request, origin.on_behalf_of) == (event.event, event.request, event.on_behalf_of)
    assert codec.encode(codec.decode(data)) == data
    # In this order too, so that an answer is the same text whether the payload was read back or not.
    assert repr(event.values()) == repr(codec.decode(data))

    decoded = sql_value(connection, "cbor_decode(%s)", data)
    assert decoded == as_json(codec.decode(data))
    assert typed(connection, event_type, data) == decoded
    for text in (json.dumps(decoded), json.dumps(written(model) | written(origin), ensure_ascii=False)):
        assert sql_value(connection, "cbor_encode(%s, %s)", event_type, text) == data
    assert sql_value(connection, "blake3(%s)", data) == codec.digest(data)


@settings(max_examples=300)
@given(event=new_events(), data=st.data())
def test_damaged_payloads_are_refused_by_both_or_by_none(
    connection: psycopg.Connection[Any], event: NewEvent, data: st.DataObject
) -> None:
    """CB01 to CB07, and the short cuts of decode_payload judge as the long way does."""
    event_type = event.event.event_type
    payload = data.draw(damaged(event.payload()))
    try:
        expected: Any = as_json(codec.decode(payload))
    except BadInput:
        expected = ("ST001",)
    assert sql_value(connection, "cbor_decode(%s)", payload) == expected
    if not python_fits(event_type, payload):
        expected = ("ST001",)
    assert typed(connection, event_type, payload) == expected


@settings(max_examples=200)
@given(payload=payloads(), data=st.data())
def test_any_map_of_the_profile_is_the_same_in_python_and_sql(
    connection: psycopg.Connection[Any], payload: Payload, data: st.DataObject
) -> None:
    encoded = codec.encode(payload)
    assert codec.decode(encoded) == payload
    assert sql_value(connection, "cbor_decode(%s)", encoded) == as_json(payload)
    worse = data.draw(damaged(encoded))
    try:
        expected: Any = as_json(codec.decode(worse))
    except BadInput:
        expected = ("ST001",)
    assert sql_value(connection, "cbor_decode(%s)", worse) == expected
