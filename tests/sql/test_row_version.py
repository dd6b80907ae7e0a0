"""F09: the version of a row is the latest event that changed anything in it, whatever its subject."""

from itertools import islice
from typing import Any

import psycopg
import pytest

from artifactstore.store import Store
from tests.databases import Connect
from tests.sql.workload import workload

_EVENTS = 150
_VERSIONS = {"artifact_files": "changed_sequence", "storage_locations": "changed_sequence"}


@pytest.fixture
def store(connect: Connect) -> Store:
    """A store of an empty log."""
    connection = connect()
    connection.execute("SET TimeZone = 'UTC'")
    return Store(connection)


def _rows(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], tuple[int, str]]:
    """View and key of every row, with its version and all of it as text."""
    names = connection.execute("SELECT unnest(artifactstore.view_names())").fetchall()
    found = {}
    for (view,) in names:
        query = (
            f"SELECT jsonb_build_array(k.key)::text, v.{_VERSIONS.get(view, 'last_sequence')}, v::text"
            f" FROM artifactstore.{view} v,"
            f" LATERAL (SELECT ({_key(connection, view)})::text AS key) k"
        )
        for key, version, text in connection.execute(query.encode()):
            found[view, key] = (version, text)
    return found


def _key(connection: psycopg.Connection[Any], view: str) -> str:
    row = connection.execute("SELECT artifactstore.primary_key(%s, 'v')", (view,)).fetchone()
    assert row is not None
    return f"ROW({row[0]})"


def test_a_row_changes_exactly_when_its_version_becomes_that_of_the_event(store: Store) -> None:
    before: dict[tuple[str, str], tuple[int, str]] = {}
    changed_by_others = 0
    for event in islice(workload(_EVENTS, seed=9), _EVENTS):
        (appended,) = store.writes.append([event])
        now = _rows(store.connection)
        first = 1 if appended.sequence == 2 else appended.sequence
        for name, (version, text) in now.items():
            old = before.get(name)
            if old is None or old[1] != text:
                assert first <= version <= appended.sequence, (name, event)
                changed_by_others += name[0] in _VERSIONS and f",{version},{version})" not in text
            else:
                assert version < appended.sequence, (name, event)
        before = now
    assert changed_by_others > 3


def test_the_version_of_an_open_package_with_10000_files_is_found_in_milliseconds(store: Store) -> None:
    store.connection.execute("SELECT set_config('artifactstore.projecting', 'on', false)")
    store.connection.execute(
        """
        INSERT INTO artifactstore.artifact_packages (package_id, purl, type, name, state, yanked, producer,
            labels, created_at, created_sequence, last_sequence)
        SELECT gen_random_uuid(), 'pkg:generic/p@' || n, 'generic', 'p', 'open', false, 'a', '{}', now(), n, n
        FROM generate_series(1, 3) n
        """
    )
    store.connection.execute(
        """
        INSERT INTO artifactstore.artifact_files (file_id, package_id, path, size, blake3, state, ingested_at,
            created_sequence, last_sequence, changed_sequence)
        SELECT gen_random_uuid(), p.package_id, 'f' || n, 1, '', 'ingested', now(), n, n, n
        FROM artifactstore.artifact_packages p, generate_series(10, 10009) n
        """
    )
    store.connection.execute("ANALYZE artifactstore.artifact_files")
    query = "SELECT max(artifactstore.open_version(package_id)) FROM artifactstore.artifact_packages"
    plan = store.connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}".encode()).fetchone()
    assert store.connection.execute(query.encode()).fetchone() == (10_009,)
    assert plan is not None
    assert plan[0][0]["Execution Time"] < 3 * 100, "3 packages"
