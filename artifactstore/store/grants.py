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
    """``store.grants``: what everybody may know, whatever privileges they have in the schema."""

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

    def role_commands(self) -> list[str]:
        """The statements without which this login cannot do what the service does; none if it can.

        Asked of catalogs alone: a login without any role may not read a table of the schema.
        """
        query = SQL(
            """
            SELECT DISTINCT CASE
                WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                    WHERE m.roleid = s.oid AND m.member = to_regrole(quote_ident(current_user)))
                THEN format('GRANT %%I TO %%I;', s.rolname, current_user)
                WHEN current_setting('server_version_num')::integer >= 160000
                THEN format('GRANT %%I TO %%I WITH INHERIT TRUE;', s.rolname, current_user)
                ELSE format('ALTER ROLE %%I INHERIT;', current_user) END AS command
            FROM pg_catalog.pg_proc p
            CROSS JOIN LATERAL aclexplode(p.proacl) a
            JOIN pg_catalog.pg_roles s ON s.oid = a.grantee AND a.grantee <> p.proowner
            WHERE p.pronamespace = to_regnamespace('artifactstore') AND p.proname = 'append_commands'
                AND NOT pg_has_role(s.oid, 'USAGE')
            """
        )
        return [row["command"] for row in self._all(dict_row, query, {})]
