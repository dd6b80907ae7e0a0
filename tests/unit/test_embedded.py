"""The embedded server: shared by those who use it, stopped by the last, unharmed by those who are killed."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from artifactstore import db, embedded, server
from artifactstore.errors import ArtifactstoreError
from artifactstore.migrate import migrate
from tests.directories import public_directory
from tests.timing import until

USER = """
import sys
from artifactstore import embedded
print(embedded.ensure_running(), flush=True)
sys.stdin.read()
"""
KEEPER = USER.replace("ensure_running()", "ensure_running(keep=True)")


@pytest.fixture
def new_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Directory of an embedded server that does not exist yet."""
    with public_directory("as-emb-") as parent:
        monkeypatch.setenv("ARTIFACTSTORE_DATA_DIR", str(parent / "home"))
        monkeypatch.delenv("DATABASE_URL", raising=False)
        yield parent / "home"
        embedded.stop()
        embedded.release()


@pytest.fixture(scope="module")
def used_before() -> Iterator[Path]:
    """Directory of an embedded server that was used once."""
    with public_directory("as-emb-") as parent:
        embedded.ensure_running(parent / "home")
        embedded.release()
        yield parent / "home"


@pytest.fixture
def home(new_home: Path, used_before: Path) -> Path:
    """Directory of an embedded server that has data."""
    subprocess.run(["cp", "-a", used_before, new_home], check=True)
    return new_home


@contextmanager
def user(code: str = USER) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the embedded server until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def conninfo_of(process: subprocess.Popen[str]) -> str:
    """Wait until the process is served."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, "the process failed"
    return line


def end(process: subprocess.Popen[str]) -> None:
    """Let the process end by itself."""
    process.communicate()
    assert process.returncode == 0


def postmaster(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().splitlines()[0])


def sessions_user(conninfo: str) -> str:
    # By this name it is no user of its own: closing is not waited for, and it must not keep the server up.
    with psycopg.connect(conninfo, application_name="artifactstore test") as conn:
        row = conn.execute("SELECT session_user::text").fetchone()
    assert row is not None
    return str(row[0])


def test_it_serves_a_database_of_ones_own_and_only_locally(new_home: Path) -> None:
    conninfo = embedded.ensure_running()
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert sessions_user(conninfo) == me
    with psycopg.connect(make_conninfo(conninfo, user=server.SUPERUSER)) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
        assert conn.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall() == [("peer",)]
        assert conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", (me,)).fetchone() == (False,)
    for private in (new_home / "data", new_home / "run", new_home / "log"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_it_can_be_migrated_by_its_login(home: Path) -> None:
    target = db.target()
    assert target.embedded
    migrate(target.conninfo, grant_to_login=True)
    with db.connect(target.conninfo) as conn:
        assert conn.execute("SELECT artifactstore.log_head()").fetchone() == (0,)
    assert home.exists()


def test_a_named_database_is_preferred(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert db.target("dbname=here") == db.Target("dbname=here", embedded=False)
    monkeypatch.setenv("DATABASE_URL", "dbname=there")
    assert db.target() == db.Target("dbname=there", embedded=False)
    assert not new_home.exists()


def test_two_that_start_at_once_share_one_server_and_the_last_stops_it(new_home: Path) -> None:
    with user() as first, user() as second:
        assert sessions_user(conninfo_of(first)) == sessions_user(conninfo_of(second))
        served_by = postmaster(new_home)
        end(first)
        assert embedded.status().running
        assert postmaster(new_home) == served_by
        end(second)
    assert not embedded.status().running


def test_it_survives_a_killed_user_and_stops_with_the_next(home: Path) -> None:
    with user() as killed:
        conninfo_of(killed)
        served_by = postmaster(home)
        assert os.getsid(served_by) != os.getsid(killed.pid)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert embedded.status().running
    with user() as following:
        sessions_user(conninfo_of(following))
        assert postmaster(home) == served_by
        end(following)
    assert not embedded.status().running


def test_a_user_that_is_killed_while_it_starts_the_server_is_no_harm(new_home: Path) -> None:
    with user() as killed:
        until(lambda: bool(list(new_home.glob("data.new-*"))), "the server is being made")
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert sessions_user(embedded.ensure_running())
    assert list(new_home.glob("data.new-*")) == []


def test_it_starts_again_after_the_server_was_killed(home: Path) -> None:
    conninfo = embedded.ensure_running()
    killed = postmaster(home)
    os.kill(killed, signal.SIGKILL)
    while _is_alive(killed):
        time.sleep(0.01)
    assert embedded.ensure_running() == conninfo
    assert postmaster(home) != killed
    assert sessions_user(conninfo)


def test_a_pid_file_that_names_another_program_is_stale(home: Path) -> None:
    embedded.ensure_running()
    lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    embedded.stop()
    (home / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert not embedded.status().running
    assert sessions_user(embedded.ensure_running())


def _is_alive(pid: int) -> bool:
    """True while the process runs; a killed one that nobody waited for does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_it_can_be_told_to_keep_running_until_stop(home: Path) -> None:
    with user(KEEPER) as keeper:
        conninfo = conninfo_of(keeper)
        end(keeper)
    with user() as following:
        conninfo_of(following)
        end(following)
    assert embedded.status() == embedded.Status(home, 18, True, True, conninfo, home / "log" / "server.log")
    assert embedded.stop()
    assert not embedded.stop()
    assert not embedded.status().keeps_running


