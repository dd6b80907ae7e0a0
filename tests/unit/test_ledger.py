"""The ledger in tests/README.md and the tests that it names are equal, line by line."""

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS / "README.md"
FAMILIES = {"GAP": 10, "LCK": 9, "RPL": 18, "TL": 9, "CB": 9, "DR": 9, "RG": 14, "F": 62}
"""Ids of each family: 01 to this number."""
KNOWN = [f"{family}{number:02}" for family, last in FAMILIES.items() for number in range(1, last + 1)]

_LINE = re.compile(r"^- \*\*([A-Z]+\d\d)\*\* (\S.*?) — (\S.*)$", re.MULTILINE)
_TEST = re.compile(r"\[`([\w/]+\.py)::(test_\w+)`\]\(([^)]+)\)")
_IN_PROSE = re.compile(rf"\b(?:{'|'.join(FAMILIES)})\d\d\b")
_IN_A_NAME = re.compile(rf"(?:^|_)((?:{'|'.join(FAMILIES)})\d\d)(?=_|$)".lower())

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def _page() -> dict[str, tuple[str, str]]:
    """Id → what goes wrong, and what holds it."""
    return {one: (what, held) for one, what, held in _LINE.findall(PAGE.read_text(encoding="utf-8"))}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _comments(path: Path) -> dict[int, str]:
    """Line → comment in it."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


@cache
def _functions(path: Path) -> list[tuple[str, set[str]]]:
    """Functions of a file, each with the ids in its name, docstring and comments."""
    return [(node.name, _carried(path, node)) for node in ast.walk(_tree(path)) if isinstance(node, Function)]


def _carried(path: Path, function: Function) -> set[str]:
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    lines = range(first, (function.end_lineno or first) + 1)
    prose = [ast.get_docstring(function) or "", *(_comments(path).get(line, "") for line in lines)]
    named = {one.upper() for one in _IN_A_NAME.findall(function.name)}
    return named | {one for text in prose for one in _IN_PROSE.findall(text)}


def _tests_that_name(known: str) -> list[str]:
    """What the line of the ledger may link to."""
    return [
        f"{path.relative_to(TESTS)}::{name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for name, ids in _functions(path)
        if name.startswith("test_") and known in ids
    ]


def test_every_known_failure_has_one_line_and_they_are_in_order() -> None:
    lines = [one for one, _, _ in _LINE.findall(PAGE.read_text(encoding="utf-8"))]
    assert lines == KNOWN


@pytest.mark.parametrize("known", KNOWN)
def test_a_known_failure_is_held_by_tests_that_name_it(known: str) -> None:
    _, held = _page()[known]
    if _TEST.search(held) is None:
        word, _, reason = held.partition(": ")
        assert word in ("not applicable", "open"), (
            f"{held}; tests that name {known}: {_tests_that_name(known)}"
        )
        assert reason
        return
    assert _TEST.sub("", held).replace(",", "").strip() == "", held
    for path, name, link in _TEST.findall(held):
        assert link == path, "the link leads to the file"
        (ids,) = (ids for found, ids in _functions(TESTS / path) if found == name)
        assert known in ids, f"{path}::{name} does not name {known}"


def test_every_failure_that_a_test_names_is_in_the_ledger() -> None:
    named: dict[str, str] = {}
    for path in sorted(TESTS.rglob("*.py")):
        prose = [ast.get_docstring(_tree(path)) or "", *_comments(path).values()]
        ids = {one for text in prose for one in _IN_PROSE.findall(text)}
        ids |= {one for _, carried in _functions(path) for one in carried}
        named |= dict.fromkeys(ids, str(path.relative_to(TESTS)))
    assert {one: path for one, path in named.items() if one not in KNOWN} == {}
    without = {one for one, (_, held) in _page().items() if _TEST.search(held) is None}
    waiting = {one for one in without if _page()[one][1].startswith("pending")}
    assert {one: path for one, path in named.items() if one in without - waiting} == {}
