"""The embedded server wherever it is put, and with whatever a crash or a full disk left of its files."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import access, embedded, server
from artifactstore.errors import ArtifactstoreError
from artifactstore.store import Store
from tests.directories import public_directory
from tests.effort import SURROUNDINGS
from tests.surroundings.running import Runner

NAMES = (
    "a $HOME $(id) `id` b",
    "q'u\"o\\te",
    "100%s %d",
    "line\nbreak",
    "trailing blank ",
    "ünï☃",
    "comma,host",
    "-D",
    "semi;colon&|<>*?[]{}!#~",
    "x" * 120,
    os.fsdecode(b"not \xff utf-8"),
)
TORN: dict[str, bytes] = {
    "empty": b"",
    "half": b"123",
    "no number": b"x\n/data\n",
    "binary": b"\x00\xff\xfe\n\x00",
    "blank": b"\n\n\n",
    "huge": b"9" * 400,
    "minus": b"-\n",
    "other digits": "١٢\n".encode(),
}
READ = ("data/postmaster.pid", "run/.s.PGSQL.5432.lock", "data/PG_VERSION", "token", "keep", "users", "lock")
"""Files of a data directory that this software reads or opens, but for the log."""
_FILES = ("postmaster.pid", "PG_VERSION", "keep", "users", "lock")


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    """A directory that the account of root's server may enter."""
    with public_directory("as-dir-") as made:
        yield made


@pytest.fixture(scope="module")
def used(parent: Path) -> Path:
    """A data directory whose server was used once."""
    home = parent / "used"
    embedded.ensure_running(home)
    embedded.release()
    return home


@pytest.fixture
def copy(parent: Path, used: Path) -> Iterator[Path]:
    """A copy of a used data directory, below a directory of its own."""
    with public_directory("as-dir-", parent) as made:
        home = made / "home"
        subprocess.run(["cp", "-a", "--", used, home], check=True)
        yield home
        if home.exists():
            embedded.stop(home)
        embedded.release()


def test_f19_a_directory_of_any_name_serves(copy: Path) -> None:
    """One after the other: the same data under each name."""
    for name in NAMES[:SURROUNDINGS]:
        home = copy.rename(copy.parent / name)
        try:
            conninfo = embedded.ensure_running(home)
            with psycopg.connect(make_conninfo(conninfo, user=server.SUPERUSER)) as connection:
                assert Store(connection).health.data_directory() == str(home / "data")
            assert embedded.status(home).running
            assert embedded.stop(home)
            assert not embedded.status(home).running
        finally:
            embedded.stop(home)
            embedded.release()
            home.rename(copy)


def test_f19_such_a_directory_is_made_too(parent: Path) -> None:
    home = parent / "new $x 'y\" \\z\n%"
    try:
        embedded.ensure_running(home)
        assert embedded.status(home).running
    finally:
        embedded.stop(home)
        embedded.release()


def test_f19_why_it_does_not_start_is_told(copy: Path) -> None:
    with (copy / "data" / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting_of_ours = 1\n")
    with pytest.raises(ArtifactstoreError, match="no_such_setting_of_ours"):
        embedded.ensure_running(copy)


def test_f19_what_the_shell_says_is_told_when_there_is_no_log(copy: Path) -> None:
    shutil.rmtree(copy / "log")
    (copy / "log").write_text("in the way")
    with pytest.raises(ArtifactstoreError, match="log"):
        embedded.ensure_running(copy)


def test_f18_a_torn_lock_file_is_nobodys(copy: Path, runner: Runner) -> None:
    """Whatever is in it: status says that nothing runs, and the next command starts the server."""
    environment = {"ARTIFACTSTORE_DATA_DIR": str(copy)}
    for number, torn in enumerate(TORN.values()):
        for file in ("data/postmaster.pid", "run/.s.PGSQL.5432.lock"):
            (copy / file).write_bytes(torn)
        told = runner.run("--json", "db", "status", environment=environment)
        assert told.objects[0]["running"] is False
        if number < SURROUNDINGS // 3:
            assert runner.run("status", environment=environment).code == 0
            assert runner.run("doctor", environment=environment).code in (0, 1)


def test_f18_a_torn_version_is_damage_that_is_told(copy: Path, runner: Runner) -> None:
    environment = {"ARTIFACTSTORE_DATA_DIR": str(copy)}
    for torn in TORN.values():
        (copy / "data" / "PG_VERSION").write_bytes(torn)
        for words in (["db", "status"], ["status"], ["doctor"], ["db", "start"], ["db", "stop"]):
            told = runner.run("--json", *words, environment=environment)
            assert (told.code, told.error["code"]) in ((2, "no-server"), (5, "unavailable")), (words, torn)
            assert "PG_VERSION" in told.error["message"] or "is of PostgreSQL" in told.error["message"]
    (copy / "data" / "PG_VERSION").write_text("18\n")


def test_f18_a_server_whose_lock_file_is_torn_is_not_doubled(copy: Path) -> None:
    conninfo = embedded.ensure_running(copy)
    file = copy / "data" / "postmaster.pid"
    text = file.read_text()
    file.write_text("")
    try:
        with pytest.raises(ArtifactstoreError, match="a server answers"):
            embedded.ensure_running(copy)
        with psycopg.connect(conninfo) as connection:
            connection.execute("SELECT 1")
    finally:
        file.write_text(text)


@pytest.mark.parametrize("torn", TORN)
def test_f18_a_torn_token_is_no_token(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(TORN[torn])
    path.chmod(0o600)
    assert access.read_token(path) is None


def test_f18_every_file_that_is_read_is_tried() -> None:
    """Those that the sources name: a file that is read later belongs into READ."""
    directory = Path(server.__file__).parent
    sources = (directory / "cluster.py").read_text() + (directory.parent / "embedded.py").read_text()
    named = {name for name in _FILES if f'"{name}"' in sources}
    assert named == {Path(name).name for name in READ} - {"token", ".s.PGSQL.5432.lock"}
