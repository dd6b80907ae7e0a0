"""The same script against a database and against a URL: every command tells the same, or why it cannot."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from artifactstore.cli import cli
from tests.cli.conftest import program_on
from tests.cli.program import ACTOR, Outcome, Program
from tests.http.running import running
from tests.http.shelving import begin_stores, write_config
from tests.surroundings.commands import Step, World, normal
from tests.surroundings.story import head, refusal

DATABASE_ONLY = {
    "adopt", "append", "as-of", "backend claim", "backend export", "backend init", "backend list", "demo",
    "doctor", "evict", "export", "import", "keeper run", "migrate", "psql", "replay", "replicate", "restored",
    "snapshot create", "snapshot drop", "snapshot list", "snapshot prune",
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


APP, OTHER, LOCAL = (f"pkg:generic/{name}@1.0" for name in ("app", "other", "local"))
ABOUT_BYTES: tuple[tuple[str, ...], ...] = (
    ("ingest", "tree", "--purl", APP, "--store", "mian"),
    ("ingest", "tree", "--purl", APP, "--store", "main,main"),
    ("ingest", "tree", "--purl", APP, "--store", "main", "--min-copies", "2"),
    ("ingest", "tree", "--purl", APP, "--store", "main", "--label", "a=b"),
    ("ingest", "tree", "--purl", APP, "--store", "main", "--seal"),
    ("ingest", "changed", "--purl", APP, "--store", "main"),
    ("ingest", "more", "--purl", APP, "--store", "main"),
    ("ingest", "more", "--purl", OTHER, "--store", "main"),
    ("ingest", "changed", "--purl", LOCAL),
    ("location", "list", APP),
    ("package", "show", APP),
    ("fetch", APP, "-o", "out"),
    ("fetch", APP, "-o", "out"),
    ("fetch", APP, "a/b", "large", "-o", "part"),
    ("fetch", APP, "a/b", "nope", "-o", "none"),
    ("fetch", OTHER, "-o", "out"),
    ("fetch", OTHER, "-o", "out", "--force"),
    ("fetch", APP, "-o", "tree/empty"),
    ("fetch", APP, "-o", "none", "--from", "mian"),
    ("fetch", APP, "-o", "none", "--from", "file"),
    ("fetch", LOCAL, "-o", "local", "--from", "file"),
    ("fetch", "pkg:generic/none@1", "-o", "none"),
    ("cat", APP, "a/b"),
    ("cat", APP, "empty"),
    ("cat", APP, "nope"),
    ("cat", LOCAL, "a/b"),
    ("package", "yank", APP, "--reason", "r"),
    ("cat", APP, "ü %"),
    ("package", "delete", OTHER, "--reason", "r"),
    ("fetch", OTHER, "-o", "none"),
    ("package", "purge", OTHER, "--reason", "r", "--yes"),
    ("cat", OTHER, "a/b"),
    ("ingest", "more", "--purl", OTHER, "--store", "main"),
)
"""Commands in a directory with trees: bytes go into a store, come back, and are refused."""

_TREE = {"empty": b"", "a/b": b"nested", "ü %": b"named", "same": b"nested", "large": bytes(9_000_000)}
_FIGURES = ("files", "total", "fetched", "equal", "failed", "received", "resumed", "bad", "manifest")


def test_a_script_about_bytes_tells_the_same_over_http(
    server_conninfo: str,
    template: str,
    login_names: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over HTTP with nothing but a token: no stores.toml is there."""
    with (
        program_on(server_conninfo, template) as here,
        program_on(server_conninfo, template) as there,
    ):
        places = [make_place(tmp_path / name, one) for name, one in (("here", here), ("there", there))]
        user, config = login_names["service"], str(places[1] / "stores.toml")
        token = [one.row("token", "create", ACTOR, "--role", "operator")["token"] for one in (here, there)][1]
        with running(make_conninfo(there.conninfo, user=user), {}, stores=config) as service:
            for words in ABOUT_BYTES:
                monkeypatch.chdir(places[0])
                local = here.run("--json", "--stores", str(places[0] / "stores.toml"), *words)
                monkeypatch.chdir(places[1])
                remote = CliRunner().invoke(cli, ["--json", "--url", service.url, "--token", token, *words])
                assert told(Outcome(remote.exit_code, remote.stdout, remote.stderr)) == told(local), words
                assert head_of(there) == head_of(here), words
        assert contents_of(places[1] / "out") == contents_of(places[0] / "out")
        assert contents_of(places[0] / "out")["a/b"] == b"other"


def make_place(place: Path, program: Program) -> Path:
    """A directory with three trees, and a store of the log of the program."""
    for name, changed in (
        ("tree", {}),
        ("changed", {"a/b": b"other"}),
        ("more", {"a/b": b"other", "c": b"c"}),
    ):
        for path, content in {**_TREE, **changed}.items():
            (place / name / path).parent.mkdir(parents=True, exist_ok=True)
            (place / name / path).write_bytes(content)
    program.row("package", "create", "pkg:generic/first@1")
    begin_stores(program.conninfo, write_config(place, "main"))
    return place


def told(outcome: Outcome) -> object:
    """What a command says of itself, whatever the door: the result, the refusal, the figures of a fetch."""
    last = outcome.stderr.splitlines()[-1:]
    figures = json.loads(last[0]) if last and last[0].startswith("{") else {}
    return outcome.code, refusal(outcome), same(outcome), {name: figures.get(name) for name in _FIGURES}


def contents_of(root: Path) -> dict[str, bytes]:
    """Path → content of everything below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
