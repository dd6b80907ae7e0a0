"""F21: arguments that are no Unicode (bytes that the system passes on as they are): refused by name."""

import pathlib
from typing import Any

import click
import pytest

from artifactstore.cli import options, values
from tests.cli.program import PURL, Program
from tests.cli.test_integers import commands

_ID = "0193a3c2-0000-7000-8000-000000000000"
LONE = ["\udcff", "pkg:generic/a\udc80@1", "k=\udcff"]
STARTED = {("demo",), ("serve",), ("psql",)}
"""Commands that start what does not end; those that take text are tried on their own."""

_OF_ALL = ("database_url", "stores_file")
"""Options that all commands have: the path of a file may be any bytes, and who needs no store reads none."""

SAMPLES: dict[Any, str] = {
    values.package: PURL,
    values.identity: _ID,
    values.digest: "ab" * 32,
    values.event_digest: f"sha256:{'ab' * 32}",
    values.instant: "30d",
    values.past: "30d",
    values.event_types: "v1.package.created",
    values.label: "a=b",
    values.position: "0",
}


def sample(parameter: click.Parameter, directory: pathlib.Path) -> str:
    """A value that the parameter takes."""
    kind = parameter.type
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    if isinstance(kind, options.Number):
        return "1"
    if isinstance(kind, click.Path):
        return str(directory)
    return SAMPLES.get(getattr(kind, "func", None), "1d")


def arguments(
    path: tuple[str, ...], command: click.Command, directory: pathlib.Path, tried: click.Parameter, text: str
) -> list[str]:
    """The command with what it requires, and the text for one parameter."""
    given: list[str] = [*path]
    for parameter in command.params:
        if parameter is not tried and not parameter.required:
            continue
        value = text if parameter is tried else sample(parameter, directory)
        given += [parameter.opts[0], value] if isinstance(parameter, click.Option) else [value]
    return given


TEXTS = [
    pytest.param(path, command, parameter, id=" ".join((*path, str(parameter.name))))
    for path, command in commands()
    if path not in STARTED
    for parameter in command.params
    if not (isinstance(parameter, click.Option) and parameter.is_flag) and parameter.name not in _OF_ALL
]


@pytest.mark.parametrize(("path", "command", "parameter"), TEXTS)
def test_f21_an_argument_that_is_no_unicode_is_refused_by_name(
    path: tuple[str, ...],
    command: click.Command,
    parameter: click.Parameter,
    shared: Program,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # some of them name a file that is written
    before = shared.head()
    for text in LONE:
        given = arguments(path, command, tmp_path, parameter, text)
        done = shared.run("--json", *given)
        assert done.code in range(6), (given, done.stderr)
        done.stderr.encode()
        if done.code > 1:  # doctor found something
            assert done.error["code"] != "internal"
    assert shared.head() == before


def test_f21_global_options_and_those_of_serve(shared: Program) -> None:
    for given in (
        ["--database-url", "postgresql:///\udcff", "status"],
        ["--database-url", "\udcff", "status"],
        ["serve", "--host", "\udcff", "--port", "0"],
        ["serve", "--host", "ü" * 300, "--port", "0"],
        ["serve", "--host", "a" * 300, "--port", "0"],
        ["events", "--url", "http://\udcff", "--token", "ast_x"],
        ["events", "--url", "http://127.0.0.1:1/", "--token", "\udcff"],
        ["events", "--url", "\udcff", "--token", "ast_x"],
        ["\udcff"],
        ["package", "\udcff"],
        ["--\udcff"],
    ):
        for json in ([], ["--json"]):
            done = shared.run(*json, *given)
            assert done.code in (2, 5), (given, done.stderr)
            done.stderr.encode()
