"""What is installed in the schema, from catalogs that everybody may read: the found side of ``guards``."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from psycopg.errors import Error, InsufficientPrivilege
from psycopg.rows import args_row
from psycopg.sql import SQL

from artifactstore.errors import OUTER_CAUSES, error, translate, translated
from artifactstore.store.base import Connected


class Installed(NamedTuple):
    """One thing that is installed.

    Attributes:
        kind: schema, table, view, column, constraint, index, trigger, rule, policy, function, type, grant,
            row, and what else a schema can hold.
        name: what it is called, unique within its kind; roles as they are called in this database.
        definition: what it is, key by key; owners and grantees are names of roles.
        remove: the statement that takes it away.
    """

    kind: str
    name: str
    definition: dict[str, Any]
    remove: str


# Definitions as text must not depend on the session: names with their schema, times in UTC.
_PINNED = (
    "search_path = pg_catalog, pg_temp",
    "quote_all_identifiers = off",
    "timezone = 'UTC'",
    "datestyle = 'ISO, YMD'",
    "intervalstyle = 'postgres'",
    "bytea_output = 'hex'",
)

_RELATIONS = """
    SELECT k.kind, c.oid::regclass::text, jsonb_build_object(
            'owner', pg_get_userbyid(c.relowner), 'persistence', c.relpersistence,
            'row_security', c.relrowsecurity, 'forced_row_security', c.relforcerowsecurity)
        || CASE WHEN c.relkind <> 'v' THEN '{}' ELSE jsonb_build_object(
            'definition', pg_get_viewdef(c.oid), 'options', c.reloptions) END,
        format('DROP %s %s;', upper(k.kind), c.oid::regclass)
    FROM pg_class c CROSS JOIN LATERAL (SELECT CASE c.relkind
        WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'table' END) AS k (kind)
    WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
