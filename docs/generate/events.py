"""docs/reference/events.md: the catalogue of event types."""

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from artifactstore.events import EVENT_TYPES
from docs.generate.markdown import cell, code, page, table

_INTRO = """\
What can happen, as `artifactstore.event_types` has it. The payload of an event is a map with these
fields, and no others ([payloads](../explanation/payloads.md) says how each type is written). A released
event type never changes its meaning; optional fields may be added to it.

*Role*: the least role that may append it with `append_json`. *Lane*: what it stays in order with when
ranges are folded ([exact projection](../explanation/exact-projection.md)). *Destructive*: the destruction
guard judges it: no legal hold, and no retention unless it is over, or it is governance and
`bypass_governance` is set.
"""
_EVENT_TYPES = """
SELECT event_type, subject_kind, min_role, destructive, lane, description, fields
FROM artifactstore.event_types ORDER BY event_type
"""
_PROJECTORS = """
SELECT p.proname, obj_description(p.oid, 'pg_proc') AS comment FROM pg_proc p
WHERE p.pronamespace = 'artifactstore'::regnamespace AND p.proname ^@ 'project_'
"""
_COMMON = ("request", "on_behalf_of", "reason")
_SUBJECTS = {
    "package": "Packages",
    "file": "Files",
    "storage": "Storage locations",
    "retention": "Retention",
    "system": "System",
}


def generate(conn: Connection[Any]) -> str:
    """The page, from the catalogue and the projectors of a migrated database."""
    with conn.cursor(row_factory=dict_row) as cursor:
        types = cursor.execute(_EVENT_TYPES).fetchall()
        comments = {row["proname"]: row["comment"] for row in cursor.execute(_PROJECTORS)}
    common = {name: spec for name, spec in types[0]["fields"].items() if name in _COMMON}
    parts: list[list[str]] = [_INTRO.splitlines(), ["", "## Fields of every event", ""], _fields(common)]
    for kind, title in _SUBJECTS.items():
        parts.append([f"## {title}", ""])
        for one in types:
            if one["subject_kind"] == kind:
                projector = EVENT_TYPES[one["event_type"]].applied_by()
                parts.append(_event_type(one, projector, comments[projector], common))
    return page("Event types", *parts)


def _event_type(
    one: Mapping[str, Any], projector: str, comment: str, common: Mapping[str, object]
) -> list[str]:
    fields = {name: spec for name, spec in one["fields"].items() if common.get(name) != spec}
    destructive = "yes" if one["destructive"] else "no"
    lines = [f"### {one['event_type']}", "", f"{cell(one['description'])}.", ""]
    lines += [f"Role: {one['min_role']} · lane: {one['lane']} · destructive: {destructive}", ""]
    lines += [f"`{projector}`: {cell(comment)}.", ""]
    return lines + (_fields(fields) if fields else ["No fields of its own.", ""])


def _fields(fields: Mapping[str, Any]) -> list[str]:
    rows = (
        [code(name), cell(_type(spec)), "yes" if spec["required"] else "", cell(spec.get("doc", ""))]
        for name, spec in _flat(fields)
    )
    return table(["field", "type", "required", "what"], rows)


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Fields and those inside of them, in an order that does not depend on jsonb: required ones first."""
    for name in sorted(fields, key=lambda name: (not fields[name]["required"], name)):
        spec = fields[name]
        yield f"{prefix}{name}", spec
        yield from _flat(spec.get("fields", {}), f"{prefix}{name}.")
        yield from _flat(spec.get("items", {}).get("fields", {}), f"{prefix}{name}[].")


def _type(spec: Mapping[str, Any]) -> str:
    kind: str = spec["type"]
    if "enum" in spec:
        return " or ".join(spec["enum"])
    if "const" in spec:
        return str(spec["const"]).lower()
    if kind == "text":
        return f"text, 1 to {spec['max']} bytes"
    if kind == "map":
        return (
            f"map, at most {spec['max_items']} keys of 1 to {spec['key_max']} bytes, "
            f"values of 0 to {spec['value_max']} bytes"
        )
    if kind == "list":
        return f"list, at most {spec['max_items']} of: {_type(spec['items'])}"
    if kind == "int" and "max" in spec:
        return f"int, {spec.get('min', 0)} to {spec['max']}"
    if kind == "int" and "min" in spec:
        return f"int, at least {spec['min']}"
    return kind
