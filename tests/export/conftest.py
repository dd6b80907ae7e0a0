"""Fixtures: databases with empty logs, as many as a test needs, and a log to export."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from artifactstore.store import Store
from tests.sql.workload import workload

EVENTS = 400
NewStore = Callable[[], Store]


@pytest.fixture
def new_store(copy_of: Callable[[], str]) -> Iterator[NewStore]:
    """Makes stores, each on a migrated database of its own with an empty log."""
    with ExitStack() as resources:

        def make() -> Store:
            return Store(resources.enter_context(open_connection(copy_of())))

        yield make


def open_connection(conninfo: str) -> psycopg.Connection:
    """A superuser's connection as ``Store`` wants it."""
    connection = psycopg.connect(conninfo, autocommit=True)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@pytest.fixture
def empty(new_store: NewStore) -> Store:
    """A store with an empty log."""
    return new_store()


@pytest.fixture
def written(new_store: NewStore) -> Store:
    """A store whose log has ``EVENTS`` allowed events of every type."""
    store = new_store()
    store.writes.append(list(workload(EVENTS, seed=5)))
    return store
