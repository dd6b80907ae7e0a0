"""Lines of the log: what is given is there, and nobody else's text begins one or acts on the terminal."""

import json
import logging
import os
import pty
import subprocess
import sys
from typing import Any

import click
from hypothesis import given
from hypothesis import strategies as st

from artifactstore.http.web.logs import JsonFormatter, LineFormatter

REQUEST = {"request_id": "r-1", "method": "GET", "path": "/packages", "status": 200, "seconds": 0.0031}
TEXT = st.text(st.characters(exclude_categories=[]), max_size=60)


def record(message: str, extra: dict[str, Any], level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("artifactstore", level, __file__, 1, message, None, None)
    vars(made).update(extra)
    return made


def test_a_request_is_told_as_people_say_it() -> None:
    line = click.unstyle(LineFormatter().format(record("request", {**REQUEST, "actor": None})))
    assert line.split(" ", 1)[1] == "info    GET /packages 200 3.1 ms request_id=r-1"


@given(TEXT, TEXT)
def test_no_text_of_a_client_forges_a_line_or_moves_a_terminal(path: str, problem: str) -> None:
    for made in (
        record("refused", {**REQUEST, "path": path, "problem": problem}, logging.WARNING),
        record(problem, {"path": path}, logging.ERROR),
    ):
        line = click.unstyle(LineFormatter().format(made))
        assert all(character.isprintable() for character in line)
        assert json.loads(JsonFormatter().format(made))["path"] == path


def test_a_traceback_is_set_off() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        made = logging.LogRecord("artifactstore", logging.ERROR, __file__, 1, "defect", None, sys.exc_info())
    _, *more = LineFormatter().format(made).splitlines()
    assert more
    assert all(line.startswith("  | ") for line in more)


def test_a_terminal_gets_lines_and_everything_else_json() -> None:
    code = "from artifactstore.http.web import logs; logs.configure('info'); logs.LOGGER.info('here')"
    command = [sys.executable, "-c", code]
    piped = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert json.loads(piped)["event"] == "here"
    master, slave = pty.openpty()
    subprocess.run(command, stderr=slave, check=True)
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    assert click.unstyle(shown).rstrip().endswith("info    here")
