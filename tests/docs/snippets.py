"""The fenced blocks of a page, and ways to run them."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
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
    command = f"{shlex.quote(sys.executable)} -m artifactstore"
    script = f'set -e\nartifactstore() {{ {command} "$@"; }}\n{text}'
    return subprocess.run(
        ["sh", "-c", script],
        cwd=directory, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
