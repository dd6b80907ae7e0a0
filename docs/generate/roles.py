"""docs/reference/roles.md: who may do what."""

from collections.abc import Iterable
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from artifactstore.migrate.roles import PARTS
from docs.generate.markdown import cell, code, page, table

_INTRO = """\
Five roles play the parts below. None can log in: grant them to the logins of people and programs (`GRANT
registry_writer TO ann`). Their names begin with a prefix, by default the name of the database, since
roles belong to the whole server; `artifactstore.roles` says which role plays which part.
"""
_AFTER = """\
PUBLIC has no privilege in the schema. Nobody but the owner can write a table, lock `append_lock` or
execute a function that is not listed. `bypass_governance` and the event types with role `operator` in the
[catalogue](events.md) need the operator, also within `append_json`. `append` trusts its caller with
digest, actor and `bypass_governance`: grant `service` to programs only.

What `migrate` needs: a superuser, or a login with CREATEROLE that owns the database.
"""
_PRIVILEGES = """
SELECT o.kind, o.name, r.role, o.granted
FROM artifactstore.roles r,
    LATERAL (
        SELECT 1 AS place, 'read' AS kind, c.relname AS name,
            has_table_privilege(r.rolname, c.oid, 'SELECT') AS granted
        FROM pg_class c
        WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'v')
        UNION ALL
        SELECT 2, 'execute', p.proname, has_function_privilege(r.rolname, p.oid, 'EXECUTE')
        FROM pg_proc p
        WHERE p.pronamespace = 'artifactstore'::regnamespace) o
WHERE r.role <> 'owner'
ORDER BY o.place, o.name COLLATE "C", r.role
"""
_COLUMNS = ("reader", "writer", "service", "operator")


def generate(conn: Connection[Any]) -> str:
    """The page, from the privileges that roles have in a migrated database."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_PRIVILEGES).fetchall()
    granted: dict[tuple[str, str], set[str]] = {}
    for row in found:
        roles = granted.setdefault((row["kind"], row["name"]), set())
        if row["granted"]:
            roles.add(row["role"])
    return page(
        "Roles",
        [*_INTRO.splitlines(), ""],
        table(["part", "what it is for"], ([code(part), cell(text)] for part, text in PARTS.items())),
        ["## Privileges", ""],
        table(["may", "what", *_COLUMNS], _rows(granted)),
        _AFTER.splitlines(),
    )


def _rows(granted: dict[tuple[str, str], set[str]]) -> Iterable[list[str]]:
    for (kind, name), roles in granted.items():
        if roles:
            yield [kind, code(name), *("yes" if role in roles else "" for role in _COLUMNS)]
