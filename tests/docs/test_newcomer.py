"""F43: somebody new, with a home directory and nothing else: what is made where is said before it is made."""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import embedded
from artifactstore.migrate import migrate
from tests.databases import TEST_PREFIX
from tests.directories import public_directory
from tests.docs.snippets import ROOT
from tests.effort import IN_CI
from tests.needs import ROOT as AS_ROOT
from tests.needs import needs_program

PURL = "pkg:generic/app@1.0"
IS_ROOT = os.geteuid() == 0


@dataclass(frozen=True)
class Newcomer:
    """Runs the program as somebody who has set nothing but, as root, where data is to be."""

    home: Path

    @property
    def data(self) -> Path:
        """Where their registry is to be."""
        return self.home / ("share" if IS_ROOT else ".local/share") / "artifactstore"

    def environment(self, **more: str) -> dict[str, str]:
        """All that programs are given; root's data would else be in /var/lib, of this machine."""
        known = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LC_ALL": "C"}
        return known | ({"XDG_DATA_HOME": str(self.home / "share")} if IS_ROOT else {}) | more

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """How a command ends, whatever it ends with."""
        return subprocess.run(
            [sys.executable, "-m", "artifactstore", *arguments],
            env=self.environment(**more), cwd=self.home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def told(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """How a command ends that must succeed."""
        done = self.run(*arguments, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def head(self, **more: str) -> int:
        """Head of the log of their registry."""
        head: int = json.loads(self.told("--json", "status", **more).stdout)["head"]
        return head


@pytest.fixture
def newcomer() -> Iterator[Newcomer]:
    """Somebody new, with a directory ``dist``."""
    with public_directory("as-new-") as home:
        (home / "dist").mkdir()
        (home / "dist" / "hello").write_text("hello\n")
        made = Newcomer(home)
        yield made
        for data in (made.data, embedded_demo(made), home / "told"):
            embedded.stop(data)


def embedded_demo(newcomer: Newcomer) -> Path:
    """Where the demo is to be."""
    return newcomer.data.with_name("artifactstore-demo")


def test_f43_the_first_ingest_says_where_the_registry_is_made(newcomer: Newcomer) -> None:
    first = newcomer.told("ingest", "dist", "--purl", PURL, "--seal")
    assert f"a new registry is made in {newcomer.data}\n" in first.stderr
    assert "ARTIFACTSTORE_DATA_DIR" in first.stderr
    assert ("PostgreSQL refuses to run as root: it runs as the system account" in first.stderr) is IS_ROOT
    assert (newcomer.data / "data" / "PG_VERSION").exists()
    assert "sealed" in first.stdout
    again = newcomer.told("ingest", "dist", "--purl", PURL)
    assert again.stderr == ""
    assert f"directory      {newcomer.data}\n" in newcomer.told("db", "status").stdout


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["db", "start"],
        ["doctor"],
        pytest.param(["migrate"], marks=IN_CI),
        pytest.param(["package", "list"], marks=IN_CI),
    ],
)
def test_f43_whatever_makes_the_registry_says_where(newcomer: Newcomer, command: list[str]) -> None:
    done = newcomer.run("--json", *command)
    assert done.returncode == (1 if command == ["doctor"] else 0), done.stderr
    notices = [json.loads(line)["notice"] for line in done.stderr.splitlines()]
    assert f"a new registry is made in {newcomer.data}" in notices
    assert all(json.loads(line) for line in done.stdout.splitlines())


def test_f43_the_demo_has_a_registry_of_its_own(newcomer: Newcomer) -> None:
    newcomer.told("ingest", "dist", "--purl", PURL)
    before = newcomer.head()
    done = newcomer.told("demo", "dist")
    assert f"a new registry is made in {embedded_demo(newcomer)}\n" in done.stderr
    assert done.stdout.startswith(f"The registry is in {embedded_demo(newcomer)}\n")
    assert newcomer.head() == before
    # What it says at the end finds what it made.
    _, _, further = done.stdout.partition("Look further:\n")
    exports = dict(re.findall(r"export (ARTIFACTSTORE_\w+)=(.*)", further))
    commands = re.findall(r"^  artifactstore (.*)$", further, re.MULTILINE)
    assert len(commands) == 6
    for command in commands[:-1]:
        arguments = [word.strip("'") for word in command.split()]
        assert newcomer.told(*arguments, **exports).stdout


def test_f43_the_demo_names_log_and_head_of_a_registry_that_it_is_told(newcomer: Newcomer) -> None:
    told = str(newcomer.home / "told")
    newcomer.told("ingest", "dist", "--purl", PURL, ARTIFACTSTORE_DATA_DIR=told)
    status = json.loads(newcomer.told("--json", "status", ARTIFACTSTORE_DATA_DIR=told).stdout)
    first, second, *_ = newcomer.told("demo", "dist", ARTIFACTSTORE_DATA_DIR=told).stdout.splitlines()
    assert first == f"The registry is in {told}"
    assert second.strip() == f"its log is {status['log_id']}, its head {status['head']}"
    assert newcomer.head(ARTIFACTSTORE_DATA_DIR=told) > status["head"]
    assert not newcomer.data.exists()


def test_f43_the_demo_names_a_database_without_its_password_and_asks(
    newcomer: Newcomer, empty_database: str
) -> None:
    migrate(empty_database, role_prefix=TEST_PREFIX)
    secret = make_conninfo(empty_database, password="not-to-be-shown")  # noqa: S106
    done = newcomer.run("demo", "dist", "--database-url", secret)
    assert done.returncode == 2
    assert "no log yet" in done.stdout + done.stderr
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("SELECT artifactstore.log_head()").fetchone() == (0,)
        name = conn.info.dbname
    assert name in done.stderr
    done = newcomer.told("demo", "dist", "--yes", "--database-url", secret)
    assert f"dbname={name} user=postgres\n" in done.stdout.split("The registry is in ")[1]
    assert "not-to-be-shown" not in done.stdout + done.stderr
    assert "export " not in done.stdout
    assert not newcomer.data.exists()


def test_f43_a_relative_xdg_data_home_is_refused(newcomer: Newcomer) -> None:
    done = newcomer.run("status", XDG_DATA_HOME="share")
    assert done.returncode == 2
    assert "error[no-server]" in done.stderr
    assert "XDG_DATA_HOME is share, which is no absolute path" in done.stderr
    assert [one.name for one in newcomer.home.iterdir()] == ["dist"]


@AS_ROOT
def test_f43_a_place_that_roots_server_may_not_enter_is_refused_by_name(newcomer: Newcomer) -> None:
    closed = newcomer.home / "closed"
    closed.mkdir(mode=0o700)
    done = newcomer.run("ingest", "dist", "--purl", PURL, XDG_DATA_HOME=str(closed))
    assert done.returncode == 2
    assert f"which may not enter {closed}" in done.stderr
    assert f"chmod o+x {closed}" in done.stderr
    assert list(closed.iterdir()) == []
    closed.chmod(0o711)
    newcomer.told("ingest", "dist", "--purl", PURL, XDG_DATA_HOME=str(closed))
    newcomer.told("db", "stop", XDG_DATA_HOME=str(closed))


@AS_ROOT
@pytest.mark.parametrize("umask", [pytest.param(0o022, marks=IN_CI), 0o077])
def test_f43_an_empty_directory_of_roots_own_is_taken(newcomer: Newcomer, umask: int) -> None:
    """As ``mktemp -d`` makes it, and directories that are not there yet, under any umask."""
    (newcomer.home / "told").mkdir(mode=0o700)
    for place in (newcomer.home / "told", newcomer.home / "share" / "a" / "b"):
        before = os.umask(umask)
        try:
            newcomer.told("status", ARTIFACTSTORE_DATA_DIR=str(place))
            newcomer.told("db", "stop", ARTIFACTSTORE_DATA_DIR=str(place))
        finally:
            os.umask(before)


@AS_ROOT
def test_f43_the_system_account_that_is_made_for_root_is_named_first(newcomer: Newcomer) -> None:
    name = f"as-new-{os.getpid()}"
    try:
        done = newcomer.told("status", ARTIFACTSTORE_SERVER_USER=name)
        assert f"it runs as the system account {name}, which is made for it\n" in done.stderr
        assert (newcomer.data / "data").stat().st_uid == pwd.getpwnam(name).pw_uid
    finally:
        embedded.stop(newcomer.data)
        shutil.rmtree(newcomer.data)
        subprocess.run([needs_program("userdel", "passwd"), name], check=False, capture_output=True)


def test_help_begins_with_the_first_steps(newcomer: Newcomer) -> None:
    lines = newcomer.told("--help").stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if "First steps:" in line)
    assert first < 8
    assert [line.split()[:2] for line in lines[first + 1 : first + 5]] == [
        ["artifactstore", "demo"],
        ["artifactstore", "ingest"],
        ["artifactstore", "events"],
        ["artifactstore", "db"],
    ]


