"""scripts/bench as a program."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from bench.benches import BENCHES

ROOT = Path(__file__).parents[2]

KEYS = {
    "name", "value", "min", "max", "unit", "baseline", "baseline_min", "baseline_max", "against", "ratio",
    "goal", "others", "noisy",
}  # fmt: skip


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_json_has_machine_and_figures_with_baselines_and_nothing_stays(server_conninfo: str) -> None:
    done = bench("replay", "--events", "200", "--json", "--database-url", server_conninfo)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {"cpu", "cores", "memory_gib", "postgresql", "python"} <= report["machine"].keys()
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert list(figures) == ["replay", "replay_one_by_one", "replay_worst_case", "replay_memory"]
    for figure in figures.values():
        assert figure.keys() == KEYS
        assert figure["min"] <= figure["value"] <= figure["max"]
        assert 0 <= figure["others"] <= 1
        assert figure["noisy"] is (figure["others"] > 0.05)
    assert figures["replay"]["baseline_min"] <= figures["replay"]["baseline"]
    assert {name: figure["goal"] for name, figure in figures.items()} == {
        "replay": 0.15,
        "replay_one_by_one": 4.0,
        "replay_worst_case": None,
        "replay_memory": 300.0,
    }
    replay = figures["replay"]
    assert replay["ratio"] == round(replay["value"] / replay["baseline"], 3)
    with psycopg.connect(server_conninfo) as connection:
        left = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'artifactstore_bench%'"
            " UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE 'artifactstore_bench%'"
        ).fetchall()
    assert left == []


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = bench("replay", "--database-url", f"host={tmp_path} dbname=postgres")
    assert done.returncode == 5
    assert "cannot be used" in done.stderr


def test_an_unknown_name_is_a_usage_error() -> None:
    assert bench("speed").returncode == 2


@pytest.mark.parametrize("name", ["all", "ingest", "help", "old_snapshot"])
def test_events_of_a_bench_that_has_none_to_choose_are_a_usage_error(name: str) -> None:
    done = bench(name, "--events", "500")
    assert done.returncode == 2
    assert "no number of events" in done.stderr


def test_one_figure_of_a_bench_can_be_asked_for(server_conninfo: str) -> None:
    done = bench("feed_cbor", "--events", "1000", "--json", "--database-url", server_conninfo)
    assert done.returncode == 0, done.stderr
    assert [figure["name"] for figure in json.loads(done.stdout)["figures"]] == ["feed_cbor"]


def test_help_says_what_every_bench_measures() -> None:
    done = bench("--help")
    assert done.returncode == 0
    for name in (name for one in BENCHES.values() for name in one.figures):
        assert f"\n{name} " in done.stdout


def test_the_bench_of_operation_finds_equal_views_and_no_reader_error(server_conninfo: str) -> None:
    done = bench("operate", "--events", "3000", "--json", "--database-url", server_conninfo)
    assert done.returncode == 0, done.stderr
    figures = {figure["name"]: figure for figure in json.loads(done.stdout)["figures"]}
    assert list(figures) == [
        "online_stall_seconds",
        "online_append_seconds",
        "online_replay",
        "from_snapshot",
        "from_snapshot_constant",
        "compare",
        "operate_memory",
    ]
    assert figures["online_stall_seconds"]["goal"] == 1.0
    assert 0 < figures["online_stall_seconds"]["value"] < 5
