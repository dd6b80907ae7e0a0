"""--help: complete, true, and fast because nothing is loaded for it."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from artifactstore.cli import cli
from artifactstore.cli.main import SECTIONS
from artifactstore.errors import ERRORS
from tests.cli.program import Program

HEAVY = ("psycopg", "cbor2", "blake3", "rich", "yoyo", "artifactstore.errors", "artifactstore.store")


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands below one, with their path."""
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield from commands(below, (*path, name))
    if path:
        yield path, command


COMMANDS = dict(commands(cli))


def test_help_loads_no_driver_and_no_command() -> None:
    code = f"""
import sys
from artifactstore.cli import cli
try:
    cli(["--help"])
finally:
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for section, entries in SECTIONS.items():
        assert f"{section}:\n" in done.stdout
        for name in entries:
            assert f"  {name} " in done.stdout


def test_the_short_help_is_that_of_the_command() -> None:
    for entries in SECTIONS.values():
        for name, (_, text) in entries.items():
            assert COMMANDS[(name,)].get_short_help_str(limit=100) == text


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_is_explained(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(path)} {parameter.opts}"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_takes_the_global_options(path: tuple[str, ...]) -> None:
    outcome = CliRunner().invoke(cli, [*path, "--help"])
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    hidden = {name for parameter in COMMANDS[path].params for name in parameter.opts}
    if not isinstance(COMMANDS[path], click.Group):
        assert {"--json", "--actor", "--database-url"} <= hidden


def test_every_exit_code_is_documented() -> None:
    assert cli.epilog is not None
    documented = {int(line.split()[0]) for line in cli.epilog.splitlines() if line.strip()[:1].isdigit()}
    assert {spec.exit_code for spec in ERRORS.values()} <= documented
    assert {0, 1, 130, 141} <= documented


def test_global_options_stand_before_or_after_the_command(shared: Program) -> None:
    before = shared.run("--json", "package", "list")
    after = shared.run("package", "list", "--json")
    assert before == after
    assert before.code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["package", "nosuch"],
        ["status", "--nosuch"],
        ["package", "show"],
        ["events", "--limit", "x"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line_a_hint_and_exit_code_2(shared: Program, arguments: list[str]) -> None:
    outcome = shared.run(*arguments)
    assert (outcome.code, outcome.stdout) == (2, "")
    first, hint = outcome.stderr.splitlines()
    assert first.startswith("error[usage]: ")
    assert hint.startswith("  hint: see ")
    shared.refused(*arguments, code=2, error="usage")


def test_without_a_command_there_is_help() -> None:
    command = [sys.executable, "-m", "artifactstore"]
    alone, asked = (
        subprocess.run([*command, *more], capture_output=True, text=True, check=True)
        for more in ((), ("--help",))
    )
    assert alone.stdout == asked.stdout
