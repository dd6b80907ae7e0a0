"""A cluster: made whole or not at all, started in a session of its own, stopped cleanly."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from artifactstore import system
from artifactstore.errors import ArtifactstoreError
from artifactstore.server.account import Account, unavailable, unusable
from artifactstore.server.programs import Programs

SUPERUSER = "postgres"
MAX_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
"""Longest path of a Unix socket, in bytes (``sun_path`` less its final zero)."""
_SOCKET_NAME = ".s.PGSQL.5432"
_LOG_TAIL_LINES = 15
_LOOK_AGAIN = 0.05
_MAX_PID = 2**31 - 1
_IN_BACKGROUND = """\
umask 077
log=$0
exec 3>>"$log" || exit 1
"$@" </dev/null >&3 2>&3 3>&- &
echo $!
"""
"""Shell: run the arguments in the background, with their output in the file $0, and tell the process id."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data directory, the account and programs that serve it, and where its socket and log are.

    ``data``, ``sockets`` and the directory of ``log`` belong to ``account`` and are closed to others;
    the server listens on its Unix socket only.
    """

    programs: Programs
    account: Account
    data: Path
    sockets: Path
    log: Path

    def create(
        self, access: str, identities: str, settings: Mapping[str, str], script: str, *, sync: bool = True
    ) -> None:
        """Make the cluster whole or not at all: initdb, access rules, settings, then ``script`` as superuser.

        Args:
            access: content of pg_hba.conf.
            identities: content of pg_ident.conf.
            settings: lines for postgresql.conf, values as it wants them.
            script: one SQL command per line, each in its own transaction.
            sync: wait until all of it is on disk.
        """
        # A new name each time: an initdb that outlived its killed parent must not meet the next one.
        scratch = Path(tempfile.mkdtemp(prefix=f"{self.data.name}.new-", dir=self.data.parent))
        try:
            self.hand_over(scratch)
            self.run(
                "initdb", "--pgdata", str(scratch), "--username", SUPERUSER, "--auth", "reject",
                "--encoding", "UTF8", "--locale", "C.UTF-8" if sys.platform != "darwin" else "C",
                "--no-instructions", *(() if sync else ("--no-sync",)),
            )  # fmt: skip
            (scratch / "pg_hba.conf").write_text(access)
            (scratch / "pg_ident.conf").write_text(identities)
            with (scratch / "postgresql.conf").open("a") as conf:
                conf.writelines(f"{name} = {value}\n" for name, value in settings.items())
            self.run(
                "postgres", "--single", "-D", str(scratch), "-c", "exit_on_error=on", "postgres", stdin=script
            )  # fmt: skip
            scratch.rename(self.data)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def hand_over(self, directory: Path) -> None:
        """Give a directory of ours to the server's account, closed to others."""
        if self.account.switch:
            os.chown(directory, self.account.uid, self.account.gid)
        directory.chmod(0o700)

    def start(self, timeout: int = 60) -> None:
        """Start the server in a session of its own unless it runs, and return when it takes connections.

        Raises:
            ArtifactstoreError: ``unavailable`` with the end of the server's log.
        """
        if not self.running():
            self._launch(timeout)
        # A server whose starter was killed may still be on its way up.
        if not self._accepts(timeout):
            raise self._not_started()

    def _launch(self, timeout: int) -> None:
        self._remove_stale_pid_files()
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        # Not by pg_ctl, which writes the directory into a shell command: there, $ and quotes mean something.
        listed = str(self.sockets).replace('"', '""')
        options = ("-c", f'unix_socket_directories="{listed}"', "-c", "listen_addresses=")
        told = self._execute(
            ["/bin/sh", "-c", _IN_BACKGROUND, str(self.log), str(self.programs.bin / "postgres"),
             "-D", str(self.data), *options]
        )  # fmt: skip
        self._await_start(int(told), timeout)

    def _await_start(self, pid: int, timeout: float) -> None:
        """Return when the process has made itself known as the server of the data, or is gone."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and _pid(self._pid_file()) != pid and self._directory_of(pid):
            time.sleep(_LOOK_AGAIN)

    def _not_started(self) -> ArtifactstoreError:
        return unavailable(
            f"PostgreSQL did not start; {self.log} ends with:\n{self.log_tail()}", self._start_hint()
        )

    def _remove_stale_pid_files(self) -> None:
        """Remove pid files that PostgreSQL would take for those of a server, but that are none's.

        The id may be another program's by now, or a killed server's that nobody has waited for, as is usual
        in containers. A dead id is left to PostgreSQL, which then also looks for backends that outlived
        their server. Where no id is left in the file, as after a full disk, nobody must answer at the socket.
        """
        for file in (self._pid_file(), self.sockets / f"{_SOCKET_NAME}.lock"):
            pid = _pid(file)
            if pid is None and file.exists() and self._answers():
                raise unavailable(
                    f"{file} does not say which process it is of, but a server answers in {self.sockets}",
                    "stop that server (SIGINT to the process postgres of this directory), then try again",
                )
            if file.exists() and (pid is None or _lives(pid)):
                file.unlink()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            try:
                client.connect(str(self.sockets / _SOCKET_NAME))
            except OSError:
                return False
        return True

    def _accepts(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.running():
            # The last line is the state; those before it hold paths, which may hold anything.
            if _text(self._pid_file()).rstrip().endswith("\nready"):
                return True
            time.sleep(_LOOK_AGAIN)
        return False

    def _start_hint(self) -> str:
        free = shutil.disk_usage(self.data).free
        if free < 64 * 1024 * 1024:
            return f"the disk of {self.data} is full ({free // 1024} KiB free): make room"
        return f"the cause is in {self.log}; or name another server with DATABASE_URL"

    def stop(self, timeout: int = 60) -> None:
        """Stop the server cleanly, ending its sessions; nothing if it does not run."""
        if self.running():
            self.run(
                "pg_ctl", "stop", "--wait", "--timeout", str(timeout), "--silent", "--mode", "fast",
                "--pgdata", str(self.data),
            )  # fmt: skip

    def running(self) -> bool:
        """True if a live server holds the data directory (it may still be starting)."""
        pid = _pid(self._pid_file())
        return pid is not None and self._directory_of(pid) == os.fsencode(self.data.resolve())

    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _directory_of(self, pid: int) -> bytes:
        """Where a server works, which tells whether it is ours: after a reboot the id may be anybody's.

        Empty for a process that is gone. Where a system does not tell, it is that of any postgres.
        """
        if sys.platform != "linux":
            listed = subprocess.run(
                ["ps", "-p", str(pid), "-o", "comm="], capture_output=True, text=True, check=False
            )
            return os.fsencode(self.data.resolve()) if listed.stdout.strip().endswith("postgres") else b""
        # Asked as the account itself: in a container, root may not look at the processes of others.
        found = subprocess.run(
            ["readlink", f"/proc/{pid}/cwd"], capture_output=True, check=False, cwd="/", **self.account.switch
        )
        return found.stdout.removesuffix(b"\n")

    def major(self) -> int | None:
        """Major version of the data directory, or None if there is none yet."""
        return major_of(self.data)

    def log_tail(self) -> str:
        """The last lines of the server's log."""
        return "\n".join(_text(self.log).splitlines()[-_LOG_TAIL_LINES:])

    def run(self, program: str, *arguments: str, stdin: str | None = None) -> str:
        """Run one of the programs as the account, away from our terminal and signals; returns its output.

        Raises:
            ArtifactstoreError: ``unavailable`` with what the program said.
        """
        return self._execute([str(self.programs.bin / program), *arguments], stdin)

    def _execute(self, command: list[str], stdin: str | None = None) -> str:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "LC_ALL": "C",
        }
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, errors="replace", check=False, cwd="/",
                env=environment, start_new_session=True, **self.account.switch,
            )  # fmt: skip
        except OSError as failure:
            if system.code_of(failure) != "file":
                raise system.refused(failure, command[0]) from failure
            raise unusable(f"{command[0]} cannot be run: {failure.strerror}") from failure
        if done.returncode != 0:
            program = Path(command[0]).name
            raise unavailable(f"{program} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout


def major_of(data: Path) -> int | None:
    """Major version of a data directory, None if there is none yet.

    Raises:
        ArtifactstoreError: ``unavailable`` when PG_VERSION does not say it.
    """
    file = data / "PG_VERSION"
    if not data.exists():
        return None
    told = _text(file).strip()
    if not (told.isascii() and told.isdecimal()):
        raise unavailable(
            f"{file} does not name a version of PostgreSQL: the data directory is damaged",
            f"restore {data} from a backup, or move it away to begin anew",
        )
    return int(told)


def _text(file: Path) -> str:
    """What a file holds, nothing if there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _pid(file: Path) -> int | None:
    """The process id in the first line of a lock file, None where there is none, as in one half written."""
    first = _text(file).partition("\n")[0].strip()
    # A postmaster that runs alone (initdb) writes its id negative.
    digits = first.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or not 0 < int(digits) <= _MAX_PID:
        return None
    return int(digits)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def check_private(directory: Path, owner: int) -> None:
    """Refuse a directory that others own or may enter.

    Raises:
        ArtifactstoreError: ``no-server``.
    """
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) & 0o077:
        raise unusable(
            f"{directory} is not a directory of the server's account, closed to others", "remove it"
        )


def socket_fits(directory: Path) -> bool:
    """True if a socket of the server in ``directory`` has a path that system, server and clients can name.

    A comma separates hosts for clients, which want UTF-8; the end of a line ends a field of lock files.
    """
    path = os.fsencode(directory / _SOCKET_NAME)
    named = path.decode("utf-8", "replace")
    return len(path) <= MAX_SOCKET_PATH and not any(one in named for one in ",\r\n\ufffd")
