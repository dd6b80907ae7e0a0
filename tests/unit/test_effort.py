"""Tables that are tried in turns: every row has one, and what is no such table is tried always."""

from pathlib import Path

import pytest

from tests.effort import TABLES, TURNS, is_due

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_there_and_each_row_has_one_turn(table: str) -> None:
    assert (ROOT / table).is_file()
    rows = [f"{table}::test_it[{number}]" for number in range(300)]
    turns = [[row for row in rows if is_due(row, str(turn))] for turn in range(TURNS)]
    assert sorted(row for turn in turns for row in turn) == sorted(rows)
    assert min(map(len, turns)) > len(rows) // TURNS // 2
    assert all(is_due(row, None) for row in rows)


def test_what_is_no_table_is_tried_in_every_turn() -> None:
    assert all(is_due("tests/sql/test_append.py::test_it[1]", str(turn)) for turn in range(TURNS))
