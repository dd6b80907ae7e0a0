"""``replicate`` and ``check-files`` of stores: further copies, and whether they are good."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from artifactstore.jobs import replicate as replicating
from artifactstore.store.objects import Objects
from tests.cli.program import PURL, Program
from tests.shelves import Shelves, shelves

MIB = 1024 * 1024
FILES = {"a": b"first", "b/c": b"second", "same": b"first", "large": os.urandom(MIB) * 17}
OTHER = "pkg:generic/other@1"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with FILES."""
    root = tmp_path / "tree"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def shelf(program: Program, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelves:
    """Stores main and shelf, and the package PURL with FILES in main alone."""
    made = shelves(program, tmp_path / "stores", monkeypatch)
    program.row("ingest", tree, "--purl", PURL, "--store", "main", "--seal")
    return made


def replicate(shelf: Shelves, *more: str, code: int = 0) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What was bad, and the figures."""
    outcome = shelf.program.run("--json", "replicate", *more)
    assert outcome.code == code, outcome
    return outcome.objects, json.loads(outcome.stderr.splitlines()[-1])


def contents(shelf: Shelves, name: str, purl: str = PURL) -> dict[str, bytes]:
    objects = shelf.objects(name)
    return {path: objects[uri] for path, backend, uri, _ in shelf.copies(purl) if backend == name}


def uri_of(shelf: Shelves, path: str, name: str = "main") -> str:
    (uri,) = (uri for found, backend, uri, _ in shelf.copies(PURL) if (found, backend) == (path, name))
    return uri


def test_every_file_gets_a_copy_once(shelf: Shelves) -> None:
    head = shelf.program.head()
    found, figures = replicate(shelf, "--to", "shelf")
    assert found == []
    assert contents(shelf, "shelf") == FILES
    assert (figures["lacking"], figures["copied"], figures["failed"]) == (len(FILES), len(FILES), 0)
    assert (figures["shared"], len(shelf.objects("shelf"))) == (1, len(FILES) - 1), (
        "a and same are one content"
    )
    events = shelf.program.rows("events", "--since", str(head))
    assert {event["event_type"] for event in events} == {"v1.storage.registered"}
    with shelf.program.unchanged():
        assert replicate(shelf, "--to", "shelf")[1]["lacking"] == 0


def test_from_local_files_into_a_store(shelf: Shelves, tree: Path) -> None:
    shelf.program.row("ingest", tree, "--purl", OTHER)
    _, figures = replicate(shelf, "--to", "shelf", "--from", "file", "--package", OTHER)
    assert (figures["copied"], contents(shelf, "shelf", OTHER)) == (len(FILES), FILES)
    assert contents(shelf, "shelf") == {}
    _, figures = replicate(shelf, "--to", "shelf")  # what the store has by now is shared
    assert (figures["copied"], figures["shared"], figures["bytes"]) == (len(FILES), len(FILES), 0)
    assert contents(shelf, "shelf") == FILES


def test_only_files_with_too_few_copies(shelf: Shelves, tree: Path) -> None:
    shelf.program.row("ingest", tree, "--purl", OTHER, "--store", "main,shelf")
    _, figures = replicate(shelf, "--to", "shelf", "--min-copies", "1")
    assert figures["lacking"] == 0
    _, figures = replicate(shelf, "--to", "shelf", "--min-copies", "2")
    assert (figures["lacking"], contents(shelf, "shelf")) == (len(FILES), FILES)


@pytest.mark.parametrize("path", ["b/c", "large"])
def test_a_bad_source_is_recorded_and_nothing_is_made_of_it(shelf: Shelves, path: str, tree: Path) -> None:
    uri = uri_of(shelf, path)
    shelf.damage("main", uri, b"x" + FILES[path][1:])
    found, figures = replicate(shelf, "--to", "shelf", code=1)
    assert [(one["path"], one["failure"]) for one in found] == [(path, "digest_mismatch"), (path, None)]
    assert found[0]["sequence"] is not None
    assert (figures["failed"], figures["bad"]) == (1, 1)
    assert contents(shelf, "shelf") == {name: content for name, content in FILES.items() if name != path}
    (file,) = (row for row in shelf.program.rows("package", "files", PURL) if row["path"] == path)
    local = ("--backend", "file", "--uri", (tree / path).as_uri())
    shelf.program.row("location", "add", PURL, path, *local)
    found, figures = replicate(shelf, "--to", "shelf")  # now there is a good one
    assert (file["path"], figures["copied"], contents(shelf, "shelf")) == (path, 1, FILES)


def test_an_object_that_goes_meanwhile_is_written_again(
    shelf: Shelves, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.program.row("ingest", tree, "--purl", OTHER, "--store", "shelf")
    gone = {uri for *_, uri, _ in shelf.copies(OTHER)}
    real, asked = Objects.known, [0]

    def known(self: Objects, backend: str, contents: Any) -> list[str | None]:
        found = real(self, backend, contents)
        if not asked[0]:
            shelf.program.row("package", "delete", OTHER, "--reason", "r")
            shelf.program.row("package", "purge", OTHER, "--reason", "r", "--yes")
        asked[0] += 1
        return found

    monkeypatch.setattr(Objects, "known", known)
    _, figures = replicate(shelf, "--to", "shelf", "--package", PURL)
    assert (figures["copied"], contents(shelf, "shelf")) == (len(FILES), FILES)
    assert not gone & {uri for _, backend, uri, _ in shelf.copies(PURL) if backend == "shelf"}


def test_killed_it_goes_on_with_what_is_lacking(shelf: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicating, "BATCH", 2)
    command = [
        sys.executable,
        "-c",
        _SMALL,
        "--database-url",
        shelf.program.conninfo,
        "replicate",
        "--to",
        "shelf",
    ]
    environment = {**os.environ, "ARTIFACTSTORE_FAULT": "replicate.settled:2"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done
    there = contents(shelf, "shelf")
    assert len(there) == 2
    assert len(shelf.objects("shelf")) > len(there)  # durable, and not told: the collector's
    _, figures = replicate(shelf, "--to", "shelf")
    assert (figures["lacking"], contents(shelf, "shelf")) == (len(FILES) - 2, FILES)


_SMALL = """
from artifactstore.jobs import replicate
replicate.BATCH = 2
from artifactstore.cli import main
main()
"""
"""The program, with two copies a batch."""

BAD_USES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no such store": (("--to", "none"), 4, "store-unknown"),
    "from no such store": (("--to", "main", "--from", "none"), 4, "store-unknown"),
    "to itself": (("--to", "main", "--from", "main"), 2, "usage"),
    "no such package": (("--to", "shelf", "--package", "pkg:generic/none@1"), 4, "not-found"),
    "to files": (("--to", "file"), 4, "store-unknown"),
}


@pytest.mark.parametrize("use", BAD_USES)
def test_bad_uses(shelf: Shelves, use: str) -> None:
    arguments, code, error = BAD_USES[use]
    shelf.program.refused("replicate", *arguments, code=code, error=error)


def test_a_place_that_is_away(shelf: Shelves) -> None:
    (shelf.root("shelf") / "artifactstore.json").unlink()
    shelf.program.refused("replicate", "--to", "shelf", code=5, error="store-unavailable")


# check-files


def check(shelf: Shelves, *more: str, code: int) -> tuple[dict[str, tuple[str, int | None]], dict[str, Any]]:
    outcome = shelf.program.run("--json", "check-files", "--backend", "main", *more)
    assert outcome.code == code, outcome
    told = {row["path"]: (row["failure"], row["observed_size"]) for row in outcome.objects}
    return told, json.loads(outcome.stderr.splitlines()[-1])


def test_check_files_reads_the_objects_of_a_store(shelf: Shelves) -> None:
    found, figures = check(shelf, code=0)
    assert (found, figures["good"], figures["copies"]) == ({}, len(FILES), len(FILES))
    assert figures["read"] == figures["bytes"] == sum(map(len, FILES.values()))
    assert {state for *_, state in shelf.copies(PURL)} == {"verified"}
    shelf.path("main", uri_of(shelf, "b/c")).unlink()
    shelf.damage("main", uri_of(shelf, "a"), b"FIRST")  # which is that of same, too
    shelf.damage("main", uri_of(shelf, "large"), b"short")
    head = shelf.program.head()
    expected = {
        "a": ("digest_mismatch", 5),
        "same": ("digest_mismatch", 5),
        "b/c": ("missing", None),
        "large": ("size_mismatch", 5),
    }
    assert check(shelf, "--dry-run", code=1)[0] == expected
    assert shelf.program.head() == head
    found, figures = check(shelf, code=1)
    assert (found, figures["bad"], figures["good"]) == (expected, 4, 0)
    assert shelf.program.head() == head + 4


def test_check_files_of_a_place_that_is_away_records_nothing(shelf: Shelves) -> None:
    shelf.root("main").rename(shelf.directory / "away")
    shelf.program.refused("check-files", "--backend", "main", code=5, error="store-unavailable")
    shelf.configure("shelf")
    with shelf.program.unchanged():
        found, figures = check(shelf, code=0)
    assert (found, figures["copies"]) == ({}, 0)
    assert figures["elsewhere"] == [{"backend": "main", "scheme": "store", "copies": len(FILES)}]
