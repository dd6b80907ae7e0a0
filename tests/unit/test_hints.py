"""F40: what to do is said in the terms of the door: no SQL over HTTP, real commands on the command line."""

import re

import click
import pytest

from artifactstore.cli import cli
from artifactstore.errors import ERRORS, ArtifactstoreError, by_sqlstate
from artifactstore.hints import hint_at, hint_of

SQL = re.compile(
    r"artifactstore\.\w|\b(SELECT|BEGIN|INSERT|DETAIL|psql)\b|\bpg_|::|\\d"
    r"|\b(retention_state|retention_holds|log_epochs|event_types|view_sets)\b"
)
COMMAND = re.compile(r"artifactstore ((?:[a-z]+(?:-[a-z]+)*)(?: [a-z]+(?:-[a-z]+)*)?)")


def commands() -> set[str]:
    """Every command, and every command of a group, by what is typed after ``artifactstore``."""
    found = set()
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        found.add(name)
        if isinstance(command, click.Group):
            found |= {f"{name} {part}" for part in command.commands}
    return found


@pytest.mark.parametrize("code", ERRORS)
def test_f40_http_hints_name_no_sql(code: str) -> None:
    assert SQL.search(hint_at(code, "http")) is None


@pytest.mark.parametrize("code", ERRORS)
def test_f40_cli_hints_name_no_sql_and_only_commands_that_exist(code: str) -> None:
    hint = hint_at(code, "cli")
    assert (
        SQL.search(hint.replace("artifactstore psql, \\d+ shows it", "").replace("artifactstore psql", ""))
        is None
    )
    known = commands()
    for named in COMMAND.findall(hint):
        assert named in known or named.split()[0] in known - {"package", "location", "retention"}, named


@pytest.mark.parametrize("code", [spec.name for spec in ERRORS.values() if SQL.search(spec.hint)])
def test_f40_where_psql_is_told_sql_the_cli_is_told_what_to_do_instead(code: str) -> None:
    hint = hint_at(code, "cli")
    assert hint != ERRORS[code].hint
    assert (
        COMMAND.search(hint)
        or "docs/" in hint
        or "--" in hint
        or "defect" in hint
        or "limit" in hint
        or "in problem" in hint
    )


@pytest.mark.parametrize("door", ["http", "cli"])
def test_what_was_found_out_about_one_failure_is_told_at_every_door(door: str) -> None:
    failure = ArtifactstoreError("unavailable", hint="start it again")
    assert hint_of(failure, door) == "start it again"  # type: ignore[arg-type]


def test_what_the_server_advises_is_not_told_over_http() -> None:
    failure = by_sqlstate("42883", {}, "No function matches. You might need to add explicit type casts.")
    assert hint_of(failure, "http") == hint_at("schema-outdated", "http")
    assert hint_of(failure, "cli").startswith("No function")
    refused = by_sqlstate("ST021", {}, ERRORS["retention-active"].hint)
    assert "--bypass-governance" in hint_of(refused, "cli")
    assert "bypass_governance" in hint_of(refused, "http")


@pytest.mark.parametrize(
    "code", ["database-missing", "login-refused", "role-missing", "read-only", "disk-full", "exhausted"]
)
def test_f33_who_asks_over_http_is_sent_to_an_operator_not_to_options(code: str) -> None:
    hint = hint_at(code, "http")
    assert "operator" in hint
    assert not re.search(r"--\w|DATABASE_URL|PGOPTIONS", hint)
