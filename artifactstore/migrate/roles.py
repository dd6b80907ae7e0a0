"""The database roles of an artifactstore, and how the migrating login plays the owner for a while.

Everything here runs inside the transaction of a migrate and tolerates that another database of the same
server creates the same roles at the same time: roles belong to the whole server.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from artifactstore.errors import error

PARTS = {
    "owner": "owns the tables and functions; nobody logs in as it",
    "service": "appends events that it vouches for, and reads",
    "writer": "appends events with append_json, and reads",
    "reader": "reads the log and its views",
    "operator": "replays and verifies, and does what a writer does",
}
"""The parts that roles play, and what each may do: deployments grant the roles to logins."""

_MEMBERSHIPS = (("reader", "writer"), ("reader", "service"), ("writer", "operator"))
_MAX_NAME = 63


def role_names(conn: psycopg.Connection, prefix: str | None) -> dict[str, str]:
    """Part → name of its role: as the database remembers them, else made from the prefix.

    The default prefix is the name of the database.

    Raises:
        ArtifactstoreError: ``usage`` when ``prefix`` is too long or not the one that the database has,
            ``forbidden`` when the login may not act as the owner of the schema.
    """
    known = _known_names(conn)
    if known and len(known) < len(PARTS):
        # A row went missing: the others, or who owns the schema, say what the names begin with.
        part, name = next(iter(known.items()), ("owner", schema_owner(conn) or ""))
        known = {one: f"{name.removesuffix(part)}{one}" for one in PARTS}
    if prefix is None and known:
        return known
    if prefix is None:
        prefix = str(_one(conn, "SELECT current_database()"))
    names = {part: f"{prefix}_{part}" for part in PARTS}
    longest = max(names.values(), key=len)
    if len(longest.encode()) > _MAX_NAME:
        raise error(
            "usage", {"problem": f"the role name {longest} is longer than {_MAX_NAME} bytes: choose a prefix"}
        )
    if known and known != names:
        raise error("usage", {"problem": f"this database has the roles {', '.join(known.values())}"})
    return names


def schema_owner(conn: psycopg.Connection) -> str | None:
    """Name of the role that owns the schema artifactstore, or None if there is no such schema."""
    row = conn.execute(
        "SELECT r.rolname::text FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner "
        "WHERE n.nspname = 'artifactstore'"
    ).fetchone()
    return None if row is None else str(row[0])


def _known_names(conn: psycopg.Connection) -> dict[str, str]:
    owner = schema_owner(conn)
    if owner is None:
        return {}
    others = conn.execute(_OTHER_OWNERS).fetchall()
    if others:
        commands = [row[0] for row in others]
        problem = f"{', '.join(row[1] for row in others)}: {' '.join(commands)}"
        raise error("forbidden", {"problem": problem, "commands": commands})
    with as_owner(conn, owner):
        if _one(conn, "SELECT to_regclass('artifactstore.roles')") is None:
            return {}
        return dict(conn.execute("SELECT role, rolname::text FROM artifactstore.roles").fetchall())


# Whom most tables belong to is the owner; a schema or table of somebody else was given away later.
_OTHER_OWNERS = """
    WITH objects AS (
        SELECT 'SCHEMA artifactstore' AS name, n.nspowner AS owner, NULL::oid AS table_owner
        FROM pg_namespace n WHERE n.nspname = 'artifactstore'
        UNION ALL
        SELECT format('%s artifactstore.%I', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.relname),
            c.relowner, CASE WHEN c.relkind = 'r' THEN c.relowner END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'artifactstore' AND c.relkind IN ('r', 'v')
    )
    SELECT format('ALTER %s OWNER TO %I;', o.name, pg_get_userbyid(m.owner)),
        format('%s belongs to %s', o.name, pg_get_userbyid(o.owner))
    FROM objects o, (SELECT mode() WITHIN GROUP (ORDER BY table_owner) AS owner FROM objects) m
    WHERE o.owner <> m.owner AND (o.table_owner IS NOT NULL OR o.name LIKE 'SCHEMA%')
    ORDER BY 1
"""


def create_roles(conn: psycopg.Connection, names: Mapping[str, str]) -> None:
    """Create those that are missing and make them members of each other.

    Raises:
        ArtifactstoreError: ``forbidden`` with the commands for a superuser when this login may not.
    """
    try:
        for part, name in names.items():
            commands = [command.format(sql.Identifier(name), PARTS[part]) for command in _CREATE]
            _unless_there(conn, commands, _HAS_ROLE, (name,))
        for group, member in _MEMBERSHIPS:
            pair = (names[group], names[member])
            _unless_there(conn, [_grant(*pair)], _HAS_MEMBER, pair)
    except psycopg.errors.InsufficientPrivilege as failure:
        raise error(
            "forbidden",
            {
                "problem": f"{failure.diag.message_primary}; migrate needs a login with CREATEROLE, "
                "or that a superuser runs these commands first",
                "commands": _commands(conn, names),
            },
        ) from failure
    mighty = conn.execute(_MIGHTY, (list(names.values()),)).fetchall()
    if mighty:
        told = ", ".join(row[0] for row in mighty)
        raise error(
            "usage", {"problem": f"{told} can log in or more: it is not ours; choose another role prefix"}
        )


_CREATE = (sql.SQL("CREATE ROLE {0} NOLOGIN"), sql.SQL("COMMENT ON ROLE {0} IS {1}"))
_HAS_ROLE = "SELECT count(*) FROM pg_roles WHERE rolname = %s"
_HAS_MEMBER = """
    SELECT count(*) FROM pg_auth_members
    WHERE roleid = to_regrole(quote_ident(%s)) AND member = to_regrole(quote_ident(%s))