_COLUMNS = """
    SELECT 'column', format('%s.%I', c.oid::regclass, a.attname), jsonb_build_object(
            'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
            'collation', nullif(a.attcollation, 0)::regcollation::text,
            'default', pg_get_expr(d.adbin, d.adrelid),
            'generated', a.attgenerated, 'identity', a.attidentity),
        format('ALTER TABLE %s DROP COLUMN %I;', c.oid::regclass, a.attname)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
        AND NOT a.attisdropped
"""
# NOT NULL is told with the column: from 18 on it is a constraint too.
_CONSTRAINTS = """
    SELECT 'constraint', format('%I ON %s', o.conname, o.conrelid::regclass), jsonb_build_object(
            'definition', pg_get_constraintdef(o.oid), 'validated', o.convalidated),
        format('ALTER TABLE %s DROP CONSTRAINT %I;', o.conrelid::regclass, o.conname)
    FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
    WHERE c.relnamespace = 'artifactstore'::regnamespace AND o.contype NOT IN ('n', 't')
    UNION ALL
    SELECT 'reference', format('%I ON %s', o.conname, o.conrelid::regclass),
        jsonb_build_object('definition', pg_get_constraintdef(o.oid)),
        format('ALTER TABLE %s DROP CONSTRAINT %I;', o.conrelid::regclass, o.conname)
    FROM pg_constraint o JOIN pg_class c ON c.oid = o.confrelid JOIN pg_class f ON f.oid = o.conrelid
    WHERE c.relnamespace = 'artifactstore'::regnamespace AND f.relnamespace <> c.relnamespace
    UNION ALL
    SELECT 'child', format('%s OF %s', i.inhrelid::regclass, i.inhparent::regclass), '{}',
        format('ALTER TABLE %s NO INHERIT %s;', i.inhrelid::regclass, i.inhparent::regclass)
    FROM pg_inherits i JOIN pg_class c ON c.oid IN (i.inhrelid, i.inhparent)
    WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'p')
"""
# "plain": it evaluates nothing and refuses nothing, so that anybody who owns the table may add it for speed.
_INDEXES = """
    SELECT 'index', c.oid::regclass::text, jsonb_build_object(
            'definition', pg_get_indexdef(c.oid), 'valid', i.indisvalid AND i.indisready,
            'plain', NOT i.indisunique AND i.indexprs IS NULL AND i.indpred IS NULL AND NOT EXISTS (
                SELECT FROM unnest(i.indclass) k JOIN pg_opclass p ON p.oid = k
                WHERE p.opcnamespace <> 'pg_catalog'::regnamespace)),
        format('DROP INDEX %s;', c.oid::regclass)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relnamespace = 'artifactstore'::regnamespace AND t.relkind IN ('r', 'p')
        AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = c.oid AND o.contype IN ('p', 'u', 'x'))
"""
_TRIGGERS = """
    SELECT 'trigger', format('%I ON %s', t.tgname, t.tgrelid::regclass), jsonb_build_object(
            'definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled,
            'function', t.tgfoid::regprocedure::text),
        format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'artifactstore'::regnamespace AND NOT t.tgisinternal
    UNION ALL
    SELECT 'rule', format('%I ON %s', r.rulename, r.ev_class::regclass), jsonb_build_object(
            'definition', pg_get_ruledef(r.oid)),
        format('DROP RULE %I ON %s;', r.rulename, r.ev_class::regclass)
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    WHERE c.relnamespace = 'artifactstore'::regnamespace
        AND NOT (c.relkind IN ('v', 'm') AND r.rulename = '_RETURN')
    UNION ALL
    SELECT 'policy', format('%I ON %s', p.polname, p.polrelid::regclass), '{}',
        format('DROP POLICY %I ON %s;', p.polname, p.polrelid::regclass)
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace = 'artifactstore'::regnamespace
"""
_FUNCTIONS = """
    SELECT 'function', p.oid::regprocedure::text, jsonb_build_object(
            'owner', pg_get_userbyid(p.proowner), 'kind', p.prokind, 'language', l.lanname,
            'returns', pg_get_function_result(p.oid), 'arguments', pg_get_function_arguments(p.oid),
            'volatility', p.provolatile, 'security_definer', p.prosecdef, 'strict', p.proisstrict,
            'leakproof', p.proleakproof, 'parallel', p.proparallel, 'support', p.prosupport::text,
            'settings', p.proconfig, 'source', p.prosrc, 'sql_body', p.prosqlbody IS NOT NULL),
        format('DROP ROUTINE %s;', p.oid::regprocedure)
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'artifactstore'::regnamespace AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""
_OTHERS = """
    SELECT 'schema', n.nspname::text, jsonb_build_object('owner', pg_get_userbyid(n.nspowner)),
        format('DROP SCHEMA %I;', n.nspname)
    FROM pg_namespace n WHERE n.nspname = 'artifactstore'
    UNION ALL
    SELECT 'type', format_type(t.oid, NULL), jsonb_build_object(
            'owner', pg_get_userbyid(t.typowner), 'kind', t.typtype, 'columns', (
                SELECT jsonb_agg(
                    format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
                FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)),
        format('DROP TYPE %s;', format_type(t.oid, NULL))
    FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typnamespace = 'artifactstore'::regnamespace AND t.typcategory <> 'A' AND t.typtype <> 'm'
        AND coalesce(c.relkind, 'c') = 'c' AND NOT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
    UNION ALL
    SELECT o.type, o.identity, '{}', format('DROP %s %s;', upper(o.type), o.identity)
    FROM pg_depend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) o
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'artifactstore'::regnamespace
        AND d.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,
            'pg_constraint'::regclass, 'pg_default_acl'::regclass)
        AND NOT EXISTS (SELECT FROM pg_depend e
            WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
"""
# What the owner has of its own is not told: from 17 on there is one privilege more.
_GRANTS = """
    WITH objects AS (
        SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, '' AS part,
            c.oid::regclass::text AS name, c.relowner AS owner, c.relacl AS acl
        FROM pg_class c
        WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT 'TABLE', format(' (%I)', a.attname), c.oid::regclass::text, c.relowner, a.attacl
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'artifactstore'::regnamespace AND NOT a.attisdropped
        UNION ALL
        SELECT 'ROUTINE', '', p.oid::regprocedure::text, p.proowner,
            coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc p WHERE p.pronamespace = 'artifactstore'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
        UNION ALL
        SELECT 'SCHEMA', '', n.nspname::text, n.nspowner, n.nspacl
        FROM pg_namespace n WHERE n.nspname = 'artifactstore'
    )
    SELECT DISTINCT 'grant', format('%s%s ON %s %s TO ', a.privilege_type, o.part, o.kind, o.name),
        jsonb_build_object('to', coalesce(r.rolname, 'PUBLIC'), 'grant_option', bool_or(a.is_grantable)),
        string_agg(DISTINCT CASE WHEN a.grantor = o.owner
            THEN format('REVOKE %s%s ON %s %s FROM %s CASCADE;', a.privilege_type, o.part, o.kind, o.name,
                coalesce(quote_ident(r.rolname), 'PUBLIC'))
            -- The owner cannot take away what others passed on, but what they passed it on with.
            ELSE format('REVOKE GRANT OPTION FOR %s%s ON %s %s FROM %I CASCADE;', a.privilege_type, o.part,
                o.kind, o.name, pg_get_userbyid(a.grantor)) END, ' ')
    FROM objects o CROSS JOIN aclexplode(o.acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE a.grantee <> o.owner
    GROUP BY a.privilege_type, o.part, o.kind, o.name, r.rolname
"""
_DEFAULT_GRANTS = """
    SELECT 'default grant', format('%s ON NEW %s%s BY %s TO ', a.privilege_type, t.type,
            CASE WHEN d.defaclnamespace <> 0 THEN ' IN artifactstore' ELSE '' END,
            CASE WHEN d.defaclrole = n.nspowner THEN 'owner' ELSE pg_get_userbyid(d.defaclrole) END),
        jsonb_build_object('to', coalesce(r.rolname, 'PUBLIC')),
        format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON %s FROM %s;',
            pg_get_userbyid(d.defaclrole),
            CASE WHEN d.defaclnamespace <> 0 THEN ' IN SCHEMA artifactstore' ELSE '' END,
            a.privilege_type, t.type, coalesce(quote_ident(r.rolname), 'PUBLIC'))
    FROM pg_namespace n
    JOIN pg_default_acl d ON d.defaclnamespace = n.oid
        OR (d.defaclrole = n.nspowner AND d.defaclnamespace = 0)
    CROSS JOIN LATERAL (SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
        WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END) AS t (type)
    CROSS JOIN aclexplode(d.defaclacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE n.nspname = 'artifactstore'
"""
_ROLES = """
    SELECT 'role', r.rolname::text, jsonb_build_object(
            'login', r.rolcanlogin, 'superuser', r.rolsuper, 'createrole', r.rolcreaterole,
            'createdb', r.rolcreatedb, 'replication', r.rolreplication, 'bypassrls', r.rolbypassrls),
        format('DROP ROLE %I;', r.rolname)
    FROM pg_roles r WHERE r.rolname IN (SELECT p.rolname FROM artifactstore.roles p)
    UNION ALL
    SELECT DISTINCT 'membership', '', jsonb_build_object('member', m.rolname, 'of', g.rolname),
        format('REVOKE %I FROM %I%s CASCADE;', g.rolname, m.rolname,
            CASE WHEN current_setting('server_version_num')::int >= 160000
                THEN format(' GRANTED BY %I', pg_get_userbyid(a.grantor)) ELSE '' END)
    FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
    WHERE g.rolname IN (SELECT p.rolname FROM artifactstore.roles p)
        AND m.rolname IN (SELECT p.rolname FROM artifactstore.roles p)
"""
_ROWS = """
    SELECT 'row', 'event_types ' || t.event_type, to_jsonb(t),
        format('DELETE FROM artifactstore.event_types WHERE event_type = %L;', t.event_type)
    FROM artifactstore.event_types t
    UNION ALL
    SELECT 'row', 'error_codes ' || t.name, to_jsonb(t),
        format('DELETE FROM artifactstore.error_codes WHERE name = %L;', t.name)
    FROM artifactstore.error_codes t
    UNION ALL
    SELECT 'row', 'roles ' || t.role, jsonb_build_object('rolname', t.rolname),
        format('DELETE FROM artifactstore.roles WHERE role = %L;', t.role)
    FROM artifactstore.roles t
    UNION ALL
    SELECT 'row', 'software', jsonb_build_object('projectors', t.projectors),
        'DELETE FROM artifactstore.software;'
    FROM artifactstore.software t
"""
_QUERIES = (
    _RELATIONS, _COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS, _FUNCTIONS, _OTHERS,
    _GRANTS, _DEFAULT_GRANTS, _ROLES, _ROWS,
)  # fmt: skip


class Installation(Connected):
    """``store.installation``: what is installed; none takes a lock that an append would wait for."""

    def installed(self) -> Iterator[Installed]:
        """All of it. Fits into any transaction, read-only ones too, and leaves its settings as they are."""
        with translated(), self.connection.transaction(force_rollback=True):
            for setting in _PINNED:
                self.connection.execute(f"SET LOCAL {setting}".encode())
            found = [self._all(args_row(Installed), SQL(query.replace("%", "%%"))) for query in _QUERIES]
        for rows in found:
            yield from rows

    def owner_of_schema(self) -> str:
        """Name of the role that owns the schema."""
        query = SQL(
            "SELECT pg_catalog.pg_get_userbyid(n.nspowner)::text AS owner"
            " FROM pg_catalog.pg_namespace n WHERE n.nspname = 'artifactstore'"
        )
        owner: str = self._row(query)["owner"]
        return owner

    def put_back(self, statement: str) -> bool:
        """Run a statement that puts back what was installed; whether this login may."""
        try:
            with self.connection.transaction():
                self.connection.execute(statement.encode())
        except InsufficientPrivilege:
            return False
        except Error as failure:
            cause = translate(failure)
            if cause.code in OUTER_CAUSES:
                raise cause from failure
            problem = f"{statement} {failure.diag.message_primary}: {failure.diag.message_detail}"
            raise error("migration-failed", {"problem": problem}) from failure
        return True
