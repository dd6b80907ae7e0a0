"""Which database, and connections to it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from artifactstore.errors import error, translated

APPLICATION_NAME = "artifactstore"
"""Begins the application_name of every connection: the embedded server tells its users apart by it, and
``replay --truncate`` those who read views behind ``READS_VIEWS``."""

READS_VIEWS = "LOCK TABLE artifactstore.log_epochs IN ACCESS SHARE MODE"
"""First statement of a transaction that reads views in more than one: ``replay --truncate`` (lock_views.sql)
waits for it, and it for that. It takes no snapshot, so none is older than what was waited for."""

LOCK_SECONDS = 5.0
"""How long a lock is waited for by default."""

LIMIT_WAITS = (
    f"SELECT set_config('lock_timeout', '{LOCK_SECONDS:g}s', false)"
    " WHERE current_setting('lock_timeout') = '0'"
)
"""Bounds every wait for a lock, unless the session has a limit of its own."""


@dataclass(frozen=True, slots=True)
class Target:
    """The database to work on; ``embedded`` when it is ours alone, on a server that runs for us."""

    conninfo: str
    embedded: bool


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
    named = database_url or os.environ.get("DATABASE_URL")
    if named:
        return Target(named, embedded=False)
    if sys.platform == "win32":
        raise error(
            "usage", {"problem": "on Windows a server must be named, with --database-url or DATABASE_URL"}
        )
    from artifactstore import embedded  # it needs what Windows lacks

    return Target(embedded.ensure_running(data_directory, tell=tell), embedded=True)


def connect(conninfo: str, *, purpose: str = "", **keywords: Any) -> psycopg.Connection:
    """Connect, in autocommit mode: who wants a transaction says so.

    Args:
        purpose: what the connection is for, shown in pg_stat_activity behind the name of the software.
        keywords: parameters of ``psycopg.connect``, such as ``prepare_threshold=None`` behind a pooler that
            pools by transaction.

    Raises:
        ArtifactstoreError: ``unavailable``.
    """
    keywords = {"autocommit": True, "connect_timeout": 10, **keywords}
    with translated():
        return psycopg.connect(
            conninfo, application_name=f"{APPLICATION_NAME} {purpose}".rstrip(), **keywords
        )


@contextmanager
def one_snapshot(
    connection: psycopg.Connection, *, views: bool = True, force_rollback: bool = False
) -> Iterator[None]:
    """A REPEATABLE READ transaction on a connection that has none: all statements see the log at one head.

    Args:
        views: whether views are read too; raises ``Busy`` when ``replay --truncate`` has them for long.
    """
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with translated(), connection.transaction(force_rollback=force_rollback):
            if views:
                connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS:g}s'")
                connection.execute(READS_VIEWS)
            yield
    finally:
        connection.isolation_level = None
