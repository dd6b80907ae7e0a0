"""``migrate`` on fresh, migrated and odd databases."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from artifactstore import __version__
from artifactstore.errors import ArtifactstoreError, Busy
from artifactstore.migrate import check_version, migrate
from artifactstore.migrate.files import Migration, packaged
from artifactstore.server import Cluster
from tests.databases import TEST_PREFIX, Connect
from tests.migration.sources import extended, fill
from tests.schema_dump import dump_rows, dump_schema
from tests.timing import at_best

DATABASE_SETTINGS = (
    "ALTER DATABASE {} SET default_transaction_isolation = 'serializable'",
    "ALTER DATABASE {} SET default_transaction_read_only = on",
    "ALTER DATABASE {} SET search_path = pg_temp, public",
    "ALTER DATABASE {} SET statement_timeout = '300ms'",
)

ADDED_PROJECTOR = "CREATE OR REPLACE FUNCTION artifactstore.added() RETURNS int LANGUAGE sql AS 'SELECT 1';"


def test_a_fresh_database_gets_every_migration_in_order(empty_database: str) -> None:
    lines: list[str] = []
    result = migrate(empty_database, role_prefix=TEST_PREFIX, progress=lines.append)
    ids = [one.id for one in packaged().read_migrations()]
    assert list(result.migrations) == ids
    assert lines[: len(ids)] == [f"applying {one}" for one in ids]
    with psycopg.connect(empty_database) as conn:
        check_version(conn)
        stored = conn.execute("SELECT version FROM artifactstore.software").fetchall()
    assert stored == [(__version__,)]


def test_migrating_twice_changes_nothing_and_is_fast(cluster: Cluster, database: str) -> None:
    schema, rows = dump_schema(cluster, database), dump_rows(database)
    assert migrate(database).migrations == ()
    assert at_best(lambda: migrate(database).seconds, 5) < 5  # 0.2 on a quiet machine
    assert dump_schema(cluster, database) == schema
    assert dump_rows(database) == rows


def test_a_dumped_and_restored_database_is_equal(
    cluster: Cluster, database: str, empty_database: str, connect: Connect
) -> None:
    fill(connect())
    text = cluster.run("pg_dump", "--dbname", database)
    cluster.run("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", empty_database, stdin=text)
    assert dump_schema(cluster, empty_database) == dump_schema(cluster, database)
    migrate(empty_database)
    assert dump_schema(cluster, empty_database) == dump_schema(cluster, database)
    assert dump_rows(empty_database) == dump_rows(database)


def test_settings_of_the_database_do_not_matter(
    cluster: Cluster, database: str, empty_database: str, tmp_path: Path
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"]
    with psycopg.connect(empty_database, autocommit=True) as conn:
        for setting in DATABASE_SETTINGS:
            conn.execute(setting.format(name).encode())
    slow = extended(tmp_path, {"0900_slow.sql": "SELECT pg_sleep(0.5);"})
    migrate(empty_database, role_prefix=TEST_PREFIX, source=slow)
    assert dump_schema(cluster, empty_database) == dump_schema(cluster, database)


def test_old_software_refuses_a_database_with_a_migration_it_does_not_know(
    database: str, tmp_path: Path
) -> None:
    newer = extended(tmp_path, {"0900_later.sql": "CREATE TABLE artifactstore.later ();"})
    migrate(database, source=newer)
    with pytest.raises(ArtifactstoreError) as caught:
        migrate(database)
    assert caught.value.code == "schema-newer"
    assert caught.value.detail["migrations"] == ["0900_later"]
    with psycopg.connect(database) as conn, pytest.raises(ArtifactstoreError, match="schema-newer"):
        check_version(conn)


def test_old_software_refuses_a_database_that_newer_software_migrated(database: str) -> None:
    migrate(database, version="0.10.0")
    with pytest.raises(ArtifactstoreError) as caught:
        migrate(database, version="0.9.9")
    assert caught.value.code == "schema-newer"


def test_a_database_that_was_not_migrated_is_named_so(empty_database: str) -> None:
    with psycopg.connect(empty_database) as conn, pytest.raises(ArtifactstoreError) as caught:
        check_version(conn)
    assert caught.value.code == "schema-outdated"


def test_a_database_of_older_software_is_named_so(empty_database: str) -> None:
    migrate(empty_database, role_prefix=TEST_PREFIX, version="0.0.1")
    with psycopg.connect(empty_database) as conn, pytest.raises(ArtifactstoreError) as caught:
        check_version(conn)
    assert caught.value.code == "schema-outdated"


def test_an_edited_migration_is_refused_by_name(database: str, tmp_path: Path) -> None:
    text = (packaged().migrations / "0002_views.sql").read_text()
    edited = extended(tmp_path, {"0002_views.sql": text + "-- a remark\n"})
    with pytest.raises(ArtifactstoreError) as caught:
        migrate(database, source=edited)
    assert caught.value.code == "migration-changed"
    assert caught.value.detail["migrations"] == ["0002_views"]


def test_line_ends_and_byte_order_mark_are_no_edit(database: str, tmp_path: Path) -> None:
    text = (packaged().migrations / "0002_views.sql").read_text()
    checked_out = extended(tmp_path, {"0002_views.sql": "\ufeff" + text.replace("\n", "\r\n")})
    assert migrate(database, source=checked_out).migrations == ()


def test_a_failing_file_is_named_with_its_line_and_nothing_is_changed(
    cluster: Cluster, database: str, tmp_path: Path
) -> None:
    schema = dump_schema(cluster, database)
    broken = extended(
        tmp_path,
        {"0900_good.sql": "CREATE TABLE artifactstore.good ();"},
        {"1_codec/broken.sql": "SELECT 1;\nSELECT 2;\nSELECT nothing_like_it;\n"},
    )
    with pytest.raises(ArtifactstoreError) as caught:
        migrate(database, source=broken)
    assert caught.value.code == "migration-failed"
    assert (caught.value.detail["file"], caught.value.detail["line"]) == ("sql/1_codec/broken.sql", 3)
    assert dump_schema(cluster, database) == schema


def test_a_long_transaction_in_the_way_is_busy_and_not_for_ever(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    impatient = extended(tmp_path, {"0900_hurry.sql": "SET LOCAL lock_timeout = '200ms';"})
    reader = connect(autocommit=False)
    reader.execute("SELECT count(*) FROM artifactstore.event_log")
    with pytest.raises(Busy):
        migrate(database, source=impatient)
    reader.rollback()
    migrate(database, source=impatient)


@pytest.mark.parametrize(
    ("made", "command"),
    [
        ("CREATE FUNCTION artifactstore.stray() RETURNS int LANGUAGE sql AS 'SELECT 1'",
         "DROP FUNCTION artifactstore.stray();"),
        ("CREATE FUNCTION artifactstore.log_head(p_old int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
         "DROP FUNCTION artifactstore.log_head(integer);"),
        ("CREATE VIEW artifactstore.stray AS SELECT 1", "DROP VIEW artifactstore.stray;"),
        ("CREATE TRIGGER stray AFTER INSERT ON artifactstore.events EXECUTE FUNCTION public.nothing()",
         "DROP TRIGGER stray ON artifactstore.events;"),
    ],
    ids=["function", "overload", "view", "trigger"],
)  # fmt: skip
def test_what_no_file_defines_is_refused_with_the_command_that_drops_it(
    database: str, connect: Connect, made: str, command: str
) -> None:
    conn = connect()
    conn.execute(
        "CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )
    conn.execute(made.encode())
    with pytest.raises(ArtifactstoreError) as caught:
        migrate(database)
    assert caught.value.code == "undefined-object"
    assert caught.value.detail["commands"] == [command]
    conn.execute(command.encode())
    migrate(database)


def test_a_view_of_somebody_else_that_depends_on_ours_is_named(database: str, connect: Connect) -> None:
    connect().execute("CREATE VIEW public.mine AS SELECT sequence FROM artifactstore.event_log")
    with pytest.raises(
        ArtifactstoreError, match=r"view public\.mine depends on view artifactstore\.event_log"
    ):
        migrate(database)


def test_every_trigger_fires_always_after_migrate(database: str, connect: Connect) -> None:
    conn = connect()
    conn.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER USER")
    conn.execute("ALTER TABLE artifactstore.artifact_packages ENABLE TRIGGER USER")
    migrate(database)
    states = conn.execute(
        "SELECT DISTINCT t.tgenabled::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE c.relnamespace = 'artifactstore'::regnamespace AND NOT t.tgisinternal"
    ).fetchall()
    assert states == [("A",)]


def test_changed_projectors_need_a_replay_when_there_is_a_log(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    text = (packaged().sql / "3_project" / "package" / "merge_labels.sql").read_text()
    remarked = extended(tmp_path / "a", sql={"3_project/package/merge_labels.sql": "-- a remark\n" + text})
    changed = extended(tmp_path / "b", sql={"3_project/added.sql": ADDED_PROJECTOR})
    fill(connect())
    assert not migrate(database, source=remarked).replayed
    rows = dump_rows(database)
    with pytest.raises(ArtifactstoreError) as caught:
        migrate(database, source=changed, replay=False)
    assert caught.value.code == "projectors-changed"
    assert migrate(database, source=changed).replayed
    assert dump_rows(database) == rows
    assert not migrate(database, source=changed).replayed


def test_a_server_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch, empty_database: str) -> None:
    monkeypatch.setattr("artifactstore.migrate.OLDEST_SERVER", 99)
    with pytest.raises(ArtifactstoreError, match="PostgreSQL 99 or newer is needed"):
        migrate(empty_database)


def test_equal_texts_have_equal_digests() -> None:
    assert Migration("a", "SELECT 1").digest == Migration("b", "SELECT 1").digest
    assert Migration("a", "SELECT 1").digest != Migration("a", "SELECT 2").digest


def test_two_databases_differ_only_in_the_names_of_roles(
    cluster: Cluster, new_database: Callable[[], str]
) -> None:
    schemas = []
    for prefix in ("ours", "theirs"):
        conninfo = new_database()
        migrate(conninfo, role_prefix=prefix)
        schemas.append(dump_schema(cluster, conninfo).replace(f"{prefix}_", "x_"))
    assert schemas[0] == schemas[1]
