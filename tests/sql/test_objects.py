"""What the log says of objects: which are known, which are doomed, and what a store should hold."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError
from artifactstore.events import (
    FileIngested,
    FileRemoved,
    HoldPlaced,
    HoldReleased,
    Location,
    PackageDeleted,
    PackagePurged,
    RetentionApplied,
    new_id,
)
from artifactstore.store import Row, Store
from artifactstore.stores.keys import uri_of
from tests.databases import TEST_PREFIX, Connect, create_database, drop_database
from tests.sql.plans import plan_of, read_whole
from tests.sql.support import CONTENT, FAR, Log

STORE = "main"
LATER = timedelta(days=1)
ROWS = 200_000


def objects(log: Log) -> Store:
    """The log as Python asks it."""
    return Store(log.connection)


def ingest(
    log: Log, package: UUID, path: str = "a", *, uri: str | None = None, size: int = 3, backend: str = STORE
) -> tuple[UUID, UUID, str]:
    """A new file with an object: ids of file and location, and the URI."""
    file, copy = new_id(), new_id()
    named = uri or uri_of(objects(log).objects.new_keys(1)[0])
    place = Location(location_id=copy, backend=backend, uri=named)
    event = FileIngested(package_id=package, path=path, size=size, blake3=CONTENT, locations=(place,))
    log.append(file, event)
    return file, copy, named


def remove(log: Log, package: UUID, file: UUID) -> None:
    """Remove a file."""
    log.append(file, FileRemoved(package_id=package, reason="old"))


def doomed(log: Log, **more: Any) -> list[Row]:
    """What may be removed by tomorrow."""
    return objects(log).objects.doomed(STORE, log.time + LATER, 100, **more)


def known(log: Log, *contents: tuple[bytes, int]) -> list[str | None]:
    """Where the store has these contents."""
    return objects(log).objects.known(STORE, contents)


@pytest.mark.parametrize("state", ["registered", "verified", "failed", "retiring", "retired"])
def test_what_is_known_is_good(log: Log, state: str) -> None:
    package = log.package()
    file, copy, uri = ingest(log, package)
    if state in ("verified", "failed"):
        log.append(copy, log.verified(copy) if state == "verified" else log.failed(copy))
    elif state in ("retiring", "retired"):
        remove(log, package, file)
    if state == "retired":
        log.append(copy, log.retired(copy))
    found = uri if state in ("registered", "verified") else None
    wanted = [(CONTENT, 4), (CONTENT, 3), (b"\0" * 32, 3), (CONTENT, 3)]
    assert known(log, *wanted) == [None, found, None, found]
    assert known(log) == []


def test_only_objects_of_this_store_are_known(log: Log) -> None:
    package = log.package()
    ingest(log, package, "a", backend="shelf")
    log.file(package, "b", "file:///b")
    place = Location(location_id=new_id(), backend=STORE, uri="s3://bucket/key")
    log.append(
        new_id(), FileIngested(package_id=package, path="c", size=3, blake3=CONTENT, locations=(place,))
    )
    assert known(log, (CONTENT, 3)) == [None]


def test_bytes_that_one_name_found_bad_are_bad_by_each(log: Log) -> None:
    package = log.package()
    _, first, uri = ingest(log, package, "a")
    ingest(log, package, "b", uri=uri)
    log.append(first, log.failed(first))
    assert known(log, (CONTENT, 3)) == [None]
    _, _, other = ingest(log, package, "c")
    assert known(log, (CONTENT, 3)) == [other]


def test_what_is_live_is_not_doomed(log: Log) -> None:
    package = log.package()
    _, copy, _ = ingest(log, package, "a")
    log.append(copy, log.failed(copy))
    ingest(log, package, "b")
    log.append(package, PackageDeleted(reason="old"))
    assert doomed(log) == []


def test_an_object_is_doomed_when_nothing_live_names_it_and_told_once(log: Log) -> None:
    """Files of two packages and of one; the last to come tells of the removal."""
    packages = [log.package(name) for name in ("first", "second")]
    files = [ingest(log, packages[0], "a")]
    uri = files[0][2]
    files += [ingest(log, packages[n], path, uri=uri) for n, path in ((1, "a"), (0, "b"))]
    of = [packages[0], packages[1], packages[0]]
    for n in (2, 0):
        remove(log, of[n], files[n][0])
        assert doomed(log) == []
    log.append(packages[1], PackageDeleted(reason="old"))
    log.append(packages[1], PackagePurged(reason="old", file_count=1))
    (row,) = doomed(log)
    rows = log.rows("storage_locations")
    assert row == {
        "uri": uri,
        "size": 3,
        "retiring_at": log.time,
        "location_id": max(
            (copy for _, copy, _ in files), key=lambda copy: (rows[copy]["retiring_at"], copy)
        ),
        "location_ids": [copy for _, copy, _ in files],
        "file_ids": [file for file, _, _ in files],
        "package_ids": of,
        "changed_sequences": [rows[copy]["changed_sequence"] for _, copy, _ in files],
    }
    first, *_ = files
    log.append(first[1], log.retired(first[1], "detached"))
    (row,) = doomed(log)
    assert row["location_ids"] == [copy for _, copy, _ in files[1:]]
    log.append(files[1][1], log.retired(files[1][1], "detached"))
    log.append(files[2][1], log.retired(files[2][1], "deleted"))
    assert doomed(log) == []


def test_doom_counts_from_when_the_last_began_to_go(log: Log) -> None:
    package = log.package()
    first = ingest(log, package, "a")
    second = ingest(log, package, "b", uri=first[2])
    remove(log, package, first[0])
    early = log.time
    later = early + timedelta(days=3)
    log.append_at(later, second[0], FileRemoved(package_id=package, reason="old"))
    find = objects(log).objects.doomed
    assert find(STORE, later - timedelta(microseconds=1), 9) == []
    assert [row["retiring_at"] for row in find(STORE, later, 9)] == [later]


def test_only_objects_of_this_store_are_doomed(log: Log) -> None:
    package = log.package()
    other = ingest(log, package, "a", backend="shelf")
    plain = log.file(package, "b", "file:///b")
    remove(log, package, other[0])
    remove(log, package, plain)
    assert doomed(log) == []


@pytest.mark.parametrize("how", ["hold", "compliance", "governance"])
def test_what_is_gone_waits_for_a_hold_and_compliance_that_came_later(log: Log, how: str) -> None:
    """Of governance the removal was judged. Another package that shares the object counts as well."""
    package, other = log.package("first"), log.package("second")
    file, _, uri = ingest(log, package)
    second = ingest(log, other, uri=uri)
    remove(log, package, file)
    remove(log, other, second[0])
    hold = new_id()
    if how == "hold":
        log.append(package, HoldPlaced(hold_id=hold, case="C-1", reason="r"))
    else:
        log.append(package, RetentionApplied(mode=how, until=FAR))
    assert [row["uri"] for row in doomed(log)] == ([uri] if how == "governance" else [])
    if how == "hold":
        log.append(package, HoldReleased(hold_id=hold, reason="r"))
        assert [row["uri"] for row in doomed(log)] == [uri]


def test_retention_that_ended_keeps_nothing(log: Log) -> None:
    package = log.package()
    file, _, uri = ingest(log, package)
    past = log.time - timedelta(days=400)
    log.append_at(past, package, RetentionApplied(mode="compliance", until=past + timedelta(days=30)))
    remove(log, package, file)
    assert [row["uri"] for row in doomed(log)] == [uri]


@pytest.mark.parametrize("other", [False, True])
def test_the_last_copy_of_a_live_file_waits_for_governance_too(log: Log, other: bool) -> None:
    package = log.package()
    file, copy, uri = ingest(log, package)
    if other:
        log.location(package, file, "file:///other")
    log.append(copy, log.failed(copy))
    log.append(copy, log.retiring(copy))
    log.append(package, RetentionApplied(mode="governance", until=FAR))
    assert [row["uri"] for row in doomed(log)] == ([uri] if other else [])
    if not other:
        log.failure("retention-active", lambda: log.append(copy, log.retired(copy)))


def test_whatever_is_doomed_can_be_told_as_removed(log: Log) -> None:
    """In one append: all but the last detached, the last deleted."""
    package = log.package()
    for number in range(3):
        first = ingest(log, package, f"a{number}")
        second = ingest(log, package, f"b{number}", uri=first[2])
        remove(log, package, second[0])
        remove(log, package, first[0])
    for row in doomed(log):
        *others, last = row["location_ids"]
        for copy in others:
            log.append(copy, log.retired(copy, "detached"))
        log.append(last, log.retired(last, "deleted"))
    assert doomed(log) == []
    assert {row["state"] for row in log.rows("storage_locations").values()} == {"retired"}


def test_doomed_objects_come_in_pages(log: Log) -> None:
    package = log.package()
    uris = []
    for number in range(5):
        file, _, uri = ingest(log, package, f"{number}")
        remove(log, package, file)
        uris.append(uri)
    find = objects(log).objects.doomed
    found: list[Row] = []
    while page := find(STORE, log.time + LATER, 2, after=found[-1] if found else None):
        found += page
    assert [row["uri"] for row in found] == uris


def test_of_a_package_only_its_objects_are_told(log: Log) -> None:
    first, second = log.package("first"), log.package("second")
    mine, shared, theirs = ingest(log, first, "a"), ingest(log, first, "b"), ingest(log, second, "a")
    other = ingest(log, second, "b", uri=shared[2])
    for package, file in ((first, mine[0]), (first, shared[0]), (second, theirs[0])):
        remove(log, package, file)
    assert [row["uri"] for row in doomed(log, package_id=first)] == [mine[2]]
    remove(log, second, other[0])
    assert [row["uri"] for row in doomed(log, package_id=first)] == [mine[2], shared[2]]
    assert [row["uri"] for row in doomed(log, package_id=second)] == [theirs[2], shared[2]]


def test_what_a_store_should_hold_is_told_in_the_order_of_bytes(log: Log) -> None:
    package = log.package()
    files = [ingest(log, package, f"{n}", size=n) for n in range(7)]
    ingest(log, package, "elsewhere", backend="shelf")
    log.file(package, "local", "file:///b")
    ingest(log, package, "shared", uri=files[1][2], size=1)
    for number in (0, 2):
        remove(log, package, files[number][0])
    log.append(files[2][1], log.retired(files[2][1]))
    log.append(files[3][1], log.failed(files[3][1]))
    expected = {
        uri: {"uri": uri, "size": n, "blake3": CONTENT, "sha256": None, "live": n != 0 and 1 + (n == 1),
              "unretired": 1 + (n == 1)}
        for n, (_, _, uri) in enumerate(files) if n != 2
    }  # fmt: skip
    found = list(objects(log).objects.all(STORE))
    assert found == [expected[uri] for uri in sorted(expected)]
    paged: list[Row] = []
    while page := objects(log).objects.page(STORE, paged[-1]["uri"] if paged else None, 2):
        paged += page
    assert paged == found


def test_of_many_files_of_one_content_some_are_looked_at(log: Log) -> None:
    """The empty file: it takes no longer than a thousand rows, and the newest come first."""
    package = log.package()
    _, _, early = ingest(log, package, "early")
    with log.guard_off():
        log.execute(
            "INSERT INTO artifactstore.artifact_files (file_id, package_id, path, size, blake3, state,"
            " ingested_at, created_sequence, last_sequence, changed_sequence)"
            " SELECT artifactstore.new_id(), %s, n::text, 3, %s, 'ingested', now(), 1, 1, 1"
            " FROM generate_series(1, 1000) AS n",
            package, CONTENT,
        )  # fmt: skip
    assert known(log, (CONTENT, 3)) == [None]
    _, _, late = ingest(log, package, "late")
    assert known(log, (CONTENT, 3)) == [late] != [early]


@pytest.mark.parametrize("count", [0, 10_001])
def test_keys_are_made_by_the_database(connect: Connect, count: int) -> None:
    store = Store(connect("service"))
    assert len(set(store.objects.new_keys(10_000))) == 10_000
    with pytest.raises(ArtifactstoreError, match="too-large"):
        store.objects.new_keys(count)


FILL = """
INSERT INTO artifactstore.artifact_files (file_id, package_id, path, size, blake3, state, ingested_at,
    created_sequence, last_sequence, changed_sequence)
