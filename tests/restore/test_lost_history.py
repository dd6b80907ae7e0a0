"""F02, F04: a restore in place, with what the lost history left beside it (kill -9, pg_restore)."""

import time
import uuid

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.cli.program import Program
from tests.databases import TEST_PREFIX
from tests.restore.drills import opened, run

LOST = ("pkg:generic/lost1@1", "pkg:generic/lost2@1")
NEW = ("pkg:generic/new1@1", "pkg:generic/new2@1", "pkg:generic/new3@1")


@pytest.fixture
def archive(cluster: server.Cluster) -> str:
    """A file that the account of the server's programs may write."""
    directory = cluster.sockets.parent / f"dumps-{uuid.uuid4().hex}"
    directory.mkdir()
    cluster.hand_over(directory)
    return str(directory / "dump")


def create(program: Program, *purls: str) -> None:
    for purl in purls:
        program.row("package", "create", purl)


def purls(program: Program) -> list[str]:
    return [row["purl"] for row in program.rows("package", "list")]


def kill_a_replay_that_waits(program: Program) -> None:
    """A replay that has projected all of the log is killed (kill -9) while it waits for the append lock."""
    program.tamper("artifact_packages", "UPDATE artifactstore.artifact_packages SET media_type = 'wrong'")
    with psycopg.connect(program.conninfo) as holder:
        holder.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
        process = program.start("replay")
        waits = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'artifactstore.append_lock'::regclass"
        deadline = time.monotonic() + 60
        while not program.admin.execute(waits).fetchall():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.communicate()
    gone = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    while program.admin.execute(gone).fetchall():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def restore_in_place(cluster: server.Cluster, database: str, archive: str) -> None:
    run(cluster, "pg_restore", database, "--clean", "--if-exists", "--exit-on-error", archive)
    migrate(database)


def test_f02_a_replay_does_not_bring_a_lost_history_back(
    cluster: server.Cluster, database: str, archive: str
) -> None:
    with opened(database) as program:
        create(program, "pkg:generic/a@1", "pkg:generic/b@1")
        run(cluster, "pg_dump", database, "--format", "custom", "--file", archive)
        create(program, *LOST)
        lost = program.row("snapshot", "create")
        kill_a_replay_that_waits(program)
        (left,) = program.admin.execute("SELECT sequence FROM artifactstore_rebuild.progress").fetchall()
        assert left == (program.head(),) == (lost["sequence"],)
    restore_in_place(cluster, database, archive)
    with opened(database) as program:
        assert program.row("restored", "--reason", "a drill", "--yes")["from_sequence"] == 3
        assert program.row("verify")["found"] == 0
        create(program, *NEW)
        outcome = program.run("--json", "replay")
        (done,) = outcome.objects
        assert (outcome.code, done["resumed"]) == (0, None)
        assert done["dropped"] == "foreign: the rebuild is of another history, that ends at event 5"
        assert "the unfinished rebuild was dropped: foreign" in outcome.stderr
        assert purls(program) == ["pkg:generic/a@1", "pkg:generic/b@1", *NEW]
        for mode in ((), ("--truncate", "--yes"), ("--from-snapshot",)):
            program.row("replay", *mode)
            assert program.row("verify")["found"] == 0
        program.refused("package", "create", NEW[0], code=3, error="name-taken")
        # A name that was lost is free.
        create(program, LOST[0])
        # The snapshot of the lost history left its schema; one of the same sequence takes its place.
        assert program.rows("snapshot", "list") == []
        program.row("snapshot", "create")
        assert program.row("verify")["found"] == 0


def test_f02_the_next_step_of_a_rebuild_sees_that_the_log_was_replaced(
    cluster: server.Cluster, database: str, archive: str
) -> None:
    """Nobody killed it: it runs while the log under it is restored."""
    with opened(database) as program:
        create(program, "pkg:generic/a@1")
        run(cluster, "pg_dump", database, "--format", "custom", "--file", archive)
        create(program, *LOST)
    with psycopg.connect(database, autocommit=True) as rebuilding:
        assert Store(rebuilding).view_sets.begin_rebuild(None).sequence == 0
        assert Store(rebuilding).view_sets.rebuild_next() == 4
        restore_in_place(cluster, database, archive)
        with opened(database) as program:
            program.row("restored", "--reason", "a drill", "--yes")
            create(program, *NEW)
        for step in ("rebuild_next()", "end_rebuild()", "equalize(10)"):
            with pytest.raises(psycopg.Error) as outdated:
                rebuilding.execute(f"SELECT artifactstore.{step}".encode())
            assert outdated.value.sqlstate == "ST058", step
    with opened(database) as program:
        assert program.row("replay")["dropped"].startswith("foreign: ")
        assert purls(program) == ["pkg:generic/a@1", *NEW]


