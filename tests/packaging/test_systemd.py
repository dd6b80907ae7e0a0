"""The units: systemd understands them, they are closed, and they agree with the program."""

import re
import subprocess
from pathlib import Path

import click
import pytest

from artifactstore.cli import cli
from artifactstore.http import server
from artifactstore.http.settings import variables
from artifactstore.variables import VARIABLES
from tests.needs import needs_program

_UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
_SERVICES = sorted(_UNITS.glob("*.service"))
_PROGRAM = "/opt/artifactstore/bin/artifactstore"
_MOST_EXPOSED = 13
"""Tenths, of what systemd-analyze security finds: from 0, closed, to 100."""


def _directives(unit: Path, section: str = "Service") -> list[tuple[str, str]]:
    """Name and value of each line of a section, in order: a name may stand there more than once."""
    text = unit.read_text(encoding="utf-8").partition(f"[{section}]\n")[2].partition("\n[")[0]
    return re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)


def _hardening(unit: Path) -> list[tuple[str, str]]:
    """What a service closes: all from DynamicUser on."""
    found = _directives(unit)
    return found[found.index(("DynamicUser", "yes")) :]


def _seconds(duration: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(h?)", duration).groups()  # type: ignore[union-attr]
    return int(number) * (3600 if unit else 1)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that is there on every machine."""
    for unit in _UNITS.iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace(_PROGRAM, "/bin/true"))
    return tmp_path


def test_systemd_understands_all_of_them(units: Path) -> None:
    program = needs_program("systemd-analyze", "systemd")
    command = [str(program), "verify", "--man=no", *map(str, sorted(units.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", _SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_closed(units: Path, unit: Path) -> None:
    program = needs_program("systemd-analyze", "systemd")
    threshold = f"--threshold={_MOST_EXPOSED}"
    command = [str(program), "security", "--offline=yes", threshold, str(units / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", _SERVICES, ids=lambda unit: unit.name)
def test_commands_and_variables_are_the_programs(unit: Path) -> None:
    found = _directives(unit)
    (line,) = (value for name, value in found if name == "ExecStart")
    program, name, *arguments = line.split()
    assert program == _PROGRAM
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    command.make_context("artifactstore", arguments)
    set_there = {value.partition("=")[0] for name, value in found if name == "Environment"}
    assert set_there == {"DATABASE_URL", "PGSERVICEFILE"}
    assert set_there <= {"PGSERVICEFILE", *VARIABLES, *variables()}


@pytest.mark.parametrize("unit", _SERVICES, ids=lambda unit: unit.name)
def test_the_login_is_a_credential_of_the_unit(unit: Path) -> None:
    found = _directives(unit)
    (credential,) = (value.partition(":")[0] for name, value in found if name == "LoadCredential")
    assert ("Environment", f"PGSERVICEFILE=%d/{credential}") in found


def test_the_service_may_take_its_time_to_stop_and_as_many_files_as_it_wants() -> None:
    found = dict(_directives(_UNITS / "artifactstore.service"))
    (stop,) = re.findall(r"--stop-seconds (\d+)", found["ExecStart"])
    assert _seconds(found["TimeoutStopSec"]) > int(stop)
    assert int(found["LimitNOFILE"]) == server._DESCRIPTORS
    assert found["Restart"] == "always"


@pytest.mark.parametrize(
    "job", ["artifactstore-sweep.service", "artifactstore-keeper.service", "artifactstore-lock.service"]
)
def test_a_job_is_as_closed_as_the_service(job: str) -> None:
    """But for what the service needs to raise its limit of files."""
    service, sweep = (_hardening(_UNITS / name) for name in ("artifactstore.service", job))
    assert [one for one in service if one not in sweep] == [
        ("SystemCallFilter", "prlimit64 setrlimit getrlimit")
    ]
    assert set(sweep) <= set(service)


@pytest.mark.parametrize("timer", sorted(_UNITS.glob("*.timer")), ids=lambda unit: unit.name)
def test_a_timer_has_its_service(timer: Path) -> None:
    assert timer.with_suffix(".service").exists()
    assert ("Persistent", "yes") in _directives(timer, "Timer")
