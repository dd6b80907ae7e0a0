"""Figures, their goals, and the guard against ratios that are far off."""

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from bench import guard
from bench.benches import ALL
from bench.figures import Figure, Measured, interleaved, print_table, to_json


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


def test_json_has_the_extremes_of_both_sides_and_what_others_took() -> None:
    figures = [
        Figure(
            "a",
            Measured([3.0, 1.0, 2.0]),
            "s",
            Measured([1.0, 1.0, 4.0]),
            goal=1.2,
            at_most=True,
            others=0.06,
        ),
        Figure("b", 1.0, "s", against="a program"),
    ]
    report = json.loads(to_json({"cpu": "x"}, figures))
    assert report == {
        "machine": {"cpu": "x"},
        "figures": [
            {"name": "a", "value": 2.0, "min": 1.0, "max": 3.0, "unit": "s", "baseline": 1.0,
             "baseline_min": 1.0, "baseline_max": 4.0, "against": None, "ratio": 2.0, "goal": 1.2,
             "others": 0.06, "noisy": True},
            {"name": "b", "value": 1.0, "min": 1.0, "max": 1.0, "unit": "s", "baseline": None,
             "baseline_min": None, "baseline_max": None, "against": "a program", "ratio": None, "goal": None,
             "others": None, "noisy": None},
        ],
    }  # fmt: skip


def test_what_is_computed_of_rounds_is_computed_of_each() -> None:
    seconds = Measured([4.0, 1.0, 2.0])
    assert seconds == 2.0
    assert (8 / seconds).rounds == (2.0, 8.0, 4.0)
    assert (1000 * (seconds - Measured([1.0, 1.0, 1.0]))).rounds == (3000.0, 0.0, 1000.0)
    assert (seconds - 1.0).rounds == (3.0, 0.0, 1.0)


def test_the_table_says_what_was_measured_in_noise() -> None:
    about: dict[str, Any] = dict.fromkeys(
        ("cpu", "cores", "memory_gib", "system", "postgresql", "python"), "x"
    )
    out = StringIO()
    figures = [
        Figure("loud", Measured([100.0, 300.0]), "s", 50.0, goal=1.0, others=0.37, against="pgbench"),
        Figure("still", 1.0, "s", others=0.05),
    ]
    print_table(about, figures, Console(file=out, width=160))
    loud, still = (
        next(line for line in out.getvalue().splitlines() if name in line) for name in ("loud", "still")
    )
    assert "100 … 300" in loud
    assert "reached, noisy (37%)" in loud
    assert "noisy" not in still
    assert "noisy: the share" in out.getvalue()
    assert "baseline of loud: pgbench" in out.getvalue()


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

    measured = interleaved(3, first, second)
    assert measured == [3.0, 7.0]
    assert [one.rounds for one in measured] == [(5.0, 1.0, 3.0), (7.0, 7.0, 7.0)]
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
