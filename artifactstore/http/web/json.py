"""JSON in and out: strict where it comes in, exact where it goes out.

What comes in becomes values of AS-CBOR/1 (``artifactstore.codec``), so that nothing is accepted that no
payload could hold: duplicate keys, floats, NaN, integers beyond ±(2^53 - 1), U+0000, lone surrogates and
more than 16 levels are refused (RFC 8259 leaves all of them to the receiver).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Never

import orjson

from artifactstore import codec
from artifactstore.codec import Value
from artifactstore.errors import BadInput
from artifactstore.events.times import time_text

_MAX_DIGITS = 17
_SERIALIZED = 2**63


def parse(body: bytes) -> tuple[Value, bytes]:
    """The value of a body, and its canonical CBOR.

    Raises ``BadInput``: bad-request when it is no JSON (RFC 8259) or has duplicate keys or floats,
    bad-payload with ``field`` when it holds what no payload can.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"the body is not UTF-8, at byte {error.start}")
    try:
        value: Value = json.loads(
            text,
            parse_float=_refuse_float,
            parse_int=_parse_int,
            parse_constant=_refuse_constant,
            object_pairs_hook=_parse_object,
        )
    except json.JSONDecodeError as error:
        _refuse(f"the body is not JSON: {error.msg}, at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _refuse(f"the body is nested deeper than {codec.MAX_DEPTH} levels")
    return value, codec.encode_item(value)


def render(value: object) -> bytes:
    """The value as JSON in UTF-8: ids as text, bytes as lower-case hex, times as RFC 3339 in UTC with µs."""
    return orjson.dumps(value, _plain, orjson.OPT_PASSTHROUGH_DATETIME)


def exact(number: int) -> object:
    """A number as ``render`` takes it, however large: the serializer itself ends at 64 bits."""
    return number if number < _SERIALIZED else orjson.Fragment(str(number))


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _parse_object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                _refuse(f"the key {json.dumps(key[:100])} is twice in one object")
            seen.add(key)
    return values


def _parse_int(digits: str) -> int:
    # int() of a long text takes quadratic time, and refuses more than 4,300 digits in its own way.
    if len(digits) > _MAX_DIGITS:
        _refuse(f"the integer {digits[:_MAX_DIGITS]}… is not within ±(2^53 - 1)")
    return int(digits)


def _refuse_float(digits: str) -> Never:
    _refuse(f"{digits[:40]} is not an integer; other numbers are not allowed")


def _refuse_constant(name: str) -> Never:
    _refuse(f"{name} is not JSON")


def _refuse(problem: str) -> Never:
    raise BadInput("bad-request", {"problem": problem})
