"""artifactstore demo."""

from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.shelves import shelves


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "some tree!"
    root.mkdir()
    for number in range(20):
        (root / f"f{number}").write_bytes(b"x" * number)
    return root


def test_the_demo_works_twice_and_shows_its_figures(program: Program, tree: Path) -> None:
    for run in (1, 2):
        summary = program.row("demo", tree, "--yes")
        assert summary["purl"] == f"pkg:generic/some-tree@demo-{run}"
        assert (summary["files"], summary["bytes"], summary["packages"]) == (20, 190, run)
        assert summary["head"] == program.head() == 1 + run * 26
    events = [
        row["event_type"] for row in program.rows("events", "--type", "v1.retention.*", "--since", "27")
    ]
    assert events == [
        "v1.retention.applied",
        "v1.retention.extended",
        "v1.retention.hold_placed",
        "v1.retention.hold_released",
    ]


def test_the_demo_tells_what_it_does_and_how_to_go_on(program: Program, tree: Path, tmp_path: Path) -> None:
    told = program.run("demo", tree, "--yes").stdout
    assert "delete is refused, as it must be: legal-hold" in told
    assert "delete is refused, as it must be: retention-active" in told
    assert "the log is whole and the views are equal" in told
    assert "20 files are what was ingested" in told
    commands = [line.split()[1:] for line in told.splitlines() if line.startswith("  artifactstore ")]
    assert len(commands) == 6
    for command in commands[:-1]:
        command[-1:] = [str(tmp_path / "fetched")] if command[0] == "fetch" else command[-1:]
        assert program.run(*(word.strip("'") for word in command)).code == 0


def test_the_demo_keeps_the_bytes_in_the_first_store(
    program: Program, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = shelves(program, tmp_path / "stores", monkeypatch)
    summary = program.row("demo", tree, "--yes")
    (tree / "f7").unlink()
    assert {backend for _, backend, *_ in shelf.copies(summary["purl"])} == {"main"}
    # Those of the package that expired are gone, and the log says so.
    assert len(shelf.objects("main")) == summary["files"] == 20
    gone = program.rows("events", "--type", "v1.storage.retired", "--since", "0")
    assert [row["payload"]["outcome"] for row in gone] == ["deleted"] * 3
    assert program.row("package", "show", f"{summary['purl']}-short")["state"] == "purged"
    program.rows("fetch", summary["purl"], "-o", tmp_path / "again")
    assert (tmp_path / "again" / "f7").read_bytes() == b"x" * 7


def test_the_demo_asks_before_it_uses_a_named_database(program: Program, tree: Path) -> None:
    assert "--yes" in program.refused("demo", tree, code=2, error="confirmation")["hint"]


def test_the_demo_needs_files(program: Program, tmp_path: Path) -> None:
    program.refused("demo", tmp_path, "--yes", code=2, error="usage")
    program.refused("demo", tmp_path / "none", "--yes", code=2, error="file")
