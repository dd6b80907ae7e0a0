"""A package whole is found by index, at 200,000 events of other packages; its past is bounded."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from artifactstore.errors import BadInput, NotFound
from artifactstore.store import Store
from artifactstore.store.overviews import Overviews
from tests.sql import long_log
from tests.sql.long_log import EVENTS, FILES, PER_PACKAGE, package_id

ONE = package_id(1_207)
READS: dict[str, Callable[[Overviews], Any]] = {
    "now": lambda overviews: overviews.now(ONE),
    "past": lambda overviews: overviews.past(ONE, EVENTS),
    "verdicts": lambda overviews: overviews.verdicts(ONE),
    "story": lambda overviews: overviews.story(ONE, None, 20),
    "nth event": lambda overviews: overviews.nth_event(ONE, PER_PACKAGE),
}


@pytest.fixture(scope="module")
def long(server_conninfo: str, template: str) -> Iterator[Store]:
    """A log of 200,001 events."""
    with (
        long_log.database_of(server_conninfo, template) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'")
        yield Store(connection)


@pytest.mark.parametrize("name", READS)
def test_no_table_is_read_whole(long: Store, name: str) -> None:
    with long.connection.transaction(force_rollback=True):
        READS[name](long.overviews)
        rows = long.connection.execute(
            "SELECT relname::text, seq_tup_read FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'artifactstore' AND seq_tup_read > 1000"
        ).fetchall()
    assert rows == []


def test_a_story_is_told_in_pages_that_skip_and_repeat_nothing(long: Store) -> None:
    told: list[int] = []
    before = None
    while page := long.overviews.story(ONE, before, 17).page:
        told += [row["sequence"] for row in page]
        before = told[-1]
    whole = [row["sequence"] for row in long.log.package_history(ONE, newest_first=True)]
    assert told == whole
    assert long.overviews.story(ONE, None, 1).events == len(whole) == PER_PACKAGE
    for number in (1, 2, PER_PACKAGE):
        assert long.overviews.nth_event(ONE, number) == whole[-number]
        assert long.overviews.story(ONE, None, 1, whole[-number]).position == number


def test_a_past_of_too_many_events_is_refused(long: Store) -> None:
    with pytest.raises(BadInput, match=f"the package has {PER_PACKAGE} events up to there") as refusal:
        long.overviews.past(ONE, EVENTS, most=PER_PACKAGE - 1)
    assert refusal.value.code == "too-large"
    assert long.overviews.past(ONE, EVENTS).files == FILES


def test_before_its_creation_a_package_is_not_found(long: Store) -> None:
    with pytest.raises(NotFound, match=str(ONE)):
        long.overviews.past(ONE, 1)
    with pytest.raises(NotFound, match="there is no event"):
        long.overviews.past(ONE, EVENTS + 1)
