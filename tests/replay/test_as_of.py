"""The past: as-of equals what the log said then, with and without snapshots (GAP09)."""

from datetime import timedelta
from random import Random

import pytest

from artifactstore.errors import NotFound, Refused
from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.jobs import snapshots
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, Connect
from tests.effort import SEQUENCES
from tests.replay.conftest import EVENTS, schemas

LAST = 400


def test_at_many_sequences_it_is_what_a_fresh_database_would_have(history: Store) -> None:
    """One scratch view set is fed event by event, as a fresh database is, and compared where as-of looked."""
    rng = Random(5)  # noqa: S311
    wanted = sorted(rng.sample(range(LAST + 1), SEQUENCES))
    made: dict[int, str] = {}
    for sequence in wanted:
        # Half of them begin from a snapshot, as far as there is one before.
        use_snapshots = bool(rng.getrandbits(1))
        schema = f"past_{sequence}"
        view_set, _ = snapshots.as_of(history, schema, sequence, use_snapshots=use_snapshots)
        assert view_set.sequence == sequence
        made[sequence] = schema
        if len(made) in (SEQUENCES // 4, SEQUENCES // 2, SEQUENCES * 3 // 4):
            store_snapshot(history, schema, sequence)
    execute = history.connection.execute
    execute("SELECT artifactstore.begin_rebuild()")
    at = 0
    for sequence in wanted:
        if sequence > at:
            execute("SELECT artifactstore.rebuild_next(%s)", (sequence,))
            at = sequence
        assert list(history.rebuilds.compare(made[sequence], "artifactstore_rebuild")) == [], sequence
    history.view_sets.drop_rebuild()


def store_snapshot(store: Store, schema: str, sequence: int) -> None:
    """Make what as-of made a snapshot: there is none of a past head. The owner makes it, as always."""
    store.connection.execute(f"SET ROLE {TEST_PREFIX}_owner")
    store.connection.execute(
        "INSERT INTO artifactstore.view_sets SELECT %s, 'snapshot', sequence, log_id,"
        " fingerprint, digests, created_at, epoch_id, identity FROM artifactstore.view_sets"
        " WHERE schema_name = %s",
        (f"artifactstore_snapshot_{sequence}", schema),
    )
    store.connection.execute(f"CREATE SCHEMA artifactstore_snapshot_{sequence}".encode())
    for view in store.rebuilds.view_counts():
        store.connection.execute(
            f"CREATE TABLE artifactstore_snapshot_{sequence}.{view} AS TABLE {schema}.{view}".encode()
        )
    store.connection.execute(f"GRANT USAGE ON SCHEMA artifactstore_snapshot_{sequence} TO PUBLIC".encode())
    store.connection.execute(
        f"GRANT SELECT ON ALL TABLES IN SCHEMA artifactstore_snapshot_{sequence} TO PUBLIC".encode()
    )
    store.connection.execute("RESET ROLE")
    assert store.view_sets.view_set_problem(f"artifactstore_snapshot_{sequence}") is None


def test_gap09_every_event_of_an_instant_counts(connect: Connect) -> None:
    """Events of one append have one time; an instant takes all of them or none."""
    store = Store(connect())
    batches = []
    for number in range(5):
        purls = [f"pkg:generic/a{number}@{position}" for position in range(3)]
        appended = store.writes.append(
            [NewEvent(PackageCreated(purl=purl), new_id(), "user:a") for purl in purls]
        )
        batches.append((appended[0].created_at, appended[-1].sequence, appended[0].sequence))
        assert len({one.created_at for one in appended}) == 1
    for instant, last, first in batches:
        assert store.log.sequence_at(instant) == last
        before = store.log.sequence_at(instant - timedelta(microseconds=1))
        assert before == (first - 1 if first > 2 else 0)
    assert store.log.sequence_at(batches[0][0] - timedelta(days=1)) == 0


def test_readers_query_it_and_it_is_dropped(history: Store, connect: Connect) -> None:
    snapshots.as_of(history, "march", 1000)
    row = (
        connect("reader")
        .execute("SELECT max(created_sequence) <= 1000, count(*) > 0 FROM march.artifact_packages")
        .fetchone()
    )
    assert row == (True, True)
    history.view_sets.drop_view_set("march")
    assert history.view_sets.view_sets() == []
    assert list(schemas(history)) == []


def test_a_schema_that_exists_is_left_alone(history: Store) -> None:
    for schema in ("artifactstore", "public"):
        with pytest.raises(Refused) as caught:
            snapshots.as_of(history, schema, 10)
        assert caught.value.code == "schema-taken"


def test_the_future_is_refused_and_nothing_is_left(history: Store) -> None:
    with pytest.raises(NotFound, match=f"the log ends at {EVENTS}"):
        snapshots.as_of(history, "future", EVENTS + 1)
    assert history.view_sets.view_sets() == []
    assert history.connection.execute("SELECT to_regnamespace('future')").fetchone() == (None,)
