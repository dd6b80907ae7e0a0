"""What stands around an event is found by index at 200,001 events, of one subject and of one moment too."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from artifactstore.store import Store
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.http.feeding import append_packages, fill
from tests.sql.plans import rows_read

EVENTS = 200_001
FIRST = 3
"""The first of the events that are of one subject."""
LONG, SHORT = range(50_000, 150_000), range(150_000, 150_002)
"""The events of two requests, one of them with more than any door takes today."""
_MOST_ROWS = 10


@pytest.fixture(scope="module")
def degenerate(server_conninfo: str, template: str) -> Iterator[Store]:
    """A log whose events are all of one subject and of one moment, but for the first two."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    try:
        append_packages(conninfo, 1)
        assert fill(conninfo, EVENTS - FIRST + 1) == EVENTS
        with psycopg.connect(conninfo, autocommit=True) as connection:
            with connection.transaction():
                connection.execute("SET LOCAL artifactstore.projecting = 'on'")
                for request in (LONG, SHORT):
                    connection.execute(
                        "INSERT INTO artifactstore.requests VALUES ('user:a', %s, '', %s, %s, %s, %s)",
                        (str(request), request.start, len(request), request.start, request.start),
                    )
            yield Store(connection)
    finally:
        drop_database(server_conninfo, conninfo)


@pytest.fixture(scope="module", params=["never counted", "counted"])
def store(request: pytest.FixtureRequest, degenerate: Store) -> Store:
    """The same as the planner sees it at first, and as it sees it when the tables were counted."""
    if request.param == "counted":
        degenerate.connection.execute("ANALYZE artifactstore.events, artifactstore.requests")
    return degenerate


def found(store: Store, read: Callable[[Store], object]) -> object:
    """What is read, by a look at few rows."""
    with store.connection.transaction():
        before = rows_read(store.connection)
        told = read(store)
        assert rows_read(store.connection) - before <= _MOST_ROWS
    return told


@pytest.mark.parametrize(
    ("sequence", "request_of"),
    [
        (1, None),
        (LONG.start - 1, None),
        (LONG.start, LONG),
        (LONG.start + 10_001, LONG),
        (LONG.stop - 1, LONG),
        (SHORT.start, SHORT),
        (SHORT.stop - 1, SHORT),
        (SHORT.stop, None),
        (EVENTS, None),
    ],
)
def test_the_request_of_an_event_however_long_it_is(
    store: Store, sequence: int, request_of: range | None
) -> None:
    expected = None if request_of is None else (request_of.start, request_of.stop - 1)
    assert found(store, lambda s: s.log.request_of(sequence)) == expected


@pytest.mark.parametrize(
    ("sequence", "before", "behind"),
    [
        (2, None, None),
        (FIRST, 1, FIRST + 1),
        (EVENTS // 2, EVENTS // 2 - 1, EVENTS // 2 + 1),
        (EVENTS, EVENTS - 1, None),
    ],
)
def test_the_neighbours_of_an_event_of_a_subject_with_many(
    store: Store, sequence: int, before: int | None, behind: int | None
) -> None:
    assert found(store, lambda s: s.log.neighbours(sequence)) == (before, behind)
