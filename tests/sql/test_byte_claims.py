"""Who names the same bytes is looked up by index, also where plans were made while tables were small."""

import pytest

from artifactstore.events import FileRemoved
from tests.sql.support import Log

SCANNED = (
    "SELECT s.seq_tup_read FROM pg_stat_xact_user_tables s"
    " WHERE s.relid = 'artifactstore.storage_locations'::regclass"
)
MANY = """
INSERT INTO artifactstore.storage_locations (location_id, file_id, package_id, backend, uri, state, checks,
    failures, registered_at, created_sequence, last_sequence, changed_sequence)
SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'file', 'file:///' || n, 'registered', 0, 0,
    now(), 1, 1, 1
FROM generate_series(1, %s) AS n
"""
ROWS = 20_000


def retire_one(log: Log, name: str) -> None:
    """Let a copy be registered, go, and be retired as deleted."""
    package = log.package(name)
    file = log.file(package)
    copy = log.location(package, file, f"file:///{name}")
    log.append(file, FileRemoved(package_id=package, reason="old"))
    log.append(copy, log.retired(copy, "deleted"))


@pytest.mark.parametrize("analyzed", [False, True])
def test_claims_are_read_by_index_whatever_the_size(log: Log, analyzed: bool) -> None:
    retire_one(log, "early")
    with log.guard_off():
        log.execute(MANY, ROWS)
    package = log.package("late")
    file = log.file(package)
    copy = log.location(package, file, "file:///7")
    log.append(file, FileRemoved(package_id=package, reason="old"))
    event = log.retired(copy, "deleted")
    if analyzed:
        log.execute("ANALYZE artifactstore.storage_locations")
    before = log.value(SCANNED)
    (told,) = log.query("SELECT * FROM artifactstore.copy_removals(ARRAY[%s])", copy)
    assert (told["removal"], told["needed_by"]["state"]) == ("detach", "registered")
    log.set("search_path", "artifactstore, pg_temp")
    log.execute("SELECT * FROM artifactstore.byte_claims(ARRAY[%s], ARRAY[%s::bigint])", copy, log.head + 1)
    log.set("search_path", "public")
    if analyzed:
        log.failure("bytes-needed", lambda: log.append(copy, event))
    assert log.value(SCANNED) == before


def test_the_longest_backend_and_uri_fit_the_index(log: Log) -> None:
    """What the catalogue lets in, incompressible and in four-byte characters."""
    package = log.package()
    file = log.file(package)
    uri = "".join(chr(0x10000 + 7919 * n % 0xFFFF) for n in range(512))
    assert len(uri.encode()) == 2048
    location = log.location(package, file, uri)
    assert log.rows("storage_locations")[location]["uri"] == uri
    limits = log.query(
        "SELECT f.fields -> 'backend' -> 'max' AS backend, f.fields -> 'uri' -> 'max' AS uri"
        " FROM artifactstore.event_types t, LATERAL (SELECT coalesce("
        "t.fields #> '{locations,items,fields}', t.fields) AS fields) f WHERE f.fields ? 'uri'"
    )
    assert [(row["backend"], row["uri"]) for row in limits] == [(64, 2048)] * 2
