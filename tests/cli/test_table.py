"""Tables on a terminal: one line for each row at every width, ids whole or by their end."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from artifactstore.cli.output import ago, visible
from artifactstore.cli.table import Table
from tests.cli.program import PURL, Program

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 2**53 - 1),
    st.uuids(),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.text(max_size=200),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
)
LISTS = (
    ["package", "list"],
    ["package", "files", PURL],
    ["package", "history", PURL],
    ["location", "list", PURL],
    ["retention", "history", PURL],
    ["retention", "due"],
    ["events", "--since", "0"],
    ["audit", "--since", "0"],
    ["token", "list"],
    ["sweep", "--dry-run"],
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[dict[str, object]]]]:
    """Columns, each of one kind, and pages of their rows."""
    columns = draw(
        st.lists(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), min_size=1, max_size=9, unique=True)
    )
    pages = st.lists(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, VALUES)), max_size=4), max_size=3)
    return columns, draw(pages)


@given(tables(), st.sampled_from([20, 40, 80, 200]))
@settings(max_examples=50)
def test_a_row_is_a_line_that_fits_and_ids_are_never_broken(
    table: tuple[list[str], list[list[dict[str, object]]]], width: int
) -> None:
    columns, pages = table
    shown = Table(columns, width, NOW)
    for page in pages:
        lines = shown.lines(page, style=str)
        assert len(lines) - len(page) in (0, 1)
        assert all(cell_len(line) <= width for line in lines), lines
        assert all(len(line.splitlines()) <= 1 for line in lines)
        kept = columns[: len(columns) - len(shown.left_out)]
        assert [*kept, *shown.left_out] == columns
        for row, line in zip(page, lines[len(lines) - len(page) :], strict=True):
            for name in kept:
                if isinstance(identity := row[name], UUID) and width >= 40:
                    assert str(identity) in line or f"…{identity.hex[-12:]}" in line


@given(tables())
def test_wide_shows_everything(table: tuple[list[str], list[list[dict[str, object]]]]) -> None:
    columns, pages = table
    shown = Table(columns, None, NOW)
    for page in pages:
        lines = shown.lines(page, style=str)
        for row, line in zip(page, lines[len(lines) - len(page) :], strict=True):
            for value in row.values():
                if isinstance(value, (UUID, str)):
                    assert visible(str(value)).rstrip() in line
                if isinstance(value, bytes):
                    assert value.hex() in line
    assert not shown.left_out


@given(st.timedeltas(timedelta(days=-90_000), timedelta(days=90_000)))
def test_how_long_ago(distance: timedelta) -> None:
    told = ago(NOW - distance, NOW)
    if abs(distance) < timedelta(seconds=1):
        assert told == "now"
    else:
        assert (re.fullmatch(r"\d+ [a-z]+ ago", told) is not None) == (distance > timedelta())
        assert (re.fullmatch(r"in \d+ [a-z]+", told) is not None) == (distance < timedelta())
    assert ("s " in told + " ") == (re.search(r"\b1 ", told) is None and told != "now")


_RUN = """
import json, sys
from artifactstore.cli import cli
for arguments in json.load(sys.stdin):
    try:
        cli(arguments)
    except SystemExit:
        print("\\x1c", flush=True)
"""


def on_terminal(program: Program, width: int, *commands: list[str]) -> list[list[str]]:
    """Lines that each command writes to a terminal of this width, without styles."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm"}
    done = subprocess.Popen(
        [sys.executable, "-c", _RUN],
        stdin=subprocess.PIPE,
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    os.close(slave)
    given = [["--database-url", program.conninfo, *command] for command in commands]
    assert done.stdin is not None
    done.stdin.write(json.dumps(given).encode())
    done.stdin.close()
    pieces = []
    # Linux says by EIO that nobody has the other end any more.
    with suppress(OSError):
        while piece := os.read(master, 65_536):
            pieces.append(piece)
    os.close(master)
    assert done.wait(30) == 0
    told = click.unstyle(b"".join(pieces).decode()).split("\x1c")
    return [part.replace("\r", "").strip("\n").split("\n") for part in told[:-1]]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_f47_every_list_has_a_line_for_a_row(history: Program, width: int) -> None:
    """F47."""
    shown = on_terminal(history, width, *LISTS)
    for command, lines in zip(LISTS, shown, strict=True):
        rows = history.rows(*command)
        assert len(lines) == max(1, len(rows) + bool(rows)), (command, lines)
        assert max(map(cell_len, lines)) <= width, (command, lines)
        assert all(UUID(one) for one in re.findall(r"\b[0-9a-f]{8}-[0-9a-f-]*", " ".join(lines))), command


def test_a_terminal_is_told_how_long_ago_and_all_of_it_when_it_is_to_be_wide(history: Program) -> None:
    one, wide = on_terminal(history, 60, ["package", "show", PURL], ["--wide", "package", "history", PURL])
    assert any(line.endswith((" ago)", "(now)")) for line in one)
    assert max(map(len, wide)) > 60
