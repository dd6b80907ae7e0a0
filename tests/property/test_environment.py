"""Same log, same rows, whatever the time zone, the locale, the formats and the plans (decision 0004).

Cases RPL06, RPL07, RPL08, RPL09 and RPL11.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
import pytest

from artifactstore import server
from artifactstore.migrate import migrate
from tests.databases import TEST_PREFIX, superuser_conninfo
from tests.property.environments import environments
from tests.property.histories import (
    History,
    allowed_history,
    make_random,
    shuffled_history,
    spoiled_history,
)
from tests.property.runs import Laboratory, Outcome

HISTORIES = 45
ICU_LOCALE = "tr-TR-u-ka-shifted-kn-true"
"""Turkish, without punctuation, and with digits as numbers."""
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.fixture(scope="module")
def worlds(laboratory: Laboratory) -> Iterator[list[Laboratory]]:
    """A laboratory in each environment, and that of the test server: C.UTF-8 of libc."""
    with environments() as found, ExitStack() as stack:
        yield [*(Laboratory(stack.enter_context(one.connect())) for one in found), laboratory]


@pytest.fixture(scope="module")
def world_of_icu(cluster: server.Cluster, server_conninfo: str) -> Iterator[Laboratory]:
    """A laboratory in the database ``postgres`` of a cluster whose locale provider is ICU."""
    with psycopg.connect(server_conninfo) as connection:
        if not connection.execute("SELECT FROM pg_collation WHERE collname = 'tr-x-icu'").fetchall():
            pytest.skip("the PostgreSQL under test was built without ICU")
    home = cluster.sockets.parent
    made = replace(cluster, data=home / "icu", sockets=home / "icu-run", log=home / "icu-run" / "log")
    made.sockets.mkdir()
    made.hand_over(made.sockets)
    made.run(
        "initdb", "--pgdata", str(made.data), "--username", server.SUPERUSER, "--auth", "trust", "--no-sync",
        "--encoding", "UTF8", "--locale-provider", "icu", "--icu-locale", ICU_LOCALE, "--locale", "C.UTF-8",
    )  # fmt: skip
    with (made.data / "postgresql.conf").open("a") as settings:
        settings.write("fsync = off\n")
    made.start()
    try:
        conninfo = superuser_conninfo(made)
        migrate(conninfo, role_prefix=TEST_PREFIX)
        with psycopg.connect(conninfo) as connection:
            provider = "SELECT datlocprovider::text FROM pg_database WHERE datname = current_database()"
            assert connection.execute(provider).fetchone() == ("i",)
            yield Laboratory(connection)
    finally:
        made.stop()


@pytest.fixture(scope="module")
def expected(worlds: list[Laboratory]) -> list[Outcome]:
    """What comes of the histories where the locale is C."""
    return outcomes(worlds[0], [history(seed) for seed in range(HISTORIES)])


def history(seed: int) -> History:
    """One of the three kinds, in turn."""
    makers = (allowed_history, spoiled_history, shuffled_history)
    return makers[seed % 3](make_random(seed), 60)


def on_edges(rng: Random) -> History:
    """A history at the ends of the calendar: its first half in the year 1, its second at the end of 9999."""
    rows = allowed_history(rng, 60, live=True).rows
    times = [FIRST + timedelta(microseconds=n) for n in range(30)] + [LAST] * 30
    return History(
        tuple(replace(row, created_at=time) for row, time in zip(rows, times, strict=True)), known=False
    )


def outcomes(laboratory: Laboratory, histories: list[History]) -> list[Outcome]:
    """Each history folded as one range, or one by one every other time."""
    found = []
    for number, one in enumerate(histories):
        try:
            laboratory.load(one)
            length = len(one.rows)
            found.append(laboratory.fold("folded", range(1, length + 1) if number % 2 else [length]))
        finally:
            laboratory.forget()
    return found


def assert_same(found: list[Outcome], expected: list[Outcome]) -> None:
    """The same rows, and the same first refusal: its sequence, its SQLSTATE, its code."""
    assert [one.verdict() for one in found] == [one.verdict() for one in expected]
    assert [one.code for one in found] == [one.code for one in expected]


def test_time_zone_locale_formats_and_plans_do_not_matter(
    worlds: list[Laboratory], expected: list[Outcome]
) -> None:
    """RPL06."""
    histories = [history(seed) for seed in range(HISTORIES)]
    assert {one.refused is None for one in expected} == {True, False}
    for other in worlds[1:]:
        assert_same(outcomes(other, histories), expected)


def test_rpl11_nor_does_a_cluster_of_icu(expected: list[Outcome], world_of_icu: Laboratory) -> None:
    """initdb chose ICU, with rules that are as far from the order of bytes as they get."""
    assert_same(outcomes(world_of_icu, [history(seed) for seed in range(HISTORIES)]), expected)
    folded = world_of_icu.connection.execute("SELECT 'a-10' > 'a9', 'İ' > 'j', upper('i') = 'İ'").fetchone()
    assert folded == (True, False, True)


def test_at_the_ends_of_the_calendar_they_do_not_matter_either(worlds: list[Laboratory]) -> None:
    histories = [on_edges(make_random(seed)) for seed in range(6)]
    first, *others = [outcomes(laboratory, histories) for laboratory in worlds]
    assert any(one.refused is None or one.refused > 30 for one in first)
    for other in others:
        assert_same(other, first)
