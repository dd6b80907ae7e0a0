"""Which request an event belongs to, and what it costs to find out that it belongs to none."""

import psycopg

from artifactstore.store import Store
from tests.http.feeding import fill
from tests.sql.plans import rows_read

_LOOKED_AT = 10_000
"""Events of one moment that are looked at, at most, for the first one of a request."""


def test_an_event_of_a_moment_with_many_is_not_looked_for_through_all_of_them(database: str) -> None:
    head = fill(database, 3 * _LOOKED_AT)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ANALYZE artifactstore.events")
        with connection.transaction():
            assert Store(connection).log.request_of(head) is None
            assert rows_read(connection) <= _LOOKED_AT + 10
