"""compare_view_sets: every edit of every column, and every row too many or too few, is found and named."""

import json

import psycopg
import pytest
from psycopg import sql

from artifactstore.events import FileRemoved, HoldPlaced, HoldReleased, NewEvent, Request, TokenIssued, new_id
from tests.sql.support import ANN, CONTENT, KEYS, Log, Row

LIVE = "artifactstore"
OTHER = "other"

EDITS = {
    "text": "coalesce({column}, '') || ' '",
    "timestamp with time zone": "coalesce({column}, 'epoch') + interval '1 microsecond'",
    "integer": "coalesce({column}, 0) + 1",
    "bigint": "coalesce({column}, 0) + 1",
    "boolean": "NOT {column}",
    "bytea": "coalesce({column}, '') || '\\x00'",
    "uuid": "'018f0000-0000-7000-8000-000000000001'",
    "jsonb": '{column} || \'{{"tampered": ""}}\'',
}
"""By type of the column: the smallest change."""
STATES = {"state": "deleted", "mode": "compliance"}
FILE_STATES = {"artifact_files": "purged", "storage_locations": "failed"}


@pytest.fixture
def two(log: Log) -> Log:
    """A log with rows in every view, and its views once more in the schema ``other``."""
    package = log.package()
    file = log.file(package, "a", "file:///1")
    log.location(package, file, "file:///2")
    removed = log.file(package, "b", "file:///3")
    log.append(removed, FileRemoved(package_id=package, reason="old"))
    hold = new_id()
    log.append(package, HoldPlaced(hold_id=hold, case="c", reason="r"))
    log.append(package, HoldReleased(hold_id=hold, reason="r"))
    token = TokenIssued(token_id=new_id())
    log.append_all([NewEvent(token, log.log_id, ANN, request=Request(key="k", digest=CONTENT, events=1))])
    log.query("SELECT artifactstore.rebuild('other')")
    return log


def compare(log: Log) -> list[Row]:
    """What differs between the live views (left) and ``other``."""
    return log.query("SELECT * FROM artifactstore.compare_view_sets('artifactstore', 'other')")


def columns(log: Log, view: str) -> dict[str, str]:
    """Columns of a view with their types."""
    rows = log.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " WHERE attrelid = format('artifactstore.%%I', %s::text)::regclass AND attnum > 0"
        " AND NOT attisdropped",
        view,
    )
    return {row["attname"]: row["type"] for row in rows}


def key_of(view: str, row: Row) -> str:
    """Primary key of a row as the comparison names it."""
    return json.dumps(
        [row[column] if isinstance(row[column], int) else str(row[column]) for column in KEYS[view]]
    )


def edit(log: Log, schema: str, view: str, column: str, to: str, row: Row) -> None:
    """Change a column of one row behind the log's back."""
    where = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(row[name])) for name in KEYS[view]
    )
    with log.guard_off():
        log.connection.execute(
            sql.SQL("UPDATE {} SET {} = {} WHERE {}").format(
                sql.Identifier(schema, view),
                sql.Identifier(column),
                sql.SQL(to),
                where,
            )
        )


def test_equal_view_sets_have_no_difference(two: Log) -> None:
    assert compare(two) == []


@pytest.mark.parametrize("schema", [LIVE, OTHER])
@pytest.mark.parametrize("view", KEYS)
def test_an_edited_column_is_found_and_named(two: Log, view: str, schema: str) -> None:
    for column, kind in columns(two, view).items():
        if column in KEYS[view]:
            continue
        for row in two.rows(view).values():
            to = EDITS[kind].format(column=column)
            if column in STATES:
                to = f"'{FILE_STATES.get(view, STATES[column])}'"
            with two.connection.transaction(force_rollback=True):
                edit(two, schema, view, column, to, row)
                [found] = compare(two)
            assert (found["view_name"], found["column_name"]) == (view, column)
            assert json.loads(found["key"]) == json.loads(key_of(view, row))
            assert found["left_value"] != found["right_value"]
            kept = found["right_value" if schema == LIVE else "left_value"]
            assert (kept is None) == (row[column] is None)
    assert compare(two) == []


@pytest.mark.parametrize("view", KEYS)
def test_a_value_that_became_null_is_found(two: Log, view: str) -> None:
    nullable = two.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = format('artifactstore.%%I', %s::text)::regclass"
        " AND attnum > 0 AND NOT attnotnull",
        view,
    )
    for column in (row["attname"] for row in nullable):
        for row in two.rows(view).values():
            if row[column] is None:
                continue
            with two.connection.transaction(force_rollback=True):
                edit(two, LIVE, view, column, "NULL", row)
                [found] = compare(two)
            assert (found["view_name"], found["column_name"], found["left_value"]) == (view, column, None)


@pytest.mark.parametrize("view", KEYS)
def test_a_row_removed_or_added_is_found_and_named(two: Log, view: str) -> None:
    for schema, left, right in ((LIVE, "missing", "present"), (OTHER, "present", "missing")):
        for row in two.rows(view).values():
            where = " AND ".join(f"{name} = %s" for name in KEYS[view])
            with two.connection.transaction(force_rollback=True), two.guard_off():
                values = [row[name] for name in KEYS[view]]
                two.execute(f"DELETE FROM {schema}.{view} WHERE {where}", *values)
                [found] = compare(two)
            assert found == {
                "view_name": view,
                "key": found["key"],
                "column_name": "(row)",
                "left_value": left,
                "right_value": right,
            }
            assert json.loads(found["key"]) == json.loads(key_of(view, row))


@pytest.mark.parametrize("view", KEYS)
def test_a_key_that_was_edited_is_a_row_missing_and_a_row_too_many(two: Log, view: str) -> None:
    row = next(iter(two.rows(view).values()))
    column = KEYS[view][-1]
    with two.connection.transaction(force_rollback=True):
        edit(two, LIVE, view, column, EDITS[columns(two, view)[column]].format(column=column), row)
        found = compare(two)
    assert sorted(one["left_value"] for one in found) == ["missing", "present"]
    assert {one["column_name"] for one in found} == {"(row)"}
    assert json.loads(key_of(view, row)) in [json.loads(one["key"]) for one in found]


def test_several_edits_are_all_found(two: Log) -> None:
    with two.guard_off():
        two.execute('UPDATE artifactstore.artifact_packages SET yanked = true, labels = \'{"a": "b"}\'')
        two.execute("UPDATE artifactstore.retention_state SET hold_count = 7")
    names = ("view_name", "column_name", "left_value", "right_value")
    assert [tuple(row[name] for name in names) for row in compare(two)] == [
        ("artifact_packages", "labels", '{"a": "b"}', "{}"),
        ("artifact_packages", "yanked", "true", "false"),
        ("retention_state", "hold_count", "7", "0"),
    ]  # fmt: skip


def test_a_view_set_that_lacks_a_view_is_no_equal(two: Log) -> None:
    two.execute("DROP TABLE other.requests")
    with pytest.raises(psycopg.Error, match="requests is missing") as refusal, two.connection.transaction():
        compare(two)
    assert refusal.value.sqlstate == "ST059"
