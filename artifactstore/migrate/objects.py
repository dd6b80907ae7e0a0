"""Bring functions, SQL views and triggers of a database to what the files under sql/ say."""

import hashlib
import re
from collections.abc import Iterable

import psycopg
from psycopg import sql

from artifactstore.errors import ArtifactstoreError, error, translate
from artifactstore.migrate.files import SqlFile

_OUTER_CAUSES = ("busy", "unavailable", "forbidden", "read-only", "disk-full", "database-missing")
"""Errors that say what they mean, whichever file met them."""


def drop_views(conn: psycopg.Connection, files: Iterable[SqlFile]) -> None:
    """Drop all SQL views of the schema at once: their files make them again, whatever columns changed.

    Raises:
        ArtifactstoreError: ``undefined-object`` for a view that no file makes, ``migration-failed`` when
            something else depends on one of them.
    """
    found = conn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'artifactstore'::regnamespace AND relkind = 'v'"
    )
    names = sorted(row[0] for row in found)
    _refuse(f"DROP VIEW artifactstore.{name};" for name in set(names) - _names(files, "view"))
    if not names:
        return
    views = sql.SQL(", ").join(sql.Identifier("artifactstore", name) for name in names)
    try:
        conn.execute(sql.SQL("DROP VIEW {}").format(views))
    except psycopg.errors.DependentObjectsStillExist as failure:
        problem = f"{failure.diag.message_primary}: {failure.diag.message_detail}"
        hint = "drop those objects, migrate, and make them again"
        raise ArtifactstoreError("migration-failed", {"problem": problem}, hint) from failure


def _names(files: Iterable[SqlFile], kind: str) -> set[str]:
    return {file.name for file in files if file.kind == kind}


def _refuse(commands: Iterable[str]) -> None:
    found = sorted(commands)
    if found:
        raise error("undefined-object", {"problem": " ".join(found), "commands": found})


def apply(conn: psycopg.Connection, path: str, text: str) -> None:
    """Run a file, whole: the server cuts it into statements.

    Raises:
        ArtifactstoreError: ``migration-failed``, or ``busy``, ``unavailable`` or ``forbidden``, with file
            and line.
    """
    try:
        conn.execute(text.encode())
    except psycopg.Error as failure:
        raise _located(failure, path, text) from failure


def _located(failure: psycopg.Error, path: str, text: str) -> ArtifactstoreError:
    position = failure.diag.statement_position
    line = text.count("\n", 0, int(position) - 1) + 1 if position else None
    place = path if line is None else f"{path}:{line}"
    meaning = translate(failure)
    told = failure.diag.message_primary or str(failure)
    detail = {"file": path, "line": line, "problem": f"{place}: {told}"}
    if meaning.code in _OUTER_CAUSES:
        return type(meaning)(meaning.code, detail, meaning.hint, meaning.sqlstate)
    return ArtifactstoreError("migration-failed", detail, failure.diag.message_hint, failure.sqlstate)


def refuse_undefined_functions(conn: psycopg.Connection, files: Iterable[SqlFile]) -> None:
    """Refuse functions that no file made in this transaction.

    A function whose arguments changed leaves its old form behind, and callers would still find it.

    Raises:
        ArtifactstoreError: ``undefined-object`` with the commands that drop them.
    """
    found = conn.execute(_UNDEFINED_FUNCTIONS, {"names": sorted(_names(files, "function"))})
    _refuse(f"DROP FUNCTION {row[0]};" for row in found)


# What a file made or made again has a row of this transaction in the catalog.
_UNDEFINED_FUNCTIONS = """
SELECT p.oid::regprocedure::text
FROM pg_proc p
WHERE p.pronamespace = 'artifactstore'::regnamespace
    AND (p.xmin <> pg_current_xact_id()::xid OR NOT p.proname = ANY (%(names)s))
    AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""


def refuse_undefined_triggers(conn: psycopg.Connection) -> None:
    """Refuse triggers that no file made in this transaction.

    Raises:
        ArtifactstoreError: ``undefined-object`` with the commands that drop them.
    """
    found = conn.execute(_UNDEFINED_TRIGGERS)
    _refuse(f"DROP TRIGGER {row[0]};" for row in found)


_UNDEFINED_TRIGGERS = """
SELECT format('%I ON %s', t.tgname, t.tgrelid::regclass)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'artifactstore'::regnamespace AND NOT t.tgisinternal
    AND t.xmin <> pg_current_xact_id()::xid
"""


def enable_triggers(conn: psycopg.Connection) -> None:
    """Set every trigger of the schema to fire ALWAYS.

    ``CREATE OR REPLACE TRIGGER`` and a restore with disabled triggers silently reset it.
    """
    triggers = conn.execute(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE c.relnamespace = 'artifactstore'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'A'"
    ).fetchall()
    for table, trigger in triggers:
        conn.execute(
            sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(
                sql.Identifier("artifactstore", table), sql.Identifier(trigger)
            )
        )


def fingerprint(conn: psycopg.Connection, files: Iterable[SqlFile]) -> bytes:
    """SHA-256 of all that decides which rows a log gives.

    That is: the projectors and every function that they call, directly or not, without comments and white
    space; and of the catalogue, as the files left it in this database, lanes and shapes.
    """
    digest = hashlib.sha256()
    for name, code in sorted(closure(files).items()):
        digest.update(f"{name}\0{code}\0".encode())
    for row in conn.execute(_CATALOGUE):
        digest.update("\0".join([*row, ""]).encode())
    return digest.digest()


_CATALOGUE = """
    SELECT t.event_type, t.lane, t.shape::text FROM artifactstore.event_types t
    ORDER BY t.event_type COLLATE "C"
"""
_CALLS = re.compile(r"\bartifactstore\.([a-z0-9_]+)\s*\(")
_NO_CODE = re.compile(r"('(?:[^']|'')*'|\"[^\"]*\")|--[^\n]*|/\*.*?\*/", re.DOTALL)
_REMARK = re.compile(r"\bCOMMENT ON FUNCTION [^']*(?:'(?:[^']|'')*'\s*)+;")


def closure(files: Iterable[SqlFile]) -> dict[str, str]:
    """The projectors and the functions that they call, directly or not: name → code of its file."""
    code = {file.name: _code(file.text) for file in files if file.kind == "function"}
    found: set[str] = set()
    todo = {file.name for file in files if file.folder == "3_project"}
    while todo:
        found |= todo
        called = {name for one in todo for name in _CALLS.findall(code[one])}
        todo = (called & code.keys()) - found
    return {name: code[name] for name in found}


def _code(text: str) -> str:
    """What a file does: no remarks, and one blank for all white space."""
    bare = _NO_CODE.sub(lambda match: match.group(1) or " ", text)
    return " ".join(_REMARK.sub("", bare).split())
