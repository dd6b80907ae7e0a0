"""Which database, and connections to it: what they depend on is pinned here and nowhere else.

Server, database, login, URL and environment may set anything. What decides how values look and what
statements mean is ours, and set on every connection. What limits or forbids (a timeout, a role, a read-only
default) is somebody's will: it stays, and what it stops is told by name.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import scalar_row
from psycopg.sql import SQL, Composed, Identifier, Literal

from artifactstore.connecting import refusal
from artifactstore.errors import error, translated

# What the driver ignores, such as a rollback on a lost connection, is for those who log: unasked, Python
# would write it to stderr, between what is told there.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

APPLICATION_NAME = "artifactstore"
"""Begins the application_name of every connection: the embedded server tells its users apart by it, and
``replay --truncate`` those who read views behind ``READS_VIEWS``."""

READS_VIEWS = "LOCK TABLE artifactstore.log_epochs IN ACCESS SHARE MODE"
"""First statement of a transaction that reads views in more than one: ``replay --truncate`` (lock_views.sql)
waits for it, and it for that. It takes no snapshot, so none is older than what was waited for."""

LOCK_SECONDS = 5.0
"""How long a lock is waited for by default."""

REPORTED: Mapping[str, str] = {
    "datestyle": "ISO, MDY",
    "timezone": "UTC",
    "standard_conforming_strings": "on",
}
"""What the server reports to the driver, which reads times by it; a pooler keeps these for each client."""

MEANING: Mapping[str, str] = {
    "array_nulls": "on",
    "bytea_output": "hex",
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read committed",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "plpgsql.extra_errors": "none",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "search_path": "pg_catalog, pg_temp",
    "transform_null_equals": "off",
}
"""What decides what statements mean, and how values look that are read as text."""


def _pin(lock_seconds: float) -> Composed:
    # One round trip. Behind a pooler a session's settings are somebody else's too: there it is another
    # backend than the one that greeted us, and a setting that lasts for this statement only does nothing.
    ours = SQL("pg_catalog.pg_backend_pid() <> %(greeted)s")
    calls = [_set(name, value, SQL("false")) for name, value in REPORTED.items()]
    calls += [_set(name, value, ours) for name, value in MEANING.items()]
    waits = SQL(
        "pg_catalog.set_config('lock_timeout', CASE WHEN pg_catalog.current_setting('lock_timeout') = '0' "
        "THEN {} ELSE pg_catalog.current_setting('lock_timeout') END, {})"
    ).format(Literal(f"{lock_seconds:g}s"), ours)
    return SQL("SELECT {}").format(SQL(", ").join([*calls, waits]))


def _set(name: str, value: str, local: SQL) -> Composed:
    return SQL("pg_catalog.set_config({}, {}, {})").format(Literal(name), Literal(value), local)


_PIN = _pin(LOCK_SECONDS)

_HERE = {name: value for name, value in {**REPORTED, **MEANING}.items() if not name.startswith("default_")}

PIN_HERE = "; ".join(
    f"SET LOCAL {name} = {value if ',' in value else repr(value)}" for name, value in _HERE.items()
)
"""Pins a transaction that has begun, whatever pooler is in between; takes no snapshot."""

PIN_CALLS = SQL(", ").join(_set(name, value, SQL("true")) for name, value in _HERE.items())
"""The same as items of a SELECT."""

_APPEND_SETTINGS = SQL(
    "SELECT {}, set_config('lock_timeout', %s, true), set_config('statement_timeout', '0', true), "
    # That a commit was not confirmed is a warning.
    "set_config('client_min_messages', 'warning', true)"
).format(PIN_CALLS)


_BOUNDS = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
"""Over TCP, an end that is gone is noticed after 25 s, whether something was sent to it or is waited for."""


@dataclass(frozen=True, slots=True)
class Target:
    """The database to work on; ``embedded`` when it is ours alone, on a server that runs for us."""

    conninfo: str
    embedded: bool


def named(database_url: str | None) -> str | None:
    """The database that was named, here or in DATABASE_URL: then the embedded one has no part in it."""
    return database_url or os.environ.get("DATABASE_URL") or None


def target(
    database_url: str | None = None,
    data_directory: Path | None = None,
    *,
    tell: Callable[[str], None] = lambda _line: None,
) -> Target:
    """The database that was named (here or in DATABASE_URL), else the embedded one, started if need be.

    Args:
        database_url: URL or keywords, as libpq takes them.
        data_directory: directory of the embedded server, see ``embedded.data_directory``.
        tell: gets lines for people before a new registry is made, see ``embedded.ensure_running``.

    Raises:
        ArtifactstoreError: ``unavailable`` when the embedded server cannot run, ``usage`` on Windows.
    """
    if at := named(database_url):
        return Target(at, embedded=False)
    if sys.platform == "win32":
        raise error(
            "usage", {"problem": "on Windows a server must be named, with --database-url or DATABASE_URL"}
        )
    from artifactstore import embedded  # it needs what Windows lacks

    return Target(embedded.ensure_running(data_directory, tell=tell), embedded=True)


def parameters(purpose: str = "") -> dict[str, Any]:
    """Keywords of ``psycopg.connect`` for every connection, also those that a pool makes.

    Args:
        purpose: what the connection is for, shown in pg_stat_activity behind the name of the software.
    """
    return {
        "autocommit": True,
        "client_encoding": "UTF8",  # of the startup packet, so that a refusal can be read too
        "application_name": f"{APPLICATION_NAME} {purpose}".rstrip(),
    }


def pin(connection: psycopg.Connection[Any]) -> None:
    """Set what our statements and the driver depend on, for as long as the connection lasts.

    A connection to a pooler that pools by transaction keeps what the server reports; the rest holds in
    transactions that begin with ``PIN_HERE`` or ``PIN_CALLS``. Locks are waited for ``LOCK_SECONDS`` unless
    the session has a limit of its own.
    """
    connection.execute(_PIN, {"greeted": connection.info.backend_pid})
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED


def bounds(conninfo: str) -> dict[str, int]:
    """Parameters that end a connection whose other end is gone; what ``conninfo`` says goes before."""
    try:
        given = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        return {}  # whoever connects is told
    return {name: value for name, value in _BOUNDS.items() if name not in given}


def connect(conninfo: str, *, purpose: str = "", **keywords: Any) -> psycopg.Connection:
    """Connect, in autocommit mode: who wants a transaction says so.

    Args:
        purpose: see ``parameters``.
        keywords: parameters of ``psycopg.connect``, such as ``prepare_threshold=None`` behind a pooler that
            pools by transaction.

    Raises:
        ArtifactstoreError: ``unavailable``, or what will refuse it again, see ``connecting.refusal``.
    """
    try:
        connection = psycopg.connect(
            conninfo, **{"connect_timeout": 10, **bounds(conninfo), **parameters(purpose), **keywords}
        )
    except psycopg.Error as failure:
        raise refusal(failure, conninfo) from failure
    try:
        with translated():
            pin(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def one_snapshot(
    connection: psycopg.Connection, *, views: bool = True, force_rollback: bool = False
) -> Iterator[None]:
    """A REPEATABLE READ transaction on a connection that has none: all statements see the log at one head.

    Args:
        views: whether views are read too; raises ``Busy`` when ``replay --truncate`` has them for long.
    """
    before = connection.isolation_level
    with translated():
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with translated(), connection.transaction(force_rollback=force_rollback):
            if views:
                limit_locks(connection, LOCK_SECONDS)
                connection.execute(READS_VIEWS)
            yield
    finally:
        if not connection.closed:  # the failure that ended it is the one to be told
            connection.isolation_level = before


def export_snapshot(connection: psycopg.Connection) -> str:
    """The snapshot of the transaction that is open, for ``share_snapshot`` on another connection."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        (name,) = cursor.execute("SELECT pg_export_snapshot()").fetchall()
    return str(name)


