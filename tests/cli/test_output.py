"""What is written: safe for a terminal, the same for programs wherever they run."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactstore.cli.failure import report
from artifactstore.cli.output import jsonable, readable, visible
from artifactstore.cli.progress import amount
from artifactstore.errors import error
from artifactstore.events import Location
from tests.cli.program import PURL, Program


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("ü 漢字 🙂", "ü 漢字 🙂"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb", "a\\u202eb"),
        ("\u2066\u200f\ufeff", "\\u2066\\u200f\\ufeff"),
        ("\u2028\u2029\x85", "\\u2028\\u2029\\x85"),
        ("\udc80", "\\udc80"),
        ("\ue000", "\\ue000"),
        ("", ""),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """RG10."""
    assert visible(text) == shown


@given(st.text())
def test_nothing_visible_moves_the_cursor(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert all(character.isprintable() or character.isspace() for character in shown)
    assert len(shown.splitlines()) <= 1


def test_jsonable() -> None:
    identity = UUID("0193a3c2-0000-7000-8000-000000000000")
    instant = datetime.fromisoformat("2024-01-01T01:00:00.5+01:00")
    location = Location(location_id=identity, backend="s3", uri="s3://b/k")
    assert jsonable({"a": (1, None, True), "b": b"\xab", "t": instant, "l": location}) == {
        "a": [1, None, True],
        "b": "ab",
        "t": "2024-01-01T00:00:00.500000Z",
        "l": {"location_id": str(identity), "backend": "s3", "uri": "s3://b/k"},
    }


def test_readable() -> None:
    assert readable(None) == ""
    assert readable(True) == "yes"
    assert readable(datetime(2024, 1, 1, tzinfo=UTC)) == "2024-01-01 00:00:00Z"
    assert readable({"a": "ü\n"}) == '{"a": "ü\\n"}'


def test_amounts() -> None:
    assert amount(1234567, "events") == "1,234,567 events"
    assert amount(0, "bytes") == "0.0 kB"
    assert amount(12_345_678, "bytes") == "12.3 MB"


def test_an_error_cannot_be_forged_by_what_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    """RG10."""
    code = report(error("usage", {"problem": "x\nerror[forged]: y", "file": "a\n  hint: do"}), as_json=False)
    assert code == 2
    assert capsys.readouterr().err.splitlines() == [
        "error[usage]: the command or request is not understood: x",
        "  | error[forged]: y",
        "  file: a\\n  hint: do",
        "  hint: see --help",
    ]


def test_a_defect_is_told_without_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARTIFACTSTORE_DEBUG", raising=False)
    assert report(KeyError("k"), as_json=True) == 70
    assert json.loads(capsys.readouterr().err)["error"]["detail"]["problem"] == "KeyError: 'k'"
    monkeypatch.setenv("ARTIFACTSTORE_DEBUG", "1")
    with pytest.raises(KeyError):
        report(KeyError("k"), as_json=True)


@pytest.mark.usefixtures("package")
def test_columns_are_separated_by_tabs_that_no_value_has(program: Program) -> None:
    program.row("package", "label", PURL, "a=1\t2\n3")
    lines = program.run("package", "list").stdout.splitlines()
    assert lines[0].split("\t")[0] == "purl"
    assert lines[1].split("\t")[:2] == [PURL, "open"]
    assert "\\t2\\n3" in program.run("package", "show", PURL).stdout


@pytest.mark.usefixtures("package")
def test_a_terminal_gets_a_table(program: Program) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    command = [sys.executable, "-m", "artifactstore", "--database-url", program.conninfo, "package", "list"]
    subprocess.run(command, stdout=slave, stderr=slave, env=environment, check=True)
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    assert PURL in shown
    assert "\t" not in shown


def test_a_reader_that_goes_away_ends_the_program_quietly(program: Program) -> None:
    for _ in range(3):
        program.row("package", "create", f"pkg:generic/{uuid4()}@1")
    with program.start("events", "--follow", "--since", "0") as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        follower.stdout.readline()
        follower.stdout.close()
        program.row("package", "create", PURL)
        program.row("package", "label", PURL, "a=1")
        assert follower.wait(20) == 141
        assert follower.stderr.read() == ""
