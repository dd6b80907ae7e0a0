"""docs/reference/http.md: every path of the service."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from artifactstore.http.openapi import document
from artifactstore.http.routes import ENDPOINTS
from docs.generate import shapes
from docs.generate.markdown import cell, code, page, table

Operation = Mapping[str, Any]

_INTRO = """\
What `/openapi.json` says, for people. Requests carry `Authorization: Bearer ast_…`; a *reader* may read, a
*producer* append too, an *operator* do everything. Bodies are JSON objects of at most 8 MiB with no member
that is not listed; times are RFC 3339 with a zone, digests hex, with or without `blake3:` or `sha256:` in
front of them.

A command answers with the event that it appended, once that is durable. Reads of one resource have its
version as ETag: the latest event that changed it (`changed_sequence` of files and locations, which events
about others change too; else `last_sequence`), and for an open package also the latest that added or removed
a file.
`If-Match` on a command makes sure, under the append lock, that it is still that; `seal` has `manifest_digest`
besides. Several tags, weak ones and `*` mean what RFC 9110 says.
`Idempotency-Key` on any POST makes it safe to send again ([what is
promised](../explanation/group-append.md)).

Lists are pages of `limit` rows, and of 4 MiB; `next` of a page, as `after`, asks for the one behind it, and
is null on the last; the header `Link` has that page as `rel="next"`, unless the query is longer than 2 KB.
Every GET takes HEAD too. Answers that read the log have the headers
`Artifactstore-Head` (where it stood), `Artifactstore-Log` and `Artifactstore-Epoch`; all have
`X-Request-Id`, that of the request if it had one.

Refusals are problem details (RFC 9457) with the members of [Problem](#problem) and the facts of the case;
[errors](errors.md) says what each code means. 503 has `Retry-After`.
"""
_TAGS = {
    "packages": "Life of packages",
    "files": "Files of packages",
    "locations": "Copies of files",
    "content": "Content and stores",
    "retention": "Retention and holds",
    "feed": "The log",
    "tokens": "Access tokens",
    "operation": "Operation",
    "documents": "What the service says of itself",
}
_GENERAL_HEADERS = ("Idempotency-Key", "If-Match", "If-None-Match")


def generate() -> str:
    """The page, from the OpenAPI document."""
    openapi = document(ENDPOINTS)
    operations = list(_operations(openapi))
    common = {kind: _common(operations, kind) for kind in ("GET", "POST", "PUT", "DELETE")}
    parts = [[*_INTRO.splitlines(), ""], *map(_told_common, common.items())]
    for tag, title in _TAGS.items():
        parts.append([f"## {title}", ""])
        for method, path, operation in operations:
            if operation["tags"] == [tag]:
                parts.append(_operation(method, path, operation, common[method]))
    parts.append(["## What answers are made of", ""])
    for name, shape in openapi["components"]["schemas"].items():
        if not name.startswith("Payload."):
            parts.append([f"### {name}", "", shape["description"], "", *_fields(shape, answer=True)])
    return page("HTTP", *parts)


def _operations(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _common(operations: Iterable[tuple[str, str, Operation]], kind: str) -> set[tuple[str, str]]:
    """Refusals (status, code) that every operation of a method has, of those that need a token."""
    found = [
        set(_refusals(operation))
        for method, _, operation in operations
        if method == kind and "security" not in operation
    ]
    return set.intersection(*found)


def _told_common(common: tuple[str, set[tuple[str, str]]]) -> list[str]:
    method, refusals = common
    return [f"Every {method} with a token may be refused with: {_listed(refusals)}.", ""]


def _refusals(operation: Operation) -> Iterator[tuple[str, str]]:
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values():
            for part in content["schema"].get("allOf", ()):
                codes = part.get("properties", {}).get("code", {})
                yield from ((status, name) for name in codes.get("enum", ()))


def _listed(refusals: Iterable[tuple[str, str]]) -> str:
    by_status: dict[str, list[str]] = {}
    for status, name in sorted(refusals):
        by_status.setdefault(status, []).append(code(name))
    return "; ".join(f"{status} {', '.join(names)}" for status, names in by_status.items())


def _operation(method: str, path: str, operation: Operation, common: set[tuple[str, str]]) -> list[str]:
    lines = [f"### {method} {path}", "", f"{cell(operation['summary'])}.", ""]
    lines += [cell(operation["description"]), ""]
    lines += _parameters(operation["parameters"])
    if "requestBody" in operation:
        taken = operation["requestBody"]["content"]
        json = taken.get("application/json")
        told = f"Body: {_or(sorted(taken))}, as it is to be kept."
        lines += [told, ""] if json is None else _body(json["schema"])
    lines += _answer(operation)
    particular = set(_refusals(operation)) - common
    return lines + ([f"Refused: {_listed(particular)}.", ""] if particular else [])


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> list[str]:
    general = [code(one["name"]) for one in parameters if one["name"] in _GENERAL_HEADERS]
    lines = [f"Headers: {', '.join(general)}.", ""] if general else []
    rows = [_parameter(one) for one in parameters if one["name"] not in _GENERAL_HEADERS]
    return lines + (table(["parameter", "in", "type", "what"], rows) if rows else [])


def _parameter(parameter: Mapping[str, Any]) -> list[str]:
    shape = parameter["schema"]
    notes = ["required"] if parameter.get("required") and parameter["in"] == "query" else []
    if shape.get("type") == "array":
        notes, shape = [*notes, "repeatable"], shape["items"]
    if "default" in shape:
        notes.append(f"default: {str(shape['default']).lower()}")
    what = " ".join([cell(parameter["description"]), *([f"({'; '.join(notes)})"] if notes else [])])
    return [code(parameter["name"]), parameter["in"], shapes.words(shape), what]


def _or(media_types: Sequence[str]) -> str:
    named = ["any media type" if one == "*/*" else code(one) for one in media_types]
    return " or ".join(named)


def _body(shape: shapes.Schema) -> list[str]:
    if "oneOf" not in shape:
        return ["Body:", "", *_fields(shape)]
    one, many = shape["oneOf"]
    ((name, items),) = many["properties"].items()
    return [f"Body, or an object with {code(name)}, {shapes.words(items)} like it:", "", *_fields(one)]


def _answer(operation: Operation) -> list[str]:
    status, answer = next(iter(operation["responses"].items()))
    lines: list[str] = []
    for media_type, content in answer["content"].items():
        shape = content["schema"]
        told = f"{status}, {code(media_type)}"
        if "properties" in shape:
            lines += [f"{told}:", "", *_fields(shape, answer=True)]
        else:
            lines += [f"{told}: {shapes.words(shape)}.", ""]
    return lines


def _fields(shape: shapes.Schema, *, answer: bool = False) -> list[str]:
    """A table of members; those of an answer are always there, so nothing is said of that."""
    rows = list(shapes.fields(shape))
    if not answer:
        return table(["field", "type", "required", "what"], rows)
    if any(row[3] for row in rows):
        return table(["member", "type", "what"], ([row[0], row[1], row[3]] for row in rows))
    return table(["member", "type"], (row[:2] for row in rows))