@pytest.mark.usefixtures("home")
def test_a_client_of_another_kind_is_not_cut_off() -> None:
    with user() as last:
        with psycopg.connect(conninfo_of(last), application_name="psql") as conn:
            end(last)
            assert conn.execute("SELECT 1").fetchone() == (1,)
        with user() as following:
            conninfo_of(following)
            end(following)
    assert not embedded.status().running


@pytest.mark.usefixtures("home")
def test_a_process_that_was_forked_off_stops_nothing() -> None:
    conninfo = embedded.ensure_running()
    child = os.fork()
    if child == 0:
        embedded.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert sessions_user(conninfo)
    embedded.release()
    assert not embedded.status().running


def test_a_path_that_is_too_long_for_a_socket_gets_one_elsewhere(
    new_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = new_home.parent / ("x" * 100)
    monkeypatch.setenv("ARTIFACTSTORE_DATA_DIR", str(long))
    conninfo = embedded.ensure_running()
    sockets = Path(str(conninfo_to_dict(conninfo)["host"]))
    assert str(sockets.parent) in ("/tmp", "/var/tmp")  # noqa: S108
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert sessions_user(conninfo)
    embedded.release()
    sockets.chmod(0o755)
    with pytest.raises(ArtifactstoreError, match="closed to others"):
        embedded.ensure_running()
    shutil.rmtree(sockets)


def test_data_of_a_version_that_the_wheel_does_not_bring_is_refused(home: Path) -> None:
    embedded.ensure_running()
    embedded.stop()
    (home / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ArtifactstoreError, match="is of PostgreSQL 17"):
        embedded.ensure_running()
    shutil.rmtree(home / "data")


def test_a_server_that_does_not_start_shows_its_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.ensure_running()
    embedded.stop()
    with (home / "data" / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")
    with pytest.raises(ArtifactstoreError, match="no_such_setting") as caught:
        embedded.ensure_running()
    assert str(home / "log" / "server.log") in (caught.value.hint or "")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))
    with pytest.raises(ArtifactstoreError) as caught:
        embedded.ensure_running()
    assert "disk" in (caught.value.hint or "")
    assert caught.value.exit_code == 5


def test_a_directory_that_cannot_be_made_is_named(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (new_home.parent / "file").touch()
    monkeypatch.setenv("ARTIFACTSTORE_DATA_DIR", str(new_home.parent / "file" / "home"))
    with pytest.raises(ArtifactstoreError, match="Not a directory") as caught:
        embedded.ensure_running()
    assert "ARTIFACTSTORE_DATA_DIR" in (caught.value.hint or "")


def test_the_directory_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTIFACTSTORE_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ann/data")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert embedded.data_directory() == Path("/home/ann/data/artifactstore")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    # F43: root's, too.
    assert embedded.data_directory() == Path("/home/ann/data/artifactstore")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert embedded.data_directory() == Path("/var/lib/artifactstore")
    assert embedded.data_directory(Path("/x")) == Path("/x")
