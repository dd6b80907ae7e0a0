"""A cluster: made whole or not at all, started in a session of its own, stopped cleanly."""

import os
import shlex
import shutil
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
        options = ["-c", f'unix_socket_directories="{self.sockets}"', "-c", "listen_addresses="]
        try:
            self.run(
                "pg_ctl", "start", "--wait", "--timeout", str(timeout), "--silent",
                "--pgdata", str(self.data), "--log", str(self.log),
                "--options", shlex.join(options),
            )  # fmt: skip
        except ArtifactstoreError:
            raise self._not_started() from None

    def _not_started(self) -> ArtifactstoreError:
        return unavailable(
            f"PostgreSQL did not start; {self.log} ends with:\n{self.log_tail()}", self._start_hint()
        )

    def _remove_stale_pid_files(self) -> None:
        """Remove pid files whose id is alive but no server's: PostgreSQL would take it for one.

        The id may be another program's by now, or a killed server's that nobody has waited for, as is usual
        in containers. A dead id is left to PostgreSQL, which then also looks for backends that outlived
        their server.
        """
        for file in (self.data / "postmaster.pid", self.sockets / f"{_SOCKET_NAME}.lock"):
            if file.exists() and _lives(int(file.read_text().split()[0])):
                file.unlink()

    def _accepts(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.running():
            lines = self._postmaster_lines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return True
            time.sleep(0.1)
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
        lines = self._postmaster_lines()
        return bool(lines) and self._serves(int(lines[0]))

    def _serves(self, pid: int) -> bool:
        """True if the process lives and is our server: after a reboot the id may be anybody's."""
        if sys.platform != "linux":
            listed = subprocess.run(
                ["ps", "-p", str(pid), "-o", "comm="], capture_output=True, text=True, check=False
            )
            return listed.stdout.strip().endswith("postgres")
        # Asked as the account itself: in a container, root may not look at the processes of others.
        found = subprocess.run(
            ["readlink", f"/proc/{pid}/cwd"], capture_output=True, text=True, check=False, cwd="/",
            **self.account.switch,
        )  # fmt: skip
        return found.stdout.strip() == str(self.data.resolve())

    def _postmaster_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def major(self) -> int | None:
        """Major version of the data directory, or None if there is none yet."""
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def log_tail(self) -> str:
        """The last lines of the server's log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-_LOG_TAIL_LINES:])

    def run(self, program: str, *arguments: str, stdin: str | None = None) -> str:
        """Run one of the programs as the account, away from our terminal and signals; returns its output.

        Raises:
            ArtifactstoreError: ``unavailable`` with what the program said.
        """
        command = [str(self.programs.bin / program), *arguments]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "LC_ALL": "C",
        }
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, check=False, cwd="/",
                env=environment, start_new_session=True, **self.account.switch,
            )  # fmt: skip
        except OSError as failure:
            if system.code_of(failure) != "file":
                raise system.refused(failure, command[0]) from failure
            raise unusable(f"{command[0]} cannot be run: {failure.strerror}") from failure
        if done.returncode != 0:
            raise unavailable(f"{program} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout


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
    """True if a socket of the server in ``directory`` has a path that the system allows."""
    return len(os.fsencode(directory / _SOCKET_NAME)) <= MAX_SOCKET_PATH
