"""Every house rule can fail."""

from pathlib import Path

import pytest

from tests.house_rules import check_citations, check_migration, check_sql, documents, header

GOOD = """-- purpose: p
-- called by: c
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.f(p_x int)
RETURNS int
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
BEGIN
    RAISE NOTICE 'x'; -- WHEN OTHERS
    RAISE 'RAISE' USING ERRCODE = 'ST001';
    RETURN p_x;
END
$$;
COMMENT ON FUNCTION artifactstore.f(int) IS 'f';
"""


def test_a_good_function_has_no_problem() -> None:
    assert list(check_sql(Path("4_append/f.sql"), GOOD)) == []


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        ("-- purpose: p\n", "", "-- purpose: …"),
        ("-- called by: c", "-- called by: ", "-- called by: …"),
        ("-- writes: nothing", "-- write: nothing", "-- writes: …"),
        ("    RETURN p_x;", "    RETURN p_x" + " + 0" * 25 + ";", "line 12 has 115 columns, at most 110"),
        ("artifactstore.f(p_x int)", "artifactstore.g(p_x int)", "is not artifactstore.f"),
        ("artifactstore.f(p_x int)", "f(p_x int)", "is not artifactstore.f"),
        ("OR REPLACE ", "", "OR REPLACE"),
        (" STABLE", "", "volatility"),
        (", pg_temp", "", "SECURITY DEFINER"),
        ("SET search_path = artifactstore, pg_temp\n", "", "SECURITY DEFINER"),
        ("f(p_x int)\n", "f(x int)\n", "named p_"),
        ("COMMENT ON FUNCTION artifactstore.f(int)", "COMMENT ON TABLE f", "COMMENT ON FUNCTION"),
        (" USING ERRCODE = 'ST001'", "", "RAISE without"),
        ("    RETURN p_x;\n", "EXCEPTION WHEN OTHERS THEN RETURN 1;\n", "WHEN OTHERS"),
        ("COMMENT ON", "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS '';\nCOMMENT ON", "more than one"),
    ],
)  # fmt: skip
def test_a_function_that_breaks_a_rule_is_found(good: str, bad: str, problem: str) -> None:
    assert good in GOOD
    assert problem in " ".join(check_sql(Path("4_append/f.sql"), GOOD.replace(good, bad, 1)))


def test_an_entry_of_the_head_may_go_on_in_a_second_line() -> None:
    text = GOOD.replace("-- called by: c\n", "-- called by: c,\n--     d\n")
    assert list(check_sql(Path("4_append/f.sql"), text)) == []
    assert header(text) == {"purpose": "p", "called by": "c, d", "writes": "nothing"}


def test_a_view_under_another_name_is_found() -> None:
    text = "-- purpose: p\n-- called by: c\n-- writes: nothing\nCREATE VIEW artifactstore.v AS SELECT 1;"
    assert list(check_sql(Path("5_read/v.sql"), text)) == []
    assert list(check_sql(Path("5_read/w.sql"), text)) == ["a view does not have the name of its file"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("0001_a.sql", "-- depends:\nCREATE TABLE t ();", ""),
        ("1_a.sql", "-- depends:\nCREATE TABLE t ();", "NNNN_what"),
        ("0001_a.sql", "CREATE TABLE t ();", "depends"),
        ("0001_a.sql", f"-- depends: {'x' * 110}\nCREATE TABLE t ();", "at most 110"),
        (
            "0001_a.sql",
            "-- depends:\nCREATE VIEW v AS SELECT 1;",
            "belong under",
        ),
        ("0001_a.sql", "-- depends:\nCOMMIT;", "one transaction"),
        ("0001_a.sql", "-- depends:\nCREATE INDEX CONCURRENTLY ON t (a);", "one transaction"),
    ],
)
def test_a_migration_that_breaks_a_rule_is_found(name: str, text: str, problem: str) -> None:
    found = list(check_migration(Path(name), text))
    assert bool(found) == bool(problem)
    assert problem in " ".join(found)


@pytest.mark.parametrize(
    "cited",
    ["PLANS" + ".md", "PLANS" + " §4", "PLANS" + " RG01", "the Design" + " document", "decision" + " 9999"],
)
def test_a_citation_of_what_nobody_has_is_found(cited: str) -> None:
    assert len(list(check_citations(f"as in {cited}, which rules", documents()))) == 1


def test_pages_decisions_and_standards_may_be_cited() -> None:
    text = "README.md and CHANGELOG.md, docs/adr/0003-as-cbor-1.md, decision 0003, RFC 8949 §4.2.1, RG01, F07"
    assert list(check_citations(text, documents())) == []
