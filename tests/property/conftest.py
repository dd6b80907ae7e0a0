"""A database in which histories are folded and forgotten."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.property.runs import Laboratory


@pytest.fixture(scope="module")
def laboratory(server_conninfo: str, template: str) -> Iterator[Laboratory]:
    """A laboratory shared by the tests of a module."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    with psycopg.connect(conninfo) as connection:
        yield Laboratory(connection)
    drop_database(server_conninfo, conninfo)
