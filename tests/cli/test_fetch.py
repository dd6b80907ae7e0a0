"""``fetch`` and ``cat``: what comes back is what the log says, whichever copy it is of, and nowhere else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.jobs.below import PARTS, Below, Unfit, segments_of
from tests.cli.program import PURL, Outcome, Program
from tests.shelves import Shelves, shelves

MIB = 1024 * 1024
FILES = {
    "empty": b"",
    "a/b/c": b"nested",
    "a/d": b"beside",
    "ü %": b"named",
    "large": os.urandom(MIB) * 9 + b"end",
}


@pytest.fixture
def shelf(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelves:
    """Stores main and shelf, and the package PURL with FILES in both, and nowhere else."""
    made = shelves(program, tmp_path / "stores", monkeypatch)
    tree = tmp_path / "tree"
    for name, content in FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    program.row("ingest", tree, "--purl", PURL, "--store", "main,shelf", "--seal")
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where it goes."""
    return tmp_path / "out"


def fetch(
    shelf: Shelves, out: Path, *more: str, code: int = 0
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What was bad, and the figures."""
    outcome = shelf.program.run("--json", "fetch", PURL, "-o", str(out), *more)
    assert outcome.code == code, outcome
    return outcome.objects, json.loads(outcome.stderr.splitlines()[-1])


def files_in(root: Path) -> dict[str, bytes]:
    """Path → content of everything below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if not path.is_dir()}


def uri_of(shelf: Shelves, path: str, name: str = "main") -> str:
    (uri,) = (uri for found, backend, uri, _ in shelf.copies(PURL) if (found, backend) == (path, name))
    return uri


def test_a_package_comes_back_with_its_manifest(shelf: Shelves, out: Path) -> None:
    with shelf.program.unchanged():
        found, figures = fetch(shelf, out)
    assert (found, files_in(out)) == ([], FILES)
    assert (figures["fetched"], figures["received"]) == (len(FILES), sum(map(len, FILES.values())))
    assert figures["manifest"] == shelf.program.row("package", "show", PURL)["manifest_digest"]
    assert not (out / PARTS).exists()


def test_some_files_and_none_that_it_does_not_have(shelf: Shelves, out: Path) -> None:
    _, figures = fetch(shelf, out, "a/d", "ü %", "a/d")
    assert files_in(out) == {name: FILES[name] for name in ("a/d", "ü %")}
    assert (figures["files"], figures["manifest"]) == (2, None)
    shelf.program.refused("fetch", PURL, "a/d", "nope", "-o", str(out / "x"), code=4, error="not-found")
    assert files_in(out / "x") == {}


def test_what_is_there_is_left_alone_and_other_content_is_replaced_by_force(
    shelf: Shelves, out: Path
) -> None:
    fetch(shelf, out)
    (out / "a/d").write_bytes(b"BESIDE")
    before = (out / "large").stat().st_mtime_ns, (out / "large").stat().st_ino
    found, figures = fetch(shelf, out, code=1)
    assert [(one["path"], one["failure"]) for one in found] == [("a/d", None)]
    assert (figures["equal"], figures["failed"], figures["received"]) == (len(FILES) - 1, 1, 0)
    assert (out / "a/d").read_bytes() == b"BESIDE"
    fetch(shelf, out, "--force")
    assert files_in(out) == FILES
    assert ((out / "large").stat().st_mtime_ns, (out / "large").stat().st_ino) == before


