"""Figures, their goals, and the guard against ratios that are far off."""

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from bench import guard
from bench.benches import ALL
from bench.figures import Figure, interleaved, print_table, to_json


@pytest.mark.parametrize(
    ("figure", "told", "reached"),
    [
        (Figure("told", 1.0, "s"), "", None),
        (Figure("enough", 60.0, "1/s", 100.0, goal=0.6), "≥ 0.6", True),
        (Figure("too few", 59.0, "1/s", 100.0, goal=0.6), "≥ 0.6", False),
        (Figure("as long", 1.2, "s", 1.0, goal=1.2, at_most=True), "≤ 1.2", True),
        (Figure("longer", 1.3, "s", 1.0, goal=1.2, at_most=True), "≤ 1.2", False),
        (Figure("under", 119.0, "ms", goal=120.0), "< 120", True),
        (Figure("not under", 120.0, "ms", goal=120.0), "< 120", False),
    ],
)
def test_a_goal_is_reached_or_missed(figure: Figure, told: str, reached: bool | None) -> None:
    assert figure.told_goal == told
    assert figure.reached is reached


def test_json_has_six_keys_whatever_the_goal_asks() -> None:
    figures = [Figure("a", 2.0, "s", 1.0, goal=1.2, at_most=True), Figure("b", 1.0, "s")]
    report = json.loads(to_json({"cpu": "x"}, figures))
    assert report == {
        "machine": {"cpu": "x"},
        "figures": [
            {"name": "a", "value": 2.0, "unit": "s", "baseline": 1.0, "ratio": 2.0, "goal": 1.2},
            {"name": "b", "value": 1.0, "unit": "s", "baseline": None, "ratio": None, "goal": None},
        ],
    }


def test_the_table_tells_small_values_too() -> None:
    about: dict[str, Any] = dict.fromkeys(
        ("cpu", "cores", "memory_gib", "system", "postgresql", "python"), "x"
    )
    out = StringIO()
    print_table(about, [Figure("short", 0.0123, "s", 12_345.6)], Console(file=out, width=120))
    assert "0.0123 s" in out.getvalue()
    assert "12,346" in out.getvalue()


def test_measures_take_turns_and_medians_are_told() -> None:
    order: list[str] = []
    values = iter([5.0, 1.0, 3.0])

    def first() -> float:
        order.append("first")
        return next(values)

    def second() -> float:
        order.append("second")
        return 7.0

    assert interleaved(3, first, second) == [3.0, 7.0]
    assert order == ["first", "second"] * 3


@pytest.mark.parametrize(
    ("ratio", "at_most", "far"),
    [(0.26, False, False), (0.24, False, True), (0.99, True, False), (1.01, True, True), (9.0, False, False)],
)
def test_the_guard_tells_what_is_worse_by_half(
    monkeypatch: pytest.MonkeyPatch, ratio: float, at_most: bool, far: bool
) -> None:
    monkeypatch.setattr(guard, "FLOORS", {"known": 0.5})
    figure = Figure("known", ratio, "1/s", 1.0, at_most=at_most)
    assert [problem.partition(":")[0] for problem in guard.far_off([figure])] == ["known"] * far


def test_the_guard_leaves_out_what_it_does_not_know_or_has_no_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "FLOORS", {"known": 0.5})
    assert guard.far_off([Figure("known", 0.0, "s"), Figure("unknown", 0.0, "1/s", 1.0)]) == []


def test_the_guard_knows_figures_that_are_measured_and_none_else() -> None:
    assert guard.FLOORS.keys() <= {name for bench in ALL for name in bench.figures}
    assert {"append_one", "bulk", "replay", "verify", "feed_json", "http_append"} <= guard.FLOORS.keys()
