"""The base of the distribution: client and command line work where nothing of the server can be imported."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from artifactstore.cli.main import SECTIONS
from tests.http.running import Running, running

_ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
_MODULES = {
    "prometheus-client": "prometheus_client",
    "psycopg-pool": "psycopg_pool",
    "yoyo-migrations": "yoyo",
}
_BASE_TOO = {"anyio"}
"""What the base brings by way of another."""

_WITHOUT = """\
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refusing())
"""


def of_server() -> set[str]:
    """Modules that only the extra ``server`` brings."""
    names = {Requirement(text).name for text in _PROJECT["optional-dependencies"]["server"]}
    return {_MODULES.get(name, name) for name in names} - _BASE_TOO


def without_server(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where these cannot be imported."""
    source = _WITHOUT.format(refused=of_server()) + program
    return subprocess.run(
        [sys.executable, "-c", source, *arguments], capture_output=True, text=True, check=False, cwd=_ROOT
    )


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program likewise."""
    return without_server("from artifactstore.cli import main\nmain()", *arguments)


@pytest.fixture
def service(database: str) -> Any:
    """A service on a database of this test's own."""
    with running(database) as started:
        yield started


def test_the_server_is_an_extra_that_embedded_includes() -> None:
    assert {"psycopg", "starlette", "uvicorn"} <= of_server()
    assert not of_server() & {Requirement(text).name for text in _PROJECT["dependencies"]}
    assert "artifactstore-pg[server]" in _PROJECT["optional-dependencies"]["embedded"]


def test_the_client_needs_no_server(service: Running) -> None:
    told = without_server(
        "from artifactstore.client import Client\n"
        "with Client(*sys.argv[1:]) as client:\n"
        "    made = client.packages.create(purl='pkg:generic/a@1')\n"
        "    print(client.packages.get(made.subject_id).purl, len(list(client.tail(until=made.sequence))))",
        service.url, service.tokens["producer"],
    )  # fmt: skip
    assert (told.stderr, told.stdout.split()[0]) == ("", "pkg:generic/a@1")


def test_commands_over_a_url_need_no_server(service: Running, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    there = ("--url", service.url, "--token", service.tokens["operator"])
    for arguments in (
        ("ingest", str(tmp_path), "--purl", "pkg:generic/a@1", "--seal"),
        ("package", "list"),
        ("location", "list", "pkg:generic/a@1"),
        ("retention", "show", "pkg:generic/a@1"),
        ("cat", "pkg:generic/a@1", "a"),
        ("check-files",),
        ("events", "--since", "0"),
        ("audit", "--package", "pkg:generic/a@1"),
        ("token", "list"),
    ):
        told = command(*there, *arguments)
        assert (told.returncode, told.stderr if "check-files" not in arguments else "") == (0, ""), told


@pytest.mark.parametrize("name", [name for section in SECTIONS.values() for name in section])
def test_every_command_has_help_without_the_server(name: str) -> None:
    told = command(name, "--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert name in told.stdout


@pytest.mark.parametrize("words", [["package", "list"], ["verify"], ["migrate"], ["psql"], ["db", "status"]])
def test_what_needs_the_database_says_what_is_missing(words: list[str]) -> None:
    told = command("--json", *words, "--database-url", "postgresql://nowhere/none")
    assert told.returncode == 2, told
    error = json.loads(told.stderr)["error"]
    assert error["code"] == "no-driver"
    assert "artifactstore-pg[server]" in error["hint"]
