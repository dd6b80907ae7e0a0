"""error_codes: what a database says of its refusals is what Python knows, and each of them is tested."""

import re
from pathlib import Path
from typing import Any

import psycopg

from artifactstore.errors import ERRORS

TESTS = Path(__file__).resolve().parents[1]


def test_table_says_what_python_knows(module_connection: psycopg.Connection[Any]) -> None:
    rows = module_connection.execute("SELECT name, sqlstate, message, hint FROM artifactstore.error_codes")
    specs = [spec for spec in ERRORS.values() if spec.sqlstate is not None]
    assert sorted(rows.fetchall()) == sorted(
        (spec.name, spec.sqlstate, spec.message, spec.hint) for spec in specs
    )


def test_functions_refuse_with_codes_that_exist(module_connection: psycopg.Connection[Any]) -> None:
    """A refusal whose code has no row would be a raw error that says nothing."""
    query = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace"
    sources = module_connection.execute(query).fetchall()
    used = {
        (code, function)
        for function, source in sources
        for code in re.findall(r"refuse\(\s*'([a-z-]+)'", source)
    }
    assert len({code for code, _ in used}) > 10
    assert {(code, function) for code, function in used if code not in ERRORS} == set()


def test_every_code_has_a_test() -> None:
    """By name or SQLSTATE, in a test that is not about the table of codes itself."""
    about_codes = {"test_error_codes.py", "test_errors.py", "test_refuse.py"}
    texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py") if path.name not in about_codes]
    untested = [
        spec.name
        for spec in ERRORS.values()
        if spec.sqlstate is not None
        and not any(f'"{spec.name}"' in text or f'"{spec.sqlstate}"' in text for text in texts)
    ]
    assert untested == []
