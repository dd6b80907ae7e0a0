"""Fixtures of tests of SQL functions: a database per module, a log per test."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.sql.support import Log


@pytest.fixture(scope="module")
def module_connection(server_conninfo: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    """Superuser's connection to a migrated database that the tests of a module share."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection
    drop_database(server_conninfo, conninfo)


@pytest.fixture
def empty_log(module_connection: psycopg.Connection[Any]) -> Iterator[Log]:
    """A log without events, in a transaction that is rolled back: milliseconds instead of a database."""
    with module_connection.transaction(force_rollback=True):
        yield Log(module_connection)


@pytest.fixture
def log(empty_log: Log) -> Log:
    """A log that has begun: its first event has sequence 1."""
    empty_log.append(empty_log.log_id, empty_log.beginning())
    return empty_log
