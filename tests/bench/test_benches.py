"""Every bench at a size of its own for tests: its figures are there, and mean something."""

from dataclasses import replace
from typing import Any

import pytest

from artifactstore.jobs.verify import verify
from artifactstore.store import Store
from bench import (
    append_one,
    bulk,
    feed,
    growth,
    http_append,
    ingest,
    jobs,
    old_snapshot,
    pages,
    replay,
    startup,
    stores,
    tail,
)
from bench import verify as verify_bench
from bench.benches import ALL, BENCHES, find
from bench.database import Server
from bench.figures import Figure
from bench.grown import grow
from bench.plan import Bench, Events
from bench.replay import goal
from tests.databases import Connect

ISSUE_5 = (
    "append_one",
    "http_append",
    "bulk",
    "replay",
    "verify",
    "feed_json",
    "feed_cbor",
    "old_snapshot",
    "growth_append",
    "growth_feed",
    "ingest",
    "ingest_small",
    "help",
)

SMALL: dict[str, tuple[Bench[Any], object]] = {
    "append_one": (append_one.BENCH, Events(20)),
    "bulk": (bulk.BENCH, Events(1_500)),
    "verify": (verify_bench.BENCH, Events(300)),
    "replay and verify": (replay.WITH_VERIFY, replay.Replays(200, verified=True)),
    "jobs": (jobs.BENCH, Events(300)),
    "http_append": (http_append.BENCH, http_append.Rates(0.5)),
    "feed": (feed.BENCH, Events(1_200)),
    "tail": (tail.BENCH, Events(2_500)),
    "old_snapshot": (old_snapshot.BENCH, old_snapshot.Held(0.2)),
    "growth": (growth.BENCH, growth.Growth(1_500, short=300, appends=10, pages=3)),
    "pages": (pages.BENCH, pages.Pages(1_500, files=120, looks=2)),
    "ingest": (ingest.BENCH, ingest.Trees(2, library="json")),
    "stores": (stores.BENCH, stores.Bytes(50, 1 << 20)),
    "help": (startup.BENCH, startup.OneSize()),
}


def quiet(_: str) -> None:
    """Nobody waits."""


def measured(bench: Bench[Any], size: object, conninfo: str) -> dict[str, Figure]:
    return {figure.name: figure for figure in bench.measure(Server(conninfo, local=True), size, quiet)}


@pytest.mark.parametrize("name", SMALL)
def test_a_bench_measures_the_figures_that_it_names(name: str, server_conninfo: str) -> None:
    bench, size = SMALL[name]
    figures = measured(bench, size, server_conninfo)
    assert tuple(figures) == bench.figures
    assert all(figure.value > 0 for figure in figures.values())
    assert all(figure.baseline is None or figure.baseline > 0 for figure in figures.values())
    assert {figure.at_most for figure in figures.values()} == {name == "growth"}
    assert all(f"\n{figure} " in f"\n{bench.about}" for figure in figures if figure != "verify")


@pytest.mark.parametrize("events", [2, 3, 4, 503])
def test_a_grown_log_and_its_views_are_what_appends_would_have_made(connect: Connect, events: int) -> None:
    connection = connect()
    grow(connection, events, quiet)
    store = Store(connection)
    assert store.log.head() == events
    assert verify(store, connect).findings == []


def test_a_grown_log_has_files_whose_copies_are_good(connect: Connect) -> None:
    connection = connect()
    grow(connection, 503, quiet)
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE state = 'verified') FROM artifactstore.storage_locations"
    ).fetchone()
    assert row == (249, 249)


def test_all_measures_every_figure_once() -> None:
    names = [name for bench in ALL for name in bench.figures]
    assert len(names) == len(set(names))
    peers = set(BENCHES["peers"].figures)
    assert set(names) == {name for bench in BENCHES.values() for name in bench.figures} - peers
    assert set(ISSUE_5) <= set(names)


@pytest.mark.parametrize("name", ISSUE_5)
def test_every_figure_is_a_name(name: str) -> None:
    benches, only = find(name)
    assert len(benches) == 1
    assert name in benches[0].figures
    assert only == (set(BENCHES[name].figures) if name in BENCHES else {name})


def test_a_figure_is_measured_by_the_smallest_bench_that_has_it() -> None:
    assert find("http_append")[0] == (http_append.BENCH,)
    assert find("group_append")[0] == (http_append.BENCH,)
    assert find("verify")[0] == (verify_bench.BENCH,)


def test_several_names_run_each_bench_once() -> None:
    benches, wanted = find("feed_json", "tail", "feed_cbor")
    assert benches == (BENCHES["feed"], BENCHES["tail"])
    assert wanted == {"feed_json", "tail", "feed_cbor"}
    assert find("all", "peers", "append_16")[0] == (*ALL, BENCHES["peers"])


def test_an_unknown_name_is_none_of_them() -> None:
    with pytest.raises(KeyError):
        find("speed")


def test_the_goal_of_replay_depends_on_the_length_of_the_log() -> None:
    assert [goal(events) for events in (200_000, 999_999, 1_000_000)] == [0.15, 0.15, 0.3]
    assert replay.BENCH.full == replay.Replays(200_000)
    assert replay.WITH_VERIFY.full.events == 1_000_000


def test_a_size_can_be_chosen_where_it_is_a_number_of_events() -> None:
    assert replay.BENCH.size(quick=True, events=500) == replace(replay.BENCH.quick, events=500)
    assert growth.BENCH.size(quick=False).events == 5_000_000
    assert not ingest.BENCH.by_events
    assert not startup.BENCH.by_events
