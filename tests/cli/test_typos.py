"""F45: a name that does not exist is an error that says which it may have been, never an empty answer."""

from collections.abc import Iterator

import click
import pytest

from artifactstore.cli import cli
from artifactstore.cli.command import walk
from artifactstore.errors import BadInput
from artifactstore.events import EVENT_TYPES, GROUPS, types_of
from artifactstore.http.routes import ENDPOINTS
from artifactstore.http.web.request import read_query
from tests.cli.program import PURL, Program

MISTYPED = {
    "retention": "v1.retention.*",
    "retention.*": "v1.retention.*",
    "v1.retntion.*": "v1.retention.*",
    "v1.retention": "v1.retention.*",
    "V1.PACKAGE.CREATED": "v1.package.created",
    "v1.package.craeted": "v1.package.created",
    "package.created": "v1.package.created",
    "yanked": "v1.package.yanked",
    "v2.package.created": "v1.package.created",
    "v1.package.created.*": "v1.package.created",
    "v1.*.created": "v1.package.created",
    "*": "v1.*",
    "": "v1.*",
}


@pytest.mark.parametrize("command", ["events", "audit"])
@pytest.mark.parametrize("given", MISTYPED)
def test_f45_a_mistyped_event_type_is_told_what_it_may_mean(
    shared: Program, command: str, given: str
) -> None:
    for more in ([], ["--since", "0"]):
        error = shared.refused(command, "--type", given, *more, code=2, error="usage")
        assert MISTYPED[given] in error["detail"]["problem"], error


def test_f45_every_type_and_group_is_understood() -> None:
    assert {name: types_of(name) for name in EVENT_TYPES} == {name: (name,) for name in EVENT_TYPES}
    assert set(types_of("v1.*")) == EVENT_TYPES.keys()
    assert set(types_of("v1.retention.*")) == {name for name in EVENT_TYPES if ".retention." in name}
    assert {"v1.*", "v1.package.*", "v1.system.*"} <= GROUPS.keys()
    with pytest.raises(BadInput):
        types_of("v1.package.craeted")


CLOSED = ("type", "kind", "state", "mode", "method", "outcome", "failure", "role", "retain_mode", "why")
"""Names of options whose values are names that somebody else made up."""
FREE = {("package list", "purl_type"): "types of purls are not ours"}


def options() -> Iterator[tuple[str, click.Option]]:
    """Every option of every command, by what is typed to call it."""

    def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Option]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for part in command.list_commands(context):
                child = command.get_command(context, part)
                assert child is not None
                yield from walk(child, f"{name} {part}".strip())
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield name, parameter

    return walk(cli, "")


def test_f45_options_with_closed_values_refuse_others() -> None:
    found = []
    for command, option in options():
        stem = (option.name or "").removesuffix("s").removeprefix("event_").removeprefix("purl_")
        if stem in CLOSED and (command, option.name) not in FREE and not option.is_flag:
            found.append((command, option.opts))
            with pytest.raises((click.UsageError, BadInput)):
                option.type_cast_value(click.Context(cli), ("mistyped",) if option.multiple else "mistyped")
    assert len(found) >= 8, found


def test_f45_parameters_of_the_service_name_what_is_close() -> None:
    closed = [
        (endpoint, parameter)
        for endpoint in ENDPOINTS
        for parameter in endpoint.query
        if getattr(parameter.kind, "enum", ())
    ]
    assert len(closed) >= 4
    for endpoint, parameter in closed:
        value = parameter.kind.enum[-1]  # type: ignore[attr-defined]
        with pytest.raises(BadInput) as caught:
            read_query(endpoint.query, f"{parameter.name}={value}s".encode())
        assert caught.value.code == "bad-request"
        assert value in str(caught.value.detail["problem"])
        assert "did you mean" in str(caught.value.detail["problem"])


