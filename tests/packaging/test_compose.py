"""compose.yaml against the program; its commands, in their order, on a real server, without containers."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from artifactstore import server
from artifactstore.cli import cli
from artifactstore.http.settings import variables
from artifactstore.variables import VARIABLES
from tests.databases import create_database, drop_database
from tests.docs.snippets import DOCS, run_psql
from tests.http.nginx import free_port
from tests.packaging.dockerfile import stages
from tests.timing import PATIENCE

_ROOT = Path(__file__).parents[2]
_DEPLOY = _ROOT / "deploy"
_COMPOSE: dict[str, Any] = yaml.safe_load((_DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
_SERVICES: dict[str, Any] = _COMPOSE["services"]
_OURS = [name for name, one in _SERVICES.items() if "build" in one]
_RESULT = stages(_DEPLOY / "Dockerfile")[-1]


def _seconds(duration: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([sm])", duration).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


def test_the_file_is_what_the_specification_of_compose_says() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, _DEPLOY / "compose.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", _SERVICES)
def test_images_have_a_version_and_secrets_are_declared_and_used(name: str) -> None:
    service = _SERVICES[name]
    assert re.fullmatch(r"[a-z/]+:(?!latest)[\w.-]+", service["image"])
    given = {f"/run/secrets/{one}" for one in service["secrets"]}
    assert set(service["secrets"]) <= set(_COMPOSE["secrets"])
    script = (_DEPLOY / "logins.sql").read_text() if name == "database" else ""
    assert set(re.findall(r"/run/secrets/[\w.]+", json.dumps(service) + script)) == given


@pytest.mark.parametrize("name", [name for name in _SERVICES if name != "database"])
def test_nothing_but_the_database_can_write_or_has_a_privilege(name: str) -> None:
    service = _SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == _RESULT.last("USER")


@pytest.mark.parametrize("name", _OURS)
def test_commands_and_variables_are_the_programs(name: str) -> None:
    service = _SERVICES[name]
    command = cli.get_command(click.Context(cli), service["command"][0])
    assert command is not None
    command.make_context("artifactstore", list(service["command"][1:]))
    assert set(service["environment"]) <= {"PGSERVICEFILE", *VARIABLES, *variables()}


def test_the_service_has_longer_to_stop_than_it_takes() -> None:
    command = _SERVICES["serve"]["command"]
    assert _seconds(_SERVICES["serve"]["stop_grace_period"]) > int(
        command[command.index("--stop-seconds") + 1]
    )


def test_only_this_machine_is_served() -> None:
    assert [one.split(":")[0] for one in _SERVICES["serve"]["ports"]] == ["127.0.0.1"]
    assert [name for name, one in _SERVICES.items() if "ports" in one] == ["serve"]


def test_secrets_are_made_once_in_a_directory_of_ones_own(tmp_path: Path) -> None:
    shutil.copy(_DEPLOY / "make-secrets", tmp_path)
    told = []
    for _ in range(2):
        subprocess.run([tmp_path / "make-secrets"], check=True)
        told.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})
    assert told[0] == told[1]
    assert {f"secrets/{name}" for name in told[0]} == {one["file"] for one in _COMPOSE["secrets"].values()}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    logins = [text for name, text in told[0].items() if "." not in name]
    assert len(set(logins)) == len(logins)
    assert all(re.fullmatch(r"[0-9a-f]{48}", text) for text in logins)
    assert "deploy/secrets/" in (_ROOT / ".gitignore").read_text().splitlines()


class Rehearsal:
    """The commands of compose.yaml, with a database, logins and a directory of secrets of this test's own."""

    def __init__(self, programs: server.Programs, conninfo: str, directory: Path) -> None:
        parts = conninfo_to_dict(conninfo)
        self.programs, self.conninfo, self.secrets = programs, conninfo, directory / "secrets"
        self.name = str(parts["dbname"])
        shutil.copy(_DEPLOY / "make-secrets", directory)
        subprocess.run([directory / "make-secrets"], check=True)
        for path in self.secrets.glob("*.conf"):
            text = re.sub(r"^user=", f"user={self.name}_", path.read_text(), flags=re.MULTILINE)
            text = text.replace("host=database", f"host={parts['host']}")
            path.write_text(text.replace("dbname=registry", f"dbname={self.name}"))

    def renamed(self, text: str) -> str:
        """A text of the files, with the names of this test."""
        text = text.replace("/run/secrets", str(self.secrets)).replace("registry_", f"{self.name}_")
        text = re.sub(r"DATABASE registry\b", f"DATABASE {self.name}", text)
        return re.sub(r"\b(ROLE|TO) (deployer|artifactstore)\b", rf"\1 {self.name}_\2", text)

    def make_logins(self) -> None:
        """What the image of PostgreSQL does with a new database."""
        run_psql(self.programs, self.conninfo, self.renamed((_DEPLOY / "logins.sql").read_text()))

    def start(self, service: str, *more: str, instead: Sequence[str] | None = None) -> subprocess.Popen[str]:
        """Start the command of a service, or another one in its place, in its environment."""
        told = _SERVICES[service]
        entry = {"grant": [str(self.programs.bin / "psql")]}.get(
            service, [sys.executable, "-m", "artifactstore"]
        )
        command = [*entry, *(self.renamed(word) for word in instead or told["command"]), *more]
        environment = {name: self.renamed(value) for name, value in told["environment"].items()}
        environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, service: str, instead: Sequence[str] | None = None) -> str:
        """What the command of a service, or another one in its place, writes; it must end well."""
        with self.start(service, instead=instead) as process:
            told, errors = process.communicate()
        assert process.returncode == 0, errors
        return told

    def remove(self) -> None:
        """Drop the database and the logins."""
        drop_database(self.conninfo, self.conninfo)
        maintenance = psycopg.conninfo.make_conninfo(self.conninfo, dbname="postgres")
        with psycopg.connect(maintenance, autocommit=True) as connection:
            query = "SELECT rolname FROM pg_roles WHERE rolname ^@ %s ORDER BY rolname = %s"
            for (role,) in connection.execute(query, (self.name, f"{self.name}_deployer")).fetchall():
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def rehearsal(cluster: server.Cluster, server_conninfo: str, tmp_path: Path) -> Iterator[Rehearsal]:
    """The commands, on a new database."""
    made = Rehearsal(cluster.programs, create_database(server_conninfo), tmp_path)
    yield made
    made.remove()


