"""The stages of sql/ are true: a file uses what is in its own stage or in a lower one."""

import re
from functools import cache

import pytest

from tests.sql.test_comments import FILES, SQL, body

STAGE = {path.stem: path.relative_to(SQL).parts[0] for path in FILES}
USES = re.compile(r"\bartifactstore\.(\w+)")


@cache
def uses(name: str) -> set[str]:
    """Names of the other files whose functions and views a file uses."""
    (path,) = (path for path in FILES if path.stem == name)
    return {used for used in USES.findall(body(path)) if used in STAGE} - {name}


@pytest.mark.parametrize("name", sorted(STAGE))
def test_a_file_uses_no_higher_stage(name: str) -> None:
    assert {used: STAGE[used] for used in uses(name) if STAGE[used] > STAGE[name]} == {}


def test_every_stage_and_room_is_in_the_source_map() -> None:
    page = (SQL / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.relative_to(SQL).as_posix() for path in FILES}
    assert {folder for folder in folders if f"]({folder})" not in page} == set()
    assert "append" in uses("append_json")  # what finds uses finds this one
