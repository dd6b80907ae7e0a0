"""The system account that a server runs as."""

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from artifactstore.errors import ArtifactstoreError, error


def unavailable(problem: str, hint: str | None = None) -> ArtifactstoreError:
    """The error of a server that cannot serve, with what to do about it."""
    return _failure("unavailable", problem, hint)


def unusable(problem: str, hint: str | None = None) -> ArtifactstoreError:
    """The error of a server that can never serve as things are; repeating it is in vain."""
    return _failure("no-server", problem, hint)


def _failure(code: str, problem: str, hint: str | None) -> ArtifactstoreError:
    failure = error(code, {"problem": problem})
    failure.hint = hint or failure.hint
    return failure


_SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


class Switch(TypedDict, total=False):
    """Arguments of ``subprocess.run`` that change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that a server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def switch(self) -> Switch:
        """How to run a program as this account; empty if it is ours already."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account() -> Account:
    """The account for a server: the caller's own, or for root (whom PostgreSQL refuses) one without rights.

    Root's is named by ARTIFACTSTORE_SERVER_USER, else ``artifactstore`` (made when it is missing),
    on macOS ``_postgres``, which the system has.

    Raises:
        ArtifactstoreError: ``no-server`` when there is no such account.
    """
    uid = os.geteuid()
    if uid != 0:
        return account_of(uid)
    name = roots_account()
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        with _one_at_a_time():
            entry = _create_account(name)
    if entry.pw_uid == 0:
        raise unusable(f"PostgreSQL does not run as {name}", "ARTIFACTSTORE_SERVER_USER=nobody")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def account_of(uid: int) -> Account:
    """The account with this id; raises ``ArtifactstoreError`` unavailable when it has no name."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise unusable(
            f"user id {uid} has no name on this system, and PostgreSQL needs one",
            "add it to /etc/passwd, or name a server with DATABASE_URL",
        ) from None
    return Account(entry.pw_name, uid, entry.pw_gid)


def name_of(uid: int) -> str:
    """What people call the account with this id."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def roots_account() -> str:
    """Name of the account that root's server runs as; it need not be there yet."""
    usual = "_postgres" if sys.platform == "darwin" else "artifactstore"
    return os.environ.get("ARTIFACTSTORE_SERVER_USER") or usual


def account_exists(name: str) -> bool:
    """Whether the system knows an account of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def closed_to(account: Account, directory: Path) -> Path | None:
    """The first directory on the way to ``directory`` that an account may not enter; None if there is none.

    What is not there yet is not looked at.
    """
    for step in (*reversed(directory.parents), directory):
        command = ["test", "-x", str(step)]
        if step.is_dir() and subprocess.run(command, check=False, cwd="/", **account.switch).returncode:
            return step
    return None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two useradd at once may both succeed, and the second give the account another user id."""
    accounts = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(accounts, fcntl.LOCK_EX)
        yield
    finally:
        os.close(accounts)


def _create_account(name: str) -> pwd.struct_passwd:
    hint = "set ARTIFACTSTORE_SERVER_USER to an account without rights, or name a server with DATABASE_URL"
    nologin = shutil.which("nologin", path=_SYSTEM_PATH) or "/bin/false"
    # Not every PATH has the programs of the system: root's may come from cron, or a service.
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}")
    command = [
        program or "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
    ]
    with suppress(KeyError):
        return pwd.getpwnam(name)  # another process made it
    try:
        made = subprocess.run(
            [*command, "--shell", nologin, name], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise unusable(f"there is no account {name} to run PostgreSQL as", hint) from None
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise unusable(f"the account {name} cannot be made: {made.stderr.strip()}", hint) from None
