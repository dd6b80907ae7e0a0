"""Appends, killed: the client, its backend, the server. What was acknowledged is there; nothing else is.

The server of this module is its own, with fsync on.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import select

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import codec, server
from artifactstore.errors import ArtifactstoreError
from artifactstore.events import NewEvent
from artifactstore.migrate import migrate
from tests import guardian
from tests.log.door import append, created, id_of, ingested, scalar, sequences
from tests.log.sessions import alive
from tests.timing import PATIENCE, until

WRITERS = 4
CLIENT = """
import sys
import psycopg
from tests.log.door import append, created, id_of, ingested
conninfo, mode, files = sys.argv[1], sys.argv[2], int(sys.argv[3])
package = created()
connection = psycopg.connect(conninfo, autocommit=mode != "transaction")
print(connection.info.backend_pid, flush=True)
if mode == "replay":
    connection.execute("SELECT artifactstore.replay()")
else:
    append(connection, package, *(ingested(id_of(package), f"{n}") for n in range(files)))
print("done", flush=True)
sys.stdin.read()
"""
"""A client that tells its backend, appends a package with files or replays, and then waits to be killed.

mode: transaction (does not commit), autocommit or replay.
"""


@pytest.fixture(scope="module")
def durable(cluster: server.Cluster) -> Iterator[server.Cluster]:
    """A server that survives what is done to it here, with a migrated database ``postgres``."""
    home = guardian.current().make_directory("as-crash-")
    try:
        if cluster.account.switch:
            os.chown(home, cluster.account.uid, cluster.account.gid)
        (home / "run").mkdir()
        made = server.Cluster(
            cluster.programs, cluster.account, home / "data", home / "run", home / "run" / "log"
        )
        made.hand_over(made.sockets)
        settings = {"fsync": "on", "synchronous_commit": "off", "shared_buffers": "32MB", "timezone": "'UTC'"}
        made.create("local all all trust\n", "", settings, "", sync=False)
        made.start()
        try:
            migrate(conninfo_of(made))
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def conninfo_of(cluster: server.Cluster) -> str:
    """Superuser conninfo of the server's only database."""
    return make_conninfo(host=str(cluster.sockets), user=server.SUPERUSER, dbname="postgres")


@pytest.fixture
def observer(durable: server.Cluster) -> Iterator[psycopg.Connection]:
    """A superuser's session."""
    with psycopg.connect(conninfo_of(durable), autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def log_is_whole(durable: server.Cluster) -> Iterator[None]:
    """After each test: numbers 1 to head, digests, and views equal to a rebuild."""
    yield
    with psycopg.connect(conninfo_of(durable), autocommit=True) as connection:
        numbers = sequences(connection)
        assert numbers == list(range(1, len(numbers) + 1))
        rows = connection.execute("SELECT payload, payload_digest FROM artifactstore.events")
        assert all(codec.digest(payload) == digest for payload, digest in rows)
        with connection.transaction(force_rollback=True):
            connection.execute("SELECT artifactstore.rebuild('artifactstore_scratch')")
            compare = "SELECT artifactstore.compare_view_sets('artifactstore', 'artifactstore_scratch')"
            assert connection.execute(compare).fetchall() == []


def start_client(conninfo: str, mode: str, files: int) -> tuple[subprocess.Popen[str], int]:
    """A process that appends, and its backend."""
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, conninfo, mode, str(files)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert client.stdout is not None
    return client, int(client.stdout.readline())


def kill(client: subprocess.Popen[str]) -> None:
    """kill -9 a client."""
    client.kill()
    client.communicate(timeout=PATIENCE)


def test_client_killed_before_commit(durable: server.Cluster, observer: psycopg.Connection) -> None:
    """GAP02, LCK06: its event is not there, its lock is gone, and its number goes to the next event."""
    append(observer, created())
    head = scalar(observer, "SELECT artifactstore.log_head()")
    client, backend = start_client(conninfo_of(durable), "transaction", 1)
    assert client.stdout is not None
    assert client.stdout.readline() == "done\n"
    kill(client)
    (row,) = append(observer, created())
    assert row.sequence == head + 1
    assert not alive(observer, backend)
    locks = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' OR (mode = 'ExclusiveLock' AND pid = %s)"
    )
    assert scalar(observer, locks, [backend]) == 0


def test_client_killed_while_the_server_works(durable: server.Cluster, observer: psycopg.Connection) -> None:
    """GAP02: all of its append is there, or nothing of it."""
    files = 2_000
    append(observer, created())
    head = scalar(observer, "SELECT artifactstore.log_head()")
    client, backend = start_client(conninfo_of(durable), "autocommit", files)
    until(lambda: holds_the_lock(observer, backend), "the append has the lock")
    kill(client)
    until(lambda: not alive(observer, backend), "the backend ends")
    assert scalar(observer, "SELECT artifactstore.log_head()") - head in (0, files + 1)
    assert append(observer, created())[0].appended