def _healthy(port: int, path: str) -> bool:
    """What the health check of the image says, of another port and path."""
    check = json.loads(_RESULT.last("HEALTHCHECK").partition("CMD ")[2])
    code = check[-1].replace(":8321", f":{port}").replace("/healthz", path)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def _first_token() -> list[str]:
    """The words with which the page makes the first token."""
    page = (DOCS / "how-to" / "run-in-containers.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^docker compose .* exec serve (.+)$", page, re.MULTILINE)
    return shlex.split(line)


def test_the_commands_in_their_order_make_a_service_that_is_ready(rehearsal: Rehearsal) -> None:
    rehearsal.make_logins()
    rehearsal.run("migrate")
    rehearsal.run("grant")
    port = free_port()
    assert not _healthy(port, "/healthz")
    with rehearsal.start("serve", "--port", str(port)) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not _healthy(port, "/readyz") and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.1)
            assert _healthy(port, "/healthz")
            assert _healthy(port, "/readyz")
            program, *first = _first_token()
            assert [program] == json.loads(_RESULT.last("ENTRYPOINT"))
            assert rehearsal.run("serve", instead=first)
        finally:
            process.terminate()
            told = process.communicate()
    assert process.returncode == 0, told
    rehearsal.run("migrate")
    rehearsal.run("grant")
