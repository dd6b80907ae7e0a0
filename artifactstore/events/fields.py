"""Kinds of payload fields: how a Python value becomes a CBOR value and back, and what is refused.

A model is a frozen dataclass whose annotations carry a kind: ``size: Annotated[int, Int("size in bytes")]``.
A field with the default None may be absent; absent and null are different, and null is never allowed.
Each kind is one ``type`` of ``artifactstore.event_types.fields``, which ``spec`` reproduces.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

from artifactstore.codec import MAX_INTEGER, Payload, Problem, Value, utf8_length
from artifactstore.events.times import from_micros, to_micros
from artifactstore.suggest import suggestion

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Kind(ABC):
    """What a field may hold; ``doc`` is its line in the catalogue."""

    doc: str = ""

    @abstractmethod
    def spec(self) -> dict[str, object]:
        """Its entry in the catalogue, without ``doc`` and ``required``."""

    @abstractmethod
    def pack(self, value: Any) -> Value:
        """The CBOR value of a Python value; raises ``Problem`` if it is not allowed."""

    @abstractmethod
    def unpack(self, value: Value) -> object:
        """The Python value of a CBOR value; raises ``Problem`` if it is not allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Kind):
    """``str`` of 1 to ``max`` bytes in UTF-8, or one of ``enum``."""

    max: int = 0
    enum: tuple[str, ...] = ()

    def spec(self) -> dict[str, object]:
        return {"type": "text", "enum": list(self.enum)} if self.enum else {"type": "text", "max": self.max}

    def pack(self, value: Any) -> str:
        if type(value) is not str:
            raise Problem(f"must be text, not {type(value).__name__}")
        if self.enum:
            if value not in self.enum:
                raise Problem(f"must be one of {', '.join(self.enum)}{suggestion(value, self.enum)}")
        elif not 1 <= (size := utf8_length(value)) <= self.max:
            raise Problem(f"must be of 1 to {self.max} bytes, not {size}")
        return value

    unpack = pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Int(Kind):
    """``int`` from ``min`` to ``max``; True is none."""

    min: int = 0
    max: int = MAX_INTEGER

    def spec(self) -> dict[str, object]:
        spec: dict[str, object] = {"type": "int"}
        if self.min != 0:
            spec["min"] = self.min
        if self.max != MAX_INTEGER:
            spec["max"] = self.max
        return spec

    def pack(self, value: Any) -> int:
        if type(value) is not int:
            raise Problem(f"must be an integer, not {type(value).__name__}")
        if not self.min <= value <= self.max:
            raise Problem(f"must be from {self.min} to {self.max}")
        return value

    unpack = pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Bool(Kind):
    """``bool``, or ``const`` alone."""

    const: bool | None = None

    def spec(self) -> dict[str, object]:
        return {"type": "bool"} if self.const is None else {"type": "bool", "const": self.const}

    def pack(self, value: Any) -> bool:
        if type(value) is not bool:
            raise Problem(f"must be true or false, not {type(value).__name__}")
        if self.const is not None and value is not self.const:
            raise Problem(f"must be {str(self.const).lower()}")
        return value

    unpack = pack


@dataclass(frozen=True, slots=True)
class Id(Kind):
    """``UUID``, 16 bytes in CBOR."""

    def spec(self) -> dict[str, object]:
        return {"type": "id"}

    def pack(self, value: Any) -> bytes:
        if type(value) is not UUID:
            raise Problem(f"must be a UUID, not {type(value).__name__}")
        return value.bytes

    def unpack(self, value: Value) -> UUID:
        return UUID(bytes=_exact_bytes(value, 16))


@dataclass(frozen=True, slots=True)
class Hash(Kind):
    """``bytes``, 32 of them."""

    def spec(self) -> dict[str, object]:
        return {"type": "hash"}

    def pack(self, value: Any) -> bytes:
        return _exact_bytes(value, 32)

    unpack = pack


@dataclass(frozen=True, slots=True)
class Time(Kind):
    """Aware ``datetime``, microseconds since the epoch in CBOR."""

    def spec(self) -> dict[str, object]:
        return {"type": "time"}

    def pack(self, value: Any) -> int:
        return to_micros(value)

    def unpack(self, value: Value) -> object:
        if type(value) is not int:
            raise Problem("must be a time: an integer of µs since 1970")
        return from_micros(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Kind):
    """Mapping of text to text: keys of 1 to ``key_max`` bytes, values of 0 to ``value_max``."""

    max_items: int
    key_max: int
    value_max: int

    def spec(self) -> dict[str, object]:
        return {
            "type": "map",
            "max_items": self.max_items,
            "key_max": self.key_max,
            "value_max": self.value_max,
        }

    def pack(self, value: Any) -> Payload:
        if not isinstance(value, Mapping):
            raise Problem(f"must be a map of text to text, not {type(value).__name__}")
        if len(value) > self.max_items:
            raise Problem(f"must have at most {self.max_items} entries, not {len(value)}")
        return {self._key(key): self._value(key, item) for key, item in value.items()}

    def unpack(self, value: Value) -> object:
        return self.pack(value)

    def _key(self, key: object) -> str:
        if type(key) is not str:
            raise Problem(f"a key must be text, not {type(key).__name__}")
        if not 1 <= utf8_length(key) <= self.key_max:
            raise Problem(f"a key must be of 1 to {self.key_max} bytes", key)
        return key

    def _value(self, key: str, item: object) -> str:
        if type(item) is not str:
            raise Problem(f"must be text, not {type(item).__name__}", key)
        if utf8_length(item) > self.value_max:
            raise Problem(f"must be of 0 to {self.value_max} bytes", key)
        return item


