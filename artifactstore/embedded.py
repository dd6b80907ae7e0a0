"""The PostgreSQL that serves when no database is named: in the user's data directory, while it is used.

Every process that uses it holds a shared lock on the file ``users``; the last one to end stops the server.
A killed process lets go of its lock by dying, so nothing needs cleaning up: the server goes on until the
next one ends. Only the account that made the data, and root, can connect, and may then act as any role of it.
"""

import atexit
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from psycopg import sql
from psycopg.conninfo import make_conninfo

from artifactstore import db, server, system
from artifactstore.errors import ArtifactstoreError, Busy, translated
from artifactstore.variables import flag

DATABASE = "artifactstore"
LOCK_SECONDS = 120.0
"""How long another process may take to start or stop the server."""
_LOOK_AGAIN = 0.05

_SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] %q%u@%d %a '",
}
_ELSEWHERE = "choose another directory with ARTIFACTSTORE_DATA_DIR, or name a server with DATABASE_URL"
_ROOTS_DIRECTORY = Path(
    "/usr/local/var/artifactstore" if sys.platform == "darwin" else "/var/lib/artifactstore"
)
_OTHERS_CONNECTED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND application_name NOT LIKE 'artifactstore%'
"""
_held: dict[Path, tuple[int, int]] = {}
"""Per directory in use by this process: descriptor of its lock on ``users``, and the process that took it."""


@dataclass(frozen=True, slots=True)
class Status:
    """State of an embedded server: ``conninfo`` is None unless it runs, ``major`` unless it has data."""

    directory: Path
    major: int | None
    running: bool
    keeps_running: bool
    conninfo: str | None
    log: Path


def _silent(_line: str) -> None:
    pass


def data_directory(chosen: Path | None = None) -> Path:
    """Where the embedded server lives: as chosen, or ARTIFACTSTORE_DATA_DIR, or in the user's data directory.

    That is in XDG_DATA_HOME if it is set. Root's is else outside its home, which the account that the server
    runs as may not enter.

    Raises:
        ArtifactstoreError: ``unavailable`` when there is no such place.
    """
    told = os.environ.get("ARTIFACTSTORE_DATA_DIR")
    try:
        if chosen is not None or told:
            return Path(chosen or str(told)).expanduser().absolute()
    except (RuntimeError, OSError) as failure:  # no such user, no home, no working directory
        raise server.unusable(f"{chosen or told}: {failure}", _ELSEWHERE) from failure
    if told := os.environ.get("XDG_DATA_HOME"):
        if not Path(told).is_absolute():
            raise server.unusable(
                f"XDG_DATA_HOME is {told}, which is no absolute path", "name one, or unset it"
            )
        return Path(told) / "artifactstore"
    if os.geteuid() == 0:
        return _ROOTS_DIRECTORY
    try:
        found = Path(platformdirs.user_data_dir("artifactstore", appauthor=False))
    except RuntimeError:  # of newer versions of platformdirs; older ones give a path with ~
        found = Path("~")
    if not found.is_absolute():
        raise server.unusable(f"user id {os.geteuid()} has no home directory for its data", _ELSEWHERE)
    return found


def demo_directory() -> Path | None:
    """Where the demo lives, which must not write into a registry in use; None when one was named for it."""
    if os.environ.get("ARTIFACTSTORE_DATA_DIR"):
        return None
    usual = data_directory()
    return usual.with_name(f"{usual.name}-demo")


def ensure_running(
    chosen: Path | None = None, *, keep: bool = False, tell: Callable[[str], None] = _silent
) -> str:
    """Start the server unless it runs, and hold it until this process ends; returns the conninfo.

    Args:
        chosen: see ``data_directory``.
        keep: let it run on when the last user ends, until ``stop``; ARTIFACTSTORE_KEEP_RUNNING=1 does too.
        tell: gets lines for people before a new registry is made: where, and as which account.

    Raises:
        ArtifactstoreError: ``unavailable``, ``no-server``, ``file`` or ``disk-full``, and what to do.
    """
    home = data_directory(chosen)
    with _explained(home):
        if not (home / "data").exists():
            _announce(home, tell)
        _make_home(home)
        with _locked(home):
            cluster = _cluster(home)
            _make_directories(cluster)
            name = "ARTIFACTSTORE_KEEP_RUNNING"
            if flag(name, os.environ.get(name) or "0") or keep:
                (home / "keep").touch()
            if cluster.major() is None:
                _create(home, cluster)
            cluster.start()
            _hold(home)
            return _conninfo(home, cluster)


def release() -> None:
    """Let go of every server that this process holds; stop those that nobody else uses. Runs at exit."""
    for home, (descriptor, pid) in list(_held.items()):
        del _held[home]
        if pid == os.getpid():
            _leave(home, descriptor)


def stop(chosen: Path | None = None) -> bool:
    """Stop the server now, whoever uses it; False if it did not run."""
    home = data_directory(chosen)
    if not home.exists():
        return False
    with _explained(home), _locked(home):
        cluster = _cluster(home)
        (home / "keep").unlink(missing_ok=True)
        was_running = cluster.running()
        cluster.stop()
        return was_running


def status(chosen: Path | None = None) -> Status:
    """The state of the server; changes nothing."""
    home = data_directory(chosen)
    with _explained(home):
        if not (home / "data").exists():
            return Status(home, None, False, False, None, _log(home))
        cluster = _cluster(home)
        running = cluster.running()
        conninfo = _conninfo(home, cluster) if running else None
        return Status(home, cluster.major(), running, (home / "keep").exists(), conninfo, cluster.log)


def _announce(home: Path, tell: Callable[[str], None]) -> None:
    """Say what is about to be made, before it is."""
    if os.geteuid() == 0:
        name = server.roots_account()
        made = "" if server.account_exists(name) else ", which is made for it"
        tell(f"PostgreSQL refuses to run as root: it runs as the system account {name}{made}")
        _refuse_closed(home)
    tell(f"a new registry is made in {home}")
    tell("  for another place set ARTIFACTSTORE_DATA_DIR, for a server of your own DATABASE_URL")


def _make_home(home: Path) -> None:
    is_root = os.geteuid() == 0
    if not home.exists():
        for directory in reversed(home.parents) if is_root else ():
            if not directory.exists():
                # Whatever the umask: the account that root's server runs as must get through.
                directory.mkdir(exist_ok=True)
                directory.chmod(0o755)
        # Another that starts at the same moment may have made it by now.
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o711 if is_root else 0o700)
    elif is_root and _is_ours_to_open(home):
        home.chmod(0o711)
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        if not home.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(home))
        reason = f"{os.strerror(errno.EACCES)}: it belongs to {server.name_of(home.stat().st_uid)}"
        raise PermissionError(errno.EACCES, reason, str(home))


def _refuse_closed(home: Path) -> None:
    """Refuse a place where the account of root's server cannot get, instead of another place in silence."""
    account = server.account()
    closed = server.closed_to(account, home.parent if _is_ours_to_open(home) else home)
    if closed is not None:
        raise server.unusable(
            f"{home} cannot be the place of root's registry: PostgreSQL runs as the account {account.name}, "
            f"which may not enter {closed}",
            f"set ARTIFACTSTORE_DATA_DIR to a place that all may enter, such as {_ROOTS_DIRECTORY}; "
            f"or chmod o+x {closed}",
        )


