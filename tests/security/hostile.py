"""What a login that may create things can put in the way of the owner's functions.

Everything calls ``evil.run()``, which notes in a sequence that it runs as somebody else than the login: no
rollback forgets that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
from psycopg.sql import SQL, Identifier

from tests.databases import TEST_PREFIX

SCRATCH = ("progress", "different_packages", "different_rows")
OF_OURS = ("decoded_event", "purl_parts", "view_sets", "error_codes", "home")
OF_POSTGRESQL = (
    "text", "uuid", "bytea", "json", "jsonb", "record", "timestamptz", "name", "oid", "bool", "int4",
    "int8", "float8",
    "bigint", "integer", "boolean", "numeric", "interval",
)  # fmt: skip
TRAP = """
    CREATE SCHEMA trap;
    GRANT USAGE ON SCHEMA trap TO PUBLIC;
    CREATE SEQUENCE trap.caught;
    GRANT ALL ON SEQUENCE trap.caught TO PUBLIC
"""
EVIL = """
    CREATE SCHEMA evil;
    GRANT ALL ON SCHEMA evil TO PUBLIC;
    CREATE FUNCTION evil.run() RETURNS integer LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
    BEGIN
        IF current_user <> session_user THEN
            PERFORM nextval('trap.caught');
            RAISE EXCEPTION USING ERRCODE = 'EV001', MESSAGE = 'ran as ' || current_user;
        END IF;
        RETURN 1;
    END $$;
    CREATE FUNCTION evil.fire() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM evil.run(); RETURN NEW; END';
    CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT evil.run() = 1';
    CREATE FUNCTION evil.same(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT evil.run() = 1';
    CREATE FUNCTION evil.same(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT evil.run() = 1';
    CREATE FUNCTION evil.joined(text, text) RETURNS text LANGUAGE sql AS $$ SELECT evil.run()::text $$;
    CREATE DOMAIN evil.guarded AS text CHECK (evil.run() = 1);
    CREATE TYPE evil.kind AS (value text);
    CREATE FUNCTION evil.same(evil.kind, evil.kind) RETURNS boolean LANGUAGE sql AS 'SELECT evil.run() = 1';
    CREATE FUNCTION evil.shown(evil.kind) RETURNS text LANGUAGE sql AS 'SELECT evil.run()::text';
    CREATE CAST (evil.kind AS text) WITH FUNCTION evil.shown(evil.kind) AS IMPLICIT
"""


@dataclass
class Attack:
    """What a kind of attack leaves: schemas to name in arguments."""

    schemas: list[str] = field(default_factory=list)


def run(login: psycopg.Connection, statement: str, *names: str) -> None:
    """Execute a statement with identifiers in it, as ``{}``."""
    login.execute(SQL(statement).format(*map(Identifier, names)))


def _views(login: psycopg.Connection) -> list[str]:
    return [name for (name,) in login.execute("SELECT unnest(artifactstore.view_names())")]


def _tables(login: psycopg.Connection) -> list[str]:
    query = (
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('artifactstore')"
        " AND relkind IN ('r', 'v') AND has_table_privilege(oid, 'SELECT') ORDER BY 1"
    )
    return [name for (name,) in login.execute(query)]


def _schema(login: psycopg.Connection, name: str, make: Callable[[str, str], None]) -> None:
    """A schema with something under the name of every table of a view set, open to everybody."""
    run(login, "CREATE SCHEMA {}", name)
    for view in (*_views(login), *SCRATCH):
        make(name, view)
    run(login, "GRANT ALL ON SCHEMA {} TO PUBLIC", name)
    run(login, "GRANT ALL ON ALL TABLES IN SCHEMA {} TO PUBLIC", name)


def _make_table(login: psycopg.Connection) -> Callable[[str, str], None]:
    """A plain table with rows; its default, check and index call what is hostile."""

    def make(schema: str, view: str) -> None:
        if view == "progress":
            columns = "(sequence bigint DEFAULT evil.run(), fingerprint bytea, pid integer)"
            run(login, f"CREATE TABLE {{}}.{{}} {columns}", schema, view)
            run(login, "INSERT INTO {}.{} VALUES (0, '', pg_backend_pid())", schema, view)
        elif view in SCRATCH:
            columns = "(package_id uuid, view_name text, created_sequence bigint DEFAULT evil.run())"
            run(login, f"CREATE TABLE {{}}.{{}} {columns}", schema, view)
        else:
            run(login, "CREATE TABLE {}.{} AS TABLE artifactstore.{}", schema, view, view)
        run(login, "ALTER TABLE {}.{} ADD CHECK (evil.run() = 1)", schema, view)

    return make


def _make_view(login: psycopg.Connection) -> Callable[[str, str], None]:
    def make(schema: str, view: str) -> None:
        if view == "progress":
            columns = "evil.run()::bigint AS sequence, ''::bytea AS fingerprint, pg_backend_pid() AS pid"
            run(login, f"CREATE VIEW {{}}.{{}} AS SELECT {columns}", schema, view)
        elif view in SCRATCH:
            columns = "NULL::uuid AS package_id, '' AS view_name, evil.run()::bigint AS created_sequence"
            run(login, f"CREATE VIEW {{}}.{{}} AS SELECT {columns}", schema, view)
        else:
            definition = "SELECT v.* FROM artifactstore.{} v WHERE evil.run() = 1"
            run(login, f"CREATE VIEW {{}}.{{}} AS {definition}", schema, view, view)

    return make


def _make_altered(login: psycopg.Connection, alteration: str) -> Callable[[str, str], None]:
    plain = _make_table(login)

    def make(schema: str, view: str) -> None:
        plain(schema, view)
        run(login, alteration, schema, view)

    return make


def _make_typed(login: psycopg.Connection) -> Callable[[str, str], None]:
    """Every text or uuid column is of a type with operators and a cast of its own."""

    def make(schema: str, view: str) -> None:
        if view in SCRATCH:
            columns = "sequence evil.kind, fingerprint evil.kind, pid evil.guarded, package_id evil.kind"
            run(login, f"CREATE TABLE {{}}.{{}} ({columns})", schema, view)
            return
        columns = ", ".join(
            f'"{name}" {"evil.kind" if kind in ("text", "uuid") else kind}'
            for name, kind in login.execute(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = format('artifactstore.%%I', %s::text)::regclass AND attnum > 0",
                (view,),
            )
        )
        run(login, f"CREATE TABLE {{}}.{{}} ({columns})", schema, view)

    return make


def tables(login: psycopg.Connection) -> Attack:
    """Temporary tables, and plain ones in a schema of its own."""
    _schema(login, "evil_tables", _make_table(login))
    for name in (*_tables(login), "append_lock", "tokens"):
        run(login, "CREATE TEMP TABLE {} (note evil.guarded, sequence bigint DEFAULT evil.run())", name)
        run(login, "GRANT ALL ON pg_temp.{} TO PUBLIC", name)
    return Attack(["evil_tables", *_temporary(login)])


def views(login: psycopg.Connection) -> Attack:
    """Temporary views, and views in a schema of its own."""
    _schema(login, "evil_views", _make_view(login))
    for name in _tables(login):
        run(
            login,
            "CREATE TEMP VIEW {} AS SELECT v.* FROM artifactstore.{} v WHERE evil.run() = 1",
            name,
            name,
        )
        run(login, "GRANT ALL ON pg_temp.{} TO PUBLIC", name)
    return Attack(["evil_views", *_temporary(login)])


def mixed(login: psycopg.Connection) -> Attack:
    """The exploit of F52: one temporary view, the other views as temporary tables."""
    for name in _views(login)[1:]:
        run(login, "CREATE TEMP TABLE {} (LIKE artifactstore.{} INCLUDING ALL)", name, name)
        run(login, "GRANT ALL ON pg_temp.{} TO PUBLIC", name)
    definition = "SELECT v.* FROM artifactstore.artifact_packages v WHERE evil.run() = 1"
    run(login, f"CREATE TEMP VIEW artifact_packages AS {definition}")
    run(login, "GRANT ALL ON pg_temp.artifact_packages TO PUBLIC")
    return Attack(_temporary(login))


def functions(login: psycopg.Connection) -> Attack:
    """Functions under the names of those that ours call, in a schema that comes first and in pg_temp."""
    for name in ("md5", "quote_ident", "jsonb_build_object", "to_regclass", "format", "log_head", "refuse"):
        for schema in ("evil", "pg_temp"):
            run(
                login,
                "CREATE FUNCTION {}.{}(text) RETURNS text LANGUAGE sql AS 'SELECT evil.run()::text'",
                schema,
                name,
            )
    login.execute("SET search_path = evil, pg_temp, pg_catalog")
    return Attack(["evil", *_temporary(login)])


def operators(login: psycopg.Connection) -> Attack:
    """Operators that fit better than PostgreSQL's, first in the path of the session."""
    for kind in ("text", "uuid", "bigint"):
        for name in ("=", "<>", "<", ">"):
            arguments = f"LEFTARG = {kind}, RIGHTARG = {kind}"
            login.execute(f"CREATE OPERATOR evil.{name} (FUNCTION = evil.same, {arguments})".encode())
    login.execute("CREATE OPERATOR evil.|| (FUNCTION = evil.joined, LEFTARG = text, RIGHTARG = text)")
    login.execute("SET search_path = evil, pg_catalog")
    return Attack(["evil"])


def casts(login: psycopg.Connection) -> Attack:
    """View sets with columns of a type with a cast and an equality of its own."""
    login.execute(
        "CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = evil.kind, RIGHTARG = evil.kind, HASHES)"
    )
    _schema(login, "evil_types", _make_typed(login))
    login.execute("SET search_path = evil, pg_catalog")
    return Attack(["evil_types"])


def domains(login: psycopg.Connection) -> Attack:
    """Types and domains under the names of ours and of PostgreSQL's, temporary and first in the path.

    The types of variables in PL/pgSQL are looked up once in a session, in the path of whoever calls first.
    """
    for schema in ("evil", "pg_temp"):
        for name in (*OF_OURS, *OF_POSTGRESQL):
            run(login, "CREATE DOMAIN {}.{} AS pg_catalog.text CHECK (evil.run() = 1)", schema, name)
    login.execute("SET search_path = evil, pg_temp, pg_catalog")
    return Attack(["evil", *_temporary(login)])


def triggers_and_rules(login: psycopg.Connection) -> Attack:
    """Tables with a trigger, a rule, row security, a child and an index that call what is hostile."""
    alterations = {
        "evil_triggers": "CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON {}.{} FOR EACH ROW"
        " EXECUTE FUNCTION evil.fire()",
        "evil_rules": "CREATE RULE r AS ON DELETE TO {}.{} DO ALSO SELECT evil.run()",
        "evil_rows": "ALTER TABLE {}.{} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    }
    for schema, alteration in alterations.items():
        _schema(login, schema, _make_altered(login, alteration))
    for view in _views(login):
        run(login, "CREATE POLICY p ON evil_rows.{} USING (evil.run() = 1)", view)
    return Attack(list(alterations))


def scratch(login: psycopg.Connection) -> Attack:
    """The schemas that our functions make for themselves, made first."""
    pid = login.info.backend_pid
    names = [
        "artifactstore_rebuild",
        *(f"artifactstore_{kind}_{pid}" for kind in ("check", "at", "verify")),
        *(f"artifactstore_snapshot_{n}" for n in (0, 7, *_heads(login))),
    ]
    for name in names:
        _schema(login, name, _make_view(login))
    return Attack(names)


def scratch_tables(login: psycopg.Connection) -> Attack:
    """The same with plain tables, whose defaults and checks are hostile."""
    names = ["artifactstore_rebuild", *(f"artifactstore_snapshot_{n}" for n in _heads(login))]
    for name in names:
        _schema(login, name, _make_table(login))
    return Attack(names)


ATTACKS = (
    tables, views, mixed, functions, operators, casts, domains, triggers_and_rules, scratch, scratch_tables,
)  # fmt: skip


def _heads(login: psycopg.Connection) -> list[int]:
    return [head for (head,) in login.execute("SELECT artifactstore.log_head()")]


def _temporary(login: psycopg.Connection) -> list[str]:
    ((name,),) = login.execute("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()").fetchall()
    return ["pg_temp", name]


def allow(superuser: psycopg.Connection, login: str) -> None:
    """Let a login create schemas and temporary tables, and set the trap for it."""
    superuser.execute(TRAP.encode())
    run(superuser, "GRANT CREATE, TEMP ON DATABASE {} TO {}", superuser.info.dbname, login)


def caught(superuser: psycopg.Connection) -> bool:
    """Whether anything hostile ran as somebody else than its maker."""
    ((called,),) = superuser.execute("SELECT is_called FROM trap.caught").fetchall()
    return bool(called)


OWNER = f"{TEST_PREFIX}_owner"
