"""What judges others by a clock: slow once is forgiven, slow each time is not."""

import itertools
import time

import pytest

from tests import timing
from tests.timing import at_best, seconds_of, until, within


@pytest.mark.parametrize(
    ("measured", "judged", "tries"),
    [([0.5], 0.5, 1), ([9, 0.5], 0.5, 2), ([9, 8, 0.5], 0.5, 3), ([9, 7, 8, 0.5], 7, 3)],
)
def test_at_best_is_the_least_of_three_and_stops_at_the_first_that_is_good(
    measured: list[float], judged: float, tries: int
) -> None:
    left = iter(measured)
    assert at_best(lambda: next(left), 1) == judged
    assert len(measured) - len(list(left)) == tries


def test_within_adds_the_slack_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SLACK", 0.2)
    with within(0.1):
        time.sleep(0.1)
    with pytest.raises(AssertionError, match=r"not 0\.1 s"), within(0.1):
        time.sleep(0.31)


def test_until_tells_how_long_it_took_and_what_did_not_come() -> None:
    looks = itertools.count()
    assert until(lambda: next(looks) == 3, "the fourth look") >= 0.03
    with pytest.raises(AssertionError, match="what never comes"):
        until(lambda: False, "what never comes", seconds=0.05)


def test_seconds_of_reads_the_clock_that_it_is_given() -> None:
    clock = iter([1.0, 3.5])
    assert seconds_of(lambda: None, lambda: next(clock)) == 2.5