def _is_ours_to_open(home: Path) -> bool:
    """Whether root made an empty directory for the registry, closed to all others, as mktemp does."""
    return home.is_dir() and home.stat().st_uid == 0 and not any(home.iterdir())


def _cluster(home: Path) -> server.Cluster:
    """The cluster in this directory, with programs that fit its data."""
    account = _account(home)
    data = home / "data"
    major = server.major_of(data)
    if major is not None and major not in server.WHEEL_PREFIXES:
        raise server.unusable(
            f"the data in {data} is of PostgreSQL {major}, which the installed {server.WHEEL} does not bring",
            f"install the {server.WHEEL} that it was made with, pg_dump the database, move {data} away, "
            "and restore into a new one",
        )
    programs = server.reachable_programs(server.wheel_programs(major), account, home / "programs")
    return server.Cluster(programs, account, data, _sockets(home), _log(home))


def _make_directories(cluster: server.Cluster) -> None:
    for directory in (cluster.sockets, cluster.log.parent):
        if not directory.exists():
            directory.mkdir(mode=0o700)
            cluster.hand_over(directory)
    # The one for sockets may be in a directory for all, where somebody else could have made it.
    server.check_private(cluster.sockets, cluster.account.uid)


def _account(home: Path) -> server.Account:
    """Who owns the data serves it, also when root comes to use somebody's server."""
    data = home / "data"
    if not data.exists():
        return server.account()
    return server.account_of(data.stat().st_uid)


def _log(home: Path) -> Path:
    return home / "log" / "server.log"


