"""rebuild(schema, last): the views as of a sequence, in a schema of their own, beside the live ones."""

import psycopg
import pytest

from artifactstore.errors import ERRORS
from artifactstore.events import NewEvent, PackageLabeled, TokenIssued
from tests.databases import Connect
from tests.sql.support import ANN, KEYS, NOBODY, Log


def rebuild(log: Log, schema: str, last: int | None = None) -> int:
    """Run it; returns what it does."""
    return int(log.value("SELECT artifactstore.rebuild(%s, %s)", schema, last))


def test_the_rebuilt_views_equal_the_live_ones_and_those_are_not_touched(log: Log) -> None:
    package = log.package()
    log.location(package, log.file(package, "a", "file:///1"), "file:///2")
    with log.unchanged():
        assert rebuild(log, "scratch") == log.head
    assert log.views("scratch") == log.views()


def test_the_past_is_what_the_views_were_then(log: Log) -> None:
    package = log.package()
    log.file(package)
    past, then = log.views(), log.head
    log.append(package, PackageLabeled(set={"a": "1"}))
    log.append(package, log.manifest(package))
    assert rebuild(log, "past", then) == then
    assert log.views("past") == past
    assert rebuild(log, "nothing", 0) == 0
    assert not any(log.views("nothing").values())


def test_an_empty_log_gives_empty_views(empty_log: Log) -> None:
    assert rebuild(empty_log, "scratch") == 0
    assert empty_log.views("scratch") == {view: {} for view in KEYS}


@pytest.mark.parametrize("sequence", [2, 10**9, -1])
def test_f35_what_has_not_come_is_not_rebuilt(log: Log, sequence: int) -> None:
    detail = log.failure("not-found", lambda: rebuild(log, "scratch", sequence))
    assert detail["head"] == log.head == 1


def test_the_tables_have_the_columns_keys_and_comments_of_the_live_ones(log: Log) -> None:
    rebuild(log, "scratch")
    shapes = [
        log.query(
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type,"
            " a.attcollation::regcollation"
            " AS collation, a.attnotnull, col_description(c.oid, a.attnum) AS comment, c.reloptions"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY (%s) ORDER BY c.relname, a.attnum",
            schema,
            list(KEYS),
        )
        for schema in ("artifactstore", "scratch")
    ]
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 70
    indexes = [
        log.query(
            "SELECT indrelid::regclass::text AS name, indisunique, indkey::text,"
            " pg_get_expr(indpred, indrelid) AS predicate FROM pg_index JOIN pg_class c ON c.oid = indrelid"
            " WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY (%s) "
            " ORDER BY c.relname, indkey::text, predicate",
            schema,
            list(KEYS),
        )
        for schema in ("artifactstore", "scratch")
    ]
    for rows in indexes:
        for row in rows:
            row["name"] = row["name"].split(".")[-1]
    assert indexes[0] == indexes[1]


def test_a_schema_that_exists_is_refused_whole(log: Log) -> None:
    for schema in ("artifactstore", "public"):
        with log.unchanged(), pytest.raises(psycopg.Error) as caught, log.connection.transaction():
            rebuild(log, schema)
        assert caught.value.sqlstate == ERRORS["schema-taken"].sqlstate


@pytest.mark.parametrize("schema", ['we"ird', "Größe; DROP SCHEMA public", "select"])
def test_any_name_is_only_a_name(log: Log, schema: str) -> None:
    rebuild(log, schema)
    assert log.views(schema) == log.views()


def test_a_bad_event_leaves_no_schema(log: Log) -> None:
    log.insert(NewEvent(TokenIssued(token_id=NOBODY), NOBODY, ANN))
    detail = log.failure("bad-subject", lambda: rebuild(log, "scratch"))
    assert detail["sequence"] == 2
    assert log.value("SELECT to_regnamespace('scratch') IS NULL") is True


def test_an_operator_can_and_a_writer_cannot(connect: Connect) -> None:
    assert connect("operator").execute("SELECT artifactstore.rebuild('scratch')").fetchone() == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect("writer").execute("SELECT artifactstore.rebuild('scratch2')")
