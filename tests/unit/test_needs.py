"""F62: what a bare machine lacks is skipped by name at a desk, and is an error in continuous integration."""

import re
from pathlib import Path

import pytest

from tests.needs import needs_program, program

TESTS = Path(__file__).parents[1]
ELSEWHERE = re.compile(r"shutil\.which\(|\bshared\b.{0,4}/.{0,4}\bvectors\b")


def test_f62_a_program_that_is_not_there_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match=r"the program no-such-thing \(Debian: its-package\)"):
        needs_program("no-such-thing", "its-package")


def test_f62_a_program_that_is_not_there_fails_in_continuous_integration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="the program no-such-thing"):
        needs_program("no-such-thing")


def test_f62_a_program_that_is_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert needs_program("sh").name == "sh"
    monkeypatch.setenv("PATH", "")
    assert program("sh") is None


def test_f62_no_test_looks_for_programs_itself_or_reads_beyond_the_checkout() -> None:
    found = [
        f"{path.relative_to(TESTS)}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        if path.name not in ("needs.py", Path(__file__).name)
        for line in path.read_text(encoding="utf-8").splitlines()
        if ELSEWHERE.search(line)
    ]
    assert found == []
