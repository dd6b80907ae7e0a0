"""The manual pages: one for each command, and man has nothing to say against them."""

import re
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from artifactstore.cli import cli, roff
from artifactstore.cli.command import walk
from artifactstore.variables import VARIABLES
from tests.needs import needs_program

_TOP = click.Context(cli, info_name="artifactstore", **cli.context_settings)
_COMMANDS = {one.command_path: one for one in (_TOP, *walk(_TOP))}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command wrote the pages; it made the directory itself."""
    made = tmp_path_factory.mktemp("manual") / "share" / "man1"
    done = CliRunner().invoke(cli, ["man", str(made)])
    assert (done.exit_code, done.stderr) == (0, "")
    return made


def _shown(page: Path) -> str:
    """A page as man shows it, on very long lines; fails when man warns."""
    program = needs_program("man", "man-db")
    done = subprocess.run(
        [program, "--warnings=w", "--no-hyphenation", "--local-file", page],
        capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MANWIDTH": "1000", "MAN_KEEP_FORMATTING": ""},
    )  # fmt: skip
    assert done.stderr == ""
    return re.sub(".\b", "", done.stdout)


def test_every_command_has_a_page_and_nothing_else_has(directory: Path) -> None:
    expected = {f"{path.replace(' ', '-')}.1" for path in _COMMANDS}
    assert {page.name for page in directory.iterdir()} == expected


@pytest.mark.parametrize("path", _COMMANDS)
def test_a_page_says_what_help_says_and_man_does_not_warn(directory: Path, path: str) -> None:
    context = _COMMANDS[path]
    text = " ".join(_shown(directory / f"{path.replace(' ', '-')}.1").split())
    for paragraph in (context.command.help or "").replace("\b", "").split("\n\n"):
        assert " ".join(paragraph.split()) in text
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        assert record is None or " ".join(" ".join(record).split()) in text


def test_the_first_page_names_the_variables(directory: Path) -> None:
    text = _shown(directory / "artifactstore.1")
    assert [name for name in ("DATABASE_URL", *VARIABLES) if name not in text] == []


@pytest.mark.parametrize(
    "path", [path for path, one in _COMMANDS.items() if isinstance(one.command, click.Group)]
)
def test_a_page_names_the_pages_below_it(directory: Path, path: str) -> None:
    text = _shown(directory / f"{path.replace(' ', '-')}.1").partition("SEE ALSO")[2]
    below = [one for one in _COMMANDS if one.rpartition(" ")[0] == path]
    assert below
    assert [one for one in below if f"{one.replace(' ', '-')}(1)" not in text] == []


def test_a_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = CliRunner().invoke(cli, ["man", str(tmp_path / "file" / "man1")])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Not a directory" in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".so etc", r"\&.so etc"),
        ("a\n.b", "a\n\\&.b"),
        ("'br", r"\(aqbr"),
        (r"C:\n", r"C:\en"),
        ("--all", r"\-\-all"),
    ],
)
def test_no_text_is_a_request(text: str, expected: str) -> None:
    assert roff.escaped(text) == expected
