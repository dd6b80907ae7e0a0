"""artifactstore demo."""

from pathlib import Path

import pytest

from tests.cli.program import Program


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


def test_the_demo_tells_what_it_does_and_how_to_go_on(program: Program, tree: Path) -> None:
    told = program.run("demo", tree, "--yes").stdout
    assert "delete is refused, as it must be: legal-hold" in told
    assert "delete is refused, as it must be: retention-active" in told
    assert "the log is whole and the views are equal" in told
    commands = [line.split()[1:] for line in told.splitlines() if line.startswith("  artifactstore ")]
    assert len(commands) == 5
    for command in commands[:-1]:
        assert program.run(*(word.strip("'") for word in command)).code == 0


def test_the_demo_asks_before_it_uses_a_named_database(program: Program, tree: Path) -> None:
    assert "--yes" in program.refused("demo", tree, code=2, error="confirmation")["hint"]


def test_the_demo_needs_files(program: Program, tmp_path: Path) -> None:
    program.refused("demo", tmp_path, "--yes", code=2, error="usage")
    program.refused("demo", tmp_path / "none", "--yes", code=2, error="file")
