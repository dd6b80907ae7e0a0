"""Databases of the server under test, for fixtures and for tests that need several."""

import os
import uuid
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from artifactstore import server

TEST_PREFIX = "test"
"""Prefix of the role names in every test database: clones share the roles of their template."""


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


def create_database(server_conninfo: str, template: str | None = None, owner: str | None = None) -> str:
    """Create a database with a fresh name and return its superuser conninfo."""
    name = f"db_{uuid.uuid4().hex}"
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    if owner is not None:
        statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute(statement)
    return make_conninfo(server_conninfo, dbname=name)


def drop_database(server_conninfo: str, conninfo: str) -> None:
    """Drop a database, ending the sessions in it."""
    name = conninfo_to_dict(conninfo)["dbname"]
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name)))
        )
