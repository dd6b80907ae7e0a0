"""Diagnostic notation: the bytes of all lines are the item, and what it says is what is in it."""

import json
import re
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactstore import codec
from artifactstore.http.pages.diagnostic import hex_groups, items

_INTEGERS = st.integers(-codec.MAX_INTEGER, codec.MAX_INTEGER)
_SCALARS = st.none() | st.booleans() | _INTEGERS | st.binary(max_size=300) | st.text(max_size=300)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=30), inner, max_size=30),
    max_leaves=30,
)
_BYTES = re.compile(r"(\"(?:[^\"\\]|\\.)*\")|h'([0-9a-f]*)'")


def read(text: str) -> Any:
    """The value that a notation says, with bytes as [hex]."""
    return json.loads(_BYTES.sub(lambda match: match[1] or json.dumps([match[2]]), text))


def plain(value: Any) -> Any:
    """The same value as ``read`` gives it."""
    if isinstance(value, bytes):
        return [value.hex()]
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {name: plain(item) for name, item in value.items()} if isinstance(value, dict) else value


@settings(max_examples=200)
@given(_VALUES)
def test_lines_are_all_of_the_item_and_nothing_else(value: Any) -> None:
    data = cbor2.dumps(value, canonical=True)
    lines = items(data)
    assert b"".join(line.content for line in lines) == data
    assert [line.offset for line in lines] == [
        sum(len(line.content) for line in lines[:index]) for index in range(len(lines))
    ]
    assert read("".join(line.text for line in lines)) == plain(value)
    assert bytes.fromhex("".join(" ".join(hex_groups(line.content)) for line in lines)) == data


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_all_shown(data: bytes) -> None:
    assert b"".join(line.content for line in items(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        "", "a1", "a1616100ff", "9fff", "c100", "fb3ff0000000000000", "6261", "61ff", "f7", "a1a000",
        "81" * 40 + "00", "bb" + "ff" * 8,
    ],
)  # fmt: skip
def test_what_is_not_of_the_profile_is_told(data: str) -> None:
    lines = items(bytes.fromhex(data))
    assert lines[-1].text.startswith("/ ")
    assert b"".join(line.content for line in lines).hex() == data
