"""replay(): the live views again, from the log alone (RPL02, RPL03, RPL17, RPL18)."""

import json
from itertools import islice

import psycopg
import pytest
from psycopg import IsolationLevel

from artifactstore.errors import ERRORS
from artifactstore.events import (
    HoldPlaced,
    NewEvent,
    PackageDeleted,
    PackageRestored,
    Retention,
    TokenIssued,
    new_id,
)
from tests.databases import Connect
from tests.sql.support import ANN, FAR, NOBODY, Log
from tests.sql.workload import workload

TOKEN = TokenIssued(token_id=NOBODY)


def replay(log: Log) -> int:
    """Run it; returns the head that it reports."""
    [row] = log.query("SELECT * FROM artifactstore.replay()")
    assert row["seconds"] >= 0
    return int(row["head"])


def test_rpl02_an_empty_log_replays_to_nothing_twice_and_then_one_event(empty_log: Log) -> None:
    log = empty_log
    for _ in range(2):
        assert replay(log) == 0
        assert not any(log.views().values())
    log.append(log.log_id, log.beginning())
    views = log.views()
    assert replay(log) == 1
    assert log.views() == views
    assert len(views["log_epochs"]) == 1


def test_rpl03_every_view_is_the_same_byte_for_byte(empty_log: Log) -> None:
    log = empty_log
    history = workload(5000, seed=3)
    while batch := list(islice(history, 500)):
        log.append_all(batch)
    before = log.dump()
    assert all(before.values()), "the workload leaves no view empty"
    assert replay(log) == 5000
    assert log.dump() == before


def test_views_that_were_tampered_with_are_made_right(log: Log) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    log.append(package, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    log.file(package, "a", "file:///a")
    views = log.views()
    with log.guard_off():
        log.execute("UPDATE artifactstore.retention_state SET hold_count = 0")
        log.execute("DELETE FROM artifactstore.retention_holds")
        log.execute("UPDATE artifactstore.artifact_files SET file_id = %s", new_id())
    assert log.views() != views
    replay(log)
    assert log.views() == views


def test_holds_and_retention_are_in_force_after_it(log: Log) -> None:
    held, retained = log.package("held"), log.package("retained", Retention(mode="compliance", until=FAR))
    log.append(held, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    replay(log)
    log.refused("legal-hold", held, PackageDeleted(reason="old"))
    log.refused("retention-active", retained, PackageDeleted(reason="old"))


def test_the_guard_of_the_views_is_back_after_it(log: Log) -> None:
    log.package()
    replay(log)
    log.failure("direct-write", lambda: log.execute("DELETE FROM artifactstore.artifact_packages"))


BAD = [
    ("unknown-event-type", {"event_type": "v9.system.token_issued"}),
    ("bad-payload", {"payload": b"\xa1\x68token_id\x50"}),
    ("bad-payload", {"payload": b"\xa0"}),
    ("bad-payload", {"payload": b"\xff"}),
    ("log-damaged", {"sequence": 6}),
]


@pytest.mark.parametrize(("code", "damage"), BAD)
def test_rpl17_a_bad_event_stops_it_and_is_named_and_the_old_views_stay(
    log: Log, code: str, damage: dict[str, object]
) -> None:
    log.file(log.package(), "a", "file:///a")
    log.append(log.log_id, TOKEN)
    assert log.head == 4
    log.insert(NewEvent(TOKEN, log.log_id, ANN), **damage)  # type: ignore[arg-type]
    for _ in range(3):
        log.insert(NewEvent(TOKEN, log.log_id, ANN))
    with log.unchanged():
        detail = log.failure(code, lambda: replay(log))
    assert detail["sequence"] == 5
    assert detail["problem"] if code != "unknown-event-type" else detail["event_type"]
    assert code == "log-damaged" or "event_type" in detail


def test_rpl17_an_event_that_is_not_allowed_stops_it_too(log: Log) -> None:
    package = log.package()
    log.insert(NewEvent(PackageRestored(reason="r"), package, ANN))
    with log.unchanged():
        detail = log.failure("wrong-state", lambda: replay(log))
    assert (detail["sequence"], detail["event_type"]) == (3, "v1.package.restored")
    assert detail["subject_id"] == str(package)


def test_rpl18_it_rings_no_bell_and_moves_no_head(database: str, connect: Connect) -> None:
    writer, listener, operator = connect(), connect(), connect("operator")
    log = Log(writer)
    listener.execute("LISTEN artifactstore_events")
    log.append(log.log_id, log.beginning())
    log.file(log.package(), "a", "file:///a")
    assert [note.payload for note in listener.notifies(timeout=5, stop_after=3)] == ["1", "2", "3"]
    views = log.views()
    operator.execute("SELECT * FROM artifactstore.replay()")
    assert (log.stored_head(), log.views()) == (3, views)
    # A later notification comes after any that replay had sent.
    log.append(log.log_id, TOKEN)
    assert [note.payload for note in listener.notifies(timeout=5, stop_after=1)] == ["4"]
    assert database


def test_progress_is_reported_after_each_range(log: Log) -> None:
    log.package()
    details: list[str | None] = []

    def listen(notice: psycopg.errors.Diagnostic) -> None:
        details.append(notice.message_detail)

    log.connection.add_notice_handler(listen)
    try:
        replay(log)
    finally:
        log.connection.remove_notice_handler(listen)
    detail = json.loads(details.pop() or "")
    assert details == []
    assert (detail["done"], detail["total"]) == (2, 2)
    assert detail["seconds"] > 0


@pytest.mark.parametrize("isolation", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_a_snapshot_from_before_the_lock_is_refused(connect: Connect, isolation: IsolationLevel) -> None:
    connection = connect("operator")
    connection.isolation_level = isolation
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        connection.execute("SELECT * FROM artifactstore.replay()")
    assert caught.value.sqlstate == ERRORS["wrong-isolation"].sqlstate
