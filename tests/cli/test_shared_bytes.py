"""F01, F61: bytes that several packages name, from the command line, as the how-to has it."""

from pathlib import Path

import pytest

from tests.cli.program import Program

FIRST, SECOND = "pkg:generic/app@1", "pkg:generic/app@2"
WHY = ("--reason", "r")


@pytest.fixture
def tree(program: Program, tmp_path: Path) -> Path:
    """A directory with a file, ingested under two names."""
    tree = tmp_path / "sh"
    tree.mkdir()
    (tree / "app").write_bytes(b"the application")
    for purl in (FIRST, SECOND):
        program.row("ingest", tree, "--purl", purl)
    return tree


def purge(program: Program, purl: str) -> None:
    """Delete and purge a package."""
    program.row("package", "delete", purl, *WHY)
    program.row("package", "purge", purl, *WHY, "--yes")


def location(program: Program, purl: str) -> str:
    """Id of the one location of a package."""
    (row,) = program.rows("location", "list", purl)
    return str(row["location_id"])


def test_f01_bytes_of_a_held_package_are_not_given_up_through_another_name(
    program: Program, tree: Path
) -> None:
    program.row("retention", "apply", SECOND, "--mode", "compliance", "--until", "2200-01-01T00:00:00Z")
    program.row("retention", "hold", SECOND, "--case", "C-1", *WHY)
    purge(program, FIRST)
    first, second = location(program, FIRST), location(program, SECOND)
    (row,) = program.rows("location", "list", FIRST)
    assert (row["state"], row["removal"], row["needed_by"]["purl"]) == ("retiring", "detach", SECOND)
    assert [one["removal"] for one in program.rows("location", "list", "--retiring")] == ["detach"]
    told = program.refused(
        "location", "retire", first, "--outcome", "deleted", *WHY, code=3, error="bytes-needed"
    )
    assert told["detail"]["needed_by"]["location_id"] == second
    assert told["detail"]["needed_by"]["purl"] == SECOND
    assert "detached" in told["hint"]
    program.row("location", "retire", first, "--outcome", "detached", *WHY)
    assert program.rows("location", "list", "--retiring") == []
    assert (tree / "app").exists()
    assert program.run("check-files").code == 0
    assert program.rows("package", "files", SECOND)[0]["state"] == "verified"


def test_f01_who_follows_the_list_removes_what_nobody_needs(program: Program, tree: Path) -> None:
    """First all claims that are to be given up, then the list again, then the bytes."""
    third = "pkg:generic/app@3"
    program.row("ingest", tree, "--purl", third)
    for purl in (FIRST, SECOND, third):
        purge(program, purl)
    rows = program.rows("location", "list", "--retiring")
    assert [(row["purl"], row["removal"]) for row in rows] == [
        (FIRST, "detach"), (SECOND, "detach"), (third, "wait"),
    ]  # fmt: skip
    assert [row["needed_by"]["more"] for row in rows] == [1, 1, 1]
    table = program.run("location", "list", "--retiring").stdout.splitlines()[-1]
    assert f"{FIRST} (retiring) and 1 more" in table
    for row in rows:
        if row["removal"] == "detach":
            program.row("location", "retire", row["location_id"], "--outcome", "detached", *WHY)
    (row,) = program.rows("location", "list", third, "--retiring")
    assert (row["removal"], row["needed_by"]) == ("remove", None)
    (tree / "app").unlink()
    program.row("location", "retire", row["location_id"], "--outcome", "deleted", *WHY)
    assert program.rows("location", "list", "--retiring") == []


def test_a_list_is_of_a_package_or_of_what_is_to_go(program: Program, tree: Path) -> None:
    assert tree.exists()
    program.refused("location", "list", code=2, error="usage")
    program.refused("location", "list", FIRST, "app", "--retiring", code=2, error="usage")
    program.refused("location", "list", "pkg:generic/none@1", "--retiring", code=4, error="not-found")
    assert program.rows("location", "list", FIRST, "--retiring") == []


def test_the_doctor_tells_of_copies_that_are_to_go(program: Program, tree: Path) -> None:
    assert tree.exists()

    def found() -> list[tuple[str, str]]:
        (told,) = program.run("--json", "doctor").objects
        copies = [one for one in told["findings"] if one["check"] == "copies"]
        assert {one["fix"] for one in copies} <= {"artifactstore location list --retiring"}
        return [(one["severity"], one["what"]) for one in copies]

    assert found() == []
    purge(program, FIRST)
    ((severity, what),) = found()
    assert severity == "warning"
    assert what.startswith("1 copies that are retiring name bytes that other locations name, too")
    assert what.endswith("the bytes stay; 0 wait for that")
    purge(program, SECOND)
    ((_, what),) = found()
    assert what.endswith("the bytes stay; 1 wait for that")
    (first, second) = program.rows("location", "list", "--retiring")
    program.row("location", "retire", first["location_id"], "--outcome", "detached", *WHY)
    ((severity, what),) = found()
    assert (severity, what.split(":")[0]) == ("info", "the bytes of 1 copies are to be removed")
    program.row("location", "retire", second["location_id"], "--outcome", "deleted", *WHY)
    assert found() == []


def test_f61_the_last_copy_under_a_hold_is_only_told_as_not_found(program: Program, tree: Path) -> None:
    second = program.row("location", "add", FIRST, "app", "--backend", "s3", "--uri", "s3://b/app")
    program.row("retention", "hold", FIRST, "--case", "C-1", *WHY)
    copies = [row["location_id"] for row in program.rows("location", "list", FIRST)]
    assert second["subject_id"] in copies
    assert tree.exists()
    for copy in copies:
        program.row("location", "fail", copy, "--failure", "unreachable")
    retire = [("location", "retire", copy, *WHY, "--outcome") for copy in copies]
    program.row(*retire[1], "deleted")
    for outcome in ("deleted", "detached"):
        # The other package needs the bytes of the first, too: what protects them is told before.
        told = program.refused(*retire[0], outcome, code=3, error="legal-hold")
        assert [one["case"] for one in told["detail"]["holds"]] == ["C-1"]
        assert told["detail"]["file_id"] == program.rows("package", "files", FIRST)[0]["file_id"]
    program.row(*retire[0], "not_found")
    assert program.rows("package", "files", FIRST)[0]["state"] == "corrupted"
