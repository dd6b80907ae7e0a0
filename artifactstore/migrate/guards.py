"""What is installed in a database against what this software installs: the guards, by definition.

The expected side is sql/installed.json, made from a fresh install by scripts/dump-schema; the found side is
read from the catalogs. Names of roles are exchanged for the part that the role plays, so that both are
equal in every database that was migrated, whatever its server and its role prefix.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from artifactstore.errors import error
from artifactstore.migrate.files import packaged
from artifactstore.migrate.roles import PARTS
from artifactstore.store import Installed, Store

Definition: TypeAlias = dict[str, Any]
Snapshot: TypeAlias = dict[str, dict[str, Definition]]
"""Kind → name → definition."""

FOREIGN = ("rule", "policy", "child", "reference")
"""Kinds of which this software has none: what is found of them others made, and migrate refuses it."""
WHOLE = ("table", "view", "materialized view", "foreign table", "sequence", "function", "type")
"""Kinds that others are part of, and that doctor calls stray."""
PRIVILEGES = ("grant", "default grant", "membership", "role")

_TOLERATED = (*PRIVILEGES, "table", "view", "sequence", "column", "function", "trigger", "row")
"""Kinds of what may be added: doctor tells of it, or migrate itself removes or refuses it."""
_ROLE_KEYS = ("owner", "to", "rolname", "member", "of")
_TEXTS = {"function": ("source",), "view": ("definition",)}
_LONG = 80
_MIGRATE = "artifactstore migrate"


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that is not as this software installs it.

    Attributes:
        kind, name: what, with parts for roles.
        problem: missing, extra or changed.
        what: the finding in words.
        fix: the statement (it ends with ;) or command that puts it right.
        expected, found: the keys of its definition that differ, if it is changed.
    """

    kind: str
    name: str
    problem: str
    what: str
    fix: str
    expected: Definition
    found: Definition


def snapshot(store: Store) -> Snapshot:
    """What is installed, as sql/installed.json has it."""
    found: Snapshot = {}
    for (kind, name), (definition, _) in sorted(_normalised(store).items()):
        found.setdefault(kind, {})[name] = definition
    return found


def written(found: Snapshot) -> str:
    """The text of sql/installed.json: a line for each thing."""
    kinds = []
    for kind, named in found.items():
        lines = [f"    {json.dumps(name)}: {json.dumps(one, sort_keys=True)}" for name, one in named.items()]
        kinds.append(f"  {json.dumps(kind)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(kinds) + "\n}\n"


def differences(store: Store, expected: Snapshot | None = None) -> list[Deviation]:
    """All that is missing, changed or added, sorted; fits into any transaction.

    Raises ``Forbidden`` when the login may not even read the catalogue of event types.
    """
    wanted = {
        (kind, name): one
        for kind, named in (expected or packaged().read_installed() or {}).items()
        for name, one in named.items()
    }
    found = _normalised(store)
    owner = store.installation.owner_of_schema()
    told = []
    for key in sorted(wanted.keys() | found.keys()):
        if key not in found:
            told.append(_missing(*key))
        elif key not in wanted:
            definition, remove = found[key]
            # An index that evaluates nothing and refuses nothing may be there to make something fast.
            if not (key[0] == "index" and definition["plain"]):
                told.append(_extra(*key, remove))
        elif wanted[key] != found[key][0]:
            told.append(_changed(*key, wanted[key], *found[key], owner))
    return _without_parts(told)


def repair(store: Store, expected: Snapshot) -> None:
    """Put back what the files of sql/ do not: constraints, indexes, persistence, row security, grants.

    As the owner, in the transaction of a migrate.

    Raises:
        ArtifactstoreError: ``undefined-object`` with the commands that remove what does not belong there,
            ``forbidden`` with the commands for somebody else, ``migration-failed`` where rows do not fit what
            is put back.
    """
    found = differences(store, expected)
    added = [one.fix for one in found if one.problem == "extra" and one.kind not in _TOLERATED]
    if added:
        raise error("undefined-object", {"problem": " ".join(added), "commands": added})
    left = [
        statement
        for one in found
        for statement in _repairs(one, expected)
        if not store.installation.put_back(statement)
    ]
    if left:
        raise error("forbidden", {"problem": f"the owner role may not: {' '.join(left)}", "commands": left})


def refuse_foreign(store: Store, expected: Snapshot) -> None:
    """Refuse what others made of the tables, and what belongs to others.

    It is not dropped here: somebody meant something by it, and its maker should know.

    Raises:
        ArtifactstoreError: ``undefined-object`` with the commands that remove it or change its owner.
    """
    commands = [
        one.fix
        for one in differences(store, expected)
        if (one.kind in FOREIGN and one.problem == "extra") or ("owner" in one.found and one.kind != "schema")
    ]
    if commands:
        raise error("undefined-object", {"problem": " ".join(commands), "commands": commands})


