"""Rounds of work that is killed at a random moment, and what must hold after each.

    scripts/crash 200

Each round starts one command of artifactstore beside writers, kills -9 the command, its backend or the whole
server, or ends its session, after a random time, and lets the server recover. Then the log must be gapless,
hold all that was acknowledged, and a replay, without any manual step, must find views that it can make equal.
An import goes into a database of its own, which holds all of the export then, or nothing and takes it again.
"""

import argparse
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from artifactstore import codec, server
from artifactstore.errors import ArtifactstoreError
from artifactstore.events import FileIngested, NewEvent, PackageCreated, Retention, new_id
from artifactstore.jobs.exports import export
from artifactstore.jobs.replay import replay_online
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, create_database, drop_database, programs, running_cluster
from tests.timing import until

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "postgres"
COMMANDS: dict[str, tuple[str, ...]] = {
    "replay": ("replay",),
    "replay --jobs 3": ("replay", "--jobs", "3"),
    "replay --from-snapshot": ("replay", "--from-snapshot"),
    "replay --truncate": ("replay", "--truncate", "--yes"),
    "snapshot create": ("snapshot", "create"),
    "snapshot prune": ("snapshot", "prune", "--keep", "1"),
    "migrate": ("migrate",),
    "export": ("export", "--force", "{home}/log.cborseq"),
    "import": ("import", "{home}/import.cborseq"),
    "sweep": ("sweep", "--apply", "--max", "100000"),
    "append": (),
}
SIGNALS = {"backend": signal.SIGKILL, "session": signal.SIGTERM}
"""What one backend gets: the second is pg_terminate_backend."""
TARGETS = ("command", *SIGNALS, "server")
_LONGEST = {"import": 3.0}
"""Seconds until the kill, at most; an import reads its file to the end before it writes."""
_USUALLY = 1.5
_PATIENCE = 60.0


@dataclass
class Outcome:
    """What was done: rounds by command and target, events acknowledged and in the log."""

    rounds: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    head: int = 0