def test_client_killed_during_a_replay(durable: server.Cluster, observer: psycopg.Connection) -> None:
    """LCK06, RPL05: the views are whole, no lock is left, and appends go on."""
    package = created()
    append(observer, package, *(ingested(id_of(package), f"{n}") for n in range(2_000)))
    client, backend = start_client(conninfo_of(durable), "replay", 0)
    until(lambda: holds_the_lock(observer, backend), "the replay has the lock")
    kill(client)
    until(lambda: not alive(observer, backend), "the backend ends")
    assert scalar(observer, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    assert append(observer, created())[0].appended


def holds_the_lock(observer: psycopg.Connection, backend: int) -> bool:
    """True while this backend may append."""
    query = (
        "SELECT FROM pg_locks WHERE pid = %s AND granted "
        "AND relation = 'artifactstore.append_lock'::regclass AND mode = 'ExclusiveLock'"
    )
    return bool(observer.execute(query, [backend]).fetchall())


def postmaster(durable: server.Cluster) -> int:
    """The server's first process."""
    return int((durable.data / "postmaster.pid").read_text().split()[0])


def restart(durable: server.Cluster) -> None:
    """Return when the server takes connections: started again unless it did so itself."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            # What is left of the old server may be in the way of the new one for a moment.
            durable.start()
            psycopg.connect(conninfo_of(durable)).close()
        except (ArtifactstoreError, psycopg.OperationalError):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


class Writer:
    """Appends until its server is gone, and remembers what was acknowledged."""

    def __init__(self, conninfo: str) -> None:
        self.connection = psycopg.connect(conninfo, autocommit=True)
        # The client asks for commits that may be lost; append must not let it.
        self.connection.execute("SET synchronous_commit = off")
        self.acknowledged: list[tuple[int, NewEvent]] = []

    def run(self) -> None:
        """Append packages with two files until the connection breaks."""
        with self.connection:
            while True:
                package = created()
                events = [package, *(ingested(id_of(package), f"{n}") for n in range(2))]
                try:
                    rows = append(self.connection, *events)
                except psycopg.OperationalError:
                    return
                self.acknowledged += zip((row.sequence for row in rows), events, strict=True)


def assert_kept(observer: psycopg.Connection, writers: list[Writer]) -> None:
    """Every acknowledged event is in the log, under its number, with its bytes."""
    rows = observer.execute("SELECT sequence, subject_id, payload FROM artifactstore.events").fetchall()
    stored = {sequence: (subject_id, payload) for sequence, subject_id, payload in rows}
    acknowledged = [pair for writer in writers for pair in writer.acknowledged]
    assert len(acknowledged) >= 60
    lost = [n for n, event in acknowledged if stored.get(n) != (event.subject_id, event.payload())]
    assert lost == []


@pytest.mark.parametrize("victim", ["server", "backend"])
def test_nothing_acknowledged_is_lost(durable: server.Cluster, victim: str) -> None:
    """kill -9 of the server, or of a backend (which makes the server start again), while others append."""
    conninfo = conninfo_of(durable)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        append(connection, created())
    writers = [Writer(conninfo) for _ in range(WRITERS)]
    pids = {"server": postmaster(durable), "backend": writers[0].connection.info.backend_pid}
    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(writer.run) for writer in writers]
        until(lambda: sum(len(writer.acknowledged) for writer in writers) >= 60, "events are acknowledged")
        os.kill(pids[victim], signal.SIGKILL)
        for future in running:
            future.result(PATIENCE)
    restart(durable)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        assert_kept(connection, writers)
        head = scalar(connection, "SELECT artifactstore.log_head()")
        assert append(connection, created())[0].sequence == head + 1


def test_uncommitted_append_dies_with_the_server(durable: server.Cluster) -> None:
    """A number that was given out but not committed is given again, to another event."""
    conninfo = conninfo_of(durable)
    connection = psycopg.connect(conninfo)
    append(connection, created())
    connection.commit()
    (row,) = append(connection, created())
    os.kill(postmaster(durable), signal.SIGKILL)
    assert select([connection], [], [], PATIENCE)[0], "the backend sees that its server is gone"
    with pytest.raises(psycopg.OperationalError):
        connection.commit()
    restart(durable)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        again = created()
        assert append(connection, again)[0].sequence == row.sequence
        subject = "SELECT subject_id FROM artifactstore.events WHERE sequence = %s"
        assert scalar(connection, subject, [row.sequence]) == again.subject_id


def test_server_stopped_while_an_append_waits(durable: server.Cluster) -> None:
    """A clean stop ends the transaction that holds the lock, and the one that waits for it."""
    conninfo = conninfo_of(durable)
    holder, waiting = psycopg.connect(conninfo), psycopg.connect(conninfo, autocommit=True)
    append(holder, created())
    backend = waiting.info.backend_pid
    with ThreadPoolExecutor(1) as pool, psycopg.connect(conninfo, autocommit=True) as observer:
        head = scalar(observer, "SELECT artifactstore.log_head()")
        blocked = pool.submit(append, waiting, created())
        query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        until(lambda: scalar(observer, query, [backend]) is True, "the append waits")
        durable.stop()
        with pytest.raises(psycopg.OperationalError):
            blocked.result(PATIENCE)
    holder.close()
    waiting.close()
    durable.start()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        assert scalar(connection, "SELECT artifactstore.log_head()") == head
