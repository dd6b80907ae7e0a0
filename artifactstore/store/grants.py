"""Which roles play which part, and which part may use what: asked by a login that may know no more."""

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected

_PARTS = """
    SELECT p.part, r.rolname::text AS role, r.oid, p.place
    FROM pg_catalog.pg_namespace n
    JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
    CROSS JOIN unnest(ARRAY['reader', 'writer', 'service', 'operator'])
        WITH ORDINALITY AS p (part, place)
    JOIN pg_catalog.pg_roles r ON r.rolname = regexp_replace(o.rolname, 'owner$', '') || p.part
    WHERE n.nspname = 'artifactstore' AND o.rolname LIKE '%%owner'
"""


class Grants(Connected):
    """The methods of ``Store`` that need no privilege in the schema: only what everybody may know."""

    def roles_of_parts(self) -> dict[str, str]:
        """Part → its role, for reader, writer, service and operator; empty when others own the schema."""
        query = SQL(f"SELECT part, role FROM ({_PARTS}) parts ORDER BY place")  # noqa: S608
        return {row["part"]: row["role"] for row in self._all(dict_row, query, {})}

    def parts_of_login(self) -> set[str]:
        """The parts whose rights this login has."""
        query = SQL(
            f"SELECT part FROM ({_PARTS}) parts"  # noqa: S608
            " WHERE pg_catalog.pg_has_role(current_user, parts.oid, 'USAGE')"
        )
        return {row["part"] for row in self._all(dict_row, query, {})}

    def parts_that_may(self, name: str) -> list[str]:
        """The parts that may execute a function or read a table of the schema, the least of them first."""
        query = SQL(
            f"""
            SELECT part FROM ({_PARTS}) parts
            WHERE EXISTS (
                SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
                WHERE n.nspname = 'artifactstore' AND f.proname = %(name)s
                    AND pg_catalog.has_function_privilege(parts.oid, f.oid, 'EXECUTE')
            ) OR EXISTS (
                SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'artifactstore' AND c.relname = %(name)s
                    AND pg_catalog.has_table_privilege(parts.oid, c.oid, 'SELECT')
            ) ORDER BY place
            """  # noqa: S608
        )
        return [row["part"] for row in self._all(dict_row, query, {"name": name})]
