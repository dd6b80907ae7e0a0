"""The completion of shells, asked through the shells."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from artifactstore.cli import cli
from artifactstore.cli.command import walk
from artifactstore.cli.completion import SHELLS
from artifactstore.events import EVENT_TYPES
from tests.needs import needs_program

_ROOT = Path(__file__).parents[2]
_TOP = click.Context(cli, info_name="artifactstore", **cli.context_settings)
_GROUPS = [one for one in (_TOP, *walk(_TOP)) if isinstance(one.command, click.Group)]
Complete = Callable[[Sequence[str]], set[str]]


def _script(shell: str) -> str:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def _bash(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The function that bash calls, with the variables that bash sets for it."""
    asked = f'COMP_WORDS=("$@"); COMP_CWORD={len(words) - 1}; _artifactstore_completion "$1"'
    told = r'printf "%s\n" "${COMPREPLY[@]}"'
    return f"{_script('bash')}\n{asked}\n{told}", ["bash", "--norc", "-s", "--", *words]


def _fish(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    return f'{_script("fish")}\ncomplete --do-complete "{" ".join(words)}"', ["fish", "--no-config"]


@pytest.fixture(params=[_bash, _fish], ids=["bash", "fish"])
def complete(request: pytest.FixtureRequest, tmp_path: Path) -> Complete:
    """Words of a line, the last one begun → what the shell would offer, without descriptions."""
    program = tmp_path / "artifactstore"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m artifactstore "$@"\n')
    program.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(_ROOT),
        "HOME": str(tmp_path),
    }

    def ask(words: Sequence[str]) -> set[str]:
        script, command = request.param(words)
        shell = needs_program(command[0])
        done = subprocess.run(
            [shell, *command[1:]], input=script, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return {line.partition("\t")[0] for line in done.stdout.splitlines()}

    return ask


@pytest.mark.parametrize("group", _GROUPS, ids=lambda one: one.command_path)
def test_every_command_is_offered(complete: Complete, group: click.Context) -> None:
    commands = {one.info_name for one in walk(group) if one.parent is group}
    assert complete([*group.command_path.split(), ""]) == commands


def test_options_are_offered(complete: Complete) -> None:
    events = next(one for one in walk(_TOP) if one.info_name == "events")
    shown = [one for one in events.command.get_params(events) if not getattr(one, "hidden", False)]
    long = {name for one in shown for name in one.opts if name.startswith("--")}
    assert complete(["artifactstore", "events", "--"]) == long


@pytest.mark.parametrize("before", [["events", "--type"], ["audit", "--type"], ["append"]], ids=" ".join)
def test_event_types_are_offered(complete: Complete, before: list[str]) -> None:
    begun = "v1.retention."
    expected = {name for name in EVENT_TYPES if name.startswith(begun)}
    assert expected
    assert complete(["artifactstore", *before, begun]) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_can_read_it(shell: str) -> None:
    program = needs_program(shell)
    done = subprocess.run([program, "-n"], input=_script(shell), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_shell_is_refused() -> None:
    done = CliRunner().invoke(cli, ["completion", "csh"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "'bash', 'zsh', 'fish'" in done.stderr