def share_snapshot(connection: psycopg.Connection, name: str) -> None:
    """Read what the exporting transaction reads; the first statement of a transaction."""
    connection.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(name))


def begin_reads(connection: psycopg.Connection, access: str, statement: float, lock: float) -> None:
    """Begin a transaction that reads views at one head, in one round trip and behind any pooler.

    Args:
        access: READ ONLY, or READ WRITE for scratch tables.
        statement, lock: seconds that a statement, and a lock, may take.
    """
    # Transaction-local: behind a pooler the settings of a session are not ours alone.
    connection.execute(
        f"BEGIN ISOLATION LEVEL REPEATABLE READ {access}; {PIN_HERE}; "
        f"SET LOCAL statement_timeout = {int(statement * 1000)}; "
        f"SET LOCAL lock_timeout = {int(lock * 1000)}; {READS_VIEWS}".encode()
    )


def begin_append(connection: psycopg.Connection, lock: float) -> None:
    """Begin a transaction that appends, waiting at most so many seconds for its turn; any pooler will do."""
    connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    connection.execute(_APPEND_SETTINGS, (f"{int(lock * 1000)}ms",))


def limit_locks(connection: psycopg.Connection, seconds: float) -> None:
    """Bound the waits for locks of the transaction that is open."""
    connection.execute(f"SET LOCAL lock_timeout = {int(seconds * 1000)}".encode())


def limit_statements(connection: psycopg.Connection, seconds: float) -> None:
    """Bound the statements of a connection of one's own."""
    with translated():
        connection.execute(f"SET statement_timeout = {int(seconds * 1000)}".encode())


def listen(connection: psycopg.Connection, channel: str) -> None:
    """Have notifications of a channel delivered to this connection."""
    with translated():
        connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
