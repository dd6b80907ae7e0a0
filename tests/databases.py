"""Databases of the server under test, for fixtures and for tests that need several."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql.janitor import DatabaseJanitor

from artifactstore import server
from tests import guardian

TEST_PREFIX = "test"
"""Prefix of the role names in every test database: clones share the roles of their template."""

DEFAULT_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "10s",
    "log_min_messages": "warning",
    "timezone": "'UTC'",
}


_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
_SHARED_MEMORY_FREE = 4 << 30


class Connect(Protocol):
    """Opens connections to the test's database that are closed at its end.

    role: part that a fresh login user plays (service, writer, reader, operator or owner), None for the
    superuser. Keywords go to ``psycopg.connect``; connections are autocommit unless told otherwise.
    """

    def __call__(
        self, role: str | None = None, *, conninfo: str | None = None, **keywords: Any
    ) -> psycopg.Connection: ...


def programs() -> server.Programs:
    """The PostgreSQL that ARTIFACTSTORE_TEST_PG selects."""
    chosen = os.environ.get("ARTIFACTSTORE_TEST_PG", "")
    if chosen.startswith("/"):
        return server.Programs(Path(chosen))
    return server.wheel_programs(int(chosen) if chosen else None)


@contextmanager
def running_cluster(
    programs: server.Programs, settings: Mapping[str, str] | None = None
) -> Iterator[server.Cluster]:
    """A server with a new cluster; it ends with the context, and its data with it."""
    account = server.account()
    # Not tmp_path, which the account of root's server could not enter.
    run = guardian.current()
    home = run.make_directory()
    data = run.make_directory(parent=_data_parent())
    try:
        if account.switch:
            os.chown(home, account.uid, account.gid)
            os.chown(data, account.uid, account.gid)
        chosen = server.reachable_programs(programs, account, home / "programs")
        (home / "run").mkdir()
        made = server.Cluster(chosen, account, data / "data", home / "run", home / "run" / "log")
        made.hand_over(made.sockets)
        made.create("local all all trust\n", "", dict(settings or DEFAULT_SETTINGS), "", sync=False)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


def _data_parent() -> Path | None:
    """Memory, if there is enough: on a disk, making and dropping databases is a third of the work."""
    try:
        enough = shutil.disk_usage(_SHARED_MEMORY).free >= _SHARED_MEMORY_FREE
    except OSError:
        return None
    return _SHARED_MEMORY if enough and os.access(_SHARED_MEMORY, os.W_OK) else None


def superuser_conninfo(cluster: server.Cluster) -> str:
    """Superuser conninfo of the server's maintenance database."""
    return make_conninfo(host=str(cluster.sockets), user=server.SUPERUSER, dbname="postgres")


class _Janitor(DatabaseJanitor):
    """Works over one connection per server that stays open: making those was half of all the time."""

    _kept: ClassVar[dict[str, psycopg.Connection[Any]]] = {}

    @contextmanager
    def cursor(self, dbname: str | None = None) -> Iterator[psycopg.Cursor[Any]]:
        """A cursor on the maintenance database."""
        conninfo = make_conninfo(user=self.user, host=self.host, dbname=dbname or self.maintenance_dbname)
        try:
            cursor = self._kept[conninfo].execute("SELECT 1")
        except (KeyError, psycopg.OperationalError):  # not yet, or the server went away in between
            self._kept[conninfo] = psycopg.connect(conninfo, autocommit=True)
            cursor = self._kept[conninfo].cursor()
        yield cursor


def create_database(server_conninfo: str, template: str | None = None, owner: str | None = None) -> str:
    """Create a database with a fresh name and return its superuser conninfo."""
    name = f"db_{uuid.uuid4().hex}"
    with _janitor(server_conninfo, name).cursor() as cursor:
        # Copied as files, in memory: through the log of the server it takes more than twice as long.
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        cursor.execute(command.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        if owner is not None:
            command = sql.SQL("ALTER DATABASE {} OWNER TO {}")
            cursor.execute(command.format(sql.Identifier(name), sql.Identifier(owner)))
    return make_conninfo(server_conninfo, dbname=name)


def drop_database(server_conninfo: str, conninfo: str) -> None:
    """Drop a database, ending the sessions in it."""
    _janitor(server_conninfo, str(conninfo_to_dict(conninfo)["dbname"])).drop()


def _janitor(server_conninfo: str, name: str) -> _Janitor:
    parts = conninfo_to_dict(server_conninfo)
    return _Janitor(user=str(parts["user"]), host=str(parts["host"]), port=5432, dbname=name)


@contextmanager
def unguarded(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction in which a superuser can change rows of the log."""
    with connection.transaction():
        connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER events_forbid_change")
        yield
        connection.execute("ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_change")
