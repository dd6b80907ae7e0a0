"""Time in tests: what must come is waited for with patience, what has a bound has slack for a busy machine.

A test that is judged by a clock must fail for what is wrong with the program and for nothing else. So:

- ``until`` waits for what must come. It costs nothing while that comes, and may be patient.
- ``within`` holds a bound of the program and adds ``SLACK``. It is for what a broken program would do much
  later, or never: a wait that nothing ends, a limit that does not act.
- ``at_best`` repeats what can be repeated, and judges the best try. It is for work that takes long each time
  when the program is at fault: a pause of the machine does not come each time.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 30.0
"""Seconds until a test gives up waiting for something that should be there at once."""

SLACK = 3.0
"""Seconds that a busy machine may add to a bound; four workers on two cores were seen to pause for one."""

SOON = 1.0 + SLACK
"""Seconds until whoever waits for an event, or for a refusal, is answered: one, as the pages promise."""

_TRIES = 3


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE, pause: float = 0.01) -> float:
    """Return as soon as ``true()`` is, with the seconds that it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(pause)
    return time.monotonic() - began


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is done in this takes no longer than the program promises, and the slack of the machine."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds + SLACK, (
        f"{took:.1f} s, not {seconds:g} s and at most {SLACK:g} s for a busy machine"
    )


def at_best(measure: Callable[[], float], bound: float) -> float:
    """The least of up to three measures, which is tried again while it is above the bound."""
    best = measure()
    for _ in range(_TRIES - 1):
        if best <= bound:
            break
        best = min(best, measure())
    return best


def seconds_of(act: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> float:
    """How long it takes, by a clock."""
    began = clock()
    act()
    return clock() - began
