"""What append leaves is what a rebuild makes of the log, and a refused append leaves nothing (case GAP02)."""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.property.histories import (
    REFUSALS,
    Row,
    allowed_history,
    cut,
    make_random,
    spoiled_history,
)
from tests.property.runs import Laboratory, append_rows

EXAMPLES = 40
NOT_LIVE = ("hole", "system.initialized bad-subject", "system.restored not-found")
"""Not refused by append, or only in a log that does not begin as append makes it begin."""


def append(connection: psycopg.Connection, rows: Sequence[Row]) -> None:
    """Append rows through the door, in a savepoint of their own."""
    with connection.transaction():
        append_rows(connection, rows)


def state(laboratory: Laboratory) -> tuple[Any, Any]:
    """Head of the log and all rows of the live views."""
    found = laboratory.connection.execute("SELECT artifactstore.log_head()").fetchone()
    assert found is not None
    return found[0], laboratory.rows("artifactstore")


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
@given(length=st.integers(1, 80), seed=st.integers(0, 2**32 - 1))
def test_appended_in_batches_the_live_views_are_those_of_a_rebuild(
    laboratory: Laboratory, length: int, seed: int
) -> None:
    rng = make_random(seed)
    rows = allowed_history(rng, length, live=True).rows
    with laboratory.connection.transaction(force_rollback=True):
        first = 0
        for end in cut(rng, length):
            append(laboratory.connection, rows[first:end])
            first = end
        assert state(laboratory)[0] == length
        laboratory.connection.execute("SELECT artifactstore.rebuild('again')")
        differences = laboratory.connection.execute(
            "SELECT * FROM artifactstore.compare_view_sets('artifactstore', 'again')"
        ).fetchall()
        assert differences == []


@pytest.mark.parametrize("name", [name for name in REFUSALS if name not in NOT_LIVE])
def test_a_refused_append_leaves_head_and_views(laboratory: Laboratory, name: str) -> None:
    for seed in range(500):
        rng = make_random(seed)
        history = spoiled_history(rng, 30, name, live=True)
        if history.refusal is not None:
            break
    else:
        pytest.fail("no history met it")
    refused, code = history.refusal
    first = rng.randrange(refused)
    with laboratory.connection.transaction(force_rollback=True):
        if first > 0:
            append(laboratory.connection, history.rows[:first])
        before = state(laboratory)
        with pytest.raises(psycopg.Error) as refusal:
            append(laboratory.connection, history.rows[first:])
        detail = json.loads(refusal.value.diag.message_detail or "{}")
        assert detail["code"] == code
        assert detail.get("sequence", detail.get("position", 0) + first) == refused
        assert state(laboratory) == before
        # What came before it is accepted: it alone was the reason.
        if refused - 1 > first:
            append(laboratory.connection, history.rows[first : refused - 1])
