"""What is due, and why the rest is not: artifactstore.retention_due and ``retention due``."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier, Literal

from artifactstore.errors import Refused
from artifactstore.events import NewEvent, PackageDeleted, PackagePurged, RetentionExtended
from tests.databases import Connect
from tests.retention.conftest import Registry

MICROSECOND = timedelta(microseconds=1)
WHY = {
    "open": "lapsed",
    "sealed": "lapsed",
    "deleted": "lapsed",
    "purged": "purged",
    "held": "legal-hold",
    "held-deleted": "legal-hold",
    "kept": "retention-active",
    "locked": "retention-active",
    "forever": "no-retention",
    "forever-deleted": "no-retention",
}
ZONES = ("Pacific/Auckland", "America/Los_Angeles")


def test_what_is_due_and_why_the_rest_is_not(registry: Registry) -> None:
    """RG13: who never said that a package expires, or has a hold on it, does not see it here as due."""
    due = registry.make_all()
    rows = registry.rows()
    assert {name: row["why"] for name, row in rows.items()} == WHY
    assert {name for name, row in rows.items() if row["due"]} == due
    assert {name: row["action"] for name, row in rows.items() if row["due"]} == {
        "open": "delete",
        "sealed": "delete",
        "deleted": "purge",
    }


def test_due_is_what_the_projectors_accept(registry: Registry) -> None:
    """Try to destroy each package: it succeeds if it is due, and if it has no retention and no hold."""
    registry.make_all()
    for name, row in registry.rows().items():
        package_id = registry.packages[name]
        purge = row["state"] == "deleted"
        event = PackagePurged(reason="r", file_count=1) if purge else PackageDeleted(reason="r")
        connection = registry.store.connection
        try:
            with connection.transaction(force_rollback=True):
                registry.store.writes.append([NewEvent(event, package_id, "user:test")])
            problem = None
        except Refused as refusal:
            problem = refusal.code
        expected = {"lapsed": None, "no-retention": None, "purged": "wrong-state"}.get(row["why"], row["why"])
        assert problem == expected, name


@settings(max_examples=60)
@given(
    microseconds=st.one_of(st.integers(-3, 3), st.integers(-(10**13), 10**13)),
    zone=st.sampled_from(("UTC", *ZONES)),
)
def test_due_at_an_instant_is_what_the_guard_allows_at_it(
    registry: Registry, microseconds: int, zone: str
) -> None:
    """RG04: at any instant, in any zone of the server, for every kind of package; 60 examples."""
    if not registry.packages:
        registry.make_all()
    end = registry.store.packages.retention(registry.packages["open"])["retain_until"]
    instant = end + microseconds * MICROSECOND
    connection = registry.store.connection
    with connection.transaction(force_rollback=True):
        connection.execute(SQL("SET LOCAL TimeZone = {}").format(Literal(zone)))
        connection.execute("SET LOCAL search_path = artifactstore, pg_temp")
        query = """
            SELECT d.due, d.mode <> 'none' AND d.state <> 'purged'
                AND destruction_problem(d.package_id, %(at)s, '{}') IS NULL
            FROM retention_due(%(at)s) d
            """
        rows = connection.execute(query, {"at": instant}).fetchall()
    assert len(rows) == len(registry.packages)
    assert all(due == allowed for due, allowed in rows)


@pytest.mark.parametrize("zone", ZONES)
def test_the_zone_of_the_server_does_not_matter(registry: Registry, zone: str) -> None:
    """RG04: what ends in an hour is not due, what ended a moment ago is; at the border it is due."""
    registry.make("in-an-hour", until=timedelta(hours=1))
    registry.make("now")
    registry.lapse()
    name = registry.program.admin.info.dbname
    alter = SQL("ALTER DATABASE {} SET TimeZone = {}")
    registry.program.admin.execute(alter.format(Identifier(name), Literal(zone)))
    with psycopg.connect(registry.program.conninfo, autocommit=True) as there:
        assert there.execute("SELECT current_setting('TimeZone')").fetchone() == (zone,)
        query = "SELECT purl, due FROM artifactstore.retention_due()"
        assert dict(there.execute(query).fetchall()) == {
            "pkg:generic/in-an-hour@1": False,
            "pkg:generic/now@1": True,
        }
    swept = registry.program.rows("sweep", "--apply", "--max", "5")
    assert [row["purl"] for row in swept] == ["pkg:generic/now@1"]

    end: datetime = registry.store.packages.retention(registry.packages["in-an-hour"])["retain_until"]
    for before, due in ((end - MICROSECOND, False), (end, True), (end + MICROSECOND, True)):
        listed = registry.program.rows("retention", "due", "--before", before.isoformat())
        assert {row["purl"]: row["due"] for row in listed}["pkg:generic/in-an-hour@1"] is due


def test_the_clock_is_that_of_the_statement(registry: Registry) -> None:
    """In a transaction that began before the end of retention, a package is due after it."""
    registry.make("soon", until=timedelta(seconds=3))
    connection = registry.store.connection
    with connection.transaction():
        assert not registry.rows()["soon"]["due"]
        registry.lapse()
        assert registry.rows()["soon"]["due"]


@pytest.mark.parametrize("before", ["2030-01-01T00:00:00", "2030-01-01", "yesterday", "2030-01-01T00:00:60Z"])
def test_times_without_zone_are_refused(registry: Registry, before: str) -> None:
    """RG04: a time that means another instant elsewhere is none."""
    outcome = registry.program.run("--json", "retention", "due", "--before", before)
    assert (outcome.code, outcome.stdout) == (2, "")


def test_before_a_duration_counts_from_the_clock_of_the_database(registry: Registry) -> None:
    registry.make("kept", until=timedelta(days=10))
    for before, due in (("9d", False), ("11d", True)):
        (row,) = registry.program.rows("retention", "due", "--before", before)
        assert row["due"] is due


def test_pages(registry: Registry) -> None:
    due = registry.make_all()
    whole = registry.program.rows("retention", "due")
    assert len(whole) == len(WHY)
    pages: list[dict[str, Any]] = []
    after: list[str] = []
    while page := registry.program.rows("retention", "due", "--limit", "3", *after):
        assert len(page) <= 3
        pages += page
        after = ["--after", page[-1]["package_id"]]
    assert pages == whole
    only = registry.program.rows("retention", "due", "--only-due")
    assert [row for row in whole if row["due"]] == only
    assert len(only) == len(due)


def test_an_extension_takes_a_package_off_the_list(registry: Registry) -> None:
    package_id = registry.make("p")
    end = registry.lapse()
    assert registry.rows()["p"]["due"]
    later = registry.store.log.clock() + timedelta(days=1)
    registry.append(package_id, RetentionExtended(from_=end, to=later))
    assert registry.rows()["p"]["why"] == "retention-active"


def test_readers_see_it_in_psql(registry: Registry, connect: Connect) -> None:
    registry.make("p")
    registry.lapse()
    reader = connect("reader", conninfo=registry.program.conninfo)
    rows = reader.execute("SELECT purl, action FROM artifactstore.retention_due() WHERE due").fetchall()
    assert rows == [("pkg:generic/p@1", "delete")]
