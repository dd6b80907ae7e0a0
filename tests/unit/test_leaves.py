"""The identity of an event in Python: the vectors of AS-LEAF/1, and that every column counts."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactstore.codec import Problem
from artifactstore.leaves import (
    FIRST_MICROS,
    LAST_MICROS,
    check_all_columns,
    check_columns,
    identity,
    leaf,
)
from artifactstore.store import LoggedEvent
from tests import leaves

_ROWS: st.SearchStrategy[list[Sequence[Any]]] = st.lists(
    st.tuples(
        st.integers(1, 2**53),
        st.integers(FIRST_MICROS, LAST_MICROS),
        st.text(),
        st.text(),
        st.none() | st.binary(min_size=16, max_size=16),
        st.text(),
        st.binary(),
        st.binary(),
    ),
    max_size=4,
)
_STRANGE: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 1, 2**63, FIRST_MICROS - 1, LAST_MICROS + 1, 1.0, "", b"", bytes(15), [], {}]
)


@pytest.mark.parametrize(("event", "expected"), list(leaves.own()))
def test_vectors(event: LoggedEvent, expected: str) -> None:
    assert identity(event).hex() == expected


def test_vectors_of_other_implementations() -> None:
    for event, expected_leaf, expected_hash in leaves.others():
        assert (leaf(event).hex(), identity(event).hex()) == (expected_leaf, expected_hash), event


def test_f05_every_column_is_part_of_the_identity() -> None:
    event, _ = next(leaves.own())
    others = [
        event._replace(sequence=2),
        event._replace(created_at=event.created_at + timedelta(microseconds=1)),
        event._replace(event_type="v1.package.sealed"),
        event._replace(subject_kind="file"),
        event._replace(subject_id=UUID(int=1)),
        event._replace(subject_id=None),
        event._replace(actor="user:bob"),
        event._replace(payload=b"\xa1aa\0"),
        event._replace(payload_digest=bytes(32)),
    ]
    assert len({identity(one) for one in (event, *others)}) == 1 + len(others)


def _outcome(check: Callable[[], object]) -> object:
    try:
        return check()
    except Problem as problem:
        return problem.text


@given(_ROWS, st.data())
def test_rows_together_are_judged_as_each_alone(rows: list[Sequence[Any]], data: st.DataObject) -> None:
    strange: bool = data.draw(st.booleans())
    if rows and strange:
        row, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 7))
        rows[row] = (*rows[row][:column], data.draw(_STRANGE), *rows[row][column + 1 :])
    alone = _outcome(lambda: list(map(check_columns, rows)))
    assert _outcome(lambda: check_all_columns(rows)) == alone