def _normalised(store: Store) -> dict[tuple[str, str], tuple[Definition, str]]:
    """(kind, name) → definition and the statement that removes it, with parts for roles."""
    rows = list(store.installation.installed())
    parts = _parts(store.installation.owner_of_schema(), rows)
    found = {}
    for row in rows:
        definition = {key: _value(row, key, value, parts) for key, value in row.definition.items()}
        name = row.name
        if row.kind in ("grant", "default grant"):
            name += str(definition.pop("to"))
        elif row.kind == "membership":
            name = f"{definition.pop('member')} IN {definition.pop('of')}"
        elif row.kind == "role":
            name = parts.get(name, name)
        found[row.kind, name] = (definition, row.remove)
    return found


def _parts(owner: str, rows: list[Installed]) -> dict[str, str]:
    """Name of a role → the part that it plays. Who owns the schema says what their names begin with."""
    if not owner.endswith("_owner"):
        owner = next((row.definition["rolname"] for row in rows if row.name == "roles owner"), owner)
    prefix = owner.removesuffix("owner")
    return {f"{prefix}{part}": part for part in PARTS}


def _value(row: Installed, key: str, value: Any, parts: Mapping[str, str]) -> Any:
    if key in _ROLE_KEYS and isinstance(value, str):
        return parts.get(value, value)
    if row.kind == "view" and key == "definition":
        value = _unqualified(value)
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if key in _TEXTS.get(row.kind, ()) or (row.kind == "row" and len(text) > _LONG):
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:32]
    return value


def _unqualified(definition: str) -> str:
    """A view of one table without the alias before columns, which only PostgreSQL 15 writes."""
    if definition.count(" FROM ") > 1 or " JOIN " in definition:
        return definition
    return _ALIASED.sub(lambda match: match[1] or "", definition)


_ALIASED = re.compile(r"('(?:[^']|'')*')|\b(?!artifactstore\.)[a-z_]\w*\.(?=[a-z_])")


def _missing(kind: str, name: str) -> Deviation:
    return Deviation(kind, name, "missing", f"{kind} {name} is missing", _fix(kind), {}, {})


def _extra(kind: str, name: str, remove: str) -> Deviation:
    return Deviation(kind, name, "extra", f"{kind} {name} is not of this software", remove, {}, {})


def _changed(
    kind: str, name: str, expected: Definition, found: Definition, remove: str, owner: str
) -> Deviation:
    keys = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    wanted = {key: expected.get(key) for key in keys}
    given = {key: found.get(key) for key in keys}
    what = "; ".join(f"{key} is {_shown(given[key])}, installed is {_shown(wanted[key])}" for key in keys)
    fix = _fix(kind, keys)
    if kind == "role":
        fix = f"{remove.replace('DROP', 'ALTER', 1).rstrip(';')} {_HARMLESS};"
    if "owner" in keys and kind != "row":
        word = "ROUTINE" if kind == "function" else kind.upper()
        fix = f'ALTER {word} {name} OWNER TO "{owner}";'
    return Deviation(kind, name, "changed", f"{kind} {name}: {what}", fix, wanted, given)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text or "''"


def _fix(kind: str, keys: list[str] | None = None) -> str:
    if kind in ("table", "column", "type") and not (keys and set(keys) <= _REPAIRED):
        return "restore the database from a backup: see the runbook restore"
    return _MIGRATE


_HARMLESS = "NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS"
_REPAIRED = {"persistence", "row_security", "forced_row_security", "not_null", "default"}


def _repairs(one: Deviation, expected: Snapshot) -> Iterator[str]:
    """Statements, all of them or none; run by the owner."""
    if one.problem == "extra":
        if one.kind in ("grant", "default grant"):
            yield one.fix
        return
    if one.kind == "constraint":
        name, table = one.name.split(" ON ")
        if one.problem == "changed":
            yield f"ALTER TABLE {table} DROP CONSTRAINT {name};"
        yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {expected['constraint'][one.name]['definition']};"
    elif one.kind == "index":
        if one.problem == "changed":
            yield f"DROP INDEX {one.name};"
        yield f"{expected['index'][one.name]['definition']};"
    elif one.kind == "table" and one.problem == "changed":
        if one.found.get("persistence") == "u":
            yield f"ALTER TABLE {one.name} SET LOGGED;"
        if one.found.get("row_security"):
            yield f"ALTER TABLE {one.name} DISABLE ROW LEVEL SECURITY;"
        if one.found.get("forced_row_security"):
            yield f"ALTER TABLE {one.name} NO FORCE ROW LEVEL SECURITY;"
    elif one.kind == "column" and one.problem == "changed":
        table, column = one.name.rsplit(".", 1)
        if one.expected.get("not_null"):
            yield f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;"
        if "default" in one.expected and one.expected["default"] is None and "generated" not in one.expected:
            yield f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT;"


def _without_parts(found: list[Deviation]) -> list[Deviation]:
    """What is missing or added as a whole is told once, not again for its columns and grants."""
    wholes = [one.name for one in found if one.kind in WHOLE and one.problem != "changed"]
    return [
        one
        for one in found
        if one.kind in WHOLE
        or not any(f" {whole} " in f" {one.name} " or one.name.startswith(f"{whole}.") for whole in wholes)
    ]
