"""AS-CBOR/1 in Python: vectors, every class of bad input, and what the errors say."""

import enum
import math
import resource
import time
from decimal import Decimal
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactstore import codec
from artifactstore.errors import BadInput
from tests import vectors
from tests.timing import at_best, seconds_of


class _Word(str):
    __slots__ = ()


class _Number(enum.IntEnum):
    ONE = 1


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(("data", "payload"), vectors.ACCEPTED.items(), ids=lambda value: str(value)[:40])
def test_vectors_decode_and_encode_again(data: str, payload: Any) -> None:
    assert codec.decode(bytes.fromhex(data)) == payload
    assert codec.encode(payload).hex() == data


@pytest.mark.parametrize(("wrong", "data"), vectors.refused(), ids=lambda value: str(value)[:40])
def test_cb01_to_cb08_bytes_that_are_no_payload_are_refused(wrong: str, data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        codec.decode(data)
    assert caught.value.code == "bad-payload", wrong
    assert caught.value.detail["problem"]


@pytest.mark.parametrize(("name", "allowed", "item"), vectors.cbor_items())
def test_vectors_of_others(name: str, allowed: bool, item: bytes) -> None:
    data = b"\xa1aa" + item
    if allowed:
        assert codec.encode(codec.decode(data)) == data, name
    else:
        with pytest.raises(BadInput):
            codec.decode(data)


def _shared_value(kind: str, value: Any) -> Any:
    if kind == "bytes":
        return value.encode("latin-1")
    return math.nan if value == "cbor:undef" else value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (kind, _shared_value(kind, value))
        for kind, values in vectors.cbor_examples().items()
        if kind in ("bytes", "floats", "integers", "strings", "specials")
        for value in values
    ],
)
def test_examples_of_cbor2(kind: str, value: Any) -> None:
    if isinstance(value, float) or (kind == "integers" and abs(value) >= 2**53):
        with pytest.raises(BadInput):
            codec.encode({"a": value})
    else:
        assert codec.decode(codec.encode({"a": value})) == {"a": value}


def test_keys_are_sorted_by_their_encoded_bytes() -> None:
    """CB03: shorter first, then bytewise, also above 23 bytes and for keys that are not ASCII."""
    keys = ["", "a", "z", "aa", "ab", "é", "é1", "\U0001f44b", "k" * 23, "k" * 24, "k" * 255, "k" * 256]
    payload: codec.Payload = dict.fromkeys(reversed(keys), 1)
    data = codec.encode(payload)
    assert list(codec.decode(data)) == sorted(keys, key=lambda key: (len(key.encode()), key.encode()))
    assert codec.encode(dict.fromkeys(keys, 1)) == data


