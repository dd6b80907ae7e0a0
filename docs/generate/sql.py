"""docs/reference/sql.md: tables, views, functions and triggers, as a database describes them."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from docs.generate.markdown import cell, code, page, table

_INTRO = """\
Everything is in the schema `artifactstore`. The same texts are in the database: `\\d+ artifactstore.*`
and `\\df+ artifactstore.*` in `psql` show them. Names of constraints are stable: they are in the errors
that PostgreSQL raises. Who may use what: [roles](roles.md).
"""
_RELATIONS = """
SELECT c.oid, c.relname AS name, c.relkind::text AS kind, obj_description(c.oid, 'pg_class') AS comment,
    c.relname = ANY (artifactstore.view_names()) AS is_view
FROM pg_class c
WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'v', 'c')
ORDER BY c.relname COLLATE "C"
"""
_COLUMNS = """
SELECT a.attrelid AS relation, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull AS required, col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'artifactstore'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
_CONSTRAINTS = """
SELECT conrelid AS relation, conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE connamespace = 'artifactstore'::regnamespace AND contype IN ('c', 'p', 'u', 'f')
UNION ALL
SELECT i.indrelid, c.relname, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'artifactstore'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
ORDER BY 1, 2
"""
_FUNCTIONS = """
SELECT p.proname AS name, pg_get_function_arguments(p.oid) AS arguments,
    pg_get_function_result(p.oid) AS result, obj_description(p.oid, 'pg_proc') AS comment,
    ARRAY(
        SELECT r.role FROM artifactstore.roles r
        WHERE r.role <> 'owner' AND has_function_privilege(r.rolname, p.oid, 'EXECUTE')
        ORDER BY r.role) AS roles
FROM pg_proc p
WHERE p.pronamespace = 'artifactstore'::regnamespace
ORDER BY p.proname COLLATE "C"
"""
_TRIGGERS = """
SELECT c.relname AS relation, t.tgname AS name, t.tgfoid::regproc::text AS function,
    regexp_replace(pg_get_triggerdef(t.oid), '.* (BEFORE|AFTER) (.*) ON .*', '\\1 \\2') AS event
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'artifactstore'::regnamespace AND NOT t.tgisinternal
ORDER BY c.relname COLLATE "C", t.tgname COLLATE "C"
"""

Row = Mapping[str, Any]


def generate(conn: Connection[Any], source: Path) -> str:
    """The page, from a migrated database; ``source`` is the directory sql/, which tells the folders."""
    with conn.cursor(row_factory=dict_row) as cursor:
        relations = cursor.execute(_RELATIONS).fetchall()
        columns = _grouped(cursor.execute(_COLUMNS).fetchall())
        constraints = _grouped(cursor.execute(_CONSTRAINTS).fetchall())
        functions = cursor.execute(_FUNCTIONS).fetchall()
        triggers = cursor.execute(_TRIGGERS).fetchall()
    tables = [one for one in relations if one["kind"] == "r"]
    sections = {
        "Tables of the log": [one for one in tables if not one["is_view"]],
        "Views of the registry": [one for one in tables if one["is_view"]],
        "SQL views for people": [one for one in relations if one["kind"] == "v"],
        "Types": [one for one in relations if one["kind"] == "c"],
    }
    parts: list[list[str]] = [_INTRO.splitlines(), [""]]
    for title, members in sections.items():
        parts.append([f"## {title}", ""])
        parts += [_relation(one, columns, constraints) for one in members]
    parts.append(["## Functions to call", ""])
    parts += [_public_function(one) for one in functions if one["roles"]]
    parts += _internal_functions(functions, source)
    parts.append(["## Triggers", "", "All fire always, in replica mode too.", ""])
    parts.append(_trigger_table(triggers))
    return page("SQL", *parts)


def _grouped(rows: Iterable[Row]) -> dict[int, list[Row]]:
    return {oid: list(group) for oid, group in groupby(rows, key=lambda row: row["relation"])}


def _relation(one: Row, columns: Mapping[int, list[Row]], constraints: Mapping[int, list[Row]]) -> list[str]:
    lines = [f"### {one['name']}", "", cell(one["comment"]) + ".", ""]
    own = columns.get(one["oid"], [])
    if own and one["kind"] == "r":
        rows = ([code(c["name"]), c["type"], "" if c["required"] else "yes", cell(c["comment"])] for c in own)
        lines += table(["column", "type", "null", "what"], rows)
    elif own:
        rows = ([code(c["name"]), c["type"], cell(c["comment"] or "")] for c in own)
        lines += table(["column", "type", "what"], rows)
    limits = constraints.get(one["oid"], [])
    if limits:
        rows = ([code(k["name"]), code(k["definition"])] for k in limits)
        lines += table(["constraint or index", "definition"], rows)
    return lines


def _public_function(one: Row) -> list[str]:
    signature = f"artifactstore.{one['name']}({one['arguments']}) → {one['result']}"
    lines = [f"### {one['name']}", "", "```text", signature, "```", ""]
    return [*lines, f"{cell(one['comment'])}.", "", f"For: {', '.join(one['roles'])}.", ""]


def _internal_functions(functions: Iterable[Row], source: Path) -> list[list[str]]:
    """Functions that only the owner may execute, by the folder of their files."""
    internal = {one["name"]: one for one in functions if not one["roles"]}
    told = (
        "Only the owner, and so only other functions, may execute these. What each folder is for: "
        "[the source of the SQL](../../sql/README.md)."
    )
    parts = [["## Functions inside", "", told, ""]]
    paths = sorted(path.relative_to(source) for path in source.glob("*/**/*.sql") if path.stem in internal)
    for folder, files in groupby(paths, key=lambda path: path.parent.as_posix()):
        parts.append([f"### {folder}", ""])
        parts.append(
            table(["function", "what"], (_internal_row(internal[path.stem], path) for path in files))
        )
    return parts


def _internal_row(one: Row, path: Path) -> list[str]:
    link = f"[{one['name']}](../../sql/{path.as_posix()})"
    return [f"{link}<br>({cell(one['arguments'])}) → {cell(one['result'])}", cell(one["comment"])]


def _trigger_table(triggers: Iterable[Row]) -> list[str]:
    return table(
        ["table", "trigger", "when", "function"],
        ([code(t["relation"]), code(t["name"]), t["event"], code(t["function"])] for t in triggers),
    )
