"""Migrations reach the server whole: nothing of ours cuts them into statements (DR08).

The case asks to run with the oldest sqlparse that is allowed. yoyo uses sqlparse to cut files into
statements; migrate takes from yoyo only ids and dependencies, so what sqlparse makes of a body is never run.
"""

from pathlib import Path

import pytest

from artifactstore.migrate import migrate
from tests.databases import Connect
from tests.migration.sources import extended

BODIES = {
    "plain": "$$ BEGIN RETURN 1; END; $$",
    "tagged": "$fn$ BEGIN RETURN '$$;$$'; END; $fn$",
    "nested": "$q$ BEGIN EXECUTE $x$ SELECT ';' $x$; RETURN $q2$ ; $q2$; END; $q$",
    "comments": "$$ BEGIN -- it's; not 'an end';\n /* ; don't /* ; */ $ */ RETURN 1; END; $$",
    "blocks": "$$ DECLARE i int; BEGIN FOR i IN 1..2 LOOP CASE i WHEN 1 THEN NULL; ELSE NULL; END CASE;"
    " END LOOP; BEGIN NULL; EXCEPTION WHEN division_by_zero THEN NULL; END; RETURN 1; END; $$",
    "quoted": "'BEGIN RETURN ''a;b''; END;'",
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("name", sorted(BODIES))
def test_dr08_function_bodies_arrive_as_written(
    database: str, connect: Connect, tmp_path: Path, name: str, line_end: str
) -> None:
    body = BODIES[name]
    text = (
        "\ufeff-- it's; a 'comment\n"
        "CREATE SCHEMA odd;\n"
        f"CREATE FUNCTION odd.f() RETURNS text LANGUAGE plpgsql AS {body};\n"
        "INSERT INTO artifactstore.roles SELECT 'x;', '--' WHERE false;\n"
        "CREATE FUNCTION odd.g() RETURNS int LANGUAGE sql BEGIN ATOMIC\n"
        "SELECT 1; SELECT CASE WHEN true THEN 2 END; END;\n"
        "CREATE TABLE odd.last ();\n"
    )
    source = extended(tmp_path, {"0900_odd.sql": text.replace("\n", line_end)})
    migrate(database, source=source)
    row = (
        connect()
        .execute("SELECT prosrc, to_regclass('odd.last')::text FROM pg_proc WHERE proname = 'f'")
        .fetchone()
    )
    expected = (
        body[1:-1].replace("''", "'")
        if name == "quoted"
        else body[body.index("$", 1) + 1 : body.rindex("$", 0, -1)]
    )
    assert row == (expected, "odd.last")
    assert connect().execute("SELECT odd.g()").fetchone() == (2,)
