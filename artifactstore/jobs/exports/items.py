"""The items of a CBOR sequence, one after the other, from a stream that may be a pipe.

Only what an export has passes: integers, byte and text strings, arrays, maps, true, false and null, each
head in its shortest form (RFC 8949 §4.2.1), no item larger than ``MAX_ITEM``. So memory is bounded, and
whoever decodes an item afterwards meets no surprise.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Never

from artifactstore.codec import MAX_PAYLOAD
from artifactstore.errors import Damaged

MAX_ITEM = MAX_PAYLOAD + 2_048
"""Bytes: the largest payload and the largest values of all other columns."""
_CHUNK = 262_144
_ARRAY, _MAP, _TAG, _SIMPLE = 4, 5, 6, 7
_SIMPLE_VALUES = (20, 21, 22)
"""false, true, null."""
_SMALLEST = {24: 24, 25: 2**8, 26: 2**16, 27: 2**32}
"""Least argument that needs so many bytes (RFC 8949 §3)."""


class Item(NamedTuple):
    """An item of the sequence: where its first byte is, and its bytes."""

    offset: int
    data: bytes


def damaged(problem: str, offset: int, sequence: int | None = None) -> Never:
    """Raise ``Damaged`` export-damaged: what is wrong, at which byte of the file (from 0), of which event."""
    where = f"{problem}, at byte {offset}" + (f", event {sequence}" if sequence is not None else "")
    detail: dict[str, object] = {"problem": where, "offset": offset}
    if sequence is not None:
        detail["sequence"] = sequence
    raise Damaged("export-damaged", detail)


class ItemReader:
    """Reads items; ``offset`` is where the next one begins, ``sequence`` the event that errors name."""

    def __init__(self, stream: BinaryIO) -> None:
        self.offset = 0
        self.sequence: int | None = None
        self._stream = stream
        self._buffer = b""
        self._start = 0
        self._ended = False

    def major_type(self) -> int | None:
        """Major type (RFC 8949 §3.1) of the next item, None at the end of the file."""
        if self._start == len(self._buffer):
            self._fill()
        return self._buffer[self._start] >> 5 if self._start < len(self._buffer) else None

    def __iter__(self) -> Iterator[Item]:
        """All items that are left; raises ``Damaged`` export-damaged."""
        while True:
            if len(self._buffer) - self._start <= MAX_ITEM and not self._ended:
                self._fill()
            if self._start == len(self._buffer):
                return
            end = self._end_of_item()
            item = Item(self.offset, self._buffer[self._start : end])
            self.offset += end - self._start
            self._start = end
            yield item

    def _fill(self) -> None:
        self._buffer = self._buffer[self._start :]
        self._start = 0
        while len(self._buffer) <= MAX_ITEM and not self._ended:
            chunk = self._stream.read(_CHUNK)
            self._ended = not chunk
            self._buffer += chunk

    def _end_of_item(self) -> int:
        """Where the item at ``_start`` ends; it is whole."""
        buffer, at, left = self._buffer, self._start, 1
        limit = min(len(buffer), at + MAX_ITEM)
        while left:
            # Each value that is left has a byte at least.
            if at + left > limit:
                self._refuse_end(at + left)
            left -= 1
            head = at
            major, argument = buffer[at] >> 5, buffer[at] & 31
            at += 1
            if argument >= 24:
                size = 1 << (argument - 24) if argument < 28 else 0
                if not size:
                    self._refuse("not a definite length", head)
                value = int.from_bytes(buffer[at : at + size])
                if at + size <= limit and value < _SMALLEST[argument]:
                    self._refuse("a length or number is not in its shortest form", head)
                at, argument = at + size, value
            if major in (2, 3):
                at += argument
            elif major == _ARRAY:
                left += argument
            elif major == _MAP:
                left += 2 * argument
            elif major == _TAG or (major == _SIMPLE and argument not in _SIMPLE_VALUES):
                self._refuse("a tag, a float or a simple value that an export does not have", head)
        if at > limit:
            self._refuse_end(at)
        return at

    def _refuse_end(self, at: int) -> Never:
        if at - self._start > MAX_ITEM or len(self._buffer) - self._start > MAX_ITEM:
            self._refuse(f"an item of more than {MAX_ITEM} bytes", self._start)
        self._refuse("the file ends in the middle of an item", len(self._buffer))

    def _refuse(self, problem: str, at: int) -> Never:
        damaged(problem, self.offset + at - self._start, self.sequence)