def test_f42_doctor_has_nothing_to_advise_to_somebody_new(newcomer: Newcomer) -> None:
    for command in (["ingest", "dist", "--purl", PURL], ["demo", "dist"], ["db", "start"]):
        place = str(embedded_demo(newcomer) if command[0] == "demo" else newcomer.data)
        newcomer.told(*command)
        (told,) = newcomer.told("--json", "doctor", ARTIFACTSTORE_DATA_DIR=place).stdout.splitlines()
        found = json.loads(told)["findings"]
        assert [one["what"] for one in found if one["fix"] is not None] == [], command


def test_f42_what_doctor_advises_on_an_embedded_server_works_in_a_shell(newcomer: Newcomer) -> None:
    newcomer.told("db", "start")
    newcomer.told("migrate")
    me = pwd.getpwuid(os.geteuid()).pw_name
    for statement in (
        "ALTER SYSTEM SET full_page_writes = off",
        f'ALTER ROLE "{me}" SET synchronous_commit = off',
        "ALTER DATABASE artifactstore SET synchronous_commit = off",
        f'REVOKE pg_read_all_stats FROM "{me}"',
        "GRANT artifactstore_owner TO pg_monitor",
        'CREATE TABLE artifactstore."it\'s; odd" (a int)',
        "SELECT pg_reload_conf()",
    ):
        newcomer.told("psql", "--", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement)
    (told,) = newcomer.run("--json", "doctor").stdout.splitlines()
    fixes = [one["fix"] for one in json.loads(told)["findings"] if one["fix"]]
    assert len(fixes) == 5, fixes
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    for fix in fixes:
        done = subprocess.run(
            ["sh", "-c", fix], env=newcomer.environment(PATH=path), cwd=newcomer.home, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, "WARNING" in done.stderr) == (0, False), (fix, done)
    (told,) = newcomer.told("--json", "doctor").stdout.splitlines()
    assert [one["what"] for one in json.loads(told)["findings"] if one["fix"] is not None] == []
