"""How much is tried: all of it in continuous integration, where minutes count less than at a desk.

Of two servers the second repeats every test, and of random and repeated ones as many as at a desk
(``ARTIFACTSTORE_TEST_EFFORT=desk``, which scripts/test sets): what fails on one version alone fails at once.
"""

import os
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from tests.needs import in_ci

_MUCH = in_ci() and os.environ.get("ARTIFACTSTORE_TEST_EFFORT") != "desk"
IN_CI = pytest.mark.skipif(not in_ci(), reason="only with CI=true: it takes long and seldom finds anything")
EXAMPLES = 150 if _MUCH else 100
"""Random histories that are folded in ranges and one by one."""
LIVES = 500 if _MUCH else 15
"""Random histories in which packages share objects of a store, of twenty packages each."""
RESTORES = 40 if _MUCH else 15
"""Random histories with restores at random points."""
ROUNDS_SIDE_BY_SIDE = 16 if _MUCH else 8
"""Rounds in which replays, verify and pg_dump run at once."""
LONG_LOG = (30_000, 300) if _MUCH else (6_000, 300)
"""Events, and events of nearly 64 KiB, of the log that nothing may load as a whole."""
RACES = 5 if _MUCH else 3
"""Rounds in which many do the same at the same moment."""
LOOKS = 200 if _MUCH else 150
"""Requests that wait for an event which comes just then."""
STEPS_OF_A_WALK = 60 if _MUCH else 40
"""Commands over HTTP after each of which every answer is read again."""
SURROUNDINGS = 1_000 if _MUCH else 5
"""Of a table of odd surroundings, how many are tried."""
SLICES = 3 if _MUCH else 8
"""Of so many commands one is run in each of three surroundings: 3 runs every command once."""
CUTS = 2 if _MUCH else 1
"""Answers of a server after which its line is cut: each of the first ones, then in steps of a part of it."""
SEQUENCES = 64 if _MUCH else 48
"""Moments of a history that as-of is compared at."""
REQUESTS_OF_A_BURST = 200 if _MUCH else 60
"""Requests through nginx between two pauses, of which there are 19."""
STATES_OF_BYTES = 100_000 if _MUCH else 30_000
"""States of three uploads, removers, a collector and a clock that are looked at, the nearest first."""
SOAK_SECONDS = 60.0 if _MUCH else 5.0
"""Seconds of uploads, purges, removers and a collector at once."""

TURNS = 3
TABLES = (
    "tests/browser/test_pages.py", "tests/cli/test_completion.py", "tests/cli/test_man.py",
    "tests/cli/test_refused_by_the_world.py", "tests/cli/test_surrogates.py", "tests/cli/test_waits.py",
    "tests/crash/test_keeping.py", "tests/http/test_surrogates.py", "tests/replay/test_parts.py",
    "tests/replay/test_verify_payloads.py", "tests/security/test_attack_table.py",
    "tests/security/test_grants.py", "tests/security/test_guards.py", "tests/security/test_remedies.py",
    "tests/stores/test_contract.py", "tests/stores/test_keeper_killed.py", "tests/stores/test_kill.py",
    "tests/stores/test_s3_faults.py", "tests/surroundings/test_cut_lines.py",
    "tests/surroundings/test_places.py", "tests/surroundings/test_serving.py",
    "tests/surroundings/test_settings.py",
)  # fmt: skip
"""Files whose long tables are tried in turns where ``ARTIFACTSTORE_TEST_TURN`` is set, as .ci/run does.

The turn comes from the name of the commit: the same for the same commit, by chance for another one. Without
the variable all rows are tried.
"""


def is_due(nodeid: str, turn: str | None) -> bool:
    """Whether a row of a table, a test with parameters, is tried in a turn."""
    return (
        turn is None or not nodeid.startswith(TABLES) or crc32(nodeid.encode()) % TURNS == int(turn) % TURNS
    )


def be_patient() -> None:
    """No random example fails because the machine is busy; examples share a database on purpose."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    # On what hypothesis chose for where it runs: the profile of CI has more.
    settings.register_profile("patient", settings(), deadline=None, suppress_health_check=checks)
    settings.load_profile("patient")
