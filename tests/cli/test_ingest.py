"""Registering a directory tree."""

import hashlib
import os
import socket
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from artifactstore.events import NewEvent, manifest_digest
from artifactstore.jobs import ingest as ingesting
from artifactstore.jobs.tree import Tree
from artifactstore.store.writes import Writes
from tests.cli.program import PURL, Program

FILES = {
    "empty": b"",
    "a-b": b"sorts before a/",
    "a/b": b"nested",
    "a/deep/er/c": b"deep" * 100_000,
    "name with spaces and ü%": b"escaped in the URI",
    "z" * 255: b"long",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with FILES, a link to one of them, one out of it, a pipe and a socket."""
    root = tmp_path / "tree"
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "link").symlink_to("empty")
    (root / "outside").symlink_to("/")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(root / "socket"))
    return root


def ingest(program: Program, tree: Path, *more: str) -> dict[str, Any]:
    return program.row("ingest", tree, "--purl", PURL, *more)


def test_every_regular_file_is_appended_with_digests_and_location(program: Program, tree: Path) -> None:
    report = ingest(program, tree)
    assert (report["files"], report["appended"], report["events"]) == (len(FILES), len(FILES), len(FILES) + 1)
    assert report["bytes"] == sum(map(len, FILES.values()))
    files = program.rows("package", "files", PURL)
    assert [file["path"] for file in files] == sorted(FILES, key=str.encode)
    for file in files:
        content = FILES[file["path"]]
        assert (file["size"], file["blake3"]) == (len(content), blake3(content).hexdigest())
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
    locations = {row["path"]: row for row in program.rows("location", "list", PURL)}
    assert locations["a/b"]["uri"] == f"file://{tree}/a/b"
    assert (
        locations["name with spaces and ü%"]["uri"] == f"file://{tree}/name%20with%20spaces%20and%20%C3%BC%25"
    )
    assert {row["backend"] for row in locations.values()} == {"file"}


def test_links_and_special_files_are_skipped_and_named(program: Program, tree: Path) -> None:
    skipped = ingest(program, tree)["skipped"]
    names = ["link (symbolic link)", "outside (symbolic link)", "pipe (named pipe)", "socket (socket)"]
    assert (skipped["count"], skipped["first"]) == (4, names)


def test_excluded_paths_are_left_out(program: Program, tree: Path) -> None:
    report = ingest(program, tree, "--exclude", "a/", "--exclude", "empty")
    assert report["files"] == len(FILES) - 3
    assert {"a (excluded)", "empty (excluded)"} <= set(report["skipped"]["first"])


PATTERNS: dict[tuple[str, ...], set[str]] = {
    ("deep",): {"a/deep/er/c"},
    ("/deep",): set(),
    ("a/deep",): {"a/deep/er/c"},
    ("**/er/",): {"a/deep/er/c"},
    ("c/",): set(),
    ("[ab]*",): {"a-b", "a/b", "a/deep/er/c"},
    ("*", "!z*"): FILES.keys() - {"z" * 255},
    ("# no pattern", "", "nothing"): set(),
}


@pytest.mark.parametrize("patterns", PATTERNS, ids=" ".join)
def test_patterns_mean_what_they_mean_in_a_gitignore(tree: Path, patterns: tuple[str, ...]) -> None:
    left = {entry.path for entry in Tree(tree, patterns).walk() if entry.skip is None}
    assert FILES.keys() - left == PATTERNS[patterns]


def test_a_pattern_that_is_none_is_refused(shared: Program, tree: Path) -> None:
    shared.refused("ingest", tree, "--purl", PURL, "--exclude", "!", code=2, error="usage")


def test_a_single_file_is_registered_under_its_own_name(program: Program, tree: Path) -> None:
    report = ingest(program, tree / "a" / "b")
    assert (report["files"], report["appended"], report["skipped"]["count"]) == (1, 1, 0)
    (copy,) = program.rows("location", "list", PURL)
    assert (copy["path"], copy["uri"]) == ("b", f"file://{tree}/a/b")
    with program.unchanged():
        assert ingest(program, tree / "a" / "b")["unchanged"] == 1
    program.refused("ingest", tree / "pipe", "--purl", PURL, code=2, error="usage")
    # What is given is followed, as the directory is: its name is that of the file that it leads to.
    assert ingest(program, tree / "link")["appended"] == 1
    assert [row["path"] for row in program.rows("package", "files", PURL)] == ["b", "empty"]


def test_labels_are_those_that_were_asked_for(program: Program, tree: Path) -> None:
    assert ingest(program, tree, "--label", "a=1", "--label", "b=")["labeled"] == 0
    assert program.row("package", "show", PURL)["labels"] == {"a": "1", "b": ""}
    assert ingest(program, tree, "--label", "a=2", "--label", "b=")["labeled"] == 1
    assert program.row("package", "show", PURL)["labels"] == {"a": "2", "b": ""}
    with program.unchanged():
        ingest(program, tree, "--label", "a=2")
    program.refused("ingest", tree, "--purl", PURL, "--label", "a", code=2, error="usage")


def test_a_second_run_appends_nothing(program: Program, tree: Path) -> None:
    ingest(program, tree)
    with program.unchanged():
        report = ingest(program, tree)
    assert (report["events"], report["unchanged"], report["first_sequence"]) == (0, len(FILES), None)


def test_only_new_files_are_appended(program: Program, tree: Path) -> None:
    ingest(program, tree)
    (tree / "new").write_bytes(b"new")
    report = ingest(program, tree)
    assert (report["events"], report["appended"], report["unchanged"]) == (1, 1, len(FILES))
    assert report["first_sequence"] == report["last_sequence"] == program.head()


def test_an_interrupted_run_is_taken_up(
    program: Program, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "BATCH", 2)
    with monkeypatch.context() as broken:
        broken.setattr(Writes, "append", _interrupted_at(3, Writes.append))
        outcome = program.run("ingest", tree, "--purl", PURL)
        assert (outcome.code, outcome.stderr.strip()) == (130, "interrupted")
    present = {row["path"] for row in program.rows("package", "files", PURL)}
    assert len(present) == 2
    report = ingest(program, tree, "--seal")
    assert report["unchanged"] == len(present)
    assert report["appended"] == len(FILES) - len(present)
    assert report["sealed"]["file_count"] == len(FILES)


def test_changed_files_are_refused_by_name_before_anything_is_appended(program: Program, tree: Path) -> None:
    ingest(program, tree)
    (tree / "a/b").write_bytes(b"NESTED")
    (tree / "empty").write_bytes(b"not any more")
    (tree / "new").write_bytes(b"new")
    detail = program.refused("ingest", tree, "--purl", PURL, code=3, error="path-taken")["detail"]
    assert detail["problem"] == "other content than was ingested: a/b, empty"


def test_sealing_stores_the_manifest(program: Program, tree: Path) -> None:
    report = ingest(program, tree, "--seal")
    expected = manifest_digest((name, len(text), blake3(text).digest()) for name, text in FILES.items())
    assert report["sealed"]["manifest_digest"] == expected.hex()
    row = program.row("package", "show", PURL)
    assert (row["state"], row["manifest_digest"]) == ("sealed", expected.hex())
    assert (row["file_count"], row["total_bytes"]) == (len(FILES), report["bytes"])


def test_a_sealed_package_accepts_the_same_tree_and_no_other(program: Program, tree: Path) -> None:
    ingest(program, tree, "--seal")
    with program.unchanged():
        report = ingest(program, tree, "--seal")
    assert (report["events"], report["state"]) == (0, "sealed")
    (tree / "new").write_bytes(b"new")
    detail = program.refused("ingest", tree, "--purl", PURL, code=3, error="not-open")["detail"]
    assert detail["problem"] == f"{PURL} is sealed and lacks new"
    (tree / "new").unlink()
    (tree / "empty").unlink()
    assert ingest(program, tree)["absent"] == 1


def test_a_deleted_package_takes_no_files(program: Program, tree: Path) -> None:
    ingest(program, tree)
    program.row("package", "delete", PURL, "--reason", "old")
    program.refused("ingest", tree, "--purl", PURL, code=3, error="not-open")


def test_a_file_that_changes_while_it_is_read_is_named_and_the_others_are_kept(
    program: Program, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "readv", _growing(tree / "a/deep/er/c", os.readv))
    outcome = program.run("--json", "ingest", tree, "--purl", PURL, "--seal")
    assert (outcome.code, outcome.error["code"]) == (3, "manifest-changed")
    problem = outcome.error["detail"]["problem"]
    assert problem == "not ingested: a/deep/er/c (changed while it was read)"
    assert len(program.rows("package", "files", PURL)) == len(FILES) - 1
    assert program.row("package", "show", PURL)["state"] == "open"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"a\nb", "control characters are not allowed in a path"),
        (b"a\x7fb", "control characters are not allowed in a path"),
        (b"a\xffb", "the name is not UTF-8"),
        ("e\u0301".encode(), "the name is not in Unicode normalization form C"),
        (b"/".join([b"d" * 250] * 5), "the path has 1254 bytes, 1024 are allowed"),
        ("/".join(["ü" * 100] * 5).encode(), "its URI has"),
    ],
)
def test_names_that_no_package_can_have_are_refused(
    program: Program, tree: Path, name: bytes, problem: str
) -> None:
    """RG10: every such name is told before anything is appended."""
    _write_deep(tree, name)
    error = program.refused("ingest", tree, "--purl", PURL, code=2, error="bad-path")
    assert problem in error["detail"]["problem"]
    told = program.run("ingest", tree, "--purl", PURL).stderr
    assert told.replace("\n", "").isprintable()


def test_unreadable_files_are_named(program: Program, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "a/b").chmod(0)
    if os.geteuid() == 0:
        # Root may read every file.
        monkeypatch.setattr(os, "access", lambda path, _mode: not os.fsencode(path).endswith(b"a/b"))
    problem = program.refused("ingest", tree, "--purl", PURL, code=2, error="file")["detail"]["problem"]
    assert problem == "cannot be read: a/b (Permission denied)"


def test_without_files_there_is_no_package(program: Program, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    problem = program.refused("ingest", tmp_path, "--purl", PURL, code=2, error="usage")["detail"]["problem"]
    assert problem == f"no regular file in {tmp_path}"
    problem = program.refused("ingest", tmp_path / "none", "--purl", PURL, code=2, error="file")["detail"][
        "problem"
    ]
    assert problem.endswith("No such file or directory")
    program.refused("package", "show", PURL, code=4, error="not-found")


def test_a_bad_purl_appends_nothing(program: Program, tree: Path) -> None:
    program.refused("ingest", tree, "--purl", "app@1", code=2, error="invalid-purl")


def test_more_files_than_a_batch_are_contiguous_and_in_path_order(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "BATCH", 100)
    for number in range(250):
        (tmp_path / f"f{number:03}").write_bytes(str(number).encode())
    report = ingest(program, tmp_path, "--workers", "3")
    assert report["last_sequence"] - report["first_sequence"] + 1 == report["events"] == 251
    events = program.rows("events", "--type", "v1.file.ingested", "--since", "0")
    assert [event["payload"]["path"] for event in events] == [f"f{number:03}" for number in range(250)]


def _interrupted_at(call: int, append: Any) -> Any:
    """Writes.append that is interrupted, as by Ctrl-C, at its n-th call."""
    calls = count(1)

    def interrupted(writes: Writes, events: list[NewEvent]) -> Any:
        if next(calls) == call:
            raise KeyboardInterrupt
        return append(writes, events)

    return interrupted


def _growing(path: Path, readv: Any) -> Any:
    """os.readv during which somebody appends to one file."""

    def read(descriptor: int, buffers: list[Any]) -> int:
        count: int = readv(descriptor, buffers)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            with path.open("ab") as grown:
                grown.write(b"more")
        return count

    return read


def _write_deep(root: Path, name: bytes) -> None:
    """Create a file whose relative path may be longer than a system call takes."""
    *directories, last = name.split(b"/")
    here = os.open(root, os.O_RDONLY)
    for directory in directories:
        os.mkdir(directory, dir_fd=here)
        here = os.open(directory, os.O_RDONLY, dir_fd=here)
    os.close(os.open(last, os.O_CREAT, dir_fd=here))
