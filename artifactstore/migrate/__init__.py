"""Bring a database to this software: roles, migrations, functions, views, triggers and grants.

All of it is one transaction under a transaction-level advisory lock. A killed migrate leaves the database
as it was and no lock behind; any number of migrates at once take turns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias

import psycopg
from psycopg import sql

from artifactstore import __version__, db
from artifactstore.errors import error, translated
from artifactstore.jobs import parts
from artifactstore.jobs.replay import replay_online
from artifactstore.migrate import files, guards, history, objects, roles
from artifactstore.migrate.files import Source, SqlFile
from artifactstore.store import Store

__all__ = ["LOCK_SECONDS", "MigrateResult", "Source", "check_version", "migrate"]

OLDEST_SERVER = 15
LOCK_SECONDS = 60.0
"""How long a migrate waits for its turn by default."""
_TABLE_SECONDS = 30.0
_LOCK = "(1095976275, 1)"
"""Advisory lock key: the bytes "ASTS"; the second number leaves room for other locks of this software."""


Progress: TypeAlias = Callable[[str], None]


def _silent(_line: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class MigrateResult:
    """What a migrate did.

    Attributes:
        migrations: ids of those it applied. files: how many under sql/. roles: part → role.
        login: who migrated; let_in: the parts whose rights that login has.
    """

    migrations: tuple[str, ...]
    files: int
    roles: dict[str, str]
    replayed: bool
    seconds: float
    login: str
    let_in: frozenset[str]


def migrate(
    conninfo: str,
    *,
    role_prefix: str | None = None,
    grant_to_login: bool = False,
    replay: bool = True,
    lock_seconds: float = LOCK_SECONDS,
    progress: Progress = _silent,
    source: Source | None = None,
    version: str = __version__,
) -> MigrateResult:
    """Migrate the database that ``conninfo`` names.

    The login must be a superuser, or own the database and have CREATEROLE.

    Args:
        role_prefix: prefix of role names; default: what the database has, else its name.
        grant_to_login: make the login a member of service and operator.
        replay: rebuild the views when projectors changed, while appends and reads go on again; if False,
            such a migrate is refused.
        lock_seconds: how long to wait for another migrate to end; for any other lock, 30 s at the most, since
            appends wait meanwhile.
        progress: gets a line per step.
        source: where the SQL files are, when not those of this software.
        version: the version to record and to compare with.

    Raises:
        ArtifactstoreError: ``schema-newer``, ``migration-changed``, ``undefined-object`` (what others made of
            our tables, with the commands that remove it),
            ``projectors-changed``, ``forbidden``, ``busy`` (a long transaction is in the way), ``usage``,
            ``unavailable``, or what a file ran into.
    """
    started = monotonic()
    source = source or files.packaged()
    migrations, sql_files, installed = source.read_migrations(), source.read_sql(), source.read_installed()
    with (
        db.connect(conninfo, purpose="migrate", prepare_threshold=None) as conn,
        translated(),
    ):
        _check_server(conn)
        with conn.transaction():
            _begin(conn, progress, lock_seconds)
            names = roles.role_names(conn, role_prefix)
            roles.create_roles(conn, names)
            _allow_schemas(conn, names["owner"])
            _allow_identity(conn, names["owner"])
            with roles.as_owner(conn, names["owner"]):
                past = _open_schema(conn, names["owner"])
                history.check(past, {one.id for one in migrations}, version)
                if past.applied and installed is not None:
                    guards.refuse_foreign(Store(conn), installed)
                todo = history.pending(past, migrations)
                for one in todo:
                    progress(f"applying {one.id}")
                    objects.apply(conn, f"migrations/{one.id}.sql", one.text)
                    history.record(conn, one, version)
                roles.remember(conn, names)
                progress(f"applying {len(sql_files)} files of sql/")
                _apply_files(conn, sql_files)
                objects.enable_triggers(conn)
                if installed is not None:
                    guards.repair(Store(conn), installed)
                stale = history.record_software(conn, version, objects.fingerprint(conn, sql_files))
                if stale and not replay:
                    raise error("projectors-changed")
            if grant_to_login:
                roles.grant_to_login(conn, names)
            login, let_in = conn.info.user, frozenset(Store(conn).grants.parts_of_login())
        if stale:
            _replay(conn, conninfo, names["operator"], progress)
    done = tuple(one.id for one in todo)
    seconds = monotonic() - started
    return MigrateResult(done, len(sql_files), names, stale, seconds, login, let_in)


def check_version(conn: psycopg.Connection) -> None:
    """Refuse a database that is older or newer than this software.

    Raises:
        ArtifactstoreError: ``schema-outdated`` or ``schema-newer``.
    """
    known = files.packaged().migration_ids()
    with translated():
        past = history.read(conn)
    if past.version is None:
        raise error("schema-outdated", {"problem": "it was never migrated"})
    history.check(past, known, __version__)
    missing = sorted(known - set(past.applied))
    if missing or past.version != __version__:
        told = f"it lacks {', '.join(missing)}" if missing else f"it was migrated by {past.version}"
        raise error("schema-outdated", {"problem": told})


def _check_server(conn: psycopg.Connection) -> None:
    if conn.info.server_version < OLDEST_SERVER * 10000:
        told = conn.info.parameter_status("server_version")
        raise error("usage", {"problem": f"PostgreSQL {OLDEST_SERVER} or newer is needed, this is {told}"})
    if _truth(conn, "SELECT pg_is_in_recovery()"):
        raise error("read-only", {"problem": "this is a standby"})


def _begin(conn: psycopg.Connection, progress: Progress, lock_seconds: float) -> None:
    # Beyond what is pinned on every connection: limits of the login must not end a migration, and a server
    # that checks its client's socket ends a long one soon after its migrate was killed.
    for setting in (
        "TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
        "LOCAL check_function_bodies = off",
        "LOCAL client_min_messages = warning",
        "LOCAL statement_timeout = 0",
        "LOCAL idle_in_transaction_session_timeout = 0",
        f"LOCAL lock_timeout = {max(1, round(lock_seconds * 1000))}",
        "LOCAL client_connection_check_interval = '1s'",
        "LOCAL default_tablespace = ''",
        "LOCAL default_table_access_method = heap",
    ):
        conn.execute(f"SET {setting}")
    conn.execute(db.PIN_HERE)
    if not _truth(conn, f"SELECT pg_try_advisory_xact_lock{_LOCK}"):
        progress("waiting for another migrate to end")
        try:
            conn.execute(f"SELECT pg_advisory_xact_lock{_LOCK}")
        except psycopg.errors.LockNotAvailable as failure:
            problem = f"waited {lock_seconds:g} s for the advisory lock of migrate {_LOCK}"
            raise error("busy", {"problem": problem, "lock_timeout": f"{lock_seconds:g}s"}) from failure
    conn.execute(f"SET LOCAL lock_timeout = {max(1, round(min(lock_seconds, _TABLE_SECONDS) * 1000))}")


def _allow_schemas(conn: psycopg.Connection, owner: str) -> None:
    """Let the owner role create schemas in this database: scratch view sets are schemas."""
    if not _truth(conn, "SELECT has_database_privilege(%s, current_database(), 'CREATE')", (owner,)):
        database = sql.Identifier(conn.info.dbname)
        try:
            with conn.transaction():
                conn.execute(
                    sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, sql.Identifier(owner))
                )
        except psycopg.errors.InsufficientPrivilege:
            pass
        if not _truth(conn, "SELECT has_database_privilege(%s, current_database(), 'CREATE')", (owner,)):
            raise error("forbidden", {"problem": f"the login does not own the database {conn.info.dbname}"})


def _allow_identity(conn: psycopg.Connection, owner: str) -> None:
    """Let the owner role ask which server this is; everybody may, unless an administrator revoked it."""
    for function in ("pg_control_system()", "pg_control_checkpoint()"):
        question = "SELECT has_function_privilege(%s, %s, 'EXECUTE')"
        if _truth(conn, question, (owner, f"pg_catalog.{function}")):
            continue
        command = sql.SQL("GRANT EXECUTE ON FUNCTION pg_catalog.{} TO {}").format(
            sql.SQL(function), sql.Identifier(owner)
        )
        try:
            with conn.transaction():
                conn.execute(command)
        except psycopg.errors.InsufficientPrivilege:
            pass
        if not _truth(conn, question, (owner, f"pg_catalog.{function}")):
            commands = [f"{command.as_string(conn)};"]
            problem = f"the owner role may not ask which server this is; a superuser must: {commands[0]}"
            raise error("forbidden", {"problem": problem, "commands": commands})


def _open_schema(conn: psycopg.Connection, owner: str) -> history.Applied:
    found = roles.schema_owner(conn)
    if found is None:
        conn.execute("CREATE SCHEMA artifactstore")
        conn.execute(
            "COMMENT ON SCHEMA artifactstore IS 'The log, its views, and the functions that write them'"
        )
    elif found != owner:
        raise error("forbidden", {"problem": f"the schema artifactstore belongs to {found}, not to {owner}"})
    past = history.read(conn)
    if past.applied:
        # Appends wait from here on, so that none of them meets half of the new functions or waits for one
        # of our locks while we wait for one of its.
        conn.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
    return past


def _apply_files(conn: psycopg.Connection, sql_files: Sequence[SqlFile]) -> None:
    objects.drop_views(conn, sql_files)
    for file in sql_files:
        if file.kind != "data":
            objects.apply(conn, f"sql/{file.path}", file.text)
    # Before the data: grants name functions without arguments, so a leftover would make them ambiguous.
    objects.refuse_undefined_functions(conn, sql_files)
    for file in sql_files:
        if file.kind == "data":
            objects.apply(conn, f"sql/{file.path}", file.text)
    objects.refuse_undefined_triggers(conn)


def _replay(conn: psycopg.Connection, conninfo: str, operator: str, progress: Progress) -> None:
    """After the commit; until it is done, also after a crash, the views are known to be of others."""
    progress("projectors changed: replaying the log beside the live views")
    with roles.as_operator(conn, operator):
        done = replay_online(
            Store(conn), lambda: db.connect(conninfo, purpose="replay"), jobs=parts.usual_jobs()
        )
    if done.leftover is not None:
        progress(f"tables of the replay are left for artifactstore doctor --fix: {done.leftover}")


def _truth(conn: psycopg.Connection, query: str, parameters: tuple[str, ...] = ()) -> bool:
    row = conn.execute(query, parameters or None).fetchone()
    return row is not None and row[0] is True