class Rounds:
    """A server of its own, and what is done to it."""

    def __init__(self, cluster: server.Cluster, seed: int) -> None:
        self.outcome = Outcome()
        self._cluster = cluster
        self._rng = random.Random(seed)  # noqa: S311
        self._acknowledged: dict[int, bytes] = {}
        self._empty = ""

    @property
    def conninfo(self) -> str:
        """A superuser's."""
        return make_conninfo(host=str(self._cluster.sockets), user=server.SUPERUSER, dbname=DATABASE)

    def run(self) -> None:
        """One round; raises AssertionError for what must not be."""
        name, target = self._rng.choice(list(COMMANDS)), self._rng.choice(TARGETS)
        if not COMMANDS[name] and target == "command":
            target = "backend"
        what = f"{name}, {target} killed"
        with self._database(name, what) as conninfo:
            stop = threading.Event()
            writers = [threading.Thread(target=self._write, args=(stop,)) for _ in range(3)]
            for writer in writers:
                writer.start()
            command = self._start(COMMANDS[name], conninfo) if COMMANDS[name] else None
            time.sleep(self._rng.uniform(0.0, _LONGEST.get(name, _USUALLY)))
            self._kill(target, command)
            if command is not None:
                if target in SIGNALS:
                    command.wait(_PATIENCE)
                else:
                    command.kill()
                    command.wait()
            stop.set()
            for writer in writers:
                writer.join()
            self._recover()
            self._check(what)
        self.outcome.rounds[f"{name}, {target}"] += 1

    def begin(self) -> None:
        """A log with something in it, and an empty one to copy for imports."""
        migrate(self.conninfo, role_prefix=TEST_PREFIX)
        empty = create_database(self.conninfo)
        migrate(empty, role_prefix=TEST_PREFIX)
        self._empty = str(conninfo_to_dict(empty)["dbname"])
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            self._append(conn)

    @contextmanager
    def _database(self, name: str, what: str) -> Iterator[str]:
        """The database of a command: that of the log, or an empty one for an import, which is judged here."""
        if name != "import":
            yield self.conninfo
            return
        exported = self._cluster.sockets / "import.cborseq"
        with psycopg.connect(self.conninfo, autocommit=True) as conn, exported.open("wb") as stream:
            export(Store(conn), stream)
        copy = create_database(self.conninfo, self._empty, owner=f"{TEST_PREFIX}_owner")
        yield copy
        until(lambda: self._is_left(copy), "the replay is left", _PATIENCE)
        found = self._imported(copy, what)
        if found is None:
            again = self._start(COMMANDS[name], copy)
            assert again.wait(_PATIENCE) == 0, f"{what}: the same import again ends with {again.returncode}"
            found = self._imported(copy, what)
        assert found == exported.read_bytes(), f"{what}: the copy is not what was exported"
        drop_database(self.conninfo, copy)

    def _is_left(self, conninfo: str) -> bool:
        """Whether the server has noticed that whoever worked on a database is dead."""
        name = conninfo_to_dict(conninfo)["dbname"]
        with psycopg.connect(self.conninfo) as conn:
            query = "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = %s"
            return conn.execute(query, (name,)).fetchall() == []

    def _imported(self, conninfo: str, what: str) -> bytes | None:
        """The export of a database that is whole; None if nothing is in it."""
        with psycopg.connect(conninfo, autocommit=True) as conn:
            store, stream = Store(conn), io.BytesIO()
            if not self._whole(store, conninfo, f"{what}, its database"):
                return None
            export(store, stream)
            return stream.getvalue()

    def _start(self, arguments: tuple[str, ...], conninfo: str) -> subprocess.Popen[bytes]:
        home = str(self._cluster.sockets)
        return subprocess.Popen(
            [sys.executable, "-m", "artifactstore", *(one.format(home=home) for one in arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": conninfo},
        )

    def _write(self, stop: threading.Event) -> None:
        """Append until told to stop or until the server is gone; note what was acknowledged."""
        with (
            suppress(psycopg.Error, ArtifactstoreError),
            psycopg.connect(self.conninfo, autocommit=True) as conn,
        ):
            while not stop.is_set():
                self._append(conn)

    def _append(self, conn: psycopg.Connection) -> None:
        """A package with a file."""
        package = new_id()
        past = Retention(mode="governance", until=_soon(conn))
        created = PackageCreated(purl=f"pkg:generic/{package}", retention=past)
        file = FileIngested(package_id=package, path="a", size=1, blake3=bytes(32))
        events = [NewEvent(created, package, "user:w"), NewEvent(file, new_id(), "user:w")]
        for event, appended in zip(events, Store(conn).writes.append(events), strict=True):
            self._acknowledged[appended.sequence] = event.payload()

    def _kill(self, target: str, command: subprocess.Popen[bytes] | None) -> None:
        if target == "command" and command is not None:
            command.kill()
        elif target in SIGNALS:
            with suppress(psycopg.Error, ProcessLookupError), psycopg.connect(self.conninfo) as conn:
                pids = conn.execute(
                    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
                    "AND pid <> pg_backend_pid() ORDER BY application_name LIKE 'artifactstore%' DESC"
                ).fetchall()
                if pids:
                    os.kill(pids[0][0], SIGNALS[target])
        else:
            pid_file = self._cluster.data / "postmaster.pid"
            os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)

    def _recover(self) -> None:
        """As an operator would: start the server if it is down."""
        until(self._starts, "it starts", _PATIENCE)
        until(self._answers, "it answers", _PATIENCE)

    def _starts(self) -> bool:
        """Whether the server runs; while backends outlive it, it does not start."""
        with suppress(ArtifactstoreError):
            self._cluster.start()
            return True
        return False

    def _answers(self) -> bool:
        with suppress(psycopg.Error), psycopg.connect(self.conninfo, connect_timeout=2) as conn:
            conn.execute("SELECT 1")
            return True
        return False

    def _check(self, what: str) -> None:
        """The log is whole, and all is in it that was acknowledged."""
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            stored = self._whole(Store(conn), self.conninfo, what)
        for sequence, payload in self._acknowledged.items():
            assert sequence in stored, f"{what}: event {sequence} was acknowledged and is gone"
            assert stored[sequence] == payload, f"{what}: event {sequence} is another one"
        self.outcome.acknowledged, self.outcome.head = len(self._acknowledged), len(stored)

    def _whole(self, store: Store, conninfo: str, what: str) -> dict[int, bytes]:
        """The payloads of a log that has no hole and no damage, and whose views are what it says."""
        events = list(store.log.stored_events())
        numbers = [event.sequence for event in events]
        assert numbers == list(range(1, len(numbers) + 1)), f"{what}: the log has a hole"
        for event in events:
            assert codec.digest(event.payload) == event.payload_digest, f"{what}: a digest does not fit"
        done = replay_online(store, lambda: psycopg.connect(conninfo, autocommit=True))
        assert (done.packages, done.rows) == (0, 0), f"{what}: views differed, {done}"
        left = store.connection.execute(
            "SELECT nspname FROM pg_namespace n WHERE nspname LIKE 'artifactstore\\_%' "
            "AND nspname <> ALL (artifactstore.scratch_names()) AND NOT EXISTS ("
            "SELECT FROM artifactstore.view_sets v WHERE v.schema_name = n.nspname)"
        ).fetchall()
        assert left == [], f"{what}: schemas are left behind: {left}"
        return {event.sequence: event.payload for event in events}


def _soon(conn: psycopg.Connection) -> datetime:
    row = conn.execute("SELECT clock_timestamp() + interval '1 second'").fetchone()
    assert row is not None
    instant: datetime = row[0]
    return instant


@contextmanager
def crashing(programs: server.Programs, seed: int) -> Iterator[Rounds]:
    """Rounds on a server that survives what is done to it."""
    settings = {"fsync": "on", "shared_buffers": "32MB", "timezone": "'UTC'"}
    with running_cluster(programs, settings) as cluster:
        rounds = Rounds(cluster, seed)
        rounds.begin()
        yield rounds


def main() -> int:
    """Command line; exit code 1 when something did not hold."""
    parser = argparse.ArgumentParser(prog="scripts/crash", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rounds", type=int, nargs="?", default=200, help="how many; default 200")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds, whatever is left")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="to do the same again")  # noqa: S311
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    with crashing(programs(), arguments.seed) as rounds:
        deadline = time.monotonic() + (arguments.seconds or float("inf"))
        for number in range(1, arguments.rounds + 1):
            if time.monotonic() > deadline:
                break
            try:
                rounds.run()
            except AssertionError as failure:
                sys.stdout.write(f"round {number}: {failure}\n")
                return 1
            if number % 10 == 0:
                told = f"{rounds.outcome.acknowledged} events acknowledged, head {rounds.outcome.head}"
                sys.stdout.write(f"{number} rounds: {told}\n")
                sys.stdout.flush()
    for what, times in sorted(rounds.outcome.rounds.items()):
        sys.stdout.write(f"{times:5} {what}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
