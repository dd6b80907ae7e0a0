"""message-db (Eventide): a stream is a name, an append is one call of its function write_message."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import psycopg
from psycopg.conninfo import make_conninfo

from artifactstore.events import new_id
from bench.append_one import WARM_UP
from bench.peers.peer import Append, Peer, from_npm

_DATABASE = Path("node_modules/@eventide/message-db/database")
_FILE = re.compile(r"run_psql_file \$base/(\S+\.sql)")
WRITE_ONE = (
    "SELECT message_store.write_message(gen_random_uuid()::text, 'bench-1', 'PackageCreated',"
    """ '{"name": "generic/bench", "version": "1"}')"""
)
"""A message of one category, whoever writes it."""
_WRITE = b"SELECT message_store.write_message(%s, 'bench-1', 'FileIngested', %s)"


def prepare(directory: Path, conninfo: str) -> Append:
    """As any peer: its schema, and what appends."""
    return partial(_append, install_schema(directory, conninfo))


def install_schema(directory: Path, conninfo: str) -> str:
    """Its tables and functions, but not the login role, which would stay; a conninfo that finds them."""
    home = directory / _DATABASE
    files = ["schema/message-store.sql", "tables/messages.sql"]
    for script in ("install-functions.sh", "install-indexes.sh"):
        files += _FILE.findall((home / script).read_text())
    # Its functions call each other by their bare names.
    there = make_conninfo(conninfo, options="-c search_path=message_store,public")
    with psycopg.connect(there) as connection:
        for file in files:
            connection.execute((home / file).read_bytes())
    return there


def _append(conninfo: str, events: Sequence[str]) -> float:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        _write(connection, [events[0]] * WARM_UP)
        return _write(connection, events)


def _write(connection: psycopg.Connection, events: Sequence[str]) -> float:
    started = perf_counter()
    for event in events:
        connection.execute(_WRITE, (str(new_id()), event))
    return perf_counter() - started


MESSAGE_DB = Peer("peer_message_db", ("@eventide/message-db@1.3.1",), from_npm, prepare)
