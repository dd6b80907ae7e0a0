"""Fields of payloads: those of a model, and a model or an object as CBOR and as JSON.

A model is a frozen dataclass whose annotations carry a kind: ``size: Annotated[int, Int("size in bytes")]``.
A field with the default None may be absent; absent and null are different, and null is never allowed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, TypeAlias, TypeVar, get_type_hints

from artifactstore.codec import Payload, Problem, Value, place
from artifactstore.events.kinds import Kind, Schema

M = TypeVar("M")

Shown: TypeAlias = Mapping[str, Callable[[Value], object]]
"""By the name of a field, what makes the form that answers show of its CBOR value."""


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

    def shape(self) -> Schema:
        return {"type": "array", "maxItems": self.max_items, "items": self.items.schema()}

    def read(self, value: Value) -> tuple[Any, ...]:
        if type(value) is not list:
            raise Problem("must be an array")
        return tuple(self._each(value, self.items.read))

    def shown(self, value: Value) -> object:
        return [self.items.shown(item) for item in value] if type(value) is list else value

    def shown_schema(self) -> Schema:
        return {"type": "array", "items": self.items.shown_schema()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeOf(List):
    """A list of at least one value."""

    def shape(self) -> Schema:
        return List.shape(self) | {"minItems": 1}

    def read(self, value: Value) -> tuple[Any, ...]:
        if value == []:
            raise Problem("must have at least one item")
        return List.read(self, value)


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

    def shape(self) -> Schema:
        return object_schema(fields_of(self.model))

    def read(self, value: Value) -> Any:
        return self.model(**read_fields(fields_of(self.model), value))

    def shown(self, value: Value) -> object:
        return show(_shown_of(self.model), value) if type(value) is dict else value

    def shown_schema(self) -> Schema:
        return shown_object_schema(fields_of(self.model))


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
        in_order = sorted(found, key=lambda field: place(field.name))
        known = _known_fields[model] = tuple(in_order)
    return known


def model_spec(model: type) -> dict[str, dict[str, object]]:
    """The fields of a model as in ``artifactstore.event_types.fields``."""
    return {field.name: field.spec() for field in fields_of(model)}


def pack_model(instance: object) -> Payload:
    """The CBOR map of a model, in canonical order; raises ``Problem`` at the first bad field."""
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
    return model(**_values_of(fields_of(model), payload, lambda kind: kind.unpack))


def read_fields(fields: Sequence[Field], value: Value) -> dict[str, Any]:
    """Python values of a JSON object, by attribute; raises ``Problem`` likewise, and for no object."""
    if type(value) is not dict:
        raise Problem("must be an object")
    return _values_of(fields, value, lambda kind: kind.read)


def _values_of(
    fields: Sequence[Field], given: Payload, reader: Callable[[Kind], Callable[[Value], Any]]
) -> dict[str, Any]:
    rest = dict(given)
    values: dict[str, Any] = {}
    for field in fields:
        if field.name not in rest:
            if field.required:
                raise Problem("is missing", field.name)
            continue
        try:
            values[field.attribute] = reader(field.kind)(rest.pop(field.name))
        except Problem as problem:
            problem.path.insert(0, field.name)
            raise
    if rest:
        raise Problem("is not a field of it", next(iter(rest)))
    return values


def shown_otherwise(*models: type) -> Shown:
    """The fields of models that answers show in another form than CBOR has."""
    fields = (field for model in models for field in fields_of(model))
    return {field.name: field.kind.shown for field in fields if type(field.kind).shown is not Kind.shown}


_shown_of = cache(shown_otherwise)


def show(shown: Shown, payload: Payload) -> dict[str, object]:
    """A decoded payload, or an object in one, as answers show it; what it should not have, as it is."""
    told: dict[str, object] = dict(payload)
    for name, convert in shown.items():
        if name in payload:
            told[name] = convert(payload[name])
    return told


def object_schema(fields: Sequence[Field]) -> Schema:
    """JSON Schema of an object with these fields and no others."""
    told: Schema = {
        "type": "object",
        "properties": {field.name: field.kind.schema() for field in fields},
        "additionalProperties": False,
    }
    required = [field.name for field in fields if field.required]
    if required:
        told["required"] = required
    return told


def shown_object_schema(fields: Sequence[Field]) -> Schema:
    """JSON Schema of what ``show`` gives."""
    told = object_schema(fields)
    return told | {"properties": {field.name: field.kind.shown_schema() for field in fields}}
