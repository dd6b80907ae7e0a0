"""Same log, same rows, whatever the time zone, the locale, the formats and the plans (DESIGN §5.1).

Cases RPL06-09 and RPL11 of BUGS.md.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

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
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.fixture(scope="module")
def worlds() -> Iterator[list[Laboratory]]:
    """A laboratory in each environment."""
    with environments() as found, ExitStack() as stack:
        yield [Laboratory(stack.enter_context(one.connect())) for one in found]


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


def test_time_zone_locale_formats_and_plans_do_not_matter(worlds: list[Laboratory]) -> None:
    histories = [history(seed) for seed in range(HISTORIES)]
    first, *others = [outcomes(laboratory, histories) for laboratory in worlds]
    assert others != []
    assert {one.refused is None for one in first} == {True, False}
    for other in others:
        assert [one.verdict() for one in other] == [one.verdict() for one in first]
        assert [one.code for one in other] == [one.code for one in first]


def test_at_the_ends_of_the_calendar_they_do_not_matter_either(worlds: list[Laboratory]) -> None:
    histories = [on_edges(make_random(seed)) for seed in range(6)]
    first, *others = [outcomes(laboratory, histories) for laboratory in worlds]
    assert any(one.refused is None or one.refused > 30 for one in first)
    for other in others:
        assert [one.verdict() for one in other] == [one.verdict() for one in first]
