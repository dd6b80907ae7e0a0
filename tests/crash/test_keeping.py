"""Ingests into a store, killed at every point: the same command again ends as if nothing had happened.

Whatever the moment, the log names no bytes that are not there. What was put and not told is left for the
collector, in one batch at most.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import program_on
from tests.cli.program import PURL, Program
from tests.shelves import Shelves, shelves

SOURCE = Path(__file__).parents[2] / "artifactstore"
CHUNK = 10
FILES = {f"d{number % 3}/f{number}": b"%d" % number * 40 for number in range(35)} | {
    "twice": b"0" * 40,
    "large": os.urandom(1024 * 1024) * 18,
}
_SMALL = f"""
from artifactstore.jobs.uploads import keeping
keeping.CHUNK_FILES = {CHUNK}
from artifactstore.cli import main
main()
"""
"""The program, which appends a few files together."""

_POINT = re.compile(r'\bfault\("((?:ingest|upload|local\.put|local\.part|local\.complete)\.?[a-z.]*)"\)')
POINTS = sorted({name for path in SOURCE.rglob("*.py") for name in _POINT.findall(path.read_text())})
"""Every fault point on the way of an ingest."""


@pytest.fixture
def program(server_conninfo: str, template: str) -> Iterator[Program]:
    """The program on a database of this test's own."""
    with program_on(server_conninfo, template) as made:
        yield made


@pytest.fixture
def shelf(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelves:
    """Stores main and shelf."""
    return shelves(program, tmp_path / "stores", monkeypatch)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with FILES."""
    root = tmp_path / "tree"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def run(shelf: Shelves, tree: Path, fault: str | None = None) -> int:
    """The command, killed at a fault point or not; its exit code."""
    arguments = ("--database-url", shelf.program.conninfo, "ingest", str(tree), "--purl", PURL, "--seal")
    command = [sys.executable, "-c", _SMALL, *arguments, "--store", "main,shelf"]
    environment = {**os.environ, **({} if fault is None else {"ARTIFACTSTORE_FAULT": fault})}
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120).returncode


def in_log(shelf: Shelves) -> list[tuple[str, str, bytes]]:
    """Path, store and bytes of every copy that is not given up; fails for one without its bytes."""
    objects = {name: shelf.objects(name) for name in ("main", "shelf")}
    return sorted((path, name, objects[name][uri]) for path, name, uri, _ in shelf.copies(PURL))


def test_the_points_are_those_of_the_way() -> None:
    assert {"ingest.put", "ingest.settled", "ingest.appended", "upload.part", "local.put.linked"} <= set(
        POINTS
    )
    assert len(POINTS) >= 12


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_the_same_command_again_ends_as_without_the_kill(
    shelf: Shelves, tree: Path, point: str, number: int
) -> None:
    killed = run(shelf, tree, f"{point}:{number}")
    assert killed in (-signal.SIGKILL, 0)
    assert number > 1 or killed != 0
    if killed and shelf.program.run("package", "show", PURL).code == 0:
        for path, _, content in in_log(shelf):
            assert FILES[path] == content
    orphans = {
        name: len(shelf.objects(name).keys() - {uri for _, of, uri, _ in _named(shelf) if of == name})
        for name in ("main", "shelf")
    }
    assert max(orphans.values()) <= 2 * CHUNK + 1
    assert run(shelf, tree) == 0
    expected = [(path, name, content) for path, content in FILES.items() for name in ("main", "shelf")]
    assert in_log(shelf) == sorted(expected)
    package = shelf.program.row("package", "show", PURL)
    assert (package["state"], package["file_count"]) == ("sealed", len(FILES))
    with shelf.program.unchanged():
        assert run(shelf, tree) == 0


def _named(shelf: Shelves) -> list[tuple[str, str, str, str]]:
    """The copies of the package, if there is one."""
    return list(shelf.copies(PURL)) if shelf.program.run("package", "show", PURL).code == 0 else []