"""
_MIGHTY = """
    SELECT rolname FROM pg_roles
    WHERE rolname = ANY (%s) AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication)
"""


def _grant(group: str, member: str) -> sql.Composed:
    return sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(member))


def _unless_there(
    conn: psycopg.Connection, commands: Sequence[sql.Composed], question: str, parameters: tuple[str, ...]
) -> None:
    if _one(conn, question, parameters):
        return
    try:
        with conn.transaction():
            for command in commands:
                conn.execute(command)
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        # Another database of this server made it meanwhile.
        return


def _commands(conn: psycopg.Connection, names: Mapping[str, str]) -> list[str]:
    """All that ``create_roles`` and ``as_owner`` would do, as text."""
    login = str(_one(conn, "SELECT current_user"))
    commands = [
        command.format(sql.Identifier(name), PARTS[part])
        for part, name in names.items()
        for command in _CREATE
    ]
    commands += [_grant(names[group], names[member]) for group, member in _MEMBERSHIPS]
    commands.append(_grant(names["owner"], login))
    return [f"{command.as_string(conn)};" for command in commands]


@contextmanager
def as_owner(conn: psycopg.Connection, owner: str) -> Iterator[None]:
    """Run as the owner role; a login that is no member joins for this transaction and leaves again.

    Raises:
        ArtifactstoreError: ``forbidden`` when this login may not act as the owner.
    """
    may_set = "SET" if conn.info.server_version >= 160000 else "MEMBER"
    joins = not _one(conn, "SELECT pg_has_role(current_user, %s, %s)", (owner, may_set))
    role = sql.Identifier(owner)
    # A login may be set to act as another role from its start: that is whom it is again at the end.
    before = _one(conn, "SELECT current_setting('role')")
    if joins:
        # From 16 on, who creates a role administers it but is not yet allowed to act as it.
        options = " WITH INHERIT FALSE, SET TRUE" if conn.info.server_version >= 160000 else ""
        try:
            with conn.transaction():
                conn.execute(sql.SQL("GRANT {} TO CURRENT_USER" + options).format(role))
        except psycopg.errors.InsufficientPrivilege as failure:
            login = str(_one(conn, "SELECT current_user"))
            raise error(
                "forbidden",
                {
                    "problem": f"the login {login} may not act as {owner}",
                    "commands": [f"{_grant(owner, login).as_string(conn)};"],
                },
            ) from failure
    conn.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
    yield
    conn.execute("SELECT set_config('role', %s, true)", (before,))
    if joins:
        conn.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(role))


def grant_to_login(conn: psycopg.Connection, names: Mapping[str, str]) -> None:
    """Make the migrating login a member of service and operator, for a server that one person has alone."""
    login = str(_one(conn, "SELECT current_user"))
    for part in ("service", "operator"):
        # Not _HAS_MEMBER: from 16 on, who creates a role is a member that inherits nothing.
        if not _one(conn, "SELECT pg_has_role(current_user, %s, 'USAGE')", (names[part],)):
            conn.execute(_grant(names[part], login))


@contextmanager
def as_operator(conn: psycopg.Connection, operator: str) -> Iterator[None]:
    """Let the login do what operators may, over several transactions; if it is no member, only meanwhile."""
    joins = not _one(conn, "SELECT pg_has_role(current_user, %s, 'USAGE')", (operator,))
    login = str(_one(conn, "SELECT current_user"))
    if joins:
        conn.execute(_grant(operator, login))
    try:
        yield
    finally:
        if joins and not conn.closed:
            role, member = sql.Identifier(operator), sql.Identifier(login)
            conn.execute(sql.SQL("REVOKE {} FROM {}").format(role, member))


def remember(conn: psycopg.Connection, names: Mapping[str, str]) -> None:
    """Store which role plays which part, where functions and grants look it up."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO artifactstore.roles (role, rolname) VALUES (%s, %s) ON CONFLICT (role) DO NOTHING",
            list(names.items()),
        )


def _one(conn: psycopg.Connection, query: str, parameters: tuple[str, ...] = ()) -> object:
    row = conn.execute(query, parameters or None).fetchone()
    return None if row is None else row[0]
