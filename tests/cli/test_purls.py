"""F50: every command that takes a purl takes any valid spelling, and says what is wrong with other texts."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from artifactstore.cli import cli, values
from tests.cli.program import Program

CANONICAL = "pkg:npm/%40scope/name@1"
SPELLED = "pkg:npm/@scope/name@1"

COMMANDS = {
    "audit": ["--package", "{}"],
    "cat": ["{}", "a"],
    "check-files": ["--package", "{}"],
    "events": ["--package", "{}"],
    "evict": ["--from", "shelf", "--reason", "r", "--package", "{}"],
    "keeper run": ["--once", "--now", "--package", "{}"],
    "fetch": ["{}", "-o", "."],
    "location add": ["{}", "a", "--backend", "s3", "--uri", "b/k"],
    "location list": ["{}"],
    "package delete": ["{}", "--reason", "r"],
    "package files": ["{}"],
    "package history": ["{}"],
    "package label": ["{}", "a=b"],
    "package list": ["--after", "{}"],
    "package purge": ["{}", "--reason", "r", "--yes"],
    "package remove-file": ["{}", "a", "--reason", "r"],
    "package restore": ["{}", "--reason", "r"],
    "package seal": ["{}"],
    "package show": ["{}"],
    "package unyank": ["{}", "--reason", "r"],
    "package yank": ["{}", "--reason", "r"],
    "replicate": ["--to", "main", "--package", "{}"],
    "retention apply": ["{}", "--mode", "governance", "--until", "30d"],
    "retention escalate": ["{}"],
    "retention explain": ["{}"],
    "retention extend": ["{}", "--by", "1d"],
    "retention history": ["{}"],
    "retention hold": ["{}", "--case", "c", "--reason", "r"],
    "retention release": ["{}", "--reason", "r"],
    "retention shorten": ["{}", "--to", "1d", "--reason", "r"],
    "retention show": ["{}"],
}
"""How each command names a package."""


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with its name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, f"{path}{name} ")
        else:
            yield path + name, found


def takes_a_package(command: click.Command) -> bool:
    return any(getattr(one.type, "func", None) is values.package for one in command.params)


def arguments(command: str, purl: str) -> list[str]:
    return [*command.split(), *(purl if one == "{}" else one for one in COMMANDS[command])]


def test_the_commands_here_are_all_that_name_a_package() -> None:
    assert {name for name, command in commands(cli) if takes_a_package(command)} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_f50_an_unknown_package_is_told_by_its_canonical_purl(shared: Program, command: str) -> None:
    outcome = shared.run("--json", *arguments(command, "PKG:pypi/No_Such@1"))
    assert (outcome.code, outcome.error["code"]) == (4, "not-found")
    assert outcome.error["detail"]["package"] == "pkg:pypi/no-such@1"


@pytest.mark.parametrize("command", COMMANDS)
def test_f50_what_is_no_purl_is_refused_with_what_was_meant(shared: Program, command: str) -> None:
    with shared.unchanged():
        outcome = shared.run("--json", *arguments(command, "pkg:generic/a b"))
    assert (outcome.code, outcome.error["code"]) == (2, "invalid-purl")
    detail = outcome.error["detail"]
    assert (detail["at"], detail["character"], detail["canonical"]) == (14, "U+0020", "pkg:generic/a%20b")


def test_f50_a_package_is_made_and_used_by_any_spelling(program: Program, tmp_path: Path) -> None:
    made = program.row("package", "create", SPELLED)
    assert made["purl"] == CANONICAL
    assert program.row("package", "show", SPELLED)["package_id"] == made["subject_id"]
    labeled = program.row("package", "label", SPELLED, "a=b")
    assert (labeled["subject_id"], labeled["purl"]) == (made["subject_id"], CANONICAL)
    shown = program.run("package", "files", SPELLED)
    assert (shown.code, shown.stderr) == (0, f"the package is {CANONICAL}\n")
    assert program.run("package", "files", CANONICAL).stderr == ""
    (tmp_path / "a").write_bytes(b"abc")
    ingested = program.row("ingest", tmp_path, "--purl", "pkg:npm/@scope//name@1")
    assert (ingested["purl"], ingested["package_id"], ingested["created"]) == (
        CANONICAL,
        made["subject_id"],
        False,
    )
    fresh = program.row("ingest", tmp_path, "--purl", "pkg:PyPI/My_Tool@1", "--seal")
    assert (fresh["purl"], fresh["created"]) == ("pkg:pypi/my-tool@1", True)
    program.refused("ingest", tmp_path, "--purl", "pkg:pypi/a b", code=2, error="invalid-purl")
    program.refused("package", "create", "pkg:npm/%40scope//name@1", code=3, error="name-taken")


def test_f50_packages_by_namespace_and_by_prefix(program: Program) -> None:
    purls = ["pkg:maven/org.a/x@1", "pkg:npm/%40a/x@1", "pkg:npm/%40a/y@1", "pkg:npm/%40ab/x@1"]
    for purl in purls:
        program.row("package", "create", purl)

    def listed(*options: str) -> list[str]:
        return [row["purl"] for row in program.rows("package", "list", *options)]

    assert listed("--namespace", "@a") == purls[1:3]
    assert listed("--namespace", "org.a", "--type", "maven") == purls[:1]
    assert listed("--purl-prefix", "pkg:npm/%40a") == purls[1:]
    assert listed("--purl-prefix", "pkg:npm/%40a/", "--after", purls[1]) == purls[2:3]
    program.refused("package", "list", "--purl-prefix", "pkg:npm/@a", code=2, error="bad-request")


def test_f50_a_purl_that_an_older_door_let_in_is_still_found(program: Program) -> None:
    """It is not canonical by the rules of today, but it is the name of that package."""
    old = "pkg:generic/a?repository_url=https://h/a"
    made = program.row("package", "create", "pkg:generic/a?repository_url=https://h/a")
    program.tamper("artifact_packages", f"UPDATE artifactstore.artifact_packages SET purl = '{old}'")
    assert program.row("package", "show", old)["package_id"] == made["subject_id"]
