"""The same script against a database and against a URL: every command tells the same, or why it cannot."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from artifactstore.cli import cli
from tests.cli.program import ACTOR, Outcome, Program
from tests.http.running import running
from tests.surroundings.commands import Step, World, normal
from tests.surroundings.story import head, refusal

DATABASE_ONLY = {
    "adopt", "append", "as-of", "backend claim", "backend export", "backend init", "backend list", "cat",
    "demo", "doctor", "evict", "export", "fetch", "import", "keeper run", "migrate", "psql", "replay",
    "replicate", "restored", "snapshot create", "snapshot drop", "snapshot list", "snapshot prune",
    "snapshot show", "status", "sweep", "verify",
}  # fmt: skip
"""Commands that no service can do for others: they say so by name."""

_RATES = re.compile(r"\b\d+(?:\.\d+)?(?: \([\d,. ]+(?:\w+/s)\))|\b[\d,.]+ (?:events|files|MB|bytes)/s")

_SECONDS = re.compile(r"(?<=^seconds) +[\d.]+(?= |$)", re.MULTILINE)
"""How long something took, as it stands in a result for people; in JSON it is known by its name."""

_REQUEST = re.compile(r', "request": {[^}]*}|"request": {[^}]*},? ?')

Say: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def doors(
    copy_of_world: Callable[[], str], login_names: dict[str, str]
) -> Iterator[tuple[Program, Program, Say]]:
    """A program on a copy of the world, another on a second copy, and that copy over HTTP."""
    with opened(copy_of_world) as here, opened(copy_of_world) as there:
        for program in (here, there):
            token = program.row("token", "create", ACTOR, "--role", "operator")["token"]
        # One on each, since a service of the tests makes tokens: numbers are to be the same.
        with (
            running(make_conninfo(here.conninfo, user=login_names["service"])),
            running(make_conninfo(there.conninfo, user=login_names["service"])) as service,
        ):

            def say(*arguments: str) -> Outcome:
                given = ["--url", service.url, "--token", token, *arguments]
                result = CliRunner().invoke(cli, given)
                assert "Traceback" not in result.stderr
                return Outcome(result.exit_code, result.stdout, result.stderr)

            yield here, there, say


@contextmanager
def opened(copy: Callable[[], str]) -> Iterator[Program]:
    """A program on a new copy of the world."""
    conninfo = copy()
    with psycopg.connect(conninfo, autocommit=True) as admin:
        yield Program(conninfo, admin)


def head_of(program: Program) -> int:
    """The highest sequence."""
    return head(program.admin)


def name_of(step: Step) -> str:
    """A command as it is typed, without arguments."""
    return " ".join(step.path)


@pytest.mark.parametrize("form", [("--json",), ()], ids=["json", "text"])
def test_a_script_tells_the_same_over_http(
    doors: tuple[Program, Program, Say], world: World, form: Sequence[str]
) -> None:
    here, there, say = doors
    script = [step for step in world.steps if name_of(step) not in DATABASE_ONLY]
    assert len(script) >= 40
    for step in script:
        local, remote = here.run(*form, *step.words), say(*form, *step.words)
        assert remote.code == local.code, (step, local, remote)
        assert not form or refusal(remote) == refusal(local), (step, local, remote)
        assert same(remote) == same(local), step
        assert head_of(there) == head_of(here), step


def same(outcome: Outcome) -> object:
    """What is told, without chance and measure, and without the idempotency keys of requests."""
    told = normal(Outcome(outcome.code, _REQUEST.sub("", outcome.stdout), ""))
    if isinstance(told, str):
        return _SECONDS.sub("<seconds>", _RATES.sub("<rate>", told))
    return told


def test_what_needs_the_database_says_so_by_name(doors: tuple[Program, Program, Say], world: World) -> None:
    _, there, say = doors
    named = set()
    with there.unchanged():
        for step in world.steps:
            if name_of(step) in DATABASE_ONLY:
                outcome = say("--json", *step.words)
                assert outcome.code == 2, (step, outcome)
                error = outcome.error
                assert error["code"] in ("database-only", "usage"), (step, error)
                if error["code"] == "database-only":
                    assert step.path[0] in error["message"]
                    assert "--url" in error["hint"]
                    named.add(name_of(step))
    assert named >= DATABASE_ONLY - {"sweep"}, DATABASE_ONLY - named
