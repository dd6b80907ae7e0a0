"""Scratch databases to measure in, and logs put into them past the doors."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from artifactstore import codec, embedded, server
from artifactstore.migrate import migrate
from bench.workload import LogRow

_COPY = sql.SQL(
    """
    COPY {}.events
        (sequence, created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest)
    FROM STDIN (FORMAT binary)
    """
)
_SETTINGS = """
    SELECT set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true)
    FROM pg_proc, unnest(proconfig) AS setting
    WHERE oid = 'artifactstore.project_ranges(text, bigint, bigint)'::regprocedure
"""
_made = count(1)
_TYPES = ("int8", "timestamptz", "text", "text", "uuid", "text", "bytea", "bytea")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: conninfo of a superuser, and whether its processes are on this machine."""

    conninfo: str
    local: bool


@contextmanager
def fresh_server(database_url: str | None) -> Iterator[Server]:
    """The server of ``database_url``, or an embedded one of its own with default settings."""
    if database_url is not None:
        yield Server(database_url, local=_is_local(database_url))
        return
    home = Path(tempfile.mkdtemp(prefix="artifactstore-bench-"))
    # Root's server runs as another account, which must get through to its own directories inside.
    home.chmod(0o711)
    try:
        conninfo = embedded.ensure_running(home / "server")
        # Logs are written past the doors, which only a superuser can do.
        yield Server(make_conninfo(conninfo, user=server.SUPERUSER, dbname="postgres"), local=True)
    finally:
        embedded.stop(home / "server")
        shutil.rmtree(home, ignore_errors=True)


def _is_local(conninfo: str) -> bool:
    with psycopg.connect(conninfo) as connection:
        process = Path(f"/proc/{connection.info.backend_pid}")
        return connection.info.host.startswith("/") and process.exists()


def processes_of(server: Server) -> list[int]:
    """The process here that all others of the server are children of; none if it is elsewhere."""
    if not server.local:
        return []
    with psycopg.connect(server.conninfo) as connection:
        fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return [int(fields[1])]


def beside_server(conninfo: str, program: str) -> str | None:
    """Path of a program: the one that came with the server if it is here, else any; None for none."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
    return shutil.which(program, path=row[0] if row else "") or shutil.which(program)


@contextmanager
def scratch_database(conninfo: str) -> Iterator[str]:
    """A migrated database of its own, dropped with its roles at the end; yields its conninfo."""
    name = f"artifactstore_bench_{os.getpid()}_{next(_made)}"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        roles: dict[str, str] = {}
        try:
            scratch = make_conninfo(conninfo, dbname=name)
            roles = migrate(scratch, role_prefix=name).roles
            yield scratch
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for role in roles.values():
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@contextmanager
def past_the_doors(connection: psycopg.Connection, *, force_rollback: bool = False) -> Iterator[None]:
    """A transaction in which the guards of log and views let a superuser write what it likes."""
    with connection.transaction(force_rollback=force_rollback):
        connection.execute("SET LOCAL artifactstore.projecting = 'on'")
        yield


def plan_as_replay(connection: psycopg.Connection) -> None:
    """Set for this transaction what a replay sets, so that project() does what it does there."""
    connection.execute(_SETTINGS)
    connection.execute("SET LOCAL search_path = artifactstore, pg_temp")


def load(connection: psycopg.Connection, rows: Iterable[LogRow]) -> None:
    """Append rows to the table of events, and let the planner know them; views stay as they are."""
    with past_the_doors(connection):
        copy_events(
            connection,
            (
                (
                    row.sequence,
                    row.created_at,
                    row.event_type,
                    row.subject_kind,
                    row.subject_id,
                    row.actor,
                    row.payload,
                    codec.digest(row.payload),
                )
                for row in rows
            ),
        )
    connection.execute("VACUUM (ANALYZE) artifactstore.events")


def copy_events(
    connection: psycopg.Connection, rows: Iterable[tuple[object, ...]], schema: str = "artifactstore"
) -> None:
    """COPY rows with all columns of ``events`` into the table of that name in a schema."""
    with connection.cursor().copy(_COPY.format(sql.Identifier(schema))) as copy:
        copy.set_types(_TYPES)
        for row in rows:
            copy.write_row(row)


def copy_packed(connection: psycopg.Connection, blocks: Iterable[bytes]) -> None:
    """COPY rows into ``events`` that are packed already, as the binary format has them."""
    with connection.cursor().copy(_COPY.format(sql.Identifier("artifactstore"))) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for block in blocks:
            copy.write(block)
        copy.write(b"\xff\xff")


def reset_peak() -> None:
    """Let ``peak_megabytes`` of this process begin anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes(process: int | str) -> float:
    """The most resident memory that a process of this machine has had, in MB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"no VmHWM of {process}")
