"""AS-CBOR/1: the one byte form of a payload (decision 0003; RFC 8949 §4.2.1 without floats and tags).

A payload is one definite-length map of at most 64 KiB and 16 levels: text keys ascending by their
encoded bytes, values text (UTF-8, no U+0000), byte strings, integers within ±(2^53 - 1), booleans,
null, arrays and maps. ``artifactstore.cbor_decode`` accepts exactly the same bytes in SQL.
"""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from secrets import token_bytes
from typing import Any, Never, TypeAlias

import cbor2
from blake3 import blake3

from artifactstore.errors import BadInput

Value: TypeAlias = "str | bytes | int | bool | list[Value] | dict[str, Value] | None"
Payload: TypeAlias = dict[str, Value]

MAX_PAYLOAD = 65_536
MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1
_BEGINNING = 5
"""Bytes of an item that tell it from what it holds, almost always."""


class Problem(Exception):
    """What is wrong with a value, and where in it: the keys and indexes that lead there.

    Raised at the bad value and given the way to it while it passes the containers; only this
    package sees it, callers get ``BadInput``.
    """

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.text = text
        self.path = list(path)

    @property
    def where(self) -> str:
        """The place as text, such as ``locations[0].uri``; empty: the value as a whole."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "".join(steps).removeprefix(".")

    def refuse(self, event_type: str | None = None) -> Never:
        """Raise as ``BadInput`` bad-payload with ``field``: where."""
        detail: dict[str, object] = {"problem": self.text}
        if self.path:
            detail["field"] = self.where
        if event_type is not None:
            detail["event_type"] = event_type
        raise BadInput("bad-payload", detail) from None


def encode(payload: Payload, event_type: str | None = None) -> bytes:
    """The canonical bytes of a payload.

    Raises ``BadInput`` bad-payload, naming ``event_type`` and field, for a value that the profile does
    not have and for more than 64 KiB.
    """
    try:
        if type(payload) is not dict:
            raise Problem("a payload is a map")
        data = _dump(payload)
        _check_size(data)
    except Problem as problem:
        problem.refuse(event_type)
    return data


def encode_ordered(payload: Payload, event_type: str | None = None) -> bytes:
    """As ``encode``, in half the time, of what can only be values of the profile, all keys in order."""
    data = cbor2.dumps(payload)
    try:
        _check_size(data)
    except Problem as problem:
        problem.refuse(event_type)
    return data


def encode_item(value: Value) -> bytes:
    """The canonical bytes of any value of the profile, map or not, of any size."""
    try:
        return _dump(value)
    except Problem as problem:
        problem.refuse()


def decode(data: bytes, event_type: str | None = None) -> Payload:
    """The payload of which these are the canonical bytes.

    Raises ``BadInput`` bad-payload, naming ``event_type``, for any other bytes.
    """
    try:
        payload = _load(data)
        canonical = _dump(payload)
        if canonical != data:
            raise Problem(
                f"not in canonical form, or bytes after its end, at byte {_first_difference(data, canonical)}"
            )
    except Problem as problem:
        problem.refuse(event_type)
    return payload


def decode_stored(data: bytes, stored_digest: bytes, event_type: str | None = None) -> Payload:
    """As ``decode``, for a payload of the log: with its own digest it is what the door took, and canonical.

    That spares encoding it again, which is most of the work.
    """
    if digest(data) == stored_digest:
        try:
            return _load(data)
        except Problem:
            pass  # decode tells it
    return decode(data, event_type)


def decode_all_stored(payloads: Sequence[bytes], stored_digests: Sequence[bytes]) -> list[Payload] | None:
    """Many payloads of the log, which takes half as long as one by one.

    None if one of them has another digest or is no payload: then ``decode_stored`` tells which.
    """
    if list(map(digest, payloads)) != stored_digests or max(map(len, payloads), default=0) > MAX_PAYLOAD:
        return None
    # A payload that ends too early would go on in the next one; it cannot hold the fence between the two.
    items = _load_array(2 * len(payloads), _FENCE.join([*payloads, b""]), MAX_DEPTH)
    if items is None or items[1::2] != [_FENCED] * len(payloads):
        return None
    found = items[::2]
    return found if all(type(item) is dict for item in found) else None


def digest(data: bytes) -> bytes:
    """BLAKE3 of ``data``, 32 bytes."""
    return blake3(data).digest()


def utf8_length(text: str) -> int:
    """Bytes of ``text`` in UTF-8; raises ``Problem`` if it holds U+0000 or a lone surrogate."""
    if "\0" in text:
        raise Problem("text cannot hold U+0000")
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise Problem("text cannot hold a lone surrogate") from None


def place(key: str) -> tuple[int, str]:
    """What a map is sorted by: its keys in the order of their encoded bytes; raises as ``utf8_length``."""
    return utf8_length(key), key


class _NoTags(dict[int, Callable[[Any, bool], Any]]):
    """Decoders by tag: looking one up is refused, before a tag can build anything.

    Shared references (tags 28 and 29) could else make a graph that takes ages to walk.
    """

    def __getitem__(self, tag: int) -> Never:
        raise ValueError("tags are not allowed")


_NO_TAGS = _NoTags()
_STRICT: dict[str, Any] = {
    "semantic_decoders": _NO_TAGS,
    "allow_indefinite": False,
    "allow_duplicate_keys": False,
    "strict_hashable_types": True,
}


_FENCED = token_bytes(16)
_FENCE = cbor2.dumps(_FENCED)
"""Known to nobody else."""


def load_items(data: bytes, max_depth: int) -> list[Any]:
    """The items of a CBOR sequence (RFC 8742) that is no payload, whoever sent it.

    What is built is a tree of plain values, but they need not be canonical, and simple values and floats
    are for the caller to refuse, by their types. Raises ``Problem`` for tags (big integers, times, shared
    references, which could make an item that holds itself), indefinite lengths, keys that are twice or of
    other types than text and bytes, more than ``max_depth`` levels, and an end in the middle of an item.
    """
    # Items of a feed begin alike, so their number can be guessed; whether there are so many is found out.
    guess = data.count(data[:_BEGINNING]) if data else 0
    items = _load_array(guess, data, max_depth)
    return list(_load_each(data, max_depth)) if items is None else items


def _load_array(count: int, data: bytes, max_depth: int) -> list[Any] | None:
    """The items of the data, decoded at once; None if they are not so many, or are not allowed."""
    stream = BytesIO(b"\x9b" + count.to_bytes(8, "big") + data)
    decoder = cbor2.CBORDecoder(stream, max_depth=max_depth + 1, **_STRICT)
    try:
        items: list[Any] = decoder.decode()
    except cbor2.CBORDecodeError:
        return None
    return items if stream.tell() == len(data) + 9 else None


def _load_each(data: bytes, max_depth: int) -> Iterator[object]:
    stream = BytesIO(data)
    decoder = cbor2.CBORDecoder(stream, max_depth=max_depth, **_STRICT)
    try:
        while stream.tell() < len(data):
            yield decoder.decode()
    except cbor2.CBORDecodeError as error:
        raise Problem(f"not CBOR of the profile: {error}") from None


def _load(data: bytes) -> Payload:
    _check_size(data)
    try:
        payload: object = cbor2.loads(data, max_depth=MAX_DEPTH, **_STRICT)
    except cbor2.CBORDecodeError as error:
        raise Problem(f"not CBOR of the profile: {error}") from None
    if type(payload) is not dict:
        raise Problem("a payload is a map")
    return payload


def _dump(value: object) -> bytes:
    ordered = _check(value, 1)
    # canonical=True sorts keys length-first, which is the order of their encoded bytes because all are
    # text; it takes four times as long, so it is spared for maps that are in order.
    return cbor2.dumps(value, canonical=not ordered)


def _check_size(data: bytes) -> None:
    if len(data) > MAX_PAYLOAD:
        raise Problem(f"{len(data)} bytes, of which {MAX_PAYLOAD} are allowed")


def _first_difference(left: bytes, right: bytes) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((offset for offset, (a, b) in pairs if a != b), min(len(left), len(right)))


def _check(value: object, depth: int) -> bool:
    """Whether the keys of all maps in it are in order; raises ``Problem`` for what the profile lacks.

    Types are exact: True is no integer, and subclasses may hide more than their base shows.
    """
    if type(value) is str:
        utf8_length(value)
    elif type(value) is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise Problem("an integer is within ±(2^53 - 1)")
    elif type(value) is dict:
        return _check_map(value, depth)
    elif type(value) is list:
        return _check_array(value, depth)
    elif value is not None and type(value) is not bytes and type(value) is not bool:
        raise Problem(f"{type(value).__name__} is not a type of the profile")
    return True


def _check_map(value: dict[object, object], depth: int) -> bool:
    _check_depth(depth)
    ordered = True
    last = (-1, "")
    for key, item in value.items():
        if type(key) is not str:
            raise Problem(f"a key is text, not {type(key).__name__}")
        try:
            here = place(key)
            ordered &= _check(item, depth + 1)
        except Problem as problem:
            problem.path.insert(0, key)
            raise
        ordered &= here > last
        last = here
    return ordered


def _check_array(value: list[object], depth: int) -> bool:
    _check_depth(depth)
    ordered = True
    for index, item in enumerate(value):
        try:
            ordered &= _check(item, depth + 1)
        except Problem as problem:
            problem.path.insert(0, index)
            raise
    return ordered


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Problem(f"nested deeper than {MAX_DEPTH} levels")
