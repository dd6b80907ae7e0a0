"""How much is tried: all of it in continuous integration, where minutes count less than at a desk."""

import pytest

from tests.needs import in_ci

_CI = in_ci()
IN_CI = pytest.mark.skipif(not _CI, reason="only with CI=true: it takes long and seldom finds anything")
EXAMPLES = 500 if _CI else 100
"""Random histories that are folded in ranges and one by one."""
RESTORES = 200 if _CI else 15
"""Random histories with restores at random points."""
ROUNDS_SIDE_BY_SIDE = 100 if _CI else 8
"""Rounds in which replays, verify and pg_dump run at once."""
LONG_LOG = (100_000, 300) if _CI else (6_000, 300)
"""Events, and events of nearly 64 KiB, of the log that nothing may load as a whole."""
RACES = 20 if _CI else 3
"""Rounds in which many do the same at the same moment."""
LOOKS = 1000 if _CI else 150
"""Requests that wait for an event which comes just then."""
STEPS_OF_A_WALK = 100 if _CI else 40
"""Commands over HTTP after each of which every answer is read again."""
SURROUNDINGS = 1_000 if _CI else 5
"""Of a table of odd surroundings, how many are tried."""
SLICES = 2 if _CI else 8
"""Of so many commands one is run in surroundings where all should be."""
CUTS = 3 if _CI else 1
"""Answers of a server after which its line is cut: each of the first ones, then in steps of a part of it."""
SEQUENCES = 200 if _CI else 48
"""Moments of a history that as-of is compared at."""
REQUESTS_OF_A_BURST = 500 if _CI else 60
"""Requests through nginx between two pauses, of which there are 19."""
