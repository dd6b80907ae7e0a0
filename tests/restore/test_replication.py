"""A standby is promoted; the log is replicated into a database for readers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.migrate import migrate
from tests.cli.program import Program
from tests.databases import TEST_PREFIX, create_database, superuser_conninfo
from tests.docs.snippets import DOCS, run_shell, snippets
from tests.restore.drills import fill, in_force, opened, run
from tests.restore.standbys import replicable, standby_of
from tests.timing import until


@pytest.fixture
def primary() -> Iterator[server.Cluster]:
    """A server of its own that others may replicate."""
    with replicable() as cluster:
        yield cluster


def test_a_promoted_standby_takes_appends_and_warns(primary: server.Cluster, tmp_path: Path) -> None:
    database = create_database(superuser_conninfo(primary))
    migrate(database, role_prefix=TEST_PREFIX)
    head = fill(database, tmp_path / "files")
    with standby_of(primary) as standby:
        copy = make_conninfo(database, host=str(standby.sockets))
        with opened(copy) as follower:
            assert follower.head() == head
            follower.refused("package", "create", "pkg:generic/a@1", code=3, error="read-only")
            assert not [one for one in doctor(follower) if one["check"] == "home"]
            with opened(database) as original:
                original.row("package", "create", "pkg:generic/replicated@1")
            until(lambda: follower.head() == head + 1, "it has the append")
            primary.stop()
            promote, adopt, _restored, verify = (
                one for one in snippets(DOCS / "runbooks" / "promote-a-standby.md") if one.language == "sh"
            )
            path = f"{primary.programs.bin}{os.pathsep}{os.environ['PATH']}"
            environment = {"PATH": path, "DATABASE_URL": copy}
            assert run_shell(promote.text, tmp_path, environment).returncode == 0
            (warning,) = [one for one in doctor(follower) if one["check"] == "home"]
            assert warning["severity"] == "warning"
            # It is the same server to the log: appends go on, no adopt is needed.
            in_force(follower)
            done = run_shell(adopt.text + verify.text, tmp_path, environment)
            assert done.returncode == 0, done.stderr
            assert not [one for one in doctor(follower) if one["check"] == "home"]


def doctor(program: Program) -> list[dict[str, object]]:
    """The findings of doctor."""
    (told,) = program.run("--json", "doctor").objects
    found: list[dict[str, object]] = told["findings"]
    return found


def test_the_log_is_replicated_into_a_database_for_readers(primary: server.Cluster, tmp_path: Path) -> None:
    """A reader has the table events alone: no guard, no view, no append; what it holds is byte-identical."""
    source = create_database(superuser_conninfo(primary))
    migrate(source, role_prefix=TEST_PREFIX)
    head = fill(source, tmp_path / "files")
    reader = create_database(superuser_conninfo(primary))
    table = run(
        primary, "pg_dump", source, "--schema-only", "--no-owner", "--no-privileges",
        "--section=pre-data", "--table=artifactstore.events",
    )  # fmt: skip
    with opened(source) as origin, opened(reader) as copy:
        copy.admin.execute("CREATE SCHEMA artifactstore")
        primary.run("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", reader, stdin=table)
        copy.admin.execute("ALTER TABLE artifactstore.events ADD PRIMARY KEY (sequence)")
        origin.admin.execute("CREATE PUBLICATION artifactstore_log FOR TABLE artifactstore.events")
        origin.admin.execute("SELECT pg_create_logical_replication_slot('artifactstore_log', 'pgoutput')")
        copy.admin.execute(
            f"CREATE SUBSCRIPTION artifactstore_log CONNECTION '{source}' PUBLICATION artifactstore_log "
            "WITH (create_slot = false)".encode()
        )
        count = "SELECT count(*) FROM artifactstore.events"
        until(lambda: copy.admin.execute(count).fetchone() == (head,), "the copy has all")
        origin.row("package", "create", "pkg:generic/replicated@1")
        until(lambda: copy.admin.execute(count).fetchone() == (head + 1,), "it has the append")
        every = "SELECT * FROM artifactstore.events ORDER BY sequence"
        assert copy.admin.execute(every).fetchall() == origin.admin.execute(every).fetchall()
        copy.admin.execute("DROP SUBSCRIPTION artifactstore_log")


@pytest.mark.parametrize("copies", ["true", "false"])
def test_the_guards_stop_a_subscription_of_a_migrated_database(
    primary: server.Cluster, tmp_path: Path, copies: str
) -> None:
    """Neither the COPY that it begins with nor the apply worker writes a guarded log."""
    source = create_database(superuser_conninfo(primary))
    migrate(source, role_prefix=TEST_PREFIX)
    fill(source, tmp_path / "files")
    target = create_database(superuser_conninfo(primary))
    migrate(target, role_prefix=TEST_PREFIX)
    name = f"artifactstore_{copies}"
    with opened(source) as origin, opened(target) as copy:
        origin.admin.execute("CREATE PUBLICATION artifactstore_log FOR TABLE artifactstore.events")
        origin.admin.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
        before = primary.log.read_text().count("append-only")
        copy.admin.execute(
            f"CREATE SUBSCRIPTION {name} CONNECTION '{source}' PUBLICATION artifactstore_log "
            f"WITH (create_slot = false, copy_data = {copies})".encode()
        )
        origin.row("package", "create", "pkg:generic/replicated@1")
        until(lambda: primary.log.read_text().count("append-only") > before, "it is refused")
        assert copy.head() == 0
        copy.admin.execute(f"DROP SUBSCRIPTION {name}".encode())
