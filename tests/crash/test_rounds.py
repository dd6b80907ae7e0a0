"""A few rounds of scripts/crash, of which CI runs more: the log stays whole, the next command works."""

import time

from tests.crash.rounds import crashing
from tests.databases import programs

_SECONDS = 10.0


def test_whatever_is_killed_the_log_is_whole_and_the_next_command_works() -> None:
    seed = time.time_ns() % 10**6
    with crashing(programs(), seed) as rounds:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            try:
                rounds.run()
            except AssertionError as failure:
                raise AssertionError(f"seed {seed}: {failure}") from failure
    assert sum(rounds.outcome.rounds.values()) >= 2
    assert rounds.outcome.acknowledged > 10
