"""Several migrates at once, and migrates that are killed (DR06, DR07, LCK06)."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from artifactstore.migrate import Source, migrate
from tests.databases import TEST_PREFIX, Connect
from tests.migration.sources import extended
from tests.timing import until

COUNTED = """
CREATE TABLE artifactstore.counted (n int);
INSERT INTO artifactstore.counted VALUES (1);
SELECT pg_sleep(15);
"""
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
ADVISORY = (
    "SELECT pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
    "WHERE locktype = 'advisory' AND datname = current_database()"
)


def test_dr07_eight_at_once_on_an_empty_database_take_turns(empty_database: str, tmp_path: Path) -> None:
    # 15 s is longer than the 10 s after which yoyo's own lock gives up.
    slow = extended(tmp_path, {"0900_counted.sql": COUNTED})
    barrier = threading.Barrier(8)
    waiting: list[str] = []

    def run(_: int) -> tuple[str, ...]:
        barrier.wait()
        return migrate(
            empty_database, role_prefix=TEST_PREFIX, source=slow, progress=waiting.append
        ).migrations

    with ThreadPoolExecutor(8) as pool:
        applied = sorted(pool.map(run, range(8)), key=len)
    assert applied[:7] == [()] * 7
    assert "0900_counted" in applied[7]
    assert waiting.count("waiting for another migrate to end") == 7
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("SELECT count(*) FROM artifactstore.counted").fetchone() == (1,)
        assert conn.execute(ADVISORY).fetchall() == []


@contextmanager
def migrate_process(conninfo: str, source: Source) -> Iterator[subprocess.Popen[str]]:
    """A process that migrates and prints its progress, a line per step."""
    code = (
        "import sys; from pathlib import Path; from artifactstore.migrate import Source, migrate; "
        "migrate(sys.argv[1], role_prefix=sys.argv[2], source=Source(Path(sys.argv[3]), Path(sys.argv[4])), "
        "progress=lambda line: print(line, flush=True))"
    )
    command = [sys.executable, "-c", code, conninfo, TEST_PREFIX, str(source.migrations), str(source.sql)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_nobody_is_connected(conn: psycopg.Connection) -> None:
    """Return when the database has no other session."""
    until(lambda: not conn.execute(BACKENDS).fetchall(), "no other session")


@pytest.mark.parametrize("step", ["0001_log", "0900_sleep", "0901_after", "files of sql/"])
def test_dr06_lck06_a_killed_migrate_leaves_nothing_behind(
    empty_database: str, tmp_path: Path, step: str
) -> None:
    seconds = 60 if step == "0900_sleep" else 0
    sleeping = extended(
        tmp_path,
        {
            "0900_sleep.sql": f"CREATE TABLE artifactstore.a (); SELECT pg_sleep({seconds});",
            "0901_after.sql": "CREATE TABLE artifactstore.b ();",
        },
    )
    with psycopg.connect(empty_database, autocommit=True) as conn:
        with migrate_process(empty_database, sleeping) as process:
            assert process.stdout is not None
            assert any(step in line for line in process.stdout)
            os.kill(process.pid, signal.SIGKILL)
        wait_until_nobody_is_connected(conn)
        assert conn.execute(ADVISORY).fetchall() == []
        assert conn.execute("SELECT to_regnamespace('artifactstore')").fetchone() == (None,)
    (sleeping.migrations / "0900_sleep.sql").write_text("CREATE TABLE artifactstore.a ();")
    applied = migrate(empty_database, role_prefix=TEST_PREFIX, source=sleeping).migrations
    assert applied[-2:] == ("0900_sleep", "0901_after")


def test_lck06_no_advisory_lock_is_held_after_migrate(database: str, connect: Connect) -> None:
    migrate(database)
    assert connect().execute(ADVISORY).fetchall() == []
