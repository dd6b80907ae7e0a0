"""Events per minute as a chart of stacked bars: what is drawn where; the template draws it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from artifactstore.store import Row

WIDTH, HEIGHT = 720, 180
_LEFT, _TOP, _BOTTOM = 44, 8, 24
_SERIES = 5
OTHERS = "others"
_MINUTE = timedelta(minutes=1)


class Bar(NamedTuple):
    """A rectangle: ``series`` is the place of its type among ``Chart.series``."""

    series: int
    x: float
    y: float
    width: float
    height: float
    title: str


class Tick(NamedTuple):
    """A mark of an axis, where its text stands."""

    text: str
    x: float
    y: float


class Chart(NamedTuple):
    """What is drawn, and the same as a table.

    Attributes:
        series: event types, those with most events first; all beyond five are others.
        table: minutes that have events, the newest first, with how many of each series.
        total, peak: events in all, and of the minute with most.
    """

    series: list[str]
    bars: list[Bar]
    across: list[Tick]
    up: list[Tick]
    table: list[tuple[datetime, list[int]]]
    total: int
    peak: int


def chart(rows: Sequence[Row], now: datetime, minutes: int) -> Chart:
    """Draw the rows of ``Activity.per_minute`` of so many minutes that end with the present one."""
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row["event_type"]] += row["events"]
    names = [name for name, _ in totals.most_common()]
    series = names[:_SERIES] + ([OTHERS] if len(names) > _SERIES else [])
    place = {name: min(index, _SERIES) for index, name in enumerate(names)}
    last = now.astimezone(UTC).replace(second=0, microsecond=0)
    first = last - (minutes - 1) * _MINUTE
    counted: dict[datetime, list[int]] = {}
    for row in rows:
        counted.setdefault(row["minute"], [0] * len(series))[place[row["event_type"]]] += row["events"]
    peak = max((sum(counts) for counts in counted.values()), default=0)
    top = _round_up(peak)
    step = (WIDTH - _LEFT) / minutes
    bars = []
    for minute, counts in counted.items():
        x, y = _LEFT + step * ((minute - first) // _MINUTE), float(HEIGHT - _BOTTOM)
        for index, count in enumerate(counts):
            height = _tall(count, top)
            y -= height
            if count:
                title = f"{minute:%H:%M}: {count} {series[index]}"
                bars.append(Bar(index, round(x, 1), round(y, 1), round(step - 1, 1), round(height, 1), title))
    across = [
        Tick(f"{first + n * _MINUTE:%H:%M}", round(_LEFT + step * (n + 0.5), 1), HEIGHT - 6)
        for n in range(minutes)
        if (first + n * _MINUTE).minute % 10 == 0
    ]
    up = [Tick(f"{n:,}", _LEFT - 6, round(HEIGHT - _BOTTOM - _tall(n, top), 1)) for n in (0, top // 2, top)]
    table = sorted(counted.items(), reverse=True)
    return Chart(series, bars, across, up, table, totals.total(), peak)


def _tall(count: int, top: int) -> float:
    return count / top * (HEIGHT - _TOP - _BOTTOM)


def _round_up(count: int) -> int:
    """The least of 2, 4, 10, 20, 40, 100, … that is not below the count: its half is whole too."""
    scale = 1
    while True:
        for factor in (2, 4, 10):
            if factor * scale >= count:
                return factor * scale
        scale *= 10
