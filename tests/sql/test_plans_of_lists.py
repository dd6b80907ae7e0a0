"""Copies, what is due, totals and the history of retention at 200,001 events: how many rows are looked at."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from artifactstore.store import CopyQuery, Store
from tests.sql import long_log
from tests.sql.long_log import BEGINNING, FILES, PACKAGES, package_id
from tests.sql.plans import rows_read

MIDDLE = package_id(PACKAGES // 2)
LIMIT = 10
LOCAL = 5
"""One copy in so many is a file of a machine, in the backend ``file``."""
COPIES = PACKAGES * FILES
_LOCALLY = f"""
    UPDATE storage_locations SET backend = 'file', uri = 'file:///srv/' || location_id
    WHERE created_sequence % {LOCAL} = 0
"""
_YEARS = BEGINNING.replace(year=BEGINNING.year + 200)


@pytest.fixture(scope="module")
def store(server_conninfo: str, template: str) -> Iterator[Store]:
    """The long log; one copy in five may be checked on this machine."""
    with (
        long_log.database_of(server_conninfo, template) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'")
        with connection.transaction():
            connection.execute("SET LOCAL artifactstore.projecting = 'on'")
            connection.execute("SET LOCAL search_path = artifactstore, pg_temp")
            connection.execute(_LOCALLY.encode())
        connection.execute("VACUUM (ANALYZE)")
        yield Store(connection)


class Read(NamedTuple):
    """What is read, how many rows it gives, and how many of the tables it may look at."""

    act: Callable[[Store], list[Any]]
    given: int
    most: int


def _copies(where: CopyQuery, after: Any = None) -> Callable[[Store], list[Any]]:
    return lambda store: list(store.copies.copy_page(where, after, LIMIT))


_ONE = CopyQuery("file", MIDDLE)
_ALL = CopyQuery("file")
READS = {
    # A copy in five fits: to find ten, fifty or so are looked at, and for each that fits its file.
    "copies to check, the first page": Read(_copies(_ALL), LIMIT, 20 * LIMIT),
    "copies to check, a page in the middle": Read(_copies(_ALL, MIDDLE), LIMIT, 20 * LIMIT),
    "copies to check, of a package": Read(
        lambda store: list(store.copies.copy_page(_ONE, None, FILES)), FILES // LOCAL, 3 * FILES
    ),
    "totals of the copies of a package": Read(lambda s: [s.copies.copy_totals(_ONE)], 1, 3 * FILES),
    "copies of a package elsewhere": Read(lambda s: s.copies.other_copies(_ONE), 1, 3 * FILES),
    "totals of a package": Read(lambda s: [s.packages.package_totals(MIDDLE)], 1, 5 * FILES),
    "retention history": Read(lambda s: list(s.log.retention_history(MIDDLE)), 2, 60),
    "a page of what is due": Read(
        lambda s: list(s.retention.due(_YEARS, due=True, limit=LIMIT)), LIMIT, 4 * LIMIT
    ),
    "a page of what is due, in the middle": Read(
        lambda s: list(s.retention.due(_YEARS, due=True, after=MIDDLE, limit=LIMIT)), LIMIT, 4 * LIMIT
    ),
    # What counts all has to look at all, but at each row once.
    "totals of all copies": Read(lambda s: [s.copies.copy_totals(_ALL)], 1, COPIES + COPIES),
    "all copies elsewhere": Read(lambda s: s.copies.other_copies(_ALL), 1, COPIES),
    "all that is due": Read(lambda s: list(s.retention.due(_YEARS)), PACKAGES, 2 * PACKAGES),
    "a page of what is due when nothing is": Read(
        lambda s: list(s.retention.due(BEGINNING, due=True, limit=LIMIT)), 0, 2 * PACKAGES
    ),
}


@pytest.mark.parametrize("name", READS)
def test_a_list_looks_at_no_more_rows_than_it_must(store: Store, name: str) -> None:
    read = READS[name]
    with store.connection.transaction():
        before = rows_read(store.connection)
        given = read.act(store)
        looked_at = rows_read(store.connection) - before
    assert len(given) in (read.given, read.given + 1)
    assert looked_at <= read.most


def test_totals_are_those_of_the_pages(store: Store) -> None:
    """What the measured queries tell is right."""
    totals = store.copies.copy_totals(_ALL)
    (elsewhere,) = store.copies.other_copies(_ALL)
    assert totals["copies"] + elsewhere["copies"] == COPIES
    assert totals["copies"] == sum(1 for _ in store.copies.copies_to_check(_ALL))
    assert totals["bytes"] == 7 * totals["copies"]
