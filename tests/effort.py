"""How much is tried: all of it in continuous integration, where minutes count less than at a desk.

Of two servers the second repeats every test, and of random and repeated ones as many as at a desk
(``ARTIFACTSTORE_TEST_EFFORT=desk``, which scripts/test sets): what fails on one version alone fails at once.
"""

import os

import pytest

from tests.needs import in_ci

_MUCH = in_ci() and os.environ.get("ARTIFACTSTORE_TEST_EFFORT") != "desk"
IN_CI = pytest.mark.skipif(not in_ci(), reason="only with CI=true: it takes long and seldom finds anything")
EXAMPLES = 250 if _MUCH else 100
"""Random histories that are folded in ranges and one by one."""
LIVES = 500 if _MUCH else 15
"""Random histories in which packages share objects of a store, of twenty packages each."""
RESTORES = 80 if _MUCH else 15
"""Random histories with restores at random points."""
ROUNDS_SIDE_BY_SIDE = 40 if _MUCH else 8
"""Rounds in which replays, verify and pg_dump run at once."""
LONG_LOG = (100_000, 300) if _MUCH else (6_000, 300)
"""Events, and events of nearly 64 KiB, of the log that nothing may load as a whole."""
RACES = 20 if _MUCH else 3
"""Rounds in which many do the same at the same moment."""
LOOKS = 400 if _MUCH else 150
"""Requests that wait for an event which comes just then."""
STEPS_OF_A_WALK = 100 if _MUCH else 40
"""Commands over HTTP after each of which every answer is read again."""
SURROUNDINGS = 1_000 if _MUCH else 5
"""Of a table of odd surroundings, how many are tried."""
SLICES = 3 if _MUCH else 8
"""Of so many commands one is run in each of three surroundings: 3 runs every command once."""
CUTS = 3 if _MUCH else 1
"""Answers of a server after which its line is cut: each of the first ones, then in steps of a part of it."""
SEQUENCES = 100 if _MUCH else 48
"""Moments of a history that as-of is compared at."""
REQUESTS_OF_A_BURST = 500 if _MUCH else 60
"""Requests through nginx between two pauses, of which there are 19."""
