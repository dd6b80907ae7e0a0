"""F22: every integer that the program takes is within what the log can count, or is refused by name."""

from collections.abc import Callable, Iterator

import click
import pytest

from artifactstore.cli import cli, options, values
from artifactstore.errors import ArtifactstoreError, BadInput
from artifactstore.events import NewEvent, PackageYanked, new_id
from artifactstore.store import LogQuery, Store
from artifactstore.store.base import check_integers
from tests.cli.program import Program

LARGEST = 2**53 - 1
TOO_LARGE = [2**53, 2**63 - 1, 2**63, 2**64, 10**40]
TEXTS = [*map(str, TOO_LARGE), "9" * 5_000, "9" * 100_000, "-" + "9" * 5_000, str(-(2**63) - 1), "-1"]


def commands(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command of the program by its name."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


INTEGERS = [
    pytest.param(path, parameter, id=" ".join((*path, str(parameter.name))))
    for path, command in commands()
    for parameter in command.params
    if isinstance(parameter.type, (click.types.IntParamType, click.IntRange))
]
POSITIONS = [
    pytest.param(path, parameter, id=" ".join((*path, str(parameter.name))))
    for path, command in commands()
    for parameter in command.params
    if getattr(parameter.type, "func", None) is values.position
]


def test_f22_the_table_has_the_options_that_were_at_fault() -> None:
    named = {parameter.values[1].name for parameter in INTEGERS}  # type: ignore[union-attr]
    assert {"expected", "limit", "most", "first", "last", "sequence", "size", "observed_size"} <= named
    assert len(INTEGERS) > 20
    assert POSITIONS


@pytest.mark.parametrize("parameter", [pytest.param(one.values[1], id=one.id) for one in INTEGERS])
def test_f22_every_integer_has_an_end(parameter: click.Parameter) -> None:
    kind = parameter.type
    assert isinstance(kind, options.Number), "take artifactstore.cli.options.Number"
    for number in (2**31, 2**32, LARGEST):
        if kind.max is None:
            assert kind.convert(str(number), parameter, None) == number
    for text in TEXTS:
        with pytest.raises(click.BadParameter) as refused:
            kind.convert(text, parameter, None)
        assert len(refused.value.message) < 200


@pytest.mark.parametrize("text", [str(2**63), "9" * 5_000])
@pytest.mark.parametrize(("path", "parameter"), [*INTEGERS, *POSITIONS])
def test_f22_the_program_names_the_option_and_ends_with_2(
    path: tuple[str, ...], parameter: click.Parameter, text: str, shared: Program
) -> None:
    given = [parameter.opts[0], text] if isinstance(parameter, click.Option) else [text]
    done = shared.run("--json", *path, *given)
    assert (done.code, done.error["code"]) == (2, "usage")
    assert len(done.error["detail"]["problem"]) < 300


def test_f22_numbers_of_events_in_positions() -> None:
    assert values.position(str(LARGEST)) == LARGEST
    for text in TEXTS:
        with pytest.raises(BadInput):
            values.position(text)


@pytest.mark.parametrize("number", TOO_LARGE)
def test_f22_the_library_says_so_too_and_not_that_the_schema_is_old(number: int, program: Program) -> None:
    store = Store(program.admin)
    event = NewEvent(PackageYanked(reason="r"), new_id(), "user:a", expected=number)
    json = '{"reason": "r"}'
    calls: list[Callable[[], object]] = [
        lambda: store.writes.append([event]),
        lambda: store.writes.append_json("v1.package.yanked", new_id(), "user:a", json, number),
        lambda: store.log.newest_events(LogQuery(), number),
        lambda: list(store.log.events(LogQuery(since=number, until=number))),
    ]
    for call in calls:
        told = "none"
        try:
            call()
        except ArtifactstoreError as failure:
            told = failure.code
        # Those that the database can count are refused by what they mean, if they are.
        assert told == "usage" if number >= 2**63 else told in ("none", "not-found", "changed")


@pytest.mark.parametrize("number", [2**63, 10**40, 10**4_000])
def test_f22_an_integer_that_no_function_takes_is_refused_before_it_is_sent(number: int) -> None:
    for given in (number, -number - 1):
        with pytest.raises(BadInput) as refused:
            check_integers([1, None, "text", given])
        assert len(refused.value.message) < 200
    check_integers([2**63 - 1, -(2**63), True, None])
