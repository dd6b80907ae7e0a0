"""Cases RPL15 and RG03: dumps of every form are restored, and the log goes on with all that protects it."""

import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from artifactstore import server
from artifactstore.migrate import migrate
from tests.databases import TEST_PREFIX, create_database, programs, running_cluster, superuser_conninfo
from tests.restore.drills import fill, in_force, opened, refused_as_moved, run


@pytest.fixture
def archives(cluster: server.Cluster) -> Path:
    """A directory that the account of the server's programs may write."""
    directory = cluster.sockets.parent / f"dumps-{uuid.uuid4().hex}"
    directory.mkdir()
    cluster.hand_over(directory)
    return directory


def test_plain(
    cluster: server.Cluster, database: str, empty_database: str, archives: Path, tmp_path: Path
) -> None:
    """RPL15."""
    head = fill(database, tmp_path / "files")
    file = str(archives / "dump.sql")
    run(cluster, "pg_dump", database, "--file", file)
    run(cluster, "psql", empty_database, "--quiet", "--set", "ON_ERROR_STOP=1", "--file", file)
    with opened(empty_database) as restored:
        assert restored.head() == head
        refused_as_moved(restored)
        restored.row("adopt", "--yes")
        # A dump does not hold what was granted on the database itself.
        (told,) = restored.run("--json", "doctor").objects
        (found,) = (one for one in told["findings"] if "may not create schemas" in one["what"])
        assert found["fix"] == "artifactstore migrate"
        restored.row("migrate")
        in_force(restored)


def test_custom_behind_what_followers_saw(
    cluster: server.Cluster, database: str, empty_database: str, archives: Path, tmp_path: Path
) -> None:
    """RPL15, RG03."""
    head = fill(database, tmp_path / "files")
    file = str(archives / "dump")
    run(cluster, "pg_dump", database, "--format", "custom", "--file", file)
    with opened(database) as original:
        original.row("package", "create", "pkg:generic/lost@1")
    run(cluster, "pg_restore", empty_database, "--exit-on-error", file)
    with opened(empty_database) as restored:
        refused_as_moved(restored)
        restored.row("migrate")
        epoch = restored.row("restored", "--reason", "a drill", "--yes")
        assert (epoch["sequence"], epoch["from_sequence"]) == (head + 1, head)
        in_force(restored)


def test_to_another_server(cluster: server.Cluster, database: str, tmp_path: Path) -> None:
    """Roles first: they are the server's, not the database's."""
    head = fill(database, tmp_path / "files")
    with running_cluster(programs()) as other:
        target = create_database(superuser_conninfo(other))
        with opened(target) as admin:
            for part in ("owner", "service", "writer", "reader", "operator"):
                admin.admin.execute(f"CREATE ROLE {TEST_PREFIX}_{part} NOLOGIN".encode())
        dump = run(cluster, "pg_dump", database)
        other.run("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", target, stdin=dump)
        migrate(target)
        with opened(target) as restored:
            assert restored.head() == head
            refused_as_moved(restored)
            restored.row("adopt", "--yes")
            in_force(restored)


def test_data_only_into_a_migrated_database(
    cluster: server.Cluster, database: str, new_database: Callable[[], str], archives: Path, tmp_path: Path
) -> None:
    """Only the log and what is beside it: the rest is filled by migrate and by replay."""
    head = fill(database, tmp_path / "files")
    target = new_database()
    migrate(target, role_prefix=TEST_PREFIX)
    file = str(archives / "data.sql")
    tables = [f"--table=artifactstore.{name}" for name in ("events", "home", "tokens")]
    run(cluster, "pg_dump", database, "--data-only", *tables, "--file", file)
    psql = ("--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--file", file)
    # The guards refuse it unless it says that it knows what it does.
    with pytest.raises(Exception, match="append-only"):
        run(cluster, "psql", target, *psql)
    allowed = make_conninfo(target, options="-c artifactstore.projecting=on")
    run(cluster, "psql", allowed, *psql)
    with opened(target) as restored:
        assert restored.head() == head
        restored.row("replay", "--truncate", "--yes")
        refused_as_moved(restored)
        restored.row("adopt", "--yes")
        in_force(restored)


def test_another_owner(
    cluster: server.Cluster, database: str, new_database: Callable[[], str], archives: Path, tmp_path: Path
) -> None:
    """The roles get another prefix: the schema is restored without owners, then migrate makes it its own."""
    head = fill(database, tmp_path / "files")
    file = str(archives / "dump")
    run(cluster, "pg_dump", database, "--format", "custom", "--file", file)
    target, prefix = new_database(), f"p{uuid.uuid4().hex[:8]}"
    with opened(target) as admin:
        admin.admin.execute(SQL("CREATE ROLE {} NOLOGIN").format(Identifier(f"{prefix}_owner")))
        create = SQL("GRANT CREATE ON DATABASE {} TO {}")
        database_name = Identifier(admin.admin.info.dbname)
        admin.admin.execute(create.format(database_name, Identifier(f"{prefix}_owner")))
    restore = ("--no-owner", "--no-privileges", "--exit-on-error", "--role", f"{prefix}_owner")
    run(cluster, "pg_restore", target, *restore, file)
    with opened(target) as restored:
        restored.admin.execute("DELETE FROM artifactstore.roles")
        migrate(target, role_prefix=prefix)
        assert restored.head() == head
        refused_as_moved(restored)
        restored.row("adopt", "--yes")
        in_force(restored)
        (owner,) = restored.admin.execute(
            "SELECT DISTINCT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = relowner "
            "WHERE relnamespace = 'artifactstore'::regnamespace"
        ).fetchall()
        assert owner == (f"{prefix}_owner",)
        roles = SQL(", ").join(
            Identifier(f"{prefix}_{part}") for part in ("owner", "service", "writer", "reader", "operator")
        )
    with opened(target) as admin:
        admin.admin.execute(SQL("DROP OWNED BY {} CASCADE").format(roles))
        admin.admin.execute(SQL("DROP ROLE {}").format(roles))


def test_taken_while_writers_run(
    cluster: server.Cluster, database: str, empty_database: str, archives: Path, tmp_path: Path
) -> None:
    """A dump is one snapshot: log and views of the same head, whatever is appended meanwhile."""
    head = fill(database, tmp_path / "files")
    stop, appended = threading.Event(), [0, 0]

    def write(writer: int) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            while not stop.is_set():
                purl = f"pkg:generic/w{writer}@{appended[writer]}"
                connection.execute(
                    "SELECT artifactstore.append_json('v1.package.created', artifactstore.new_id(), "
                    "json_build_object('purl', %s::text))", (purl,),
                )  # fmt: skip
                appended[writer] += 1

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    try:
        while min(appended) < 10:
            stop.wait(0.01)
        before = sum(appended)
        file = str(archives / "dump")
        run(cluster, "pg_dump", database, "--format", "custom", "--file", file)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    run(cluster, "pg_restore", empty_database, "--exit-on-error", file)
    with opened(empty_database) as restored:
        assert head + before <= restored.head() <= head + sum(appended)
        refused_as_moved(restored)
        restored.row("migrate")
        restored.row("restored", "--reason", "a drill", "--yes")
        in_force(restored)