DAMAGES: dict[str, tuple[Callable[[Shelves, str], object], str]] = {
    "missing": (lambda shelf, uri: shelf.path("main", uri).unlink(), "missing"),
    "shorter": (lambda shelf, uri: shelf.damage("main", uri, b"short"), "size_mismatch"),
    "longer": (lambda shelf, uri: shelf.damage("main", uri, FILES["large"] + b"more"), "size_mismatch"),
    "another byte": (
        lambda shelf, uri: shelf.damage("main", uri, b"x" + FILES["large"][1:]),
        "digest_mismatch",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_copy_is_recorded_and_another_one_read(shelf: Shelves, out: Path, damage: str) -> None:
    change, failure = DAMAGES[damage]
    uri = uri_of(shelf, "large")
    change(shelf, uri)
    found, figures = fetch(shelf, out, code=1)
    assert files_in(out) == FILES
    (bad,) = found
    assert (bad["path"], bad["failure"], bad["backend"], bad["uri"]) == ("large", failure, "main", uri)
    (event,) = shelf.program.rows("events", "--since", "0", "--type", "v1.storage.failed")
    assert (event["sequence"], event["payload"]["failure"]) == (bad["sequence"], failure)
    assert (figures["bad"], figures["failed"], figures["fetched"]) == (1, 0, len(FILES))
    assert fetch(shelf, out.with_name("again"), code=0)[0] == []  # the good copy comes first now


def test_without_a_good_copy_there_is_no_file(shelf: Shelves, out: Path) -> None:
    for name in ("main", "shelf"):
        shelf.damage(name, uri_of(shelf, "large", name), b"x" + FILES["large"][1:])
    found, figures = fetch(shelf, out, code=1)
    assert sorted((one["failure"] or "") for one in found) == ["", "digest_mismatch", "digest_mismatch"]
    assert files_in(out) == {name: content for name, content in FILES.items() if name != "large"}
    assert (figures["failed"], figures["bad"]) == (1, 2)


def test_a_place_that_is_away_makes_no_copy_bad(shelf: Shelves, out: Path) -> None:
    """As a mount that is not there: nothing is recorded, and the other store is read."""
    shelf.root("main").rename(shelf.directory / "away")
    with shelf.program.unchanged():
        found, figures = fetch(shelf, out, code=1)
    assert {(one["failure"], one["backend"], one["sequence"]) for one in found} == {("unread", "main", None)}
    assert files_in(out) == FILES
    assert figures["fetched"] == len(FILES)


def test_only_the_copies_of_one_store(shelf: Shelves, out: Path) -> None:
    fetch(shelf, out, "--from", "shelf")
    assert files_in(out) == FILES
    shelf.program.refused("fetch", PURL, "-o", str(out), "--from", "no", code=4, error="store-unknown")
    found, _ = fetch(shelf, out.with_name("file"), "--from", "file", code=1)
    assert {one["problem"] for one in found} == {"it has no copy that can be read from here"}


def test_local_files_are_read_and_never_judged(shelf: Shelves, out: Path, tmp_path: Path) -> None:
    """A file:// URI may be that of another machine: what is not there, or another file, says nothing."""
    purl = "pkg:generic/local@1"
    tree = tmp_path / "tree"
    shelf.program.row("ingest", tree, "--purl", purl)
    (tree / "ü %").write_bytes(b"NAMED")
    (tree / "a/d").unlink()
    with shelf.program.unchanged():
        outcome = shelf.program.run("--json", "fetch", purl, "-o", str(out))
    assert outcome.code == 1
    assert files_in(out) == {name: content for name, content in FILES.items() if name not in ("ü %", "a/d")}


PARTIAL: dict[str, tuple[bytes, int]] = {
    "a beginning": (FILES["large"][: 5 * MIB], 5 * MIB),
    "all of it": (FILES["large"], len(FILES["large"])),
    "another beginning": (b"x" * MIB, MIB),
    "more than there is": (FILES["large"] + b"more", 0),
    "nothing": (b"", 0),
}


@pytest.mark.parametrize("case", PARTIAL)
def test_a_part_is_gone_on_with(shelf: Shelves, out: Path, case: str) -> None:
    """Whatever is in it: a part that is wrong costs a second reading, and blames no copy."""
    content, resumed = PARTIAL[case]
    (file,) = (row for row in shelf.program.rows("package", "files", PURL) if row["path"] == "large")
    (out / PARTS).mkdir(parents=True)
    (out / PARTS / f"{file['file_id']}.part").write_bytes(content)
    with shelf.program.unchanged():
        _, figures = fetch(shelf, out)
    assert files_in(out) == FILES
    assert figures["resumed"] == resumed
    assert not (out / PARTS).exists()


_DYING = """
import os
from artifactstore.jobs import fetch
from artifactstore.cli import main
real = fetch.FileContent.pieces
def pieces(self):
    for number, piece in enumerate(real(self)):
        yield piece
        if number == 4:
            os.kill(os.getpid(), 9)
fetch.FileContent.pieces = pieces
main()
"""
"""The program, which dies when five pieces of a file are written."""


def test_killed_it_goes_on_where_it_was(shelf: Shelves, out: Path) -> None:
    """A process that ends in the middle of a file leaves a part, and no file that is not whole."""
    arguments = ("--database-url", shelf.program.conninfo, "fetch", PURL, "-o", str(out))
    command = [sys.executable, "-c", _DYING, *arguments]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    for name, content in files_in(out).items():
        assert name.startswith(PARTS) or FILES[name] == content
    _, figures = fetch(shelf, out)
    assert files_in(out) == FILES
    assert figures["resumed"] >= 5 * MIB


def _link(directory: Path, name: str, target: Path) -> None:
    directory.mkdir()
    (directory / name).symlink_to(target)


OBSTACLES: dict[str, Callable[[Path, Path], object]] = {
    "a link in place of the file": lambda out, away: (out / "large").symlink_to(away / "large"),
    "a link in place of its directory": lambda out, away: (out / "a").symlink_to(away),
    "a link in the middle": lambda out, away: _link(out / "a", "b", away),
    "a directory in place of the file": lambda out, _: (out / "large").mkdir(),
    "a file in place of a directory": lambda out, _: (out / "a").write_bytes(b""),
    "a pipe in place of the file": lambda out, _: os.mkfifo(out / "large"),
}


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_is_in_the_way_leads_nowhere(
    shelf: Shelves, out: Path, tmp_path: Path, obstacle: str, force: tuple[str, ...]
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    out.mkdir()
    OBSTACLES[obstacle](out, away)
    found, figures = fetch(shelf, out, *force, code=1)
    assert list(away.iterdir()) == []
    assert figures["failed"] == len(found) >= 1
    assert all("in the way" in one["problem"] for one in found), found
    assert figures["fetched"] == len(FILES) - figures["failed"]


def test_a_place_that_cannot_be(shelf: Shelves, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / PARTS).symlink_to(tmp_path)
    for name in ("file", "linked"):
        shelf.program.refused("fetch", PURL, "-o", str(tmp_path / name), code=2, error="file")


def test_states_of_packages(shelf: Shelves, out: Path) -> None:
    program = shelf.program
    program.row("package", "yank", PURL, "--reason", "r")
    outcome = program.run("fetch", PURL, "-o", str(out))
    assert outcome.code == 0
    assert f"{PURL} is yanked" in outcome.stderr
    program.row("package", "delete", PURL, "--reason", "r")
    program.refused("fetch", PURL, "-o", str(out), code=3, error="wrong-state")
    program.refused("cat", PURL, "a/d", code=3, error="wrong-state")
    program.row("package", "purge", PURL, "--reason", "r", "--yes")
    program.refused("fetch", PURL, "-o", str(out), code=3, error="purged")
    program.refused("fetch", "pkg:generic/none@1", "-o", str(out), code=4, error="not-found")


def test_other_files_than_were_sealed_are_told(shelf: Shelves, out: Path) -> None:
    shelf.program.tamper("artifact_files", "DELETE FROM artifactstore.artifact_files WHERE path = 'a/d'")
    outcome = shelf.program.run("--json", "fetch", PURL, "-o", str(out))
    assert (outcome.code, outcome.error["code"]) == (6, "log-damaged")


def test_who_may_only_read_reads_on(shelf: Shelves, out: Path, login_names: dict[str, str]) -> None:
    shelf.damage("main", uri_of(shelf, "large"), b"x" + FILES["large"][1:])
    reader = Program(make_conninfo(shelf.program.conninfo, user=login_names["reader"]), shelf.program.admin)
    with shelf.program.unchanged():
        outcome = reader.run("--json", "fetch", PURL, "-o", str(out))
    assert outcome.code == 1
    assert files_in(out) == FILES
    assert json.loads(outcome.stderr.splitlines()[-1])["unrecorded"].startswith("forbidden")


# cat


def cat(shelf: Shelves, path: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "artifactstore", "--database-url", shelf.program.conninfo]
    return subprocess.run([*command, "cat", PURL, path, *more], capture_output=True, check=False)


@pytest.mark.parametrize("path", FILES)
def test_cat_writes_the_content(shelf: Shelves, path: str) -> None:
    done = cat(shelf, path)
    assert (done.returncode, done.stdout, done.stderr) == (0, FILES[path], b"")


def test_cat_reads_another_copy_while_nothing_was_written(shelf: Shelves) -> None:
    shelf.damage("main", uri_of(shelf, "a/d"), b"BESIDE")
    done = cat(shelf, "a/d")
    assert (done.returncode, done.stdout) == (0, FILES["a/d"])
    assert b"digest_mismatch: main store:" in done.stderr


def test_cat_of_a_large_bad_copy_holds_its_end_back(shelf: Shelves) -> None:
    shelf.damage("main", uri_of(shelf, "large"), b"x" + FILES["large"][1:])
    done = cat(shelf, "large")
    assert done.returncode == 6
    assert len(done.stdout) == len(FILES["large"]) - 64 * 1024
    assert b"error[content-damaged]" in done.stderr
    assert cat(shelf, "large").stdout == FILES["large"]  # it is known by now


def test_cat_of_what_cannot_be_read(shelf: Shelves) -> None:
    for name in ("main", "shelf"):
        shelf.path(name, uri_of(shelf, "large", name)).unlink()
    outcome: Outcome = shelf.program.run("--json", "cat", PURL, "large")
    assert (outcome.code, outcome.error["code"]) == (5, "content-unavailable")
    shelf.program.refused("cat", PURL, "nope", code=4, error="not-found")


# Hostile names


def hostile() -> list[str]:
    """Five hundred paths that somebody may have put into a log, or into the answer of a service."""
    segments = [
        "..", ".", "", "a", "a/b", "/", "//", "...", ". .", "..\u2024", "\u2025", "%2e%2e", "..%2f", "..\\",
        "\\", "C:", "~", "$HOME", "`id`", "-rf", "a\n", "\r", "\x1b[2J", "\u202e", "\ufeff", "\x7f", "a\0b",
        "\ud800", "x" * 255, "x" * 256, PARTS, f"{PARTS}/x", "link", "link/..", "file", "file/x",
        "?", "ü", "u\u0308", "*", "CON",
    ]  # fmt: skip
    whole = [f"{first}/{second}" for first in segments for second in segments]
    return [name for name in [*whole[::3], *segments] if name != "link"]


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """A directory with a link that leads out of it, beside something that nobody may touch."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").write_bytes(b"kept")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "file").write_bytes(b"")
    return root


def test_no_name_leads_out_of_the_directory(below: Path) -> None:
    names = hostile()
    assert len(set(names)) >= 500
    made = 0
    with Below(below) as root:
        for number, name in enumerate(names):
            part = f"{number}.part"
            try:
                with root.part(part) as descriptor:
                    os.write(descriptor, b"content")
                    root.place(part, name)
            except Unfit:
                root.drop(part)
                continue
            made += 1
            descriptor_of_it = root.read(name)
            assert descriptor_of_it is not None
            assert os.read(descriptor_of_it, 100) == b"content"
            os.close(descriptor_of_it)
            assert (below / "/".join(os.fsdecode(one) for one in segments_of(name))).is_file()
        root.settle()
    assert made > 50
    assert files_in(below.parent / "outside") == {"kept": b"kept"}
    assert sorted(one.name for one in below.parent.iterdir()) == ["outside", "root"]
    assert not (below / PARTS).exists()
    assert (below / "link").is_symlink()


def test_a_directory_that_becomes_a_link_meanwhile_leads_nowhere(below: Path) -> None:
    with Below(below) as root:
        with root.part("1.part") as descriptor:
            os.write(descriptor, b"content")
            root.place("1.part", "a/x")
        (below / "a").rename(below / "was")
        (below / "a").symlink_to(below.parent / "outside")
        with pytest.raises(Unfit), root.part("2.part"):
            root.place("2.part", "a/y")
        root.drop("2.part")
    assert files_in(below.parent / "outside") == {"kept": b"kept"}


def test_two_at_once_do_not_write_one_part(below: Path) -> None:
    with Below(below) as one, Below(below) as other, one.part("1.part"):
        with pytest.raises(Unfit, match="another fetch writes it"), other.part("1.part"):
            pass
        one.drop("1.part")
