"""The embedded server wherever it is put, and with whatever a crash or a full disk left of its files."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import access, embedded, server
from artifactstore.errors import ArtifactstoreError
from tests import guardian
from tests.cli.program import Outcome
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


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    """A directory that the account of root's server may enter."""
    made = guardian.current().make_directory("as-dir-")
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def used(parent: Path) -> Path:
    """A data directory whose server was used once."""
    home = parent / "used"
    embedded.ensure_running(home)
    embedded.release()
    return home


@pytest.fixture
def copy(parent: Path, used: Path) -> Iterator[Callable[[str], Path]]:
    """Makes a copy of a used data directory, of that name."""
    made: list[Path] = []

    def make(name: str) -> Path:
        # Below a directory of its own, so that any name is free.
        made.append(Path(os.path.join(guardian.current().make_directory("as-dir-", parent=parent), name)))  # noqa: PTH118
        made[-1].parent.chmod(0o755)
        subprocess.run(["cp", "-a", "--", used, made[-1]], check=True)
        return made[-1]

    yield make
    for home in made:
        try:
            embedded.stop(home)
        except ArtifactstoreError:
            assert not any((home / "run").glob(".s.*")), "a server is left"
        embedded.release()
        shutil.rmtree(home.parent, ignore_errors=True)


@pytest.mark.parametrize("name", NAMES[:SURROUNDINGS], ids=range(len(NAMES[:SURROUNDINGS])))
def test_f19_a_directory_of_any_name_serves(copy: Callable[[str], Path], name: str) -> None:
    home = copy(name)
    conninfo = embedded.ensure_running(home)
    with psycopg.connect(make_conninfo(conninfo, user=server.SUPERUSER)) as connection:
        row = connection.execute("SELECT current_setting('data_directory', true)").fetchone()
    assert row is not None
    if "�" not in os.fsencode(home).decode("utf-8", "replace"):
        assert row[0] == str(home / "data")
    assert embedded.status(home).running
    assert embedded.stop(home)
    assert not embedded.status(home).running


def test_f19_such_a_directory_is_made_too(parent: Path) -> None:
    home = parent / "new $x 'y\" \\z\n%"
    try:
        embedded.ensure_running(home)
        assert embedded.status(home).running
    finally:
        embedded.stop(home)
        embedded.release()


def test_f19_why_it_does_not_start_is_told(copy: Callable[[str], Path]) -> None:
    home = copy("broken $x")
    with (home / "data" / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting_of_ours = 1\n")
    with pytest.raises(ArtifactstoreError, match="no_such_setting_of_ours"):
        embedded.ensure_running(home)


def test_f19_what_the_program_says_is_told_when_it_has_no_log(copy: Callable[[str], Path]) -> None:
    home = copy("no log")
    shutil.rmtree(home / "log")
    (home / "log").write_text("in the way")
    with pytest.raises(ArtifactstoreError, match="log"):
        embedded.ensure_running(home)


@pytest.mark.parametrize("torn", TORN)
@pytest.mark.parametrize("file", READ[:3])
def test_f18_torn_files_are_told_or_put_right(
    copy: Callable[[str], Path], runner: Runner, file: str, torn: str
) -> None:
    """A lock file that says nothing is nobody's; a version that says nothing is damage, told by name."""
    home = copy("torn")
    (home / file).write_bytes(TORN[torn])
    environment = {"ARTIFACTSTORE_DATA_DIR": str(home)}

    def run(*arguments: str) -> Outcome:
        return runner.run("--json", *arguments, environment=environment)

    if file == "data/PG_VERSION" and torn not in ("half", "huge"):
        for command in (["db", "status"], ["status"], ["doctor"], ["db", "start"], ["db", "stop"]):
            told = run(*command)
            assert (told.code, told.error["code"]) == (5, "unavailable"), command
            assert "PG_VERSION" in told.error["message"]
        return
    if file == "data/PG_VERSION":
        told = run("doctor")
        assert (told.code, told.error["code"]) == (5, "unavailable")
        return
    assert run("db", "status").objects[0]["running"] is False
    assert run("doctor").code in (0, 1, 3), run("doctor").stderr
    assert run("status").code == 0


def test_f18_a_server_whose_lock_file_is_torn_is_not_doubled(copy: Callable[[str], Path]) -> None:
    home = copy("torn alive")
    conninfo = embedded.ensure_running(home)
    text = (home / "data" / "postmaster.pid").read_text()
    (home / "data" / "postmaster.pid").write_text("")
    try:
        with pytest.raises(ArtifactstoreError, match="a server answers"):
            embedded.ensure_running(home)
        with psycopg.connect(conninfo) as connection:
            connection.execute("SELECT 1")
    finally:
        (home / "data" / "postmaster.pid").write_text(text)


@pytest.mark.parametrize("torn", TORN)
def test_f18_a_torn_token_is_no_token(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(TORN[torn])
    path.chmod(0o600)
    assert access.read_token(path) is None


def test_f18_every_file_that_is_read_is_tried() -> None:
    """Those that the sources name: a file that is read later belongs into READ."""
    sources = "".join(
        (Path(server.__file__).parent / name).read_text() for name in ("cluster.py", "../embedded.py")
    )
    named = {
        name for name in ("postmaster.pid", "PG_VERSION", "keep", "users", "lock") if f'"{name}"' in sources
    }
    assert named == {Path(name).name for name in READ} - {"token", ".s.PGSQL.5432.lock"}
    assert socket.AF_UNIX
