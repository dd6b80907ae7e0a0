"""cbor_decode: the vectors and bad input of AS-CBOR/1, as Python judges them (see tests/vectors.py)."""

from functools import partial
from typing import Any

import psycopg
import pytest

from artifactstore.errors import translate
from tests import vectors
from tests.timing import at_best, seconds_of
from tests.vectors import as_json


def decode(connection: psycopg.Connection[Any], data: bytes) -> Any:
    """What cbor_decode makes of the bytes."""
    row = connection.execute("SELECT artifactstore.cbor_decode(%s)", (data,)).fetchone()
    assert row is not None
    return row[0]


def refusal(connection: psycopg.Connection[Any], data: bytes) -> dict[str, Any]:
    """Assert that cbor_decode refuses the bytes by its own error; returns DETAIL."""
    with pytest.raises(psycopg.Error) as caught:
        decode(connection, data)
    assert caught.value.sqlstate == "ST001", (data[:20].hex(), caught.value)
    return translate(caught.value).detail


def test_vectors(module_connection: psycopg.Connection[Any]) -> None:
    for data, payload in vectors.ACCEPTED.items():
        assert decode(module_connection, bytes.fromhex(data)) == as_json(payload), data


def test_cb01_to_cb08_bytes_that_are_no_payload_are_refused(
    module_connection: psycopg.Connection[Any],
) -> None:
    """CB02."""
    for wrong, data in vectors.refused():
        assert at_best(partial(seconds_of, partial(refusal, module_connection, data)), 1) < 1, wrong
        detail = refusal(module_connection, data)
        assert 0 <= detail["offset"] <= len(data), wrong
        assert detail["problem"], wrong


@pytest.mark.parametrize(("name", "allowed", "item"), vectors.cbor_items())
def test_vectors_of_others(
    module_connection: psycopg.Connection[Any], name: str, allowed: bool, item: bytes
) -> None:
    if allowed:
        assert set(decode(module_connection, b"\xa1aa" + item)) == {"a"}, name
    else:
        refusal(module_connection, b"\xa1aa" + item)


def test_cb05_bombs_leave_the_backend_alive(module_connection: psycopg.Connection[Any]) -> None:
    before = module_connection.info.backend_pid
    for bomb in (b"\xa1aa" + b"\x81" * 60_000, b"\xa1aa" * 16_000, b"\x81" * 100_000, b"\xc6" * 100_000):
        refusal(module_connection, bomb)
    assert decode(module_connection, b"\xa0") == {}
    assert module_connection.info.backend_pid == before
    with pytest.raises(psycopg.Error, match="stack depth"):
        module_connection.execute("SELECT %s::json", ("[" * 100_000,))


@pytest.mark.parametrize(
    "data",
    [
        b"\xa1aa\x99\xff\xf6" + b"\x00" * 65_526,
        b"\xa1aa\x79\xff\xfa" + "é".encode() * 32_765,
        b"\xa1aa\x59\xff\xfa" + b"\xff" * 65_530,
        b"\xa1aa\xb9\x1f\xff" + b"".join(b"\x64%04d\x62\xc3\xa9" % n for n in range(8191)),
    ],
    ids=["numbers", "text", "bytes", "labels"],
)
def test_the_largest_payloads_take_linear_time(
    module_connection: psycopg.Connection[Any], data: bytes
) -> None:
    assert set(decode(module_connection, data)) == {"a"}
    assert at_best(lambda: seconds_of(lambda: decode(module_connection, data)), 2) < 2


def test_sixteen_levels_are_allowed(module_connection: psycopg.Connection[Any]) -> None:
    value = decode(module_connection, b"\xa1aa" * 15 + b"\xa0")
    for _ in range(15):
        value = value["a"]
    assert value == {}


def test_null_is_null(module_connection: psycopg.Connection[Any]) -> None:
    row = module_connection.execute("SELECT artifactstore.cbor_decode(NULL)").fetchone()
    assert row == (None,)


def test_stored_payloads_are_read_out_of_toast(module_connection: psycopg.Connection[Any]) -> None:
    """A compressed payload must be expanded once, not for every byte that is looked at."""
    data = b"\xa1aa\x99\xff\xf6" + b"\x00" * 65_526
    with module_connection.transaction(force_rollback=True):
        module_connection.execute("CREATE TEMPORARY TABLE stored (payload bytea)")
        module_connection.execute("INSERT INTO stored VALUES (%s)", (data,))
        query = "SELECT jsonb_array_length(artifactstore.cbor_decode(payload) -> 'a') FROM stored"
        assert module_connection.execute(query).fetchone() == (65_526,)
        assert at_best(lambda: seconds_of(lambda: module_connection.execute(query)), 2) < 2
