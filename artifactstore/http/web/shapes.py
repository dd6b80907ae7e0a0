"""Values of requests: one description each, read from JSON or text, and told as JSON Schema.

The kinds are those of the event catalogue (``artifactstore.events.fields``), so a body has the bounds that
the log has, and /openapi.json says the same.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from artifactstore.codec import MAX_INTEGER, Problem, Value
from artifactstore.errors import BadInput
from artifactstore.events.fields import (
    Bool,
    Field,
    Hash,
    Id,
    Int,
    Kind,
    List,
    Map,
    Object,
    Text,
    Time,
    fields_of,
)
from artifactstore.events.times import micros_text, parse_time

Schema = dict[str, Any]

_SEGMENT = "(?:[A-Za-z0-9._~:+-]|%[0-9A-F]{2})+"
_VALUE = "(?:[A-Za-z0-9._~:+/,-]|%[0-9A-F]{2})+"
_QUALIFIER = f"[a-z][a-z0-9._-]*={_VALUE}"
_PATTERNS = {
    "purl": {
        "pattern": f"^pkg:[a-z][a-z0-9.-]*/(?:{_SEGMENT}/)*{_SEGMENT}(?:@{_SEGMENT})?"
        rf"(?:\?{_QUALIFIER}(?:&{_QUALIFIER})*)?(?:#{_SEGMENT}(?:/{_SEGMENT})*)?$"
    },
    "since": {"pattern": "^(head|0|[1-9][0-9]{0,15})$"},
    "epoch": {"pattern": "^[1-9][0-9]{0,15}-[0-9a-f]{8}$"},
    "path": {"pattern": r"^[^/\x00-\x1f\x7f]+(?:/[^/\x00-\x1f\x7f]+)*$"},
}
"""What the database asks of texts, as far as a pattern can say it; it says the rest itself."""

_UUID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}", re.IGNORECASE
)
_HASH = re.compile(r"(?:([a-z0-9-]+):)?([0-9a-f]{64})", re.IGNORECASE | re.ASCII)
_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeOf(List):
    """A list of at least one value."""


def read_fields(fields: Sequence[Field], value: Value) -> dict[str, Any]:
    """Python values by attribute; raises ``Problem`` naming the field that is unknown, missing or wrong."""
    if type(value) is not dict:
        raise Problem("must be an object")
    rest = dict(value)
    values: dict[str, Any] = {}
    for field in fields:
        if field.name not in rest:
            if field.required:
                raise Problem("is missing", field.name)
            continue
        try:
            values[field.attribute] = read(field.kind, field.name, rest.pop(field.name))
        except Problem as problem:
            problem.path.insert(0, field.name)
            raise
    if rest:
        raise Problem("is not a field of it", next(iter(rest)))
    return values


def read(kind: Kind, name: str, value: Value) -> Any:
    """The Python value of a JSON value; raises ``Problem``. ``name`` tells which digest prefix fits."""
    match kind:
        case Id():
            return _read_id(value)
        case Hash():
            return _read_hash(name, value)
        case Time():
            return _read_time(value)
        case List():
            return _read_list(kind, name, value)
        case Object():
            return kind.model(**read_fields(fields_of(kind.model), value))
        case _:
            kind.pack(value)
            return value


def read_text(kind: Kind, name: str, text: str) -> Any:
    """The value of a parameter in a path or query; raises ``Problem``."""
    if isinstance(kind, Int):
        if _INTEGER.fullmatch(text) is None:
            raise Problem(f"must be an integer from {kind.min} to {kind.max}, digits only")
        return kind.pack(int(text))
    if isinstance(kind, Bool):
        if text not in ("true", "false"):
            raise Problem("must be true or false")
        return text == "true"
    return read(kind, name, text)


def bad_payload(problem: Problem, field: str = "") -> BadInput:
    """A problem of a body as the error that is answered."""
    detail: dict[str, object] = {"problem": problem.text}
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.path)
    where = (field + "".join(steps)).removeprefix(".")
    if where:
        detail["field"] = where
        detail["problem"] = f"{where} {problem.text}"
    return BadInput("bad-payload", detail)


def schema(kind: Kind, name: str = "") -> Schema:
    """JSON Schema (2020-12) of what ``read`` takes."""
    match kind:
        case Text() if kind.enum:
            told: Schema = {"type": "string", "enum": list(kind.enum)}
        case Text():
            told = {"type": "string", "minLength": 1, "maxLength": kind.max, **_PATTERNS.get(name, {})}
        case Int():
            told = {"type": "integer", "minimum": kind.min, "maximum": min(kind.max, MAX_INTEGER)}
        case Bool():
            told = {"type": "boolean"} if kind.const is None else {"type": "boolean", "const": kind.const}
        case Id():
            told = {"type": "string", "format": "uuid"}
        case Hash():
            told = {"type": "string", "pattern": f"^({_prefix(name)}:)?[0-9a-fA-F]{{64}}$"}
        case Time():
            told = {"type": "string", "format": "date-time"}
        case Map():
            told = {
                "type": "object",
                "maxProperties": kind.max_items,
                "propertyNames": {"minLength": 1, "maxLength": kind.key_max},
                "additionalProperties": {"type": "string", "maxLength": kind.value_max},
            }
        case List():
            told = {"type": "array", "maxItems": kind.max_items, "items": schema(kind.items, name)}
            if isinstance(kind, SomeOf):
                told["minItems"] = 1
        case Object():
            told = object_schema(fields_of(kind.model))
        case _:
            raise TypeError(type(kind).__name__)
    if kind.doc:
        told["description"] = kind.doc + (
            f"; at most {told['maxLength']} bytes" if "maxLength" in told else ""
        )
    return told


def object_schema(fields: Sequence[Field]) -> Schema:
    """JSON Schema of an object with these fields and no others."""
    told: Schema = {
        "type": "object",
        "properties": {field.name: schema(field.kind, field.name) for field in fields},
        "additionalProperties": False,
    }
    required = [field.name for field in fields if field.required]
    if required:
        told["required"] = required
    return told


def stored_schema(kind: Kind) -> Schema:
    """JSON Schema of a payload field in answers: ids as uuid, digests as lower-case hex, times with µs."""
    match kind:
        case Hash():
            return {"type": "string", "pattern": "^[0-9a-f]{64}$"}
        case Text() if not kind.enum:
            return {"type": "string"}
        case List():
            return {"type": "array", "items": stored_schema(kind.items)}
        case Object():
            return stored_object_schema(fields_of(kind.model))
        case Map():
            return {"type": "object", "additionalProperties": {"type": "string"}}
        case _:
            told = schema(kind)
            told.pop("description", None)
            return told


def stored_object_schema(fields: Sequence[Field]) -> Schema:
    """JSON Schema of a payload, or of an object in one, in answers."""
    told = object_schema(fields)
    return told | {"properties": {field.name: stored_schema(field.kind) for field in fields}}


def describer(fields: Iterable[Field]) -> Callable[[Mapping[str, Value]], dict[str, object]]:
    """Turns a decoded payload into what answers show (the forms of SQL ``describe_payload``)."""
    made = {field.name: make for field in fields if (make := _shown(field.kind)) is not None}

    def describe(payload: Mapping[str, Value]) -> dict[str, object]:
        shown: dict[str, object] = dict(payload)
        for name, make in made.items():
            if name in payload:
                shown[name] = make(payload[name])
        return shown

    return describe


def _shown(kind: Kind) -> Callable[[Any], object] | None:
    """What turns a value of this kind into what answers show; None: it is shown as it is."""
    match kind:
        case Id():
            return id_text
        case Hash():
            return _hex
        case Time():
            return _time_text
        case List():
            item = _shown(kind.items)
            return None if item is None else lambda values: [item(value) for value in values]
        case Object():
            return describer(fields_of(kind.model))
        case _:
            return None


# What an answer shows is made of values that a damaged event may have otherwise than the catalogue says:
# those are shown as they are.


def id_text(value: Value) -> Value:
    """An id of 16 bytes as text."""
    if type(value) is not bytes or len(value) != 16:
        return value
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _hex(value: Value) -> Value:
    return value.hex() if type(value) is bytes else value


def _time_text(value: Value) -> Value:
    if type(value) is not int or not -MAX_INTEGER <= value <= MAX_INTEGER:
        return value
    return micros_text(value)


def _prefix(name: str) -> str:
    return "sha256" if name == "sha256" else "blake3"


def _text(value: Value, what: str) -> str:
    if type(value) is not str:
        raise Problem(f"must be {what}")
    return value


def _read_id(value: Value) -> UUID:
    text = _text(value, "a UUID")
    if _UUID.fullmatch(text) is None:
        raise Problem("must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057")
    return UUID(text)


def _read_hash(name: str, value: Value) -> bytes:
    wanted = _prefix(name)
    text = _text(value, f"a {wanted} digest: 64 hex digits")
    match = _HASH.fullmatch(text)
    if match is None or match[1] not in (None, wanted):
        raise Problem(f"must be a {wanted} digest: 64 hex digits, with or without {wanted}: before them")
    return bytes.fromhex(match[2])


def _read_time(value: Value) -> object:
    text = _text(value, "a time as RFC 3339, such as 2030-01-31T12:00:00Z")
    try:
        return parse_time(text)
    except BadInput as failure:
        raise Problem(str(failure.detail["problem"])) from None


def _read_list(kind: List, name: str, value: Value) -> tuple[object, ...]:
    if type(value) is not list:
        raise Problem("must be an array")
    if len(value) > kind.max_items:
        raise Problem(f"must have at most {kind.max_items} items, not {len(value)}")
    if isinstance(kind, SomeOf) and not value:
        raise Problem("must have at least one item")
    items = []
    for index, item in enumerate(value):
        try:
            items.append(read(kind.items, name, item))
        except Problem as problem:
            problem.path.insert(0, index)
            raise
    return tuple(items)