SELECT md5('f' || n)::uuid, md5('p' || n % 500)::uuid, n::text, n, sha256(n::text::bytea), 'ingested',
    now(), n, n, n
FROM generate_series(1, {0}) AS n;
INSERT INTO artifactstore.storage_locations (location_id, file_id, package_id, backend, uri, state, checks,
    failures, registered_at, retiring_at, retired_at, created_sequence, last_sequence, changed_sequence)
SELECT md5('l' || n)::uuid, md5('f' || n)::uuid, md5('p' || n % 500)::uuid, 'main',
    'store:' || right(md5(n::text), 2) || '/' || md5(n::text),
    CASE n % 4 WHEN 0 THEN 'retiring' WHEN 1 THEN 'retired' WHEN 2 THEN 'verified' ELSE 'registered' END,
    0, 0, now(), CASE WHEN n % 4 < 2 THEN timestamptz '2026-01-01Z' - n * interval '1 second' END,
    CASE WHEN n % 4 = 1 THEN now() END, n, n, n
FROM generate_series(1, {0}) AS n;
INSERT INTO artifactstore.retention_state (package_id, mode, hold_count, extensions, last_actor,
    created_sequence, last_sequence)
SELECT md5('p' || n)::uuid, 'none', 0, 0, 'a', n, n FROM generate_series(0, 499) AS n;
"""
ASKED: dict[str, tuple[str, int]] = {
    "known": (
        (
            "SELECT * FROM artifactstore.known_objects('main',"
            " ARRAY(SELECT sha256(n::text::bytea) FROM generate_series(1, 1000) n),"
            " ARRAY(SELECT n::bigint FROM generate_series(1, 1000) n))"
        ),
        500,
    ),
    "doomed": ("SELECT * FROM artifactstore.doomed_objects('main', now(), 1000)", 1000),
    "doomed, the last page": (
        (
            "SELECT * FROM artifactstore.doomed_objects('main', now(), 1000, NULL,"
            " timestamptz '2026-01-01Z' - interval '9 seconds', NULL)"
        ),
        2,
    ),
    "doomed, of a package": (
        "SELECT * FROM artifactstore.doomed_objects('main', now(), 1000, md5('p4')::uuid)",
        400,
    ),
    "page": ("SELECT * FROM artifactstore.object_page('main', NULL, 1000)", 1000),
    "page, in the middle": (
        "SELECT * FROM artifactstore.object_page('main', 'store:80/', 1000)",
        1000,
    ),
    "locks": ("SELECT * FROM artifactstore.desired_locks('main', NULL, 1000)", 1000),
    "locks, in the middle": ("SELECT * FROM artifactstore.desired_locks('main', 'store:80/', 1000)", 1000),
    "locks, of what changed": (
        "SELECT * FROM artifactstore.desired_locks('main', NULL, 1000, 0, true)",
        0,
    ),
    "ever named": (
        (
            "SELECT * FROM artifactstore.object_fault(ARRAY(SELECT ROW(n, now(), 'v1.storage.registered',"
            " NULL, 'a', jsonb_build_object('backend', 'main', 'uri', 'store:' || right(md5(n::text), 2)"
            " || '/' || md5(n::text)))::artifactstore.decoded_event FROM generate_series(2, 1000, 4) n), 0)"
        ),
        1,
    ),
}


@pytest.fixture(scope="module")
def crowd(server_conninfo: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to a database of 200,000 objects."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
            connection.execute(FILL.format(ROWS).encode())
        connection.execute("ANALYZE artifactstore.storage_locations, artifactstore.artifact_files")
        yield connection
    drop_database(server_conninfo, conninfo)


@pytest.mark.parametrize("name", ASKED)
def test_objects_are_found_by_index_however_many_there_are(crowd: psycopg.Connection[Any], name: str) -> None:
    query, rows = ASKED[name]
    before = scanned(crowd)
    assert len(crowd.execute(query.encode()).fetchall()) == rows
    read = scanned(crowd) - before
    assert read <= 20 * max(rows, 1_000), read
    assert read_whole(plan_of(crowd, query)) <= {"retention_state"}


def scanned(connection: psycopg.Connection[Any]) -> int:
    """Rows of copies and files that were read so far, one by one or by index."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    query = """
        SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables
        WHERE relname IN ('storage_locations', 'artifact_files')
        """
    [[count]] = connection.execute(query).fetchall()
    return int(count)


_COUNTED = 1_000
STOCKS: dict[str, tuple[Callable[[Store], Any], int]] = {
    "backends": (lambda store: store.stocks.backends(), 100),
    "held": (lambda store: store.stocks.held(STORE, _COUNTED), 2 * _COUNTED),
    "held elsewhere": (lambda store: store.stocks.held("nowhere", _COUNTED), 0),
    "going": (lambda store: store.stocks.going(STORE, _COUNTED), _COUNTED),
}
"""What a page counts of stores, and how many rows of copies and files may be read for it."""


@pytest.mark.parametrize("name", STOCKS)
def test_no_more_is_read_than_is_counted(crowd: psycopg.Connection[Any], name: str) -> None:
    act, most = STOCKS[name]
    before = scanned(crowd)
    act(Store(crowd))
    assert scanned(crowd) - before <= most


def test_what_a_store_holds_is_what_was_filled_in(crowd: psycopg.Connection[Any]) -> None:
    store = Store(crowd)
    assert store.stocks.backends() == [STORE]
    held, kept = store.stocks.held(STORE, ROWS + 1), [n for n in range(1, ROWS + 1) if n % 4 != 1]
    assert (held["seen"], held["objects"], held["copies"]) == (ROWS, len(kept), len(kept))
    assert held["bytes"] == sum(kept)
    assert [held[state] for state in ("verified", "registered", "failed", "retiring")] == [
        ROWS // 4, ROWS // 4, 0, ROWS // 4,
    ]  # fmt: skip
    first = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=ROWS)
    assert store.stocks.going(STORE, ROWS) == (ROWS // 4, first)
