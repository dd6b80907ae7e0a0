"""How much is tried: all of it in continuous integration, where minutes count less than at a desk."""

import os

import pytest

_CI = os.environ.get("CI") == "true"
IN_CI = pytest.mark.skipif(not _CI, reason="only with CI=true: it takes long and seldom finds anything")
EXAMPLES = 500 if _CI else 100
"""Random histories that are folded in ranges and one by one."""
RESTORES = 200 if _CI else 15
"""Random histories with restores at random points."""
ROUNDS_SIDE_BY_SIDE = 100 if _CI else 8
"""Rounds in which replays, verify and pg_dump run at once."""
STEPS_OF_A_WALK = 100 if _CI else 40
"""Commands over HTTP after each of which every answer is read again."""
SEQUENCES = 200 if _CI else 48
"""Moments of a history that as-of is compared at."""
