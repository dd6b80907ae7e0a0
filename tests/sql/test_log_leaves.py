"""log_leaves and event_identity: the vectors of AS-LEAF/1, and the same as Python for any event."""

from collections.abc import Iterable

import pytest

from artifactstore.leaves import identity, leaf
from artifactstore.store import LoggedEvent
from tests import leaves
from tests.sql.support import Log


def put(log: Log, event: LoggedEvent) -> None:
    """Write a row behind the door."""
    log.query("SELECT set_config('artifactstore.projecting', 'on', true)")
    log.connection.execute(
        "INSERT INTO artifactstore.events VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", tuple(event)
    )


def in_sql(log: Log, events: Iterable[LoggedEvent]) -> Iterable[tuple[LoggedEvent, bytes, bytes]]:
    """Each event alone in the log, with the leaf and the identity that SQL gives it."""
    for event in events:
        with log.connection.transaction(force_rollback=True):
            put(log, event)
            (row,) = log.query(
                "SELECT leaf, hash, artifactstore.event_identity(sequence) AS identity"
                f" FROM artifactstore.log_leaves WHERE sequence = {event.sequence}"
            )
            assert row["hash"] == row["identity"]
            yield event, bytes(row["leaf"]), bytes(row["hash"])


def test_vectors(empty_log: Log) -> None:
    expected = dict(leaves.own())
    for event, _, found in in_sql(empty_log, expected):
        assert found.hex() == expected[event], event


def test_vectors_of_other_implementations(empty_log: Log) -> None:
    cases = leaves.others()
    # Some vectors have event types that the log would not take.
    empty_log.connection.execute("ALTER TABLE artifactstore.events DROP CONSTRAINT events_event_type_check")
    found = {event: (a.hex(), b.hex()) for event, a, b in in_sql(empty_log, (event for event, *_ in cases))}
    assert found == {event: (a, b) for event, a, b in cases}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_any_session_sees_the_same_as_python(log: Log, zone: str) -> None:
    log.file(log.package())
    log.connection.execute(f"SET LOCAL timezone = '{zone}'; SET LOCAL bytea_output = 'escape'")
    log.connection.execute("SET LOCAL standard_conforming_strings = off; SET LOCAL extra_float_digits = -15")
    rows = log.query(
        "SELECT e.*, l.leaf, l.hash"
        " FROM artifactstore.events e JOIN artifactstore.log_leaves l USING (sequence)"
    )
    assert len(rows) == log.head
    for row in rows:
        event = LoggedEvent(*(row[name] for name in LoggedEvent._fields))
        assert (row["leaf"], row["hash"]) == (leaf(event), identity(event))


def test_one_event_is_found_by_its_number_without_reading_the_log(log: Log) -> None:
    log.connection.execute("SET LOCAL enable_seqscan = off")
    plan = log.query("EXPLAIN SELECT hash FROM artifactstore.log_leaves WHERE sequence = 1")
    assert any("events_pkey" in row["QUERY PLAN"] for row in plan)


def test_no_event_has_no_identity(log: Log) -> None:
    (row,) = log.query(f"SELECT artifactstore.event_identity({log.head + 1}) AS identity")
    assert row["identity"] is None
