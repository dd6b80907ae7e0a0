"""Strategies for every payload that the catalogue allows, made from the models themselves."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

from artifactstore.codec import MAX_INTEGER, Payload, Value
from artifactstore.events import EVENT_TYPES, NewEvent, Request, new_id
from artifactstore.events.fields import List, Object, fields_of
from artifactstore.events.kinds import Bool, Hash, Id, Int, Kind, Map, Text, Time
from artifactstore.events.times import from_micros

_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_EDGES = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, MAX_INTEGER]


def _text(minimum: int, maximum: int) -> st.SearchStrategy[str]:
    """Text of so many bytes in UTF-8, now and then of the longest length."""
    short = st.text(_CHARACTERS, min_size=minimum, max_size=min(maximum // 4, 40))
    return short | st.text(_CHARACTERS, min_size=1, max_size=1).map(
        lambda one: one * (maximum // len(one.encode()))
    )


def _int(minimum: int, maximum: int) -> st.SearchStrategy[int]:
    edges = [edge for edge in (*_EDGES, *(-edge for edge in _EDGES)) if minimum <= edge <= maximum]
    return st.sampled_from(edges) | st.integers(minimum, maximum)


_VALUES: dict[type[Kind], Callable[[Any], st.SearchStrategy[Any]]] = {
    Text: lambda kind: st.sampled_from(kind.enum) if kind.enum else _text(1, kind.max),
    Int: lambda kind: _int(kind.min, kind.max),
    Bool: lambda kind: st.booleans() if kind.const is None else st.just(kind.const),
    Id: lambda _: st.uuids(),
    Hash: lambda _: st.binary(min_size=32, max_size=32),
    Time: lambda _: _int(-MAX_INTEGER, MAX_INTEGER).map(from_micros),
    Map: lambda kind: st.dictionaries(_text(1, kind.key_max), _text(0, kind.value_max), max_size=4),
    List: lambda kind: st.lists(values(kind.items), max_size=3).map(tuple),
    Object: lambda kind: models(kind.model),
}


def values(kind: Kind) -> st.SearchStrategy[Any]:
    """Every Python value that a field of this kind may hold."""
    return _VALUES[type(kind)](kind)


def models(model: type) -> st.SearchStrategy[Any]:
    """Instances of a model; fields that may be absent sometimes are."""
    return st.builds(
        model,
        **{
            field.attribute: values(field.kind) if field.required else st.none() | values(field.kind)
            for field in fields_of(model)
        },
    )


def new_events() -> st.SearchStrategy[NewEvent]:
    """Events of all types, with and without request and ``on_behalf_of``."""
    return st.builds(
        NewEvent,
        event=st.one_of([models(model) for model in EVENT_TYPES.values()]),
        subject_id=st.builds(new_id),
        actor=st.just("user:ann"),
        request=st.none() | models(Request),
        on_behalf_of=st.none() | _text(1, 255),
    )


def written(value: Any, kind: Kind | None = None) -> Any:
    """A value of a model as people write it in JSON: ids as uuid, digests as hex, times as RFC 3339."""
    match kind:
        case Id():
            return str(value)
        case Hash():
            return value.hex()
        case Time():
            return value.astimezone(UTC).isoformat()
        case List():
            return [written(item, kind.items) for item in value]
        case Object() | None:
            return {
                field.name: written(getattr(value, field.attribute), field.kind)
                for field in fields_of(type(value))
                if getattr(value, field.attribute) is not None
            }
        case _:
            return value


def payloads() -> st.SearchStrategy[Payload]:
    """Maps of the profile that no catalogue has to know."""
    scalars: st.SearchStrategy[Value] = (
        st.none() | st.booleans() | _int(-MAX_INTEGER, MAX_INTEGER) | _text(0, 300) | st.binary(max_size=300)
    )
    keys = _text(0, 300)
    items = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(keys, items, max_size=4)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with one to three of them changed, removed or added."""
    mutable = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(mutable)))
        new = draw(st.integers(0, 255))
        how = draw(st.sampled_from(["insert", "replace", "delete", "flip"]))
        if how == "insert":
            mutable.insert(at, new)
        elif at == len(mutable):
            mutable = mutable[:-1]
        elif how == "replace":
            mutable[at] = new
        elif how == "delete":
            del mutable[at]
        else:
            mutable[at] ^= 1 << new % 8
    return bytes(mutable)
