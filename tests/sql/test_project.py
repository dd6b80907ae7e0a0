"""project(first, last): what it finds first in a range is what one by one would find first."""

from collections.abc import Callable

import psycopg
import pytest

from artifactstore.events import NewEvent, PackageCreated, PackageRestored, TokenIssued, new_id
from tests.sql.support import ANN, NOBODY, Log

TOKEN = TokenIssued(token_id=new_id())


def good(log: Log) -> None:
    log.insert(NewEvent(TOKEN, log.log_id, ANN))


def refused(log: Log) -> None:
    log.insert(NewEvent(PackageRestored(reason="r"), NOBODY, ANN))


def damaged(log: Log) -> None:
    log.insert(NewEvent(TOKEN, log.log_id, ANN), payload=b"\xa1\x61")


def unknown(log: Log) -> None:
    log.insert(NewEvent(TOKEN, log.log_id, ANN), event_type="v9.system.token_issued")


def hole(log: Log) -> None:
    log.insert(NewEvent(TOKEN, log.log_id, ANN), sequence=log.stored_head() + 2)


BAD: dict[Callable[[Log], None], str] = {
    refused: "not-found",
    damaged: "bad-payload",
    unknown: "unknown-event-type",
    hole: "log-damaged",
}


@pytest.mark.parametrize("second", BAD)
@pytest.mark.parametrize("first", BAD)
def test_the_first_of_two_bad_events_is_named(
    log: Log, first: Callable[[Log], None], second: Callable[[Log], None]
) -> None:
    for step in (good, good, first, good, second, good):
        step(log)
    with log.unchanged():
        detail = log.failure(BAD[first], lambda: log.project(2, log.stored_head()))
    assert detail["sequence"] == 4


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("before", range(4))
def test_a_bad_event_is_named_wherever_it_is(log: Log, bad: Callable[[Log], None], before: int) -> None:
    for step in (*[good] * before, bad, *[good] * (3 - before)):
        step(log)
    with log.unchanged():
        detail = log.failure(BAD[bad], lambda: log.project(2, log.stored_head()))
    assert detail["sequence"] == 2 + before


def test_one_range_and_one_by_one_give_the_same_views(log: Log) -> None:
    first = log.head + 1
    package = new_id()
    log.insert(NewEvent(PackageCreated(purl="pkg:generic/a@1"), package, ANN))
    for _ in range(3):
        good(log)
    with log.connection.transaction(force_rollback=True):
        log.project(first, log.head)
        at_once = log.views()
    for sequence in range(first, log.head + 1):
        log.project(sequence, sequence)
    assert log.views() == at_once
    assert package in at_once["artifact_packages"]


def test_a_view_that_is_missing_is_an_error_and_the_live_one_is_not_written(log: Log) -> None:
    log.query("SELECT artifactstore.rebuild('part')")
    log.execute("DROP TABLE part.log_epochs")
    with log.unchanged():
        detail = log.failure(
            "foreign-view-set", lambda: log.query("SELECT artifactstore.project_ranges('part', 1, 1)")
        )
    assert (detail["table"], detail["problem"]) == ("log_epochs", "log_epochs is missing")
    # Whoever does not ask is not led to the live one either.
    with log.guard_off(), log.unchanged():
        log.set("search_path", "part, pg_temp")
        with pytest.raises(psycopg.errors.UndefinedTable), log.connection.transaction():
            log.query("SELECT artifactstore.project(1, 1)")
