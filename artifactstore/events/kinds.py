"""Kinds of values: what a field may hold, in each of its forms, and what is refused.

A value has three forms: in Python, in CBOR (``pack``, ``unpack``), in JSON (``read`` where it comes in,
``shown`` where it goes out, with the JSON Schema of each). Each kind is one ``type`` of
``artifactstore.event_types.fields``, which ``spec`` reproduces.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from artifactstore.codec import MAX_INTEGER, Payload, Problem, Value, place, utf8_length
from artifactstore.errors import BadInput
from artifactstore.events.times import from_micros, micros_text, parse_time, to_micros
from artifactstore.suggest import suggestion

Schema: TypeAlias = dict[str, Any]
"""JSON Schema (2020-12)."""

_UUID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}", re.IGNORECASE
)
_HASH = re.compile(r"(?:([a-z0-9-]+):)?([0-9a-f]{64})", re.IGNORECASE | re.ASCII)
_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


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

    @abstractmethod
    def shape(self) -> Schema:
        """JSON Schema of what ``read`` takes, without description."""

    def schema(self) -> Schema:
        """JSON Schema of what ``read`` takes."""
        told = self.shape()
        if self.doc:
            bound = f"; at most {told['maxLength']} bytes" if "maxLength" in told else ""
            told["description"] = self.doc + bound
        return told

    def read(self, value: Value) -> Any:
        """The Python value of a JSON value; raises ``Problem``."""
        self.pack(value)
        return value

    def read_text(self, text: str) -> Any:
        """The value of a parameter in a path or query; raises ``Problem``."""
        return self.read(text)

    def shown(self, value: Value) -> object:
        """What answers show of a CBOR value (the forms of SQL ``describe_payload``).

        A damaged event may have otherwise than the catalogue says: that is shown as it is.
        """
        return value

    def shown_schema(self) -> Schema:
        """JSON Schema of what ``shown`` gives."""
        return self.shape()


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Kind):
    """``str`` of 1 to ``max`` bytes in UTF-8, or one of ``enum``.

    ``pattern``: what else JSON Schema tells of it; who judges it is the database.
    """

    max: int = 0
    enum: tuple[str, ...] = ()
    pattern: str = ""

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

    def shape(self) -> Schema:
        if self.enum:
            return {"type": "string", "enum": list(self.enum)}
        pattern = {"pattern": self.pattern} if self.pattern else {}
        return {"type": "string", "minLength": 1, "maxLength": self.max, **pattern}

    def shown_schema(self) -> Schema:
        return self.shape() if self.enum else {"type": "string"}


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

    def shape(self) -> Schema:
        return {"type": "integer", "minimum": self.min, "maximum": min(self.max, MAX_INTEGER)}

    def read_text(self, text: str) -> int:
        if _INTEGER.fullmatch(text) is None:
            raise Problem(f"must be an integer from {self.min} to {self.max}, digits only")
        return self.pack(int(text))


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

    def shape(self) -> Schema:
        return {"type": "boolean"} if self.const is None else {"type": "boolean", "const": self.const}

    def read_text(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise Problem("must be true or false")
        return text == "true"


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

    def shape(self) -> Schema:
        return {"type": "string", "format": "uuid"}

    def read(self, value: Value) -> UUID:
        text = _text(value, "a UUID")
        if _UUID.fullmatch(text) is None:
            raise Problem("must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057")
        return UUID(text)

    def shown(self, value: Value) -> object:
        return id_text(value) if type(value) is bytes and len(value) == 16 else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Hash(Kind):
    """``bytes``, 32 of them; JSON may name the ``algorithm`` before the digits."""

    algorithm: str = "blake3"

    def spec(self) -> dict[str, object]:
        return {"type": "hash"}

    def pack(self, value: Any) -> bytes:
        return _exact_bytes(value, 32)

    unpack = pack

    def shape(self) -> Schema:
        return {"type": "string", "pattern": f"^({self.algorithm}:)?[0-9a-fA-F]{{64}}$"}

    def read(self, value: Value) -> bytes:
        wanted = self.algorithm
        text = _text(value, f"a {wanted} digest: 64 hex digits")
        match = _HASH.fullmatch(text)
        if match is None or match[1] not in (None, wanted):
            raise Problem(f"must be a {wanted} digest: 64 hex digits, with or without {wanted}: before them")
        return bytes.fromhex(match[2])

    def shown(self, value: Value) -> object:
        return value.hex() if type(value) is bytes else value

    def shown_schema(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9a-f]{64}$"}


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

    def shape(self) -> Schema:
        return {"type": "string", "format": "date-time"}

    def read(self, value: Value) -> object:
        text = _text(value, "a time as RFC 3339, such as 2030-01-31T12:00:00Z")
        try:
            return parse_time(text)
        except BadInput as failure:
            raise Problem(str(failure.detail["problem"])) from None

    def shown(self, value: Value) -> object:
        if type(value) is not int or not -MAX_INTEGER <= value <= MAX_INTEGER:
            return value
        return micros_text(value)


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
        packed = {self._key(key): self._value(key, item) for key, item in value.items()}
        return {key: packed[key] for key in sorted(packed, key=place)}

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

    def shape(self) -> Schema:
        return {
            "type": "object",
            "maxProperties": self.max_items,
            "propertyNames": {"minLength": 1, "maxLength": self.key_max},
            "additionalProperties": {"type": "string", "maxLength": self.value_max},
        }

    def shown_schema(self) -> Schema:
        return {"type": "object", "additionalProperties": {"type": "string"}}


def id_text(value: bytes) -> str:
    """An id of 16 bytes as text."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _text(value: Value, what: str) -> str:
    if type(value) is not str:
        raise Problem(f"must be {what}")
    return value


def _exact_bytes(value: object, size: int) -> bytes:
    if type(value) is not bytes:
        raise Problem(f"must be {size} bytes, not {type(value).__name__}")
    if len(value) != size:
        raise Problem(f"must be {size} bytes, not {len(value)}")
    return value
