"""``check-files``: every copy is read again, and what is found is in the log."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from artifactstore import codec
from artifactstore.jobs.copies import BATCH, Checked, check_files, local_path
from artifactstore.store import CopyQuery, Store
from tests.cli.program import PURL, Outcome, Program

Damage = Callable[[Path], object]


@pytest.fixture
def tree(program: Program, tmp_path: Path) -> Path:
    """A directory that was ingested: good, bad and a name that must be escaped."""
    directory = tmp_path / "tree"
    directory.mkdir()
    for name in ("good", "bad", "ä #?%41\N{SNOWMAN} b"):
        (directory / name).write_bytes(f"content of {name}".encode())
    program.row("ingest", directory, "--purl", PURL)
    return directory


def check(program: Program, *arguments: str) -> tuple[Outcome, dict[str, Any]]:
    """A check with --json, and its figures."""
    outcome = program.run("--json", "check-files", *arguments)
    return outcome, json.loads(outcome.stderr.splitlines()[-1])


def states(program: Program) -> dict[str, str]:
    """Path → state of its copy."""
    return {row["path"]: row["state"] for row in program.rows("location", "list", PURL)}


def test_good_copies(program: Program, tree: Path) -> None:
    """Names with escaped bytes are found; each copy gets one event, and nothing is on stdout."""
    head = program.head()
    outcome, figures = check(program)
    assert (outcome.code, outcome.stdout) == (0, "")
    assert (figures["good"], figures["bad"], figures["copies"]) == (3, 0, 3)
    assert figures["read"] == figures["bytes"] == sum(one.stat().st_size for one in tree.iterdir())
    events = program.rows("events", "--since", str(head))
    assert [event["event_type"] for event in events] == ["v1.storage.verified"] * 3
    assert {event["payload"]["method"] for event in events} == {"full_read"}
    assert set(states(program).values()) == {"verified"}


def _replace(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    target = path.with_name("target")
    path.rename(target)
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("damage", "failure", "observed"),
    [
        (Path.unlink, "missing", None),
        (lambda path: path.write_bytes(b"short"), "size_mismatch", 5),
        (lambda path: path.write_bytes(b"CONTENT of bad"), "digest_mismatch", 14),
        (_replace, "unreachable", None),
        (_link, "unreachable", None),
        (_pipe, "unreachable", None),
    ],
    ids=["missing", "size", "digest", "directory", "symbolic link", "named pipe"],
)
def test_bad_copies(program: Program, tree: Path, damage: Damage, failure: str, observed: int | None) -> None:
    damage(tree / "bad")
    head = program.head()
    with program.unchanged():
        dry, figures = check(program, "--dry-run")
    assert (dry.code, figures["good"], figures["bad"]) == (1, 2, 1)
    assert (dry.objects[0]["failure"], dry.objects[0]["sequence"]) == (failure, None)

    outcome, figures = check(program)
    assert (outcome.code, figures["good"], figures["bad"]) == (1, 2, 1)
    (found,) = outcome.objects
    assert (found["path"], found["failure"], found["observed_size"]) == ("bad", failure, observed)
    (event,) = program.rows("events", "--since", str(head), "--type", "v1.storage.failed")
    assert event["sequence"] == found["sequence"]
    assert event["payload"]["failure"] == failure
    assert event["payload"].get("observed_size") == observed
    digest = codec.digest(b"CONTENT of bad").hex() if failure == "digest_mismatch" else None
    assert event["payload"].get("observed_blake3") == digest == found["observed_blake3"]
    assert states(program)["bad"] == "failed"
    assert program.rows("package", "files", PURL)[0]["state"] == "corrupted"


def test_a_copy_that_cannot_be_opened(program: Program, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without permission it is unreachable, which is not missing. (The superuser may read everything.)"""
    real = os.open

    def refuse(path: Any, *arguments: Any, **keywords: Any) -> int:
        if path == os.fsencode(tree / "bad"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", refuse)
    outcome, _ = check(program)
    (found,) = outcome.objects
    assert (outcome.code, found["failure"], found["problem"]) == (1, "unreachable", "Permission denied")


def test_a_file_that_changes_while_it_is_read(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither good nor bad: nothing is said about its digest."""
    directory = tmp_path / "tree"
    directory.mkdir()
    (directory / "busy").write_bytes(b"1" * 1_000_000)
    program.row("ingest", directory, "--purl", PURL)
    real = os.readv

    def write_meanwhile(descriptor: int, buffers: Any) -> int:
        os.utime(directory / "busy")
        return real(descriptor, buffers)

    monkeypatch.setattr(os, "readv", write_meanwhile)
    outcome, _ = check(program)
    (found,) = outcome.objects
    assert (found["failure"], found["problem"]) == ("unreachable", "changed while it was read")
    assert found["observed_blake3"] is None


def test_other_schemes_and_backends_are_counted(program: Program, tree: Path) -> None:
    program.row("location", "add", PURL, "good", "--backend", "s3", "--uri", "s3://bucket/good")
    program.row("location", "add", PURL, "good", "--backend", "nas", "--uri", (tree / "good").as_uri())
    program.row("location", "add", PURL, "good", "--backend", "file", "--uri", "no scheme")
    _, figures = check(program)
    assert figures["copies"] == 3
    assert figures["elsewhere"] == [
        {"backend": "file", "scheme": None, "copies": 1},
        {"backend": "nas", "scheme": "file", "copies": 1},
        {"backend": "s3", "scheme": "s3", "copies": 1},
    ]
    told = program.run("check-files").stderr
    assert "1 in file (no scheme), 1 in nas (file), 1 in s3 (s3)" in told
    _, figures = check(program, "--backend", "nas")
    assert (figures["copies"], figures["good"]) == (1, 1)


@pytest.mark.parametrize(
    "uri",
    ["file://host/x", "file:x", "file:///a%zz", "file:///a%00b", "file:///a?b", "file:///a#b", "file:////x?"],
)
def test_bad_uris_are_told(program: Program, tree: Path, uri: str) -> None:
    """They name no file of this machine: nothing is recorded about them, the others are checked."""
    assert tree.is_dir()
    program.row("location", "add", PURL, "good", "--backend", "file", "--uri", uri)
    outcome, figures = check(program)
    (found,) = outcome.objects
    assert (outcome.code, found["failure"], found["uri"], found["sequence"]) == (1, "bad-uri", uri, None)
    assert (figures["good"], figures["unusable"]) == (3, 1)


@pytest.mark.parametrize(
    "path", ["/a", "/a b", "/ä", "/%41", "/a?#%", "/new\nline", "/\udcff\udc80", "//twice", "/tab\t."]
)
def test_paths_are_those_that_ingest_writes(path: str) -> None:
    assert local_path("file://" + quote(os.fsencode(path))) == os.fsencode(path)
    assert local_path("FILE://localhost" + quote(os.fsencode(path))) == os.fsencode(path)


def test_a_name_that_is_not_utf8(program: Program, tree: Path) -> None:
    raw = os.fsencode(tree) + b"/\xff\x80"
    Path(os.fsdecode(raw)).write_bytes((tree / "good").read_bytes())
    program.row("location", "add", PURL, "good", "--backend", "file", "--uri", "file://" + quote(raw))
    _, figures = check(program)
    assert (figures["good"], figures["bad"]) == (4, 0)


def test_only_what_was_not_checked_lately_the_oldest_first(program: Program, tree: Path) -> None:
    """Run again it goes on; the order is that of the last check, never checked ones first."""
    listed = {row["path"]: row["location_id"] for row in program.rows("location", "list", PURL)}
    program.row("location", "verify", listed["good"])
    (tree / "good").unlink()
    _, figures = check(program, "--older-than", "1h")
    assert (figures["copies"], figures["recent"], figures["bad"]) == (2, 1, 0)
    outcome, figures = check(program)
    assert (outcome.code, figures["copies"]) == (1, 3)
    order = [event["subject_id"] for event in program.rows("events", "--type", "v1.storage.*")]
    assert order[3] == listed["good"]
    _, figures = check(program, "--older-than", "1h")
    assert (figures["copies"], figures["recent"]) == (0, 3)


def test_one_package(program: Program, tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "x").write_bytes(b"x")
    program.row("ingest", other, "--purl", "pkg:generic/other@1")
    assert tree.is_dir()
    _, figures = check(program, "--package", "pkg:generic/other@1", "--jobs", "1")
    assert (figures["copies"], figures["good"]) == (1, 1)
    missing = program.run("check-files", "--package", "pkg:generic/none@1")
    assert missing.code == 4


def test_what_is_retired_or_checked_meanwhile_is_left(program: Program, tree: Path) -> None:
    """Between reading the rows and appending: the others are recorded all the same."""
    program.row("location", "add", PURL, "good", "--backend", "s3", "--uri", "s3://bucket/good")
    listed = {
        row["path"]: row["location_id"]
        for row in program.rows("location", "list", PURL)
        if row["backend"] == "file"
    }
    with psycopg.connect(program.conninfo, autocommit=True) as connection:
        once = threading.Event()

        def meanwhile(step: str, done: int, total: int, unit: str = "events") -> None:  # noqa: ARG001
            if step == "reading copies" and not once.is_set():
                once.set()
                retire = ("location", "retire", listed["good"], "--outcome", "detached", "--reason", "r")
                program.row(*retire)
                program.row("location", "verify", listed["bad"])

        report = Checked()
        found = list(
            check_files(Store(connection), CopyQuery("file"), report, actor="user:c", progress=meanwhile)
        )
    assert found == []
    assert (report.copies, report.good, report.overtaken) == (3, 1, 2)
    assert len(list(tree.iterdir())) == 3
    assert program.run("verify").code == 0


def test_many_copies_in_batches(program: Program, tmp_path: Path) -> None:
    """Nobody waits long for the log: no append has more than 500 events; no old snapshot is held."""
    directory = tmp_path / "many"
    directory.mkdir()
    for n in range(2 * BATCH + 1):
        (directory / str(n)).write_bytes(str(n).encode())
    program.row("ingest", directory, "--purl", PURL)
    (directory / "7").unlink()
    head = program.head()
    outcome, figures = check(program)
    assert (outcome.code, figures["good"], figures["bad"]) == (1, 2 * BATCH, 1)
    sizes = program.admin.execute(
        "SELECT count(*) FROM artifactstore.events WHERE sequence > %s GROUP BY xmin::text", (head,)
    ).fetchall()
    assert sum(size for (size,) in sizes) == 2 * BATCH + 1
    assert max(size for (size,) in sizes) <= BATCH