def test_f37_histories_of_a_package(history: Program) -> None:
    shown = history.rows("package", "history", PURL)
    audit = history.rows("audit", "--package", PURL, "--since", "0")
    assert [row["sequence"] for row in shown] == [row["sequence"] for row in audit]
    newest = history.rows("package", "history", PURL, "--newest", "--limit", "2")
    assert [row["sequence"] for row in newest] == [row["sequence"] for row in shown[:-3:-1]]
    kept = history.rows("retention", "history", PURL)
    actions = [row["action"] for row in kept]
    assert actions[:2] == ["v1.retention.applied", "v1.retention.extended"]
    assert kept[1]["retain_until_before"] == kept[0]["retain_until"]
    history.refused("package", "history", "pkg:generic/none@1", code=4, error="not-found")


@pytest.mark.parametrize("given", ["2200-01-01T00:00:00Z", "2255-01-01T00:00:00+14:00"])
def test_f35_what_has_not_come_is_not_shown(history: Program, given: str) -> None:
    error = history.refused("as-of", "--time", given, "--schema", "later", code=4, error="not-found")
    assert error["detail"].keys() >= {"head", "head_at", "clock"}
    assert "has not come yet" in error["detail"]["problem"]
    history.refused("events", "--since", given, code=4, error="not-found")
    history.refused("audit", "--since", given, code=4, error="not-found")
    assert history.rows("events", "--since", "0", "--until", given) == history.rows("events", "--since", "0")


def test_f35_before_the_log_began_there_is_no_registry(history: Program) -> None:
    given = "2001-01-01T00:00:00Z"
    error = history.refused("as-of", "--time", given, "--schema", "before", code=4, error="not-found")
    assert error["detail"].keys() >= {"head", "first_at", "head_at"}
    assert "begins at" in error["detail"]["problem"]
    assert history.rows("events", "--since", given) == history.rows("events", "--since", "0")
    assert history.rows("events", "--since", "0", "--until", given) == []


def test_f35_an_empty_log_has_no_past(program: Program) -> None:
    error = program.refused("as-of", "--time", "1min", "--schema", "s", code=4, error="not-found")
    assert "no event" in error["detail"]["problem"]


def test_f40_the_command_line_tells_the_facts(history: Program) -> None:
    error = history.refused("package", "create", PURL, code=3, error="name-taken")
    assert error["detail"].keys() >= {"package_id", "state", "purl"}
    assert error["detail"].keys() & {"sequence", "position"} == set()
    assert "artifactstore package show" in error["hint"]


def mistyped(name: str) -> str:
    """The name with two letters of its middle exchanged; of a short one the last letter is doubled."""
    middle = len(name) // 2
    if len(name) < 4:
        return name + name[-1]
    swapped = name[: middle - 1] + name[middle] + name[middle - 1] + name[middle + 1 :]
    return swapped if swapped != name else name + name[-1]


def test_every_command_with_a_mistyped_letter_is_told() -> None:
    with click.Context(cli, info_name="") as top:
        groups = [top, *(below for below in walk(top) if isinstance(below.command, click.Group))]
        for context in groups:
            assert isinstance(context.command, click.Group)
            names = context.command.list_commands(context)
            for name in names:
                if (given := mistyped(name)) in names:
                    continue
                with pytest.raises(click.UsageError) as caught:
                    context.command.resolve_command(context, [given])
                assert "did you mean" in caught.value.message
                assert name in caught.value.message, given


def test_every_option_with_a_mistyped_letter_is_told() -> None:
    with click.Context(cli, info_name="") as top:
        for context in (top, *walk(top)):
            for parameter in context.command.params:
                for option in parameter.opts if isinstance(parameter, click.Option) else ():
                    if not option.startswith("--"):
                        continue
                    given = f"--{mistyped(option[2:])}"
                    with pytest.raises(click.NoSuchOption) as caught:
                        context.command.make_parser(context).parse_args([given])
                    assert option in caught.value.format_message(), context.command_path
