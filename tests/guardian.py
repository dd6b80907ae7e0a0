"""What a test run leaves when it is killed (-9) is removed: servers, their memory, directories, programs.

A run is one process with a directory ``as-run-…``, which it holds locked, and in it the list ``roots`` of the
directories where its servers are. A guardian process beside it, in a session of its own, waits for the end of
the run and then removes what is left; if it was killed too, the next run on the machine does. Only the
standard library is used, so that the guardian is there at once; what it knows of processes it has from /proc.
"""

import atexit
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PREFIX = "as-run-"
_MARK = "AS_TEST_RUN"
"""In the environment of every process of a run: the name of its directory."""

_PROGRAMS = ("initdb", "nginx", "pg_basebackup", "pg_ctl", "pgbouncer", "postgres")
"""What is known by the directory in its command: the environment of another account may be hidden."""

_LOOK_SECONDS = 0.25
_GRACE_SECONDS = 3.0
"""How long a server has to end by itself and to give back its shared memory."""
_GIVE_UP_SECONDS = 30.0
_SEGMENT_LINE = 6
"""Of postmaster.pid: key and id of the shared memory."""


class Run:
    """This process as a run; made by ``current``."""

    def __init__(self) -> None:
        remove_dead_runs()
        self.directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Not inherited, so it is free as soon as this process is dead.
        self._lock = os.open(self.directory, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self.directory / "roots").touch()
        self._owner = os.getpid()
        before = os.environ.get(_MARK)
        os.environ[_MARK] = self.directory.name
        reading, self._alive = os.pipe()
        # A worker of pytest-xdist ends with the process that began it, also when it hangs in a test.
        parent = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else 0
        environment = {name: value for name, value in os.environ.items() if name != _MARK}
        command = [sys.executable, "-S", __file__, str(self.directory), str(self._owner), str(parent)]
        self._guardian = subprocess.Popen(
            command, stdin=reading, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment if before is None else {**environment, _MARK: before},
            cwd="/", start_new_session=True,
        )  # fmt: skip
        os.close(reading)
        atexit.register(self.end)

    @property
    def guardian_pid(self) -> int:
        """The guardian's process id."""
        return self._guardian.pid

    def make_directory(self, prefix: str = "as-test-", parent: Path | None = None) -> Path:
        """A new directory that goes away with the run at the latest."""
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self.watch(made, remove=True)
        return made

    def watch(self, root: Path, *, remove: bool) -> None:
        """Have the servers below a directory stopped after the run, and the directory removed."""
        with (self.directory / "roots").open("a", encoding="utf-8") as roots:
            roots.write(f"{'remove' if remove else 'keep'} {root}\n")

    def end(self) -> None:
        """The run ends by itself: the guardian looks once more and ends too."""
        if os.getpid() == self._owner:
            os.close(self._alive)
            os.close(self._lock)
            with suppress(subprocess.TimeoutExpired):
                self._guardian.wait(_GIVE_UP_SECONDS)


_current: dict[int, Run] = {}


def current() -> Run:
    """The run of this process, begun when it is first asked for."""
    pid = os.getpid()
    if pid not in _current:
        _current[pid] = Run()
    return _current[pid]


def remove_dead_runs() -> None:
    """Remove what is left of runs whose processes and guardians were killed."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if directory.stat().st_uid == os.geteuid():
                _remove_if_dead(directory)


def _remove_if_dead(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # One that begins right now is locked a moment after it is made, and only then has this.
        if (directory / "roots").exists() or time.time() - directory.stat().st_mtime > _GIVE_UP_SECONDS:
            _clean(directory)
    finally:
        os.close(descriptor)


def _clean(directory: Path) -> None:
    """Stop and remove everything of a run; its directory goes last, so that nothing is forgotten."""
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    lines: list[str] = []
    with suppress(OSError):
        lines = (directory / "roots").read_text("utf-8").splitlines()
    roots = [(Path(path), verb == "remove") for verb, _, path in (line.partition(" ") for line in lines)]
    segments = [segment for root, _ in roots for segment in _segments(root)]
    while time.monotonic() < deadline:
        ended = _end_processes(directory.name, [root for root, _ in roots])
        for root, remove in roots:
            if remove:
                _remove(root)
        if not ended and not any(root.exists() for root, remove in roots if remove):
            break
        time.sleep(_LOOK_SECONDS)
    for segment in segments:
        # Only what nobody is attached to goes away at once; a server that ended has removed it itself.
        subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)
    shutil.rmtree(directory, ignore_errors=True)


def _segments(root: Path) -> Iterator[str]:
    for file in lock_files(root):
        with suppress(OSError, IndexError):
            yield file.read_text().splitlines()[_SEGMENT_LINE].split()[1]


def lock_files(root: Path) -> Iterator[Path]:
    """The postmaster.pid of every server below a directory, while others may change what is there."""
    for place, _, files in os.walk(root):
        if "postmaster.pid" in files:
            yield Path(place, "postmaster.pid")


def _end_processes(name: str, roots: list[Path]) -> bool:
    """End what belongs to a run, servers so that they give back their memory; whether there was anything."""
    found = list(_processes(name, roots))
    for pid, is_server in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGQUIT if is_server else signal.SIGKILL)
    deadline = time.monotonic() + _GRACE_SECONDS
    while any(_lives(pid) for pid, _ in found) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid, _ in found:
        if _lives(pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    return bool(found)


def _processes(name: str, roots: list[Path]) -> Iterator[tuple[int, bool]]:
    """What carries the mark, or names a directory of the run in its command; and whether it is a server."""
    mark = f"{_MARK}={name}".encode()
    below = tuple(f"{root}/".encode() for root in roots)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        command = _read(entry / "cmdline")
        marked = mark in _read(entry / "environ").split(b"\0")
        program = Path(os.fsdecode(command.split(b"\0")[0])).name
        # Workers of a server call themselves "postgres: …" and end with it.
        if marked or (program in _PROGRAMS and any(root in command for root in below)):
            yield int(entry.name), program == "postgres"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is not ours to look at
        return b""


def _lives(pid: int) -> bool:
    # The state stands behind the name, which is in parentheses; a zombie has ended.
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return bool(fields) and fields[0] not in (b"Z", b"X")


def parent_of(pid: int) -> int:
    """Parent of a process, 0 if it has ended."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def _remove(root: Path) -> None:
    for mount in (root, *root.glob("*")):
        if os.path.ismount(mount):
            subprocess.run(["umount", "--lazy", str(mount)], capture_output=True, check=False)
    shutil.rmtree(root, ignore_errors=True)


def _guard(directory: Path, owner: int, parent: int) -> None:
    """Wait until the run is over, then remove what is left of it."""
    while os.getppid() == owner:
        if select.select([0], [], [], _LOOK_SECONDS)[0]:
            break  # nothing is ever written: its end was closed
        if parent and parent_of(owner) != parent:
            with suppress(ProcessLookupError):
                os.kill(owner, signal.SIGKILL)
    descriptor = os.open(directory, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _clean(directory)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