@dataclass(frozen=True, slots=True, kw_only=True)
class List(Kind):
    """``tuple`` of at most ``max_items`` values of one kind."""

    items: Kind
    max_items: int

    def spec(self) -> dict[str, object]:
        return {"type": "list", "max_items": self.max_items, "items": self.items.spec()}

    def pack(self, value: Any) -> Value:
        if type(value) is not tuple:
            raise Problem(f"must be a tuple, not {type(value).__name__}")
        return self._each(value, self.items.pack)

    def unpack(self, value: Value) -> object:
        if type(value) is not list:
            raise Problem(f"must be a list, not {type(value).__name__}")
        return tuple(self._each(value, self.items.unpack))

    def _each(self, value: Sequence[Any], convert: Callable[[Any], Any]) -> list[Any]:
        if len(value) > self.max_items:
            raise Problem(f"must have at most {self.max_items} items, not {len(value)}")
        converted = []
        for index, item in enumerate(value):
            try:
                converted.append(convert(item))
            except Problem as problem:
                problem.path.insert(0, index)
                raise
        return converted


@dataclass(frozen=True, slots=True, kw_only=True)
class Object(Kind):
    """An instance of the dataclass ``model``, whose annotations carry kinds."""

    model: type

    def spec(self) -> dict[str, object]:
        return {"type": "object", "fields": model_spec(self.model)}

    def pack(self, value: Any) -> Value:
        if type(value) is not self.model:
            raise Problem(f"must be a {self.model.__name__}, not {type(value).__name__}")
        return pack_model(value)

    def unpack(self, value: Value) -> object:
        if type(value) is not dict:
            raise Problem("must be a map")
        return unpack_model(self.model, value)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a payload: ``name`` in CBOR, ``attribute`` in Python (``from`` is ``from_`` there)."""

    name: str
    attribute: str
    required: bool
    kind: Kind

    def spec(self) -> dict[str, object]:
        """Its entry in the catalogue."""
        spec = self.kind.spec()
        return {"type": spec.pop("type"), "required": self.required, **spec, "doc": self.kind.doc}


_known_fields: dict[type, tuple[Field, ...]] = {}


def fields_of(model: type) -> tuple[Field, ...]:
    """The fields of a model, in the order that their keys have in CBOR."""
    known = _known_fields.get(model)
    if known is None:
        hints = get_type_hints(model, include_extras=True)
        found = (
            Field(
                name=field.name.rstrip("_"),
                attribute=field.name,
                required=field.default is MISSING,
                kind=hints[field.name].__metadata__[0],
            )
            for field in fields(model)
        )
        in_order = sorted(found, key=lambda field: (len(field.name), field.name))
        known = _known_fields[model] = tuple(in_order)
    return known


def model_spec(model: type) -> dict[str, dict[str, object]]:
    """The fields of a model as in ``artifactstore.event_types.fields``."""
    return {field.name: field.spec() for field in fields_of(model)}


def pack_model(instance: object) -> Payload:
    """The CBOR map of a model; raises ``Problem`` at the first field that is not allowed."""
    payload: Payload = {}
    for field in fields_of(type(instance)):
        value = getattr(instance, field.attribute)
        if value is None and not field.required:
            continue
        try:
            payload[field.name] = field.kind.pack(value)
        except Problem as problem:
            problem.path.insert(0, field.name)
            raise
    return payload


def unpack_model(model: type[M], payload: Payload) -> M:
    """The model of a CBOR map; raises ``Problem`` for a field that is unknown, missing or not allowed."""
    rest = dict(payload)
    values: dict[str, object] = {}
    for field in fields_of(model):
        if field.name not in rest:
            if field.required:
                raise Problem("is missing", field.name)
            continue
        try:
            values[field.attribute] = field.kind.unpack(rest.pop(field.name))
        except Problem as problem:
            problem.path.insert(0, field.name)
            raise
    if rest:
        raise Problem("is not a field of it", next(iter(rest)))
    return model(**values)


def _exact_bytes(value: object, size: int) -> bytes:
    if type(value) is not bytes:
        raise Problem(f"must be {size} bytes, not {type(value).__name__}")
    if len(value) != size:
        raise Problem(f"must be {size} bytes, not {len(value)}")
    return value