@pytest.mark.parametrize(
    "value",
    [
        0.0, -0.0, 1.0, 1.5, math.nan, math.inf, -math.inf, 5e-324, Decimal(1), 1j,
        2**53, -(2**53), 2**63, 2**64, 10**400, "a\0", "\0", "\ud800", "\udfffa", _Word("a"), _Number.ONE,
        (1,), {1}, frozenset(), bytearray(b"a"), memoryview(b"a"), {1: 2}, {b"a": 1}, {None: 1},
        {_Word("a"): 1}, {"a\0": 1}, {"\ud800": 1}, object(), range(3),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)  # fmt: skip
def test_values_that_the_profile_lacks_are_refused(value: Any) -> None:
    """CB04, CB07, CB09: nothing is rounded, cut or converted on the way in."""
    payloads: list[Any] = [{"a": value}, {"a": [1, {"b": value}]}]
    for payload in payloads:
        with pytest.raises(BadInput):
            codec.encode(payload)


def test_true_is_no_integer() -> None:
    assert codec.encode({"a": True}) != codec.encode({"a": 1})
    assert codec.decode(codec.encode({"a": True}))["a"] is True


@pytest.mark.parametrize("payload", [[], "a", b"a", 1, None, True, ()])
def test_a_payload_is_a_map(payload: Any) -> None:
    with pytest.raises(BadInput, match="is a map"):
        codec.encode(payload)


def test_an_error_says_where_and_what() -> None:
    with pytest.raises(BadInput) as caught:
        codec.encode({"locations": [{"uri": "a"}, {"uri": "b\0"}]}, "v1.file.ingested")
    assert caught.value.detail == {
        "code": "bad-payload",
        "event_type": "v1.file.ingested",
        "field": "locations[1].uri",
        "problem": "text cannot hold U+0000",
    }
    with pytest.raises(BadInput, match=r"at byte 3$"):
        codec.decode(bytes.fromhex("a16161190064"))


def test_cb05_sixteen_levels_are_allowed_and_no_more() -> None:
    data = codec.encode(_nested(16))
    assert data.hex() == "a16161" * 15 + "a0"
    assert codec.decode(data) == _nested(16)
    for levels in (17, 399, 400, 401, 900):
        with pytest.raises(BadInput, match="deeper"):
            codec.encode(_nested(levels))


def test_cb05_a_value_that_contains_itself_is_refused() -> None:
    value: dict[str, Any] = {}
    value["a"] = value
    with pytest.raises(BadInput, match="deeper"):
        codec.encode(value)


def _graph(level: int) -> str:
    """Array of eight, of which seven are references (tag 29) to the first, which is marked by tag 28."""
    return "80" if level == 14 else "88d81c" + _graph(level + 1) + f"d81d{level:02x}" * 7


def _seconds_until_refused(data: bytes, bound: float) -> float:
    """Of the processor, which no other process adds to."""

    def refused() -> None:
        with pytest.raises(BadInput):
            codec.decode(data)

    return at_best(lambda: seconds_of(refused, time.process_time), bound)


def test_cb05_shared_references_cannot_make_a_graph() -> None:
    """350 bytes that stand for 8**14 arrays are refused before anything is built."""
    assert _seconds_until_refused(bytes.fromhex("a16161" + _graph(0)), 0.2) < 0.2


def test_cb05_cb06_bombs_are_refused_at_once_in_little_memory() -> None:
    bombs = [data for wrong, data in vectors.refused() if wrong.startswith(("CB05", "CB06"))]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for bomb in bombs:
        assert _seconds_until_refused(bomb, 0.1) < 0.1, bomb[:20]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024  # KiB


def test_64_kib_are_allowed_and_no_more() -> None:
    fits: codec.Payload = {"a": b"\0" * 65_530}
    assert len(codec.encode(fits)) == codec.MAX_PAYLOAD
    assert codec.decode(codec.encode(fits)) == fits
    with pytest.raises(BadInput, match="65537 bytes"):
        codec.encode({"a": b"\0" * 65_531})


def test_cb08_one_instant_has_one_form() -> None:
    """Times are integers: tagged and floating ones are refused, in whatever zone they are written."""
    assert codec.decode(codec.encode({"until": 1_363_896_240_000_000})) == {"until": 1_363_896_240_000_000}


def test_items_may_be_of_any_kind_and_size() -> None:
    assert codec.encode_item([["a", 1, b"x"]]).hex() == "818361610141" + b"x".hex()
    assert len(codec.encode_item([b"\0" * 100_000])) == 100_006
    with pytest.raises(BadInput):
        codec.encode_item([1.5])  # type: ignore[list-item]


@pytest.mark.parametrize(("length", "expected"), vectors.BLAKE3.items())
def test_blake3(length: int, expected: str) -> None:
    assert codec.digest(vectors.blake3_input(length)).hex() == expected


_ITEMS = st.lists(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(max_size=9)
        | st.binary(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=6,
)


@given(_ITEMS | _ITEMS.map(lambda items: items[:1] * len(items)))
def test_a_sequence_is_its_items_and_one_that_is_cut_is_none(items: list[Any]) -> None:
    parts = [cbor2.dumps(item) for item in items]
    assert codec.load_items(b"".join(parts), 16) == items
    if parts and len(parts[-1]) > 1:
        with pytest.raises(codec.Problem):
            codec.load_items(b"".join(parts)[:-1], 16)


def test_a_sequence_has_the_depth_that_is_allowed_and_no_more() -> None:
    for count in (1, 3):
        assert codec.load_items(b"\x81\x81\x01" * count, 2) == [[[1]]] * count
        with pytest.raises(codec.Problem):
            codec.load_items(b"\x81\x81\x01" * count, 1)
