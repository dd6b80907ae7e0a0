"""Finding what has a content, by either digest or by a file that has it."""

import hashlib
import json
from pathlib import Path

import pytest
from blake3 import blake3

from artifactstore.events import new_id
from tests.cli.program import PURL, Program

OTHER = "pkg:generic/other@1"
CONTENT = b"the same bytes"


@pytest.fixture
def ingested(program: Program, tmp_path: Path) -> Path:
    """A tree with the content at two paths, in two packages."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(CONTENT)
    (tmp_path / "else").write_bytes(b"other bytes")
    for purl in (PURL, OTHER):
        program.row("ingest", tmp_path, "--purl", purl)
    return tmp_path


def test_each_spelling_of_the_content_finds_all_files_with_their_copies(
    program: Program, ingested: Path
) -> None:
    strong, common = blake3(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
    wanted = {(purl, path) for purl in (PURL, OTHER) for path in ("a", "b")}
    for given in (
        [strong], [common], [f"blake3:{strong}"], [f"sha256:{common.upper()}"], ["--file", ingested / "b"],
    ):  # fmt: skip
        rows = program.rows("find", *given)
        assert {(row["purl"], row["path"]) for row in rows} == wanted
        assert all(
            copy["uri"] == f"file://{ingested}/{row['path']}" for row in rows for copy in row["locations"]
        )
        assert len(program.rows("find", *given, "--limit", "3")) == 3
    table = program.run("find", strong).stdout.splitlines()
    assert len(table) == 5
    assert table[0].split("\t")[0] == "purl"


def test_a_file_without_a_copy_is_found(program: Program) -> None:
    made = program.row("package", "create", PURL)
    event = {"package_id": made["subject_id"], "path": "a", "size": 0, "blake3": "ab" * 32}
    program.row("append", "v1.file.ingested", "--subject", str(new_id()), "--payload", json.dumps(event))
    (row,) = program.rows("find", event["blake3"])
    assert (row["path"], row["locations"]) == ("a", [])
    assert len(program.run("find", event["blake3"]).stdout.splitlines()) == 2


def test_removed_files_are_found_when_they_are_asked_for(program: Program, ingested: Path) -> None:
    program.row("package", "remove-file", PURL, "else", "--reason", "r")
    assert len(program.rows("find", "--file", ingested / "else")) == 1
    assert len(program.rows("find", "--file", ingested / "else", "--removed")) == 2


def test_what_nobody_has_is_not_found(program: Program, ingested: Path) -> None:
    strong, common = blake3(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
    for given in ("0" * 64, f"sha256:{strong}", f"blake3:{common}"):
        assert given[-64:] in program.refused("find", given, code=4, error="not-found")["detail"]["problem"]
    program.refused("find", code=2, error="usage")
    program.refused("find", "0" * 64, "--file", ingested / "a", code=2, error="usage")
    program.refused("find", "0" * 63, code=2, error="usage")
    program.refused("find", "--file", ingested / "none", code=2, error="file")
    program.refused("find", "--file", ingested, code=2, error="file")
