"""Fixtures: a log of every event type in a database of its own, and who writes it meanwhile."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import psycopg
import pytest

from artifactstore.store import Store
from tests.databases import TEST_PREFIX, Connect, create_database, drop_database
from tests.sql.workload import workload

EVENTS = 1_500


@pytest.fixture(scope="package")
def written(server_conninfo: str, template: str) -> Iterator[str]:
    """Name of a database whose log has ``EVENTS`` allowed events of every type, to be cloned."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        store = Store(connection)
        events = workload(EVENTS, seed=11)
        while batch := list(islice(events, 500)):
            store.writes.append(batch)
        name = connection.info.dbname
    yield name
    drop_database(server_conninfo, conninfo)


@pytest.fixture
def database(server_conninfo: str, template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Superuser conninfo of a clone of ``written`` for tests that want ``history``, else of an empty log."""
    wants_history = "history" in request.fixturenames
    origin = request.getfixturevalue("written") if wants_history else template
    conninfo = create_database(server_conninfo, origin, owner=f"{TEST_PREFIX}_owner")
    if wants_history:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("SELECT artifactstore.adopt()")
    yield conninfo
    drop_database(server_conninfo, conninfo)


@pytest.fixture
def history(connect: Connect) -> Store:
    """A store whose log has ``EVENTS`` allowed events of every type."""
    store = Store(connect())
    store.connection.execute("SET TimeZone = 'UTC'")
    return store


@pytest.fixture
def another(connect: Connect) -> Callable[[], psycopg.Connection[Any]]:
    """Opens another connection, as replay wants it."""

    def open_another() -> psycopg.Connection[Any]:
        connection = connect()
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    return open_another


def tamper(store: Store, *statements: str) -> None:
    """Change views behind the log's back, as a superuser can."""
    with store.connection.transaction():
        store.connection.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
        for statement in statements:
            store.connection.execute(statement.encode())


def differences(store: Store, schema: str = "artifactstore", last: int | None = None) -> list[Any]:
    """In what a view set differs from what the log says at ``last``."""
    with store.connection.transaction(force_rollback=True):
        store.rebuilds.rebuild("scratch", last)
        return list(store.rebuilds.compare(schema, "scratch"))


def schemas(store: Store) -> Iterator[str]:
    """Schemas that artifactstore made, beside its own and the scratch view sets that migrate makes."""
    rows = store.connection.execute(
        "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'artifactstore\\_%'"
        " AND nspname <> ALL (artifactstore.scratch_names()) ORDER BY 1"
    )
    return iter([row[0] for row in rows])
