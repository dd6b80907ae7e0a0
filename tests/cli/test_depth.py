"""F20: depth of what is given, in directories, JSON, CBOR, purls: done, or refused by name."""

import json
import os
from pathlib import Path

import pytest

from artifactstore import codec
from artifactstore.errors import BadInput
from artifactstore.jobs.exports.rows import decode_event
from artifactstore.jobs.tree import MAX_PATH, Tree
from tests.cli.program import PURL, Program


def nest(root: Path, levels: int, name: bytes = b"d") -> None:
    """A file below so many directories, each made relative to the one above: PATH_MAX is no limit."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open(b"f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def unnest(root: Path) -> None:
    """Remove what ``nest`` made: others who do that recurse."""
    below = []
    here = os.open(root, os.O_RDONLY)
    while True:
        inner = [entry.name for entry in os.scandir(here) if entry.is_dir(follow_symlinks=False)]
        for entry in os.scandir(here):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name, dir_fd=here)
        if not inner:
            break
        below.append(inner[0])
        deeper = os.open(inner[0], os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    for name in reversed(below):
        above = os.open("..", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = above
        os.rmdir(name, dir_fd=here)
    os.close(here)


@pytest.mark.parametrize("levels", [100, 400, (MAX_PATH - 1) // 2])
def test_f20_what_a_path_can_name_is_ingested_and_checked(
    levels: int, program: Program, tmp_path: Path
) -> None:
    root = tmp_path / "t"
    root.mkdir()
    nest(root, levels)
    try:
        report = program.row("ingest", root, "--purl", PURL)
        assert report["files"] == 1
        assert program.row("events", "--type", "v1.file.ingested", "--since", "0")["payload"]["path"] == (
            "d/" * levels + "f"
        )
        checked = program.run("--json", "check-files")
        assert checked.code == 0, checked.stderr
        assert json.loads(checked.stderr.splitlines()[-1])["good"] == 1
    finally:
        unnest(root)


@pytest.mark.parametrize("levels", [513, 1_000, 2_500, 5_000])
def test_f20_directories_deeper_than_a_path_goes_are_refused_by_name(
    levels: int, program: Program, tmp_path: Path
) -> None:
    root = tmp_path / "t"
    root.mkdir()
    (root / "a").write_bytes(b"a")
    nest(root, levels)
    try:
        error = program.refused("ingest", root, "--purl", PURL, code=2, error="bad-path")
        assert "more than 1024 bytes" in error["detail"]["problem"]
        assert error["detail"]["files"] == 1
        # Left out, it is no obstacle.
        assert program.row("ingest", root, "--purl", PURL, "--exclude", "d")["files"] == 1
    finally:
        unnest(root)


def test_f20_the_walk_is_in_the_order_of_path_bytes_and_goes_on_after_what_is_too_deep(
    tmp_path: Path,
) -> None:
    nest(tmp_path, 600)
    for name in ("a/b/c", "a.b", "a0", "z/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    try:
        found = list(Tree(tmp_path).walk())
        assert [entry.path for entry in found if entry.problem is None] == ["a.b", "a/b/c", "a0", "z/1"]
        assert [entry.path[:4] for entry in found] == ["a.b", "a/b/", "a0", "d/d/", "z/1"]
    finally:
        unnest(tmp_path)


@pytest.mark.parametrize("levels", [17, 500, 6_400, 100_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_f20_json_of_any_depth_is_no_payload(
    levels: int, opening: str, closing: str, shared: Program
) -> None:
    nested = opening * levels + "1" + closing * levels
    for text in (nested, '{"reason": ' + nested + "}", opening * levels):
        done = shared.run(
            "--json", "append", "v1.package.yanked", "--subject", "0193a3c2-0000-7000-8000-000000000000",
            "--payload", "-", stdin=text,
        )  # fmt: skip
        assert done.code == 2, done.stderr[:500]
        assert done.error["code"] in ("bad-payload", "too-large")


@pytest.mark.parametrize("levels", [17, 500, 10_000, 65_535])
@pytest.mark.parametrize("head", [b"\x81", b"\xa1\x61a", b"\xd8\x1c", b"\x9f", b"\xbf\x61a"])
def test_f20_cbor_of_any_depth_is_no_payload(levels: int, head: bytes, shared: Program) -> None:
    data = (head * levels)[:65_500] + b"\x01"
    for text in (data, b"\xa1\x61a" + data):
        with pytest.raises(BadInput) as refused:
            codec.decode(text)
        assert refused.value.code == "bad-payload"
        with pytest.raises(codec.Problem, match="not an event"):
            decode_event(text)
        row = shared.admin.execute(
            "SELECT artifactstore.payload_or_null(%s)", (text,), binary=True
        ).fetchone()
        assert row == (None,)


@pytest.mark.parametrize("part", ["a/", "@", "?a=b&", "#a/", "%25", "a%2F", "pkg:", "../", "[", "("])
def test_f20_purls_of_any_depth(part: str, shared: Program) -> None:
    for count in (1_000, 30_000):
        for purl in (f"pkg:generic/{part * count}n@1", f"pkg:generic/n@1?a={part * count}#{part * count}"):
            done = shared.run("--json", "package", "create", purl)
            assert done.code in (2, 3), done.stderr[:300]
            assert done.error["code"] in ("invalid-purl", "too-large", "bad-payload")
            done = shared.run("--json", "package", "show", purl)
            assert done.code in (2, 4), done.stderr[:300]
