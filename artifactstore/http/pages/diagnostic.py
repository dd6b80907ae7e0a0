"""CBOR in diagnostic notation (RFC 8949 §8), each item with its bytes and where they are.

For AS-CBOR/1, see ``artifactstore.codec``; what is something else is told, with the bytes that are left.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from artifactstore.codec import Problem

_SIMPLE = {0xF4: "false", 0xF5: "true", 0xF6: "null"}
_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_MOST_LEVELS = 16


@dataclass(frozen=True, slots=True)
class Notation:
    """A line: the bytes from ``offset`` on, what they say, how deep in containers it is.

    A key stands in one line with its value, or with the head of it if that is a container.
    """

    offset: int
    content: bytes
    text: str
    depth: int


def items(data: bytes) -> list[Notation]:
    """The lines of an item; their bytes, put together, are ``data``."""
    reader = _Reader(data)
    try:
        reader.value(0, 0, "", "")
        if reader.at < len(data):
            raise Problem("bytes after the end")
    except Problem as problem:
        start = sum(len(line.content) for line in reader.lines)
        reader.lines.append(Notation(start, data[start:], f"/ {problem.text} /", 0))
    return reader.lines


class _Reader:
    """Reads one item and notes its lines."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0
        self.lines: list[Notation] = []

    def value(self, start: int, depth: int, before: str, behind: str) -> None:
        """Read a value whose line begins at ``start``, with the texts before and behind it."""
        major, length = self._head()
        if major not in (4, 5):
            self._note(start, before + self._scalar(major, length) + behind, depth)
            return
        if depth == _MOST_LEVELS:
            raise Problem(f"more than {_MOST_LEVELS} levels")
        opening, closing = "[]" if major == 4 else "{}"
        if not length:
            self._note(start, f"{before}{opening}{closing}{behind}", depth)
            return
        self._note(start, before + opening, depth)
        for number in range(length):
            start, key = self.at, ""
            if major == 5:
                key = self._scalar(*self._head()) + ": "
            self.value(start, depth + 1, key, "," if number < length - 1 else "")
        self._note(self.at, closing + behind, depth)

    def _note(self, start: int, text: str, depth: int) -> None:
        self.lines.append(Notation(start, self._data[start : self.at], text, depth))

    def _head(self) -> tuple[int, int]:
        """Major type and argument of the next item."""
        first = self._take(1)[0]
        major, short = first >> 5, first & 31
        if major == 7:
            return major, first
        if short in _LENGTHS:
            return major, int.from_bytes(self._take(_LENGTHS[short]))
        if short > 27:
            raise Problem("not of the profile: indefinite length")
        return major, short

    def _scalar(self, major: int, argument: int) -> str:
        match major:
            case 0:
                return str(argument)
            case 1:
                return str(-1 - argument)
            case 2:
                return f"h'{self._take(argument).hex()}'"
            case 3:
                return json.dumps(self._text(argument), ensure_ascii=False)
            case 7 if argument in _SIMPLE:
                return _SIMPLE[argument]
        raise Problem("not of the profile: a tag, a float or another simple value, or a container as key")

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise Problem("text that is not UTF-8") from None

    def _take(self, count: int) -> bytes:
        if self.at + count > len(self._data):
            raise Problem("the bytes end within an item")
        self.at += count
        return self._data[self.at - count : self.at]


def hex_groups(content: bytes) -> Iterator[str]:
    """The bytes as hex, eight in a word, so that a line can break between."""
    return (content[start : start + 8].hex(" ") for start in range(0, len(content), 8))
