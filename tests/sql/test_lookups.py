"""F37: who asks the log about one package, path, actor or hour gets an answer by index, at 200,000 events."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from artifactstore.errors import ERRORS
from artifactstore.store import EventFilter, LogQuery, Store
from tests.http.feeding import append_packages, fill
from tests.sql import long_log
from tests.sql.long_log import ANN, BEGINNING, EVENTS, PACKAGES, PER_PACKAGE, file_id, package_id, path, purl
from tests.sql.plans import assert_fast, plan_of, read_whole, rows_read

ONE = 1_207
"""A package whose retention user:ann extended."""
EXAMINED = 5_000
"""Rows that a plan may look at: a package has 100 events, an hour 3,600."""


@pytest.fixture(scope="module")
def long(server_conninfo: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A log of 200,001 events."""
    with (
        long_log.database_of(server_conninfo, template) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


_LAST_SECONDS = (BEGINNING + timedelta(seconds=EVENTS - 5)).isoformat()
LOOKUPS = {
    "retention_events by purl": (f"retention_events WHERE purl = '{purl(ONE)}'", 2),
    "retention_events by id": (f"retention_events WHERE package_id = '{package_id(ONE)}'", 2),
    "retention_events by actor": (f"retention_events WHERE actor = '{ANN}'", PACKAGES // 100),
    "retention_events by time": (f"retention_events WHERE created_at > '{_LAST_SECONDS}'", 1),
    "retention_events by actor and time": (
        f"retention_events WHERE actor = 'user:ci' AND created_at > '{_LAST_SECONDS}'", 1),
    "retention_events by sequence": (f"retention_events WHERE sequence > {EVENTS - 5}", 1),
    "audit_events by purl": (f"audit_events WHERE purl = '{purl(ONE)}' AND subject_kind = 'package'", 2),
    "audit_events by package_id": (
        f"audit_events WHERE package_id = '{package_id(ONE)}' AND subject_kind = 'package'", 2),
    "audit_events by path": (f"audit_events WHERE path = '{path(ONE, 3)}'", 2),
    "audit_events by subject": (
        f"audit_events WHERE subject_id = '{file_id(ONE, 3)}' AND subject_kind = 'file'", 1),
    "audit_events by actor": (f"audit_events WHERE actor = '{ANN}'", PACKAGES // 100),
    "audit_events by time": (f"audit_events WHERE created_at > '{_LAST_SECONDS}'", 5),
    "audit_events, the newest": ("audit_events ORDER BY sequence DESC LIMIT 5", 5),
    "audit_events of an actor, the newest": (
        "audit_events WHERE actor = 'user:ci' ORDER BY sequence DESC LIMIT 5", 5),
    "audit_events by sequence": ("audit_events WHERE sequence BETWEEN 150000 AND 150004", 5),
    "event_log by actor": (f"event_log WHERE actor = '{ANN}'", PACKAGES // 100),
    "event_log by time": (f"event_log WHERE created_at > '{_LAST_SECONDS}'", 5),
    "event_log by type": (
        "event_log WHERE event_type = 'v1.retention.extended' ORDER BY sequence DESC LIMIT 5", 5),
    "package_history": (f"package_history('{purl(ONE)}', true, 5)", 5),
    "package_history by id": (f"package_history('{package_id(ONE)}', false, 5)", 5),
}  # fmt: skip


WHOLE = {
    "everything of a package by purl": f"audit_events WHERE purl = '{purl(ONE)}' ORDER BY sequence",
    "everything of a package by id": f"audit_events WHERE package_id = '{package_id(ONE)}'",
}
"""A hundred events take longer to decode than to find."""


@pytest.mark.parametrize("name", LOOKUPS)
def test_f37_a_lookup_takes_milliseconds(long: psycopg.Connection[Any], name: str) -> None:
    what, expected = LOOKUPS[name]
    query = f"SELECT * FROM artifactstore.{what}".encode()
    assert_fast(long, lambda: long.execute(query).fetchall(), expected)


PLANNED = {**{name: what for name, (what, _) in LOOKUPS.items() if "history" not in name}, **WHOLE}


@pytest.mark.parametrize("name", PLANNED)
def test_f37_its_plan_reads_no_table_whole(long: psycopg.Connection[Any], name: str) -> None:
    nodes = plan_of(long, f"SELECT * FROM artifactstore.{PLANNED[name]}")
    assert read_whole(nodes) == set()
    examined = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes
        if "Relation Name" in node
    )
    assert examined <= EXAMINED, json.dumps(nodes[0])[:2_000]


READS: dict[str, tuple[Callable[[Store], list[Any]], int]] = {
    "audit of a package": (lambda s: s.log.newest_audit(LogQuery(package_id=package_id(ONE)), 5), 5),
    "events of a package": (lambda s: s.log.newest_events(LogQuery(package_id=package_id(ONE)), 5), 5),
    "audit of an actor": (
        lambda s: s.log.newest_audit(LogQuery(where=EventFilter(actor=frozenset([ANN]))), 5),
        5,
    ),
    "events of a type": (
        lambda s: s.log.newest_events(
            LogQuery(where=EventFilter(event_type=frozenset(["v1.retention.*"]))), 5
        ),
        5,
    ),
    "audit of a package, backwards": (
        lambda s: list(s.log.audit_backwards(LogQuery(package_id=package_id(ONE)), 5)),
        5,
    ),
    "audit of an actor, backwards": (
        lambda s: list(s.log.audit_backwards(LogQuery(where=EventFilter(actor=frozenset([ANN]))), 5)),
        5,
    ),
    "audit of an hour, backwards": (
        lambda s: list(
            s.log.audit_backwards(
                LogQuery(
                    since=s.log.last_before(BEGINNING + timedelta(hours=30)),
                    until=s.log.last_before(BEGINNING + timedelta(hours=31)),
                ),
                5,
            )
        ),
        5,
    ),
    "audit of an actor, onwards": (
        lambda s: list(
            s.log.audit(LogQuery(since=EVENTS // 2, where=EventFilter(actor=frozenset(["user:ci"]))), 5)
        ),
        5,
    ),
    "neighbours of an event": (lambda s: [s.log.neighbours(EVENTS // 2)], 1),
    "the request of an event": (lambda s: [s.log.request_of(EVENTS // 2)], 1),
    "retention history": (lambda s: list(s.log.retention_history(package_id(ONE))), 2),
    "package history": (lambda s: list(s.log.package_history(package_id(ONE), limit=5)), 5),
}


@pytest.mark.parametrize("name", READS)
def test_f37_commands_read_as_fast(long: psycopg.Connection[Any], name: str) -> None:
    read, expected = READS[name]
    store = Store(long)
    assert_fast(long, lambda: read(store), expected)


@pytest.mark.parametrize("name", READS)
def test_f37_commands_look_at_few_rows(long: psycopg.Connection[Any], name: str) -> None:
    read, _ = READS[name]
    with long.transaction():
        before = rows_read(long)
        read(Store(long))
        assert rows_read(long) - before <= EXAMINED


def test_the_views_are_those_of_the_log(long: psycopg.Connection[Any]) -> None:
    """What is measured is what a projector would have made."""
    with long.transaction():
        long.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert (
            Store(long).rebuilds.check_packages(
                [package_id(0), package_id(ONE), package_id(PACKAGES - 1)], []
            )
            == []
        )


def test_f37_history_is_that_of_the_package_alone(long: psycopg.Connection[Any]) -> None:
    store = Store(long)
    history = list(store.log.package_history(package_id(ONE)))
    first = 2 + ONE * PER_PACKAGE
    assert [row["sequence"] for row in history] == list(range(first, first + PER_PACKAGE))
    newest = list(store.log.package_history(package_id(ONE), newest_first=True, limit=3))
    assert [row["sequence"] for row in newest] == [first + PER_PACKAGE - n for n in (1, 2, 3)]
    assert (history[2]["path"], history[3]["path"]) == (path(ONE, 0), path(ONE, 0))
    assert history[-2]["payload"]["reason"] == history[-2]["reason"] == "audit"
    assert history[-2]["actor"] == ANN
    for unknown in ("pkg:generic/tool@x", str(file_id(0, 0)), "x", ""):
        with pytest.raises(psycopg.Error) as caught:
            long.execute("SELECT * FROM artifactstore.package_history(%s)", (unknown,))
        assert caught.value.sqlstate == ERRORS["not-found"].sqlstate


def test_f37_the_generations_are_read_by_number_whatever_the_planner_believes(database: str) -> None:
    """A table of one row that was never counted is taken for one of hundreds."""
    append_packages(database, 1)
    fill(database, 5_000)
    with psycopg.connect(database) as connection:
        assert len(Store(connection).identity.epochs()) == 1
        whole = connection.execute("SELECT pg_stat_get_xact_numscans('artifactstore.events'::regclass)")
        assert whole.fetchall() == [(0,)]
