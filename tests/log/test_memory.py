"""RPL01: long work keeps flat memory, in the client and in its backend."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from artifactstore.events import NewEvent, PackageLabeled
from bench.database import load
from bench.workload import LogRow, realistic
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.effort import LONG_LOG

SMALL, LARGE = LONG_LOG
LIMIT_MB = 300
_PEAK_OF_CHILD = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "artifactstore", *sys.argv[1:]], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)
sys.exit(done.returncode)
"""


def rows() -> Iterator[LogRow]:
    """A realistic log, then label events of nearly 64 KiB: in CI more than the limit, if all were kept."""
    last = None
    first_package = None
    for row in realistic(SMALL):
        if row.event_type == "v1.package.created" and first_package is None:
            first_package = row
        yield row
        last = row
    assert last is not None
    assert first_package is not None
    for number in range(1, LARGE + 1):
        labels = {f"label-{index}": f"{number}" + "x" * 980 for index in range(60)}
        event = NewEvent(PackageLabeled(set=labels), first_package.subject_id, "user:bench")
        yield replace(
            first_package,
            sequence=last.sequence + number,
            created_at=last.created_at,
            event_type="v1.package.labeled",
            payload=event.payload(),
        )


@pytest.fixture(scope="module")
def long_log(server_conninfo: str, template: str) -> Iterator[str]:
    """Conninfo of a database with that log; its views are empty at first."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        load(connection, rows())
    yield conninfo
    drop_database(server_conninfo, conninfo)


def test_replay_of_a_long_log_keeps_its_backend_small(long_log: str) -> None:
    with psycopg.connect(long_log, autocommit=True) as connection:
        replayed = connection.execute("SELECT head FROM artifactstore.replay()").fetchone()
        assert replayed is not None
        assert replayed[0] > SMALL
        status = Path(f"/proc/{connection.info.backend_pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    assert int(peak.split()[1]) * 1024 / 1e6 < LIMIT_MB


@pytest.mark.parametrize(
    "arguments",
    [("replay", "--truncate", "--yes"), ("verify",), ("events", "--since", "0", "--json")],
    ids=["replay", "verify", "events"],
)
def test_commands_on_a_long_log_stay_small(long_log: str, arguments: tuple[str, ...]) -> None:
    """RPL01."""
    with psycopg.connect(long_log, autocommit=True) as connection:
        connection.execute(
            "SELECT artifactstore.replay() WHERE NOT EXISTS (SELECT FROM artifactstore.log_epochs)"
        )
    done = subprocess.run(
        [sys.executable, "-c", _PEAK_OF_CHILD, "--database-url", long_log, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < LIMIT_MB / 2