def _sockets(home: Path) -> Path:
    """``run`` inside, or, if that makes no path for a socket, a private directory elsewhere."""
    inside = home / "run"
    if server.socket_fits(inside):
        return inside
    name = f"artifactstore-{home.stat().st_uid}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    # Made 0700, and its owner is checked.
    writable = (short for short in ("/tmp", "/var/tmp") if os.access(short, os.W_OK))  # noqa: S108
    return Path(next(writable, "/tmp")) / name  # noqa: S108


def _create(home: Path, cluster: server.Cluster) -> None:
    _remove_left_over(home)
    login = _login(home)
    script = [f"CREATE DATABASE {DATABASE} OWNER {_quoted(login)}"]
    if login != server.SUPERUSER:
        script.insert(0, f"CREATE ROLE {_quoted(login)} LOGIN CREATEROLE")
    if login != server.SUPERUSER:
        # It is alone here: it may see what the sessions and the server do, which doctor looks at.
        script.append(f"GRANT pg_read_all_stats, pg_read_all_settings TO {_quoted(login)}")
    names = sorted({cluster.account.name, server.account_of(home.stat().st_uid).name, "root"})
    cluster.create(
        access="local all all peer map=artifactstore\n",
        identities="".join(f'artifactstore "{name}" all\n' for name in names),
        settings=_SETTINGS,
        script="".join(f"{command};\n" for command in script),
    )
    # Once more: the program that a killed user left behind may have written on for a moment.
    _remove_left_over(home)


def _remove_left_over(home: Path) -> None:
    for left_over in home.glob("data.new-*"):
        shutil.rmtree(left_over, ignore_errors=True)


def _login(home: Path) -> str:
    """The role that the CLI logs in as: named like the user, so that events tell who appended them."""
    name = server.account_of(home.stat().st_uid).name
    return f"user_{name}" if name.startswith("pg_") or name in ("public", "none") else name


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _conninfo(home: Path, cluster: server.Cluster) -> str:
    return make_conninfo(host=str(cluster.sockets), user=_login(home), dbname=DATABASE)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One process at a time starts, stops or looks after the server."""
    descriptor = _open_lock(home / "lock")
    try:
        _take(descriptor, home / "lock", fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, kind: int) -> None:
    """Lock a file; raises ``Busy`` with who has it when that takes too long."""
    ends = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > ends:
                break
        time.sleep(_LOOK_AGAIN)
    pids = _lockers(os.fstat(descriptor))
    who = f"process {', '.join(map(str, pids))}" if pids else "another process"
    problem = f"waited {LOCK_SECONDS:g} s for {path}, which {who} has locked"
    told = {"problem": problem, "path": str(path), "pids": pids}
    hint = "it starts or stops the embedded server: wait until it ends, or end it, then repeat"
    raise Busy("busy", told, hint)


def _lockers(file: os.stat_result) -> list[int]:
    """The processes that have locks on a file, as far as the system tells (Linux, see proc_locks(5))."""
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return []
    held = (line.split() for line in lines if "->" not in line)
    return sorted({int(fields[4]) for fields in held if fields[5] == place})


def _open_lock(path: Path) -> int:
    made = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, stat.S_IRUSR | stat.S_IWUSR)
    if made:
        # A umask may take rights from the owner too, whose next command must open it again.
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
    return descriptor


def _hold(home: Path) -> None:
    held = _held.get(home)
    if held is not None and held[1] == os.getpid():
        return
    descriptor = _open_lock(home / "users")
    _take(descriptor, home / "users", fcntl.LOCK_SH)
    if not _held:
        atexit.register(release)
    _held[home] = (descriptor, os.getpid())


def _leave(home: Path, descriptor: int) -> None:
    try:
        with _locked(home):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            cluster = _cluster(home)
            if not (home / "keep").exists() and not _used_by_others(home, cluster):
                cluster.stop()
    except (BlockingIOError, Busy):
        return  # others use it
    except (FileNotFoundError, ArtifactstoreError):
        return  # the directory was removed meanwhile, or damaged: who uses it next is told
    finally:
        os.close(descriptor)


def _used_by_others(home: Path, cluster: server.Cluster) -> bool:
    """True if a client that is none of our processes is connected, such as a psql that somebody opened."""
    try:
        with translated(), db.connect(_conninfo(home, cluster)) as conn:
            row = conn.execute(_OTHERS_CONNECTED).fetchone()
            return row is not None and row[0] > 0
    except ArtifactstoreError:
        return False


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """Raise what the system refuses inside by name, with the file and where else the data could be."""
    try:
        yield
    except OSError as failure:
        told = system.refused(failure, home)
        if told.code == "file":
            told.hint = _ELSEWHERE
        raise told from failure
