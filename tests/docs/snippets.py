"""The fenced blocks of a page, and ways to run them."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from artifactstore import server

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A fenced block: its language, the attributes behind it, as in ``sql refused=ST001``, and its text."""

    language: str
    attributes: Mapping[str, str]
    text: str


def snippets(page: Path) -> list[Snippet]:
    """All blocks of a page that name a language, in order."""
    return [
        Snippet(language, dict(pair.split("=") for pair in attributes.split()), text)
        for language, attributes, text in _FENCE.findall(page.read_text(encoding="utf-8"))
    ]


def psql_script(blocks: Iterable[Snippet]) -> str:
    """A script that stops at the first error, but tells the SQLSTATE that a ``refused`` block ends with."""
    stop, go_on = "\\set ON_ERROR_STOP on\n", "\\set ON_ERROR_STOP off\n"
    script = stop
    for block in blocks:
        if "refused" in block.attributes:
            script += f"{go_on}{block.text}\\echo refused=:SQLSTATE\n{stop}"
        else:
            script += block.text
    return script


def run_psql(programs: server.Programs, conninfo: str, script: str) -> str:
    """Run a script in one session and return what psql wrote; fails when psql does."""
    done = subprocess.run(
        [programs.bin / "psql", "--no-psqlrc", "--dbname", conninfo],
        input=script, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_shell(text: str, directory: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the lines of a block in ``directory``, where ``artifactstore`` is this checkout's."""
    return subprocess.run(
        ["sh", "-c", _script(text)],
        cwd=directory, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


@contextmanager
def shell_beside(
    text: str, directory: Path, environment: Mapping[str, str], output: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the lines of a block, as ``run_shell`` does, until left; what they write goes to a file."""
    with (
        output.open("wb") as file,
        subprocess.Popen(
            ["sh", "-c", _script(text)],
            cwd=directory, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        ) as process,
    ):  # fmt: skip
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def await_line(pattern: str, file: Path, process: subprocess.Popen[bytes]) -> str:
    """What the pattern finds in a file that a process writes, as soon as it does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(pattern, file.read_text(), re.MULTILINE)
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"no {pattern} in: {file.read_text()}")


def run_session(blocks: Sequence[Snippet], directory: Path, environment: Mapping[str, str]) -> list[str]:
    """Run the ``sh`` blocks in one shell; what each wrote that a ``text`` block shows something of."""
    script, shown = "", []
    for number, block in enumerate(blocks):
        if block.language == "sh":
            script += f"{block.text}echo '@@ {number}'\n"
        else:
            shown.append(number - 1)
    done = run_shell(script, directory, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = re.split(r"^@@ (\d+)\n", done.stdout, flags=re.MULTILINE)
    outputs = dict(zip(map(int, parts[1::2]), parts[0::2], strict=False))
    return [outputs[number] for number in shown]


def assert_shown(text: str, output: str) -> None:
    """Every line of a ``text`` block, in which … stands for anything, is in the output, in this order."""
    lines = iter(output.splitlines())
    for shown in text.splitlines():
        pattern = re.compile(".*".join(map(re.escape, shown.split("…"))))
        assert any(map(pattern.fullmatch, lines)), f"{shown}\nis not in\n{output}"


def _script(text: str) -> str:
    command = f"{shlex.quote(sys.executable)} -m artifactstore"
    return f'set -e\nartifactstore() {{ {command} "$@"; }}\n{text}'
