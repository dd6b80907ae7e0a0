"""F60: a run of tests that is killed leaves no server, no shared memory, no directory and no process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import guardian

_REPOSITORY = Path(__file__).parents[2]
_BEGINS = 120.0
"""Seconds that a run may take to come to the moment of its end, on a machine that has other things to do."""
_ENDS = 40.0

_CLUSTER = """
import time
from tests.databases import programs, running_cluster
with running_cluster(programs()):
    time.sleep(600)
"""
_EMBEDDED = """
import os, subprocess, sys, time
from pathlib import Path
from tests import guardian
home = guardian.current().make_directory()
home.chmod(0o711)
environment = {**os.environ, "ARTIFACTSTORE_DATA_DIR": str(home / "as")}
environment.pop("DATABASE_URL", None)
subprocess.run([sys.executable, "-m", "artifactstore", "db", "start"], env=environment, check=True)
time.sleep(600)
"""
_CHILD = """
import subprocess, sys, time
from tests import guardian
guardian.current()
subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
"""
_PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "tests/log/test_gapless.py"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the guardian reads /proc")


@dataclass
class _Doomed:
    """A run in a directory of temporary files of its own, and what was seen of it."""

    temporary: Path
    process: "subprocess.Popen[bytes]"
    roots: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)
    servers: set[int] = field(default_factory=set)

    def look(self) -> None:
        """Note which directories and servers it has now."""
        for line in self._lines():
            verb, _, path = line.partition(" ")
            self.roots.add(Path(path))
            if verb == "remove":
                self.removed.add(Path(path))
        for root in self.roots:
            for text in _locks(root):
                self.servers |= {int(line) for line in text.splitlines()[:1]}

    def until(self, true: "Callable[[_Doomed], bool]") -> None:
        """Return when it has come so far."""
        deadline = time.monotonic() + _BEGINS
        while not true(self):
            assert time.monotonic() < deadline
            assert self.process.poll() is None, "it ended by itself"
            time.sleep(0.01)
            self.look()

    def guardians(self) -> list[int]:
        """Process ids of its guardians."""
        return [pid for pid, command in _commands() if b"guardian.py" in command and self._names(command)]

    def left(self) -> list[object]:
        """What there still is of it."""
        left: list[object] = list(self.temporary.glob("as-*"))
        left += [root for root in self.removed if root.exists()]
        left += [(pid, command) for pid, command in _commands() if self._names(command)]
        left += [pid for pid in self.servers if Path(f"/proc/{pid}").exists()]
        segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
        left += [line for line in segments if int(line.split()[4]) in self.servers]
        return left

    def gone(self) -> None:
        """Nothing is left, soon."""
        deadline = time.monotonic() + _ENDS
        while left := self.left():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)

    def _lines(self) -> list[str]:
        lists = self.temporary.glob("as-run-*/roots")
        return [line for one in lists for line in one.read_text().splitlines()]

    def _names(self, command: bytes) -> bool:
        places = (self.temporary, *self.roots)
        return any(f"{place}/".encode() in command for place in places)


def _locks(root: Path) -> Iterator[str]:
    for file in guardian.lock_files(root):
        with suppress(OSError):
            yield file.read_text()


def _commands() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), (entry / "cmdline").read_bytes()


@pytest.fixture
def begin() -> Iterator[Callable[..., _Doomed]]:
    """Begins runs; what a failed test leaves of them goes away too."""
    begun: list[_Doomed] = []

    def start(*arguments: str) -> _Doomed:
        temporary = guardian.current().make_directory()
        temporary.chmod(0o711)
        environment = {**os.environ, "TMPDIR": str(temporary)}
        for name in [name for name in environment if name.startswith("PYTEST_")]:
            del environment[name]
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=_REPOSITORY, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        begun.append(_Doomed(temporary, process))
        return begun[-1]

    yield start
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def _begun(run: _Doomed) -> bool:
    return bool(run.guardians())


def _making(run: _Doomed) -> bool:
    return any(files for root in run.roots for _, _, files in os.walk(root))


def _starting(run: _Doomed) -> bool:
    return bool(run.servers)


def _serving(run: _Doomed) -> bool:
    """Its server takes connections: the file says so."""
    return any("ready" in text for root in run.roots for text in _locks(root))


@pytest.mark.parametrize("moment", [_begun, _making, _starting, _serving])
def test_a_killed_cluster_leaves_nothing(
    begin: Callable[..., _Doomed], moment: Callable[[_Doomed], bool]
) -> None:
    """F60."""
    run = begin("-c", _CLUSTER)
    run.until(moment)
    run.process.kill()
    run.process.wait()
    run.gone()


def test_a_killed_pytest_leaves_nothing_of_its_workers(begin: Callable[..., _Doomed]) -> None:
    """F60."""
    run = begin(*_PYTEST)
    run.until(lambda seen: len(seen.servers) >= 1 and _serving(seen))
    run.process.kill()
    run.process.wait()
    run.gone()


def test_a_killed_worker_leaves_nothing(begin: Callable[..., _Doomed]) -> None:
    run = begin(*_PYTEST)
    run.until(_starting)
    for worker in {guardian.parent_of(pid) for pid in run.guardians()}:
        os.kill(worker, signal.SIGKILL)
    run.process.kill()
    run.process.wait()
    run.gone()


def test_an_embedded_server_of_a_program_under_test_ends_too(begin: Callable[..., _Doomed]) -> None:
    run = begin("-c", _EMBEDDED)
    run.until(_serving)
    run.process.kill()
    run.process.wait()
    run.gone()


def test_another_program_that_a_test_began_ends_too(begin: Callable[..., _Doomed]) -> None:
    run = begin("-c", _CHILD)
    sleeping: list[int] = []

    def began(_: _Doomed) -> bool:
        children = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text().split()
        sleeping[:] = [int(pid) for pid in children if int(pid) not in run.guardians()]
        return bool(sleeping and run.guardians())

    run.until(began)
    run.process.kill()
    run.process.wait()
    run.servers |= set(sleeping)
    run.gone()


def test_the_next_run_removes_what_a_killed_guardian_left(begin: Callable[..., _Doomed]) -> None:
    run = begin("-c", _CLUSTER)
    run.until(_serving)
    for pid in run.guardians():
        os.kill(pid, signal.SIGKILL)
    run.process.kill()
    run.process.wait()
    time.sleep(1)
    assert any(Path(f"/proc/{pid}").exists() for pid in run.servers), "nobody looked after it"
    environment = {**os.environ, "TMPDIR": str(run.temporary)}
    command = [sys.executable, "-c", "from tests import guardian; guardian.current()"]
    subprocess.run(command, cwd=_REPOSITORY, env=environment, check=True)
    run.gone()


def test_a_run_that_is_alive_is_let_alone(begin: Callable[..., _Doomed]) -> None:
    run = begin("-c", _CLUSTER)
    run.until(_serving)
    environment = {**os.environ, "TMPDIR": str(run.temporary)}
    command = [sys.executable, "-c", "from tests import guardian; guardian.current()"]
    subprocess.run(command, cwd=_REPOSITORY, env=environment, check=True)
    assert _serving(run)
    assert run.guardians()
    run.process.kill()
    run.process.wait()
    run.gone()