def test_f02_a_snapshot_of_before_the_restore_stays_good_and_one_of_after_it_does_not(
    cluster: server.Cluster, database: str, archive: str
) -> None:
    """A new epoch begins after the snapshot's event: that of its own sequence is what it was."""
    with opened(database) as program:
        create(program, "pkg:generic/a@1")
        kept = program.row("snapshot", "create")
        run(cluster, "pg_dump", database, "--format", "custom", "--file", archive)
    restore_in_place(cluster, database, archive)
    with opened(database) as program:
        program.row("restored", "--reason", "a drill", "--yes")
        create(program, *NEW)
        (listed,) = program.rows("snapshot", "list")
        assert (listed["identity"], listed["problem"]) == (kept["identity"], None)
        assert program.row("replay", "--from-snapshot")["since"] == kept["sequence"]


@pytest.mark.parametrize("column", ["log_id", "epoch_id", "identity"])
def test_f02_whatever_does_not_fit_is_foreign_by_name(database: str, column: str) -> None:
    value = "sha256('other')" if column == "identity" else "gen_random_uuid()"
    with opened(database) as program:
        create(program, "pkg:generic/a@1", "pkg:generic/b@1")
        made = program.row("snapshot", "create")
        program.row("as-of", "--sequence", "2", "--schema", "past")
        program.admin.execute("SELECT artifactstore.begin_rebuild()")
        program.admin.execute("SELECT artifactstore.rebuild_next()")
        for table in ("artifactstore.view_sets", "artifactstore_rebuild.progress"):
            program.admin.execute(f"UPDATE {table} SET {column} = {value}".encode())
        assert {row["problem"].split(":")[0] for row in program.rows("snapshot", "list")} == {"foreign"}
        program.admin.execute("UPDATE artifactstore_rebuild.progress SET pid = 0")
        outcome = program.run("--json", "replay", "--from-snapshot")
        assert outcome.code == 0
        assert outcome.objects[0]["dropped"].startswith("foreign")
        assert f"snapshot of sequence {made['sequence']} refused: foreign" in outcome.stderr


def test_f04_views_of_an_older_dump_take_no_event(database: str) -> None:
    """They are as bad as none: a purl would be taken twice, and no replay succeed any more."""
    with opened(database) as program:
        create(program, "pkg:generic/a@1", "pkg:generic/b@1", "pkg:generic/c@1")
        program.tamper(
            "artifact_packages", "DELETE FROM artifactstore.artifact_packages WHERE created_sequence = 4"
        )
        program.tamper(
            "retention_state", "DELETE FROM artifactstore.retention_state WHERE created_sequence = 4"
        )
        program.refused("package", "create", "pkg:generic/c@1", code=5, error="views-behind")
        program.refused("restored", "--reason", "x", "--yes", code=5, error="views-behind")
        found = program.run("--json", "doctor")
        assert [one["fix"] for one in found.objects[0]["findings"] if one["check"] == "views"] == [
            "artifactstore replay"
        ]
        program.row("replay")
        program.refused("package", "create", "pkg:generic/c@1", code=3, error="name-taken")
        assert program.row("verify")["found"] == 0


def test_f04_a_log_without_its_views_is_no_empty_log(
    cluster: server.Cluster, database: str, empty_database: str, archive: str
) -> None:
    """The table events alone into a migrated database (data only): restored says what to do first."""
    with opened(database) as program:
        create(program, "pkg:generic/a@1")
        before = program.state()
    table = "--table=artifactstore.events"
    run(cluster, "pg_dump", database, "--data-only", table, "--file", archive)
    migrate(empty_database, role_prefix=TEST_PREFIX)
    allowed = make_conninfo(empty_database, options="-c artifactstore.projecting=on")
    run(
        cluster,
        "psql",
        allowed,
        "--quiet",
        "--single-transaction",
        "--set",
        "ON_ERROR_STOP=1",
        "--file",
        archive,
    )
    with opened(empty_database) as program:
        for arguments in (("package", "create", "pkg:generic/a@1"), ("restored", "--reason", "x", "--yes")):
            error = program.refused(*arguments, code=5, error="views-behind")
            assert "artifactstore replay" in error["hint"]
        program.row("replay")
        assert program.state() == before
        program.refused("package", "create", "pkg:generic/a@1", code=3, error="name-taken")
        program.row("restored", "--reason", "x", "--yes")
        assert program.row("verify")["found"] == 0
