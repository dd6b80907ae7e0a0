"""F48: a history is folded in view sets that are there already; the system catalogs stay as they are."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import Busy
from artifactstore.events import FileIngested, NewEvent, PackageCreated, new_id
from artifactstore.jobs.verify_online import verify_online
from artifactstore.migrate import migrate
from artifactstore.store import Difference, Store
from artifactstore.store.rebuilds import Rebuilds
from tests.databases import TEST_PREFIX, Connect
from tests.replay.conftest import EVENTS
from tests.timing import at_best, seconds_of

REQUESTS = 200
FILES = 3_000
CATALOGS = ("pg_class", "pg_attribute", "pg_index", "pg_type", "pg_depend", "pg_namespace", "pg_constraint")


def written_rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows that were ever written to the catalogs of tables, also by what was undone."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    rows = connection.execute(
        "SELECT relname::text, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_sys_tables"
        " WHERE relname = ANY (%s)",
        (list(CATALOGS),),
    )
    return dict(rows.fetchall())


def packages(store: Store) -> list[UUID]:
    rows = store.connection.execute("SELECT package_id FROM artifactstore.artifact_packages ORDER BY purl")
    return [row[0] for row in rows]


def scratch_rows(connection: psycopg.Connection[Any]) -> int:
    """Rows in the scratch view sets."""
    tables = connection.execute(
        "SELECT format('SELECT FROM %I.%I', s, v) FROM unnest(artifactstore.scratch_names()) s,"
        " unnest(artifactstore.view_names()) v"
    ).fetchall()
    return sum(connection.execute(table.encode()).rowcount for (table,) in tables)


def test_f48_no_request_leaves_rows_in_the_catalogs(history: Store) -> None:
    ids = packages(history)
    verify_online(history, 1)
    before = written_rows(history.connection)
    for number in range(REQUESTS):
        history.rebuilds.package_at(ids[number % len(ids)], EVENTS)
    checked = verify_online(history, REQUESTS)
    assert checked.packages > 20
    assert checked.differences == []
    assert written_rows(history.connection) == before
    assert scratch_rows(history.connection) == 0


def test_f48_requests_side_by_side_are_all_answered_right(history: Store, connect: Connect) -> None:
    """More of them than there are view sets, for the same packages: none sees the rows of another."""
    ids = packages(history)[:6]
    expected = {package: history.rebuilds.package_at(package, EVENTS) for package in ids}
    assert expected == {package: history.packages.package(package) for package in ids}
    stores = [Store(connect("service")) for _ in range(8)]

    def ask(store: Store) -> None:
        store.connection.execute("SET TimeZone = 'UTC'")
        for package in ids * 3:
            assert store.rebuilds.package_at(package, EVENTS) == expected[package]

    with ThreadPoolExecutor(len(stores)) as threads:
        list(threads.map(ask, stores))
    assert scratch_rows(history.connection) == 0


def test_f48_who_finds_all_taken_waits_and_is_told(history: Store, connect: Connect) -> None:
    package, holder = packages(history)[0], connect()
    with holder.transaction():
        for (schema,) in holder.execute("SELECT unnest(artifactstore.scratch_names())").fetchall():
            holder.execute(f"LOCK TABLE {schema}.log_epochs IN EXCLUSIVE MODE".encode())
        history.connection.execute("SET statement_timeout = '30s'")
        with pytest.raises(Busy, match="all scratch view sets are in use"):
            history.rebuilds.package_at(package, EVENTS)
    assert history.rebuilds.package_at(package, EVENTS)["package_id"] == package


def test_f48_a_set_that_is_missing_or_looks_otherwise_is_made_again(history: Store, database: str) -> None:
    execute = history.connection.execute
    execute("DROP SCHEMA artifactstore_scratch_1 CASCADE")
    execute("ALTER TABLE artifactstore_scratch_2.artifact_files DROP COLUMN sha256")
    execute("DROP INDEX artifactstore_scratch_3.artifact_files_path_file_id_idx")
    kept = execute("SELECT 'artifactstore_scratch_4.requests'::regclass::oid").fetchone()
    assert migrate(database, role_prefix=TEST_PREFIX).migrations == ()
    shapes = execute(
        "SELECT DISTINCT artifactstore.view_set_shape(s)"
        " FROM unnest(artifactstore.scratch_names() || 'artifactstore'::text) s"
    ).fetchall()
    assert len(shapes) == 1
    assert execute("SELECT 'artifactstore_scratch_4.requests'::regclass::oid").fetchone() == kept


def test_f39_a_package_is_checked_once_however_many_samples_led_to_it(
    history: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[UUID] = []
    original = Rebuilds.check_packages

    def counted(
        self: Rebuilds, ids: Sequence[UUID], sequences: Sequence[int], max_events: int | None = None
    ) -> list[Difference]:
        asked.extend(ids)
        return original(self, ids, sequences, max_events)

    monkeypatch.setattr(Rebuilds, "check_packages", counted)
    checked = verify_online(history, 300)
    assert len(asked) == len(set(asked)) == checked.packages > 40
    assert checked.differences == []


def test_f39_a_package_of_many_files_is_folded_in_ranges(
    connect: Connect, copy_of: Callable[[], str]
) -> None:
    """Not event by event: the check takes no longer than the append of the events did."""
    store = Store(connect(conninfo=copy_of()))
    package = new_id()
    created = NewEvent(PackageCreated(purl="pkg:generic/large@1"), package, "user:ann")
    events = [created]
    for number in range(FILES):
        file = FileIngested(package_id=package, path=f"f{number}", size=1, blake3=bytes(32))
        events.append(NewEvent(file, new_id(), "user:ann"))
    bound = 2 * seconds_of(lambda: store.writes.append(events)) + 1

    def check() -> None:
        checked = verify_online(store, 100)
        assert (checked.packages, checked.differences) == (1, [])

    assert at_best(lambda: seconds_of(check), bound) < bound
