"""Every object says what it is, and every function file what it is for, who calls it and what it writes."""

import re
from functools import cache
from pathlib import Path

import pytest

from artifactstore.migrate import files
from tests.house_rules import HEADER, header
from tests.sql.support import KEYS, Log

SQL = Path(__file__).parents[2] / "sql"
FILES = sorted(SQL.glob("*/**/*.sql"))
FUNCTION_FILES = [path for path in FILES if "CREATE OR REPLACE FUNCTION" in path.read_text()]
NAMES = {path.stem for path in FUNCTION_FILES}
TABLES = {*KEYS, "events", "event_types", "error_codes", "purl_types", "roles"}


@cache
def body(path: Path) -> str:
    """A file without comments and texts in quotes."""
    text = r"'(?:[^']|'')*'"
    return re.sub(rf"--.*|COMMENT ON (?:[^;']|{text})*;|{text}", " ", path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_begins_with_purpose_callers_and_what_it_writes(path: Path) -> None:
    assert tuple(header(path.read_text())) == HEADER


@pytest.mark.parametrize("path", FUNCTION_FILES, ids=lambda path: path.stem)
def test_the_callers_that_a_file_names_are_those_that_call_it(path: Path) -> None:
    """Names of files are checked; "every …" and "projectors" stand for many, other words for people."""
    told = header(path.read_text())["called by"]
    parts = [part.strip() for part in re.split(r"[,;]", re.sub(r"\([^)]*\)", "", told))]
    call = re.compile(rf"artifactstore\.{path.stem}\s*\(")
    callers = {other.stem for other in FILES if other != path and call.search(body(other))}
    named = {part for part in parts if part in {other.stem for other in FILES}}
    assert named - {path.stem} <= callers
    if not any(part.startswith(("every ", "projectors")) for part in parts):
        assert callers <= named


@pytest.mark.parametrize("path", FUNCTION_FILES, ids=lambda path: path.stem)
def test_what_a_function_writes_itself_is_in_its_header(path: Path) -> None:
    told = header(path.read_text())["writes"]
    written = (
        set(
            re.findall(
                r"\b(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|MERGE INTO)\s+(?:artifactstore\.)?(\w+)",
                body(path),
            )
        )
        & TABLES
    )
    if told.startswith("nothing"):
        assert written == set()
    else:
        assert all(table in told or "view" in told for table in written)


def test_every_table_view_column_type_and_function_has_a_comment(log: Log) -> None:
    without = log.query(
        """
        SELECT c.oid::regclass::text AS name FROM pg_class c
        WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'S')
            AND obj_description(c.oid, 'pg_class') IS NULL
        UNION ALL
        SELECT c.oid::regclass || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'artifactstore'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p')
            AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'artifactstore'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
        UNION ALL
        SELECT t.oid::regtype::text FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typnamespace = 'artifactstore'::regnamespace AND t.typcategory <> 'A'
            AND (c.oid IS NULL OR c.relkind = 'c') AND obj_description(t.oid, 'pg_type') IS NULL
        """
    )
    assert without == []
    assert log.value("SELECT obj_description('artifactstore'::regnamespace)")


def test_every_function_of_the_schema_has_a_file_and_every_file_its_function(log: Log) -> None:
    rows = log.query(
        "SELECT proname, count(*) AS overloads FROM pg_proc"
        " WHERE pronamespace = 'artifactstore'::regnamespace GROUP BY proname"
    )
    assert {row["proname"] for row in rows} == NAMES
    assert {row["overloads"] for row in rows} == {1}


def test_volatility_and_parallel_safety_are_those_of_what_a_function_does(log: Log) -> None:
    """PostgreSQL up to 16 starts no subtransaction, and so no EXCEPTION block, in a parallel plan."""
    rows = log.query(
        "SELECT proname, prosrc, proparallel, provolatile FROM pg_proc"
        " WHERE pronamespace = 'artifactstore'::regnamespace"
    )
    bodies = {row["proname"]: re.sub(r"--.*|'(?:[^']|'')*'", " ", row["prosrc"]) for row in rows}
    unsafe = {name for name, text in bodies.items() if re.search(r"\bEXCEPTION\s+WHEN\b", text)}
    grown = True
    while grown:
        callers = {
            name
            for name, text in bodies.items()
            if unsafe & set(re.findall(r"artifactstore\.(\w+)\s*\(", text))
        }
        grown = not callers <= unsafe
        unsafe |= callers
    assert {"percent_decode", "describe_payload", "append"} <= unsafe
    assert [row["proname"] for row in rows if row["proname"] in unsafe and row["proparallel"] != "u"] == []


def test_entry_points_pin_what_a_session_could_change(log: Log) -> None:
    rows = log.query(
        "SELECT proname, proconfig FROM pg_proc"
        " WHERE pronamespace = 'artifactstore'::regnamespace AND prosecdef"
    )
    assert {"append", "append_json", "replay", "rebuild"} <= {row["proname"] for row in rows}
    for row in rows:
        assert "search_path=artifactstore, pg_temp" in (row["proconfig"] or []), row["proname"]
    pinned = {row["proname"] for row in rows if "standard_conforming_strings=on" in row["proconfig"]}
    assert {"append", "append_json", "replay", "rebuild"} <= pinned


def test_the_packaged_files_are_these() -> None:
    assert len(files.packaged().read_sql()) >= len(FUNCTION_FILES)
