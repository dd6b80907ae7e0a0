"""Exact projection: folding in ranges gives what folding one by one gives: rows, first refusal, code.

Cases RPL06 and RPL17.
"""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.effort import EXAMPLES
from tests.property.histories import (
    REFUSALS,
    History,
    allowed_history,
    histories,
    make_random,
    spoiled_history,
)
from tests.property.runs import Laboratory, fold_both_ways


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories(), seed=st.integers(0, 2**32 - 1))
def test_ranges_fold_to_what_one_by_one_folds_to(laboratory: Laboratory, history: History, seed: int) -> None:
    fold_both_ways(laboratory, history, seed)


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_is_met_however_the_history_is_cut(laboratory: Laboratory, name: str) -> None:
    for seed in range(500):
        history = spoiled_history(make_random(seed), 40, name, alone=True)
        if history.refusal is not None:
            assert fold_both_ways(laboratory, history, seed).refused == history.refusal[0]
            return
    pytest.fail("no history met it")


def test_a_long_allowed_history_is_folded_whole(laboratory: Laboratory) -> None:
    outcome = fold_both_ways(laboratory, allowed_history(make_random(2), 1500), 1)
    assert outcome.refused is None
    assert all(outcome.rows.values()), "a view that no event wrote was not compared"
