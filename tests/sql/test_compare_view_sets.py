"""Every edit of every column, and every row too many or too few, is found: compare_view_sets names it, and
different_views names its view."""

import json

import psycopg
import pytest
from psycopg import sql

from artifactstore.events import (
    FileRemoved,
    HoldPlaced,
    HoldReleased,
    NewEvent,
    PoliciesSet,
    PolicyRule,
    Request,
    TokenIssued,
    new_id,
)
from tests.databases import TEST_PREFIX
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
    rule = PolicyRule(name="r", mode="governance", days=1, purl_type="npm", labels={"a": "1"})
    log.append(log.log_id, PoliciesSet(rules=(rule,)))
    token = TokenIssued(token_id=new_id())
    log.append_all([NewEvent(token, log.log_id, ANN, request=Request(key="k", digest=CONTENT, events=1))])
    log.query("SELECT artifactstore.rebuild('other')")
    return log


def compare(log: Log) -> list[Row]:
    """What differs between the live views (left) and ``other``, by rows; by sums it is in the same views."""
    found = log.query("SELECT * FROM artifactstore.compare_view_sets('artifactstore', 'other')")
    assert different_views(log) == list(dict.fromkeys(row["view_name"] for row in found))
    return found


def different_views(log: Log) -> list[str]:
    """The views that differ between the live view set and ``other``, in the order of all views."""
    [row] = log.query("SELECT artifactstore.different_views('artifactstore', 'other') AS views")
    views: list[str] = row["views"]
    return views


def copy(log: Log, schema: str) -> None:
    """The live rows in tables without indexes, as a replay from a snapshot begins."""
    log.execute("SELECT artifactstore.create_views(%s)", schema)
    # A view set is the owner's; the functions that call these two are, too.
    log.execute(f"ALTER SCHEMA {schema} OWNER TO {TEST_PREFIX}_owner")
    for view in KEYS:
        log.execute(f"ALTER TABLE {schema}.{view} OWNER TO {TEST_PREFIX}_owner")
    log.execute("SELECT artifactstore.copy_view_set('artifactstore', %s)", schema)


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


@pytest.mark.parametrize("view", KEYS)
def test_a_row_that_is_there_twice_is_found_by_the_sums(two: Log, view: str) -> None:
    """No key keeps it out of a view set without indexes."""
    copy(two, "bare")
    sums = "SELECT artifactstore.different_views('artifactstore', 'bare') AS views"
    assert two.query(sums) == [{"views": []}]
    two.execute(f"INSERT INTO bare.{view} SELECT * FROM bare.{view} LIMIT 1")
    assert two.query(sums) == [{"views": [view]}]


@pytest.mark.parametrize("view", ["artifact_files", "storage_locations", "retention_holds"])
def test_a_row_that_moved_to_another_package_is_found(two: Log, view: str) -> None:
    package = two.package("another")
    two.execute("DROP SCHEMA other CASCADE")
    two.query("SELECT artifactstore.rebuild('other')")
    with two.guard_off():
        two.execute(f"UPDATE artifactstore.{view} SET package_id = %s", package)
    assert {row["view_name"] for row in compare(two)} == {view}


def test_two_rows_that_exchanged_a_value_are_found(two: Log) -> None:
    """The sum of each column stays the same."""
    with two.guard_off():
        two.execute(
            "UPDATE artifactstore.artifact_files f SET ingested_at = o.ingested_at"
            " FROM artifactstore.artifact_files o WHERE o.file_id <> f.file_id"
        )
    assert [row["column_name"] for row in compare(two)] == ["ingested_at", "ingested_at"]


@pytest.mark.parametrize(("value", "other"), [("1", "4294967296"), ("-1", "0"), ("NULL", "0")])
def test_numbers_that_hash_alike_by_themselves_are_told_apart(two: Log, value: str, other: str) -> None:
    for schema, number in ((LIVE, value), (OTHER, other)):
        with two.guard_off():
            two.execute(f"UPDATE {schema}.artifact_packages SET total_bytes = {number}")
    assert [row["column_name"] for row in compare(two)] == ["total_bytes"]


def test_null_is_not_an_empty_text_and_texts_do_not_run_into_each_other(two: Log) -> None:
    for schema, namespace, name in ((LIVE, "'a'", "'bc'"), (OTHER, "'ab'", "'c'")):
        with two.guard_off():
            two.execute(f"UPDATE {schema}.artifact_packages SET namespace = {namespace}, name = {name}")
    assert {row["column_name"] for row in compare(two)} == {"namespace", "name"}


@pytest.mark.parametrize("encoding", ["LATIN1", "UTF8"])
def test_the_sums_do_not_depend_on_the_encoding_of_the_client(two: Log, encoding: str) -> None:
    for schema in (LIVE, OTHER):
        with two.guard_off():
            two.execute(f"UPDATE {schema}.artifact_packages SET namespace = 'żółć'")
    two.execute(f"SET client_encoding = '{encoding}'")
    assert different_views(two) == []
    two.execute(
        "SET debug_parallel_query = on"
        if two.connection.info.server_version >= 160000
        else "SET force_parallel_mode = on"
    )
    two.execute("SET parallel_setup_cost = 0")
    two.execute("SET parallel_tuple_cost = 0")
    two.execute("SET min_parallel_table_scan_size = 0")
    assert different_views(two) == []
    with two.guard_off():
        two.execute("UPDATE artifactstore.artifact_packages SET namespace = 'zolc'")
    assert different_views(two) == ["artifact_packages"]


def test_view_sets_that_were_copied_first_have_every_index(two: Log) -> None:
    """By their own names, as the live views; what is unique there is unique here."""
    copy(two, "copied")
    two.execute("SELECT artifactstore.index_views('copied')")
    shape = "SELECT artifactstore.view_set_shape(%s) AS shape"
    assert two.query(shape, "copied") == two.query(shape, "artifactstore")
    names = (
        "SELECT c.relname, k.conname, k.contype FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " LEFT JOIN pg_constraint k ON k.conindid = c.oid"
        " WHERE c.relnamespace = %s::regnamespace AND i.indrelid = ANY (SELECT format('%%I.%%I', %s::text, n)"
        "::regclass FROM unnest(artifactstore.view_names()) AS n) ORDER BY c.relname"
    )
    assert two.query(names, "copied", "copied") == two.query(names, "artifactstore", "artifactstore")


@pytest.mark.parametrize("view", KEYS)
def test_rows_that_break_a_key_are_not_indexed(two: Log, view: str) -> None:
    copy(two, "broken")
    two.execute(f"INSERT INTO broken.{view} SELECT * FROM broken.{view} LIMIT 1")
    with pytest.raises(psycopg.errors.UniqueViolation, match=f"{view}_"), two.connection.transaction():
        two.execute("SELECT artifactstore.index_views('broken')")
