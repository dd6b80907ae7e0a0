"""What is reported: figures with their baselines and goals, and the machine that they hold for."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from bench import noise

ROUNDS = 5
"""How often everything is measured that is compared; the medians are reported."""


class Measured(float):
    """The median of some rounds, that knows all of them; so does what is computed of it round by round."""

    rounds: tuple[float, ...]

    def __new__(cls, rounds: Iterable[float]) -> "Measured":
        """Of at least one round."""
        kept = tuple(rounds)
        made = super().__new__(cls, statistics.median(kept))
        made.rounds = kept
        return made

    def __rtruediv__(self, other: float) -> "Measured":
        return Measured(other / one for one in self.rounds)

    def __rmul__(self, other: float) -> "Measured":
        return Measured(other * one for one in self.rounds)

    def __sub__(self, other: float) -> "Measured":
        """What it is more than ``other``, in the same round."""
        return Measured(a - b for a, b in zip(self.rounds, _rounds(other, len(self.rounds)), strict=True))


def _rounds(value: float, number: int = 1) -> tuple[float, ...]:
    """The rounds of a value; so many times the same if it was measured once."""
    return value.rounds if isinstance(value, Measured) else (value,) * number


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value.

    ``ratio`` is value / baseline, both from the same run. ``goal``: what ratio must reach (``at_most``: must
    not exceed) or, without a baseline, what value must stay under; None for a figure that is only told.
    ``against``: what the baseline is, where that depends on the machine. ``others``: share of the machine's
    processor time that others took meanwhile, None if that is not known.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    goal: float | None = None
    at_most: bool = False
    against: str | None = None
    others: float | None = None

    @property
    def ratio(self) -> float | None:
        """value / baseline."""
        return None if self.baseline is None else round(float(self.value) / float(self.baseline), 3)

    @property
    def noisy(self) -> bool | None:
        """Whether others took so much that the value says little; None if that is not known."""
        return None if self.others is None else self.others > noise.LIMIT

    @property
    def told_range(self) -> str:
        """The smallest and the largest round for people; empty for a single one."""
        rounds = _rounds(self.value)
        return "" if len(rounds) == 1 else f"{_told(min(rounds))} … {_told(max(rounds))}"

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        if self.ratio is None:
            return self.value < self.goal
        return self.ratio <= self.goal if self.at_most else self.ratio >= self.goal

    @property
    def told_goal(self) -> str:
        """The goal with the sign that says what it asks; empty without one."""
        if self.goal is None:
            return ""
        sign = "<" if self.ratio is None else "≤" if self.at_most else "≥"
        return f"{sign} {self.goal:g}"

    def as_json(self) -> dict[str, object]:
        """What ``--json`` prints of it: the fields, the ratio, and the extremes of all rounds."""
        return {
            "name": self.name,
            "value": self.value,
            "min": min(_rounds(self.value)),
            "max": max(_rounds(self.value)),
            "unit": self.unit,
            "baseline": self.baseline,
            "baseline_min": None if self.baseline is None else min(_rounds(self.baseline)),
            "baseline_max": None if self.baseline is None else max(_rounds(self.baseline)),
            "against": self.against,
            "ratio": self.ratio,
            "goal": self.goal,
            "others": self.others,
            "noisy": self.noisy,
        }


def interleaved(rounds: int, *measures: Callable[[], float]) -> list[Measured]:
    """The rounds of each measure; they take turns, so that a slow minute meets all alike."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [Measured(values) for values in zip(*taken, strict=True)]


def machine(connection: psycopg.Connection) -> dict[str, object]:
    """What the figures depend on: processor, cores, memory, system, Python, server and its main settings."""
    names = ("shared_buffers", "fsync", "synchronous_commit", "full_page_writes", "wal_level", "max_wal_size")
    settings = {name: _show(connection, name) for name in names}
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "postgresql": _show(connection, "server_version"),
        "settings": settings,
    }


def _show(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return "" if row is None else str(row[0])


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def to_json(about: dict[str, object], figures: Sequence[Figure]) -> str:
    """The report for programs."""
    return json.dumps({"machine": about, "figures": [figure.as_json() for figure in figures]}, indent=2)


def print_table(about: dict[str, object], figures: Sequence[Figure], console: Console) -> None:
    """The report for people."""
    table = Table()
    table.add_column("figure", no_wrap=True)
    for heading in ("value", "min … max", "baseline", "ratio", "goal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{_told(figure.value)} {figure.unit}",
            figure.told_range,
            "" if figure.baseline is None else _told(figure.baseline),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.told_goal,
            _verdict(figure),
        )
    console.print(table)
    for figure in figures:
        if figure.against is not None:
            console.print(f"baseline of {figure.name}: {figure.against}", highlight=False, markup=False)
    if any(figure.noisy for figure in figures):
        console.print("noisy: the share of the processors that others took meanwhile", highlight=False)
    console.print(
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, {about['system']}; "
        f"PostgreSQL {about['postgresql']}, Python {about['python']}"
    )


def _verdict(figure: Figure) -> str:
    """Whether the goal is reached, and whether that means something."""
    reached = {None: "", True: "reached", False: "missed"}[figure.reached]
    noisy = f"noisy ({figure.others:.0%})" if figure.others is not None and figure.noisy else ""
    return ", ".join(filter(None, (reached, noisy)))


def _told(value: float) -> str:
    """A value for people: three digits at least, none of them after the point of a large one."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
