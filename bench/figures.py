"""What is reported: figures with their baselines and goals, and the machine that they hold for."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

ROUNDS = 5
"""How often everything is measured that is compared; the medians are reported."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value.

    ``ratio`` is value / baseline, both from the same run. ``goal``: what ratio must reach (``at_most``: must
    not exceed) or, without a baseline, what value must stay under; None for a figure that is only told.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    goal: float | None = None
    at_most: bool = False

    @property
    def ratio(self) -> float | None:
        """value / baseline."""
        return None if self.baseline is None else round(self.value / self.baseline, 3)

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
        """name, value, unit, baseline, ratio, goal."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "baseline": self.baseline,
            "ratio": self.ratio,
            "goal": self.goal,
        }


def interleaved(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each measure; they take turns, so that a slow minute meets all alike."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [statistics.median(values) for values in zip(*taken, strict=True)]


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
    for heading in ("value", "baseline", "ratio", "goal"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{_told(figure.value)} {figure.unit}",
            "" if figure.baseline is None else _told(figure.baseline),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.told_goal,
            {None: "", True: "reached", False: "missed"}[figure.reached],
        )
    console.print(table)
    console.print(
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, {about['system']}; "
        f"PostgreSQL {about['postgresql']}, Python {about['python']}"
    )


def _told(value: float) -> str:
    """A value for people: three digits at least, none of them after the point of a large one."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
