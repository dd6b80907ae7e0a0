"""JSON Schemas of /openapi.json in words, for tables."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from docs.generate.markdown import cell, code

Schema: TypeAlias = Mapping[str, Any]

_INTEGER_MAX = 2**53 - 1
_FORMATS = {"uuid": "id", "date-time": "time", "uri": "URI"}


def words(shape: Schema) -> str:
    """What a value may be, as Markdown."""
    if "$ref" in shape:
        return link(shape["$ref"])
    if "allOf" in shape:
        return _event(shape["allOf"])
    for key in ("anyOf", "oneOf"):
        if key in shape:
            return " or ".join(words(one) for one in shape[key])
    if "const" in shape:
        return code(str(shape["const"]).lower() if shape["const"] is True else shape["const"])
    if "enum" in shape:
        return ", ".join(code(value) for value in shape["enum"])
    return _TYPES[shape["type"]](shape)


def fields(shape: Schema, prefix: str = "") -> Iterator[list[str]]:
    """Rows of the members of an object and of those inside of them: name, type, required, what."""
    required = shape.get("required", ())
    members = shape.get("properties", {})
    for name in sorted(members, key=lambda name: name not in required):
        member = members[name]
        path = f"{prefix}{name}"
        yield [
            code(path),
            words(member),
            "yes" if name in required else "",
            # The bound is in the type already.
            cell(member.get("description", "").removesuffix(f"; at most {member.get('maxLength')} bytes")),
        ]
        if member.get("type") == "array" and "properties" in member["items"]:
            yield from fields(member["items"], f"{path}[].")
        elif "properties" in member:
            yield from fields(member, f"{path}.")


def link(reference: str) -> str:
    """A link to where a shared schema is described."""
    name = reference.rpartition("/")[2]
    event_type = name.removeprefix("Payload.")
    if event_type != name:
        return f"[{code(event_type)}](events.md#{event_type.replace('.', '')})"
    return f"[{name}](#{name.lower()})"


def _event(parts: list[Schema]) -> str:
    """The event of a command: the shared schema, narrowed to an event type."""
    payload = parts[1]["properties"]["payload"]
    return f"{words(parts[0])} {words(payload)}"


def _text(shape: Schema) -> str:
    if "contentMediaType" in shape:
        return f"bytes, {code(shape['contentMediaType'])}"
    if "format" in shape:
        return _FORMATS[shape["format"]]
    if "64}" in shape.get("pattern", ""):
        return "digest, 64 hex digits"
    if "maxLength" in shape:
        return f"text, {shape.get('minLength', 0)} to {shape['maxLength']} bytes"
    return "text"


def _integer(shape: Schema) -> str:
    low, high = shape.get("minimum"), shape.get("maximum", _INTEGER_MAX)
    if high < _INTEGER_MAX:
        return f"int, {low} to {high}"
    return f"int, at least {low}" if low else "int"


def _array(shape: Schema) -> str:
    items = shape["items"]
    bounds = f", {shape.get('minItems', 0)} to {shape['maxItems']}" if "maxItems" in shape else ""
    return f"list{bounds} of {'objects' if 'properties' in items else words(items)}"


def _object(shape: Schema) -> str:
    if "maxProperties" in shape:
        keys, values = shape["propertyNames"]["maxLength"], shape["additionalProperties"]["maxLength"]
        return f"map, at most {shape['maxProperties']}: keys to {keys} bytes, values to {values}"
    return "object"


_TYPES: Mapping[str, Callable[[Schema], str]] = {
    "string": _text,
    "integer": _integer,
    "array": _array,
    "object": _object,
    "boolean": lambda _: "true or false",
    "null": lambda _: "null",
}
