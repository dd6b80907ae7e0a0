"""Drills with a file system that is really full, until somebody makes room.

A table that cannot grow refuses the append (``disk-full``); WAL that cannot grow ends the server
(``unavailable``). After both, what was acknowledged is there, nothing else is, and the next number is the
next.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from artifactstore import server
from artifactstore.errors import ArtifactstoreError
from artifactstore.events import new_id
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.cli.program import Outcome
from tests.crash.volumes import Volume, small_volume
from tests.databases import TEST_PREFIX, create_database, programs, running_cluster, superuser_conninfo
from tests.docs.snippets import DOCS, run_shell, snippets
from tests.http.running import running
from tests.log.door import created, scalar, sequences
from tests.restore.drills import fill, in_force, opened
from tests.timing import PATIENCE, until

RUNBOOK = DOCS / "runbooks" / "disk-full.md"
WRITERS = 3
SOME_ROOM = 32 << 20
ROOM = 4 << 30
"""Bytes that the volume may have then; it does not take them."""
_SETTINGS = {"shared_buffers": "32MB", "synchronous_commit": "off", "timezone": "'UTC'"}


@contextmanager
def small_server(size: int) -> Iterator[tuple[server.Cluster, str, Volume]]:
    """A server with a migrated database, and a volume for a part of it."""
    with small_volume(size) as volume, running_cluster(programs(), _SETTINGS) as cluster:
        database = create_database(superuser_conninfo(cluster))
        migrate(database, role_prefix=TEST_PREFIX)
        yield cluster, database, volume


def append_until_refused(conninfo: str) -> tuple[dict[int, bytes], list[ArtifactstoreError]]:
    """Append from several sessions until each is refused: what was acknowledged, and the refusals."""
    acknowledged: dict[int, bytes] = {}

    def write(_: int) -> ArtifactstoreError:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            store = Store(connection)
            while True:
                event = created()
                try:
                    (appended,) = store.writes.append([event])
                except ArtifactstoreError as refusal:
                    return refusal
                acknowledged[appended.sequence] = event.payload()

    with ThreadPoolExecutor(WRITERS) as pool:
        return acknowledged, list(pool.map(write, range(WRITERS)))


def refused_at_last(create: Callable[[str], Outcome]) -> Outcome:
    """What the program says when even a small append finds no room."""
    for number in range(500):
        outcome = create(f"pkg:generic/small-{number}@1")
        if outcome.code != 0:
            return outcome
    raise AssertionError("there is room")


def assert_passing(refusals: list[ArtifactstoreError], outcome: Outcome, *codes: str) -> None:
    """All of them say one of these, and that it is worth another try."""
    assert refusals
    assert {(one.code, one.status, one.exit_code) for one in refusals} <= {(code, 503, 5) for code in codes}
    assert (outcome.code, outcome.error["code"]) in {(5, code) for code in codes}


def assert_kept(conninfo: str, acknowledged: dict[int, bytes]) -> int:
    """Every acknowledged event is there under its number, and no number is missing; returns the head."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        numbers = sequences(connection)
        assert numbers == list(range(1, len(numbers) + 1))
        stored = {event.sequence: event.payload for event in Store(connection).log.stored_events()}
    lost = [number for number, payload in acknowledged.items() if stored.get(number) != payload]
    assert lost == []
    return len(stored)


def test_tables_that_cannot_grow(tmp_path: Path) -> None:
    """GAP02: the service that was refused goes on when the runbook has made room, without a restart."""
    with small_server(128 << 20) as (cluster, database, volume):
        fill(database, tmp_path / "files")
        name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
        with psycopg.connect(superuser_conninfo(cluster), autocommit=True) as admin:
            admin.execute(f"CREATE TABLESPACE small LOCATION '{volume.path}'".encode())
            admin.execute(f"ALTER DATABASE {name} SET TABLESPACE small".encode())
        with opened(database) as program, running(database) as service:
            client, head = service.client(), program.head()
            program.row("snapshot", "create")
            volume.fill()
            acknowledged, refusals = append_until_refused(database)
            assert {one.sqlstate for one in refusals} == {"53100"}
            # Nothing is there but what was acknowledged.
            assert assert_kept(database, acknowledged) == head + len(acknowledged)
            small = refused_at_last(lambda purl: program.run("--json", "package", "create", purl))
            assert_passing(refusals, small, "disk-full")
            while (answer := client.post("/packages", json={"purl": f"pkg:generic/{new_id()}"})).is_success:
                pass
            assert (answer.status_code, answer.json()["code"]) == (503, "disk-full")
            assert client.get("/packages").is_success

            head = assert_kept(database, acknowledged)
            *make_room, prove = (block.text for block in snippets(RUNBOOK) if block.language == "sh")
            done = run_shell("".join(make_room), tmp_path, environment_of(cluster, database))
            assert (done.returncode, program.rows("snapshot", "list")) == (0, []), done.stderr
            assert f"error: disk: 0 MiB are free in {volume.path}" in done.stdout
            assert (
                client.post("/packages", json={"purl": "pkg:generic/again@1"}).json()["sequence"] == head + 1
            )

            volume.resize(ROOM)
            done = run_shell(prove, tmp_path, environment_of(cluster, database))
            assert done.returncode == 0, done.stdout + done.stderr
            assert str(volume.path) not in program.run("doctor").stdout
            in_force(program)


def environment_of(cluster: server.Cluster, database: str) -> dict[str, str]:
    """For commands that are run in a shell."""
    return {"PATH": f"{cluster.programs.bin}{os.pathsep}{os.environ['PATH']}", "DATABASE_URL": database}


def test_wal_that_cannot_grow(tmp_path: Path) -> None:
    """GAP02: the server ends; with room it recovers by itself, and doctor names what kept the WAL."""
    with small_server(64 << 20) as (cluster, database, volume):
        fill(database, tmp_path / "files")
        cluster.stop()
        # Segments of 1 MiB: the last one is soon full.
        cluster.run("pg_resetwal", "--wal-segsize=1", "--pgdata", str(cluster.data))
        volume.take(cluster, cluster.data / "pg_wal")
        with opened(database) as program:
            program.admin.execute("SELECT pg_create_physical_replication_slot('forgotten', true)")
            volume.fill()
            acknowledged, refusals = append_until_refused(database)
            small = refused_at_last(lambda purl: program.run("--json", "package", "create", purl))
            # A statement that meets it first is told the disk; the others, that the server ended.
            assert_passing(refusals, small, "unavailable", "disk-full")
            assert "No space left on device" in cluster.log.read_text()

        volume.resize(shutil.disk_usage(volume.path).used + SOME_ROOM)
        until(lambda: answers(cluster, database), "the server is back")
        head = assert_kept(database, acknowledged)
        with opened(database) as program:
            assert program.row("package", "create", "pkg:generic/again@1")["sequence"] == head + 1
            told = program.run("doctor").stdout
            assert f"MiB are free in {volume.path}" in told
            assert "SELECT pg_drop_replication_slot('forgotten');" in told
            program.admin.execute("SELECT pg_drop_replication_slot('forgotten')")
            volume.resize(ROOM)
            told = program.run("doctor").stdout
            assert "forgotten" not in told
            assert str(volume.path) not in told
            in_force(program)


def answers(cluster: server.Cluster, database: str) -> bool:
    """Whether the server runs and takes connections; it is started if it does not run."""
    with suppress(ArtifactstoreError, psycopg.OperationalError):
        cluster.start()
        with psycopg.connect(database, connect_timeout=int(PATIENCE)) as connection:
            return scalar(connection, "SELECT true") is True
    return False
