"""From the JSON of an answer to its frozen dataclass: ids are UUIDs, times aware, digests hex."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from artifactstore.errors import BadInput
from artifactstore.events import parse_time

T = TypeVar("T")

HEX = "hex"
Hex: TypeAlias = Annotated[str, HEX]
"""A digest as 64 lower-case hex digits."""

_Reader: TypeAlias = Callable[[Any], Any]


class UnlikelyError(ValueError):
    """The JSON is not of the shape that was expected."""


def read_answer(model: type[T], value: object) -> T:
    """The dataclass of a JSON object; members that it does not have are passed over.

    Raises ``UnlikelyError``: a newer service may say more, never less.
    """
    kind: Any = model
    answer: T = _reader(kind)(value)
    return answer


@cache
def hints(model: Any) -> Mapping[str, Any]:
    """The types of the fields of a dataclass, ``Hex`` told from ``str``."""
    return get_type_hints(model, include_extras=True)


@cache
def _reader(kind: Any) -> _Reader:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: value
    if origin is Annotated:
        return _reader(arguments[0])
    if origin in (Union, UnionType):
        (inner,) = (one for one in arguments if one is not NoneType)
        read = _reader(inner)
        return lambda value: None if value is None else read(value)
    if origin is tuple:
        return _items(_reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _members(_reader(arguments[1]))
    if is_dataclass(kind):
        return _object(kind)
    return {UUID: _id, datetime: _time}.get(kind) or _plain(kind)


def _plain(kind: type) -> _Reader:
    def read(value: Any) -> Any:
        return _expect(kind, value)

    return read


def _items(read: _Reader) -> _Reader:
    return lambda value: tuple(map(read, _expect(list, value)))


def _members(read: _Reader) -> _Reader:
    return lambda value: {name: read(item) for name, item in _expect(dict, value).items()}


def _object(model: Any) -> _Reader:
    readers = [(field.name, _reader(hints(model)[field.name])) for field in fields(model)]

    def read(value: Any) -> Any:
        given = _expect(dict, value)
        try:
            return model(**{name: reader(given[name]) for name, reader in readers})
        except KeyError as missing:
            raise UnlikelyError(f"{missing} is missing") from None

    return read


def _id(value: Any) -> UUID:
    try:
        return UUID(_expect(str, value))
    except ValueError:
        raise UnlikelyError(f"{value!r} is no UUID") from None


def _time(value: Any) -> datetime:
    try:
        return parse_time(_expect(str, value))
    except BadInput as failure:
        raise UnlikelyError(str(failure)) from None


def _expect(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise UnlikelyError(f"{str(value)[:80]!r} is no {kind.__name__}")
    return value
