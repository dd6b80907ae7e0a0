"""Every command of the program, with something to do, and what its results are without chance and time."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from artifactstore.cli.main import cli
from tests.cli.program import Outcome, Program

OPEN, SEALED, YANKED, DELETED, RETAINED, HELD = (
    f"pkg:generic/{name}@1" for name in ("open", "sealed", "yanked", "deleted", "retained", "held")
)
ELSEWHERE = {("serve",), ("db", "start"), ("db", "status"), ("db", "stop")}
"""Commands that are no step of the story: see test_serving.py and test_data_directories.py."""


@dataclass(frozen=True)
class World:
    """The database that is copied, and a directory with files."""

    conninfo: str
    directory: Path
    steps: tuple["Step", ...]


@dataclass(frozen=True)
class Step:
    """A command with its arguments; ``appends`` if it writes to the log where all is well."""

    path: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    appends: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What is typed."""
        return (*self.path, *self.arguments)


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every command that does something."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def make_world(program: Program, public: Path) -> World:
    """Fill the database of a program, which takes twenty events or so."""
    tree = public / "tree"
    tree.mkdir()
    (tree / "a").write_bytes(b"first")
    (tree / "b").write_bytes(b"second")
    named = [{"type": "library", "name": name, "purl": f"pkg:generic/{name}@1"} for name in ("some", "other")]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": named}
    (public / "bill.json").write_text(json.dumps(bill))
    for purl in (OPEN, SEALED, YANKED, DELETED, RETAINED, HELD):
        seal = () if purl == OPEN else ("--seal",)
        program.row("ingest", tree, "--purl", purl, *seal)
    program.row("package", "yank", YANKED, "--reason", "r")
    program.row("package", "delete", DELETED, "--reason", "r")
    program.row("retention", "apply", RETAINED, "--mode", "governance", "--until", "1y")
    program.row("retention", "hold", HELD, "--case", "c", "--reason", "r")
    token = program.row("token", "create", "user:t", "--role", "reader")["token_id"]
    program.row("snapshot", "create")
    roots = {"shelf": public / "shelf", "away": public / "away" / "away"}
    tables = [f'[stores.{name}]\ntype = "local"\nroot = "{root}"\n' for name, root in roots.items()]
    (public / "stores.toml").write_text("".join(tables))
    program.row("backend", "init", "shelf", "--stores", str(public / "stores.toml"))
    whole = public / "whole.export"
    program.row("export", str(whole))
    copies = [row["location_id"] for row in program.rows("location", "list", OPEN)]
    return World(program.conninfo, public, tuple(_steps(public, copies, token, program.head())))


def _steps(public: Path, copies: list[str], token: str, head: int) -> Iterator[Step]:
    tree, why = str(public / "tree"), ("--reason", "r")
    stores = ("--stores", str(public / "stores.toml"))

    def step(text: str, *arguments: str, appends: bool = False) -> Step:
        return Step(tuple(text.split()), arguments, appends)

    yield step("status")
    yield step("doctor")
    yield step("ingest", tree, "--purl", "pkg:generic/new@1", "--seal", appends=True)
    yield step("ingest", "--sbom", str(public / "bill.json"), appends=True)
    yield step("package create", "pkg:generic/created@1", "--label", "k=v", appends=True)
    yield step("package list")
    yield step("package show", OPEN)
    yield step("package files", OPEN)
    yield step("package history", RETAINED)
    yield step("package label", OPEN, "k=v", *why, appends=True)
    yield step("package remove-file", OPEN, "b", *why, appends=True)
    yield step("package seal", OPEN, appends=True)
    yield step("package yank", SEALED, *why, appends=True)
    yield step("package unyank", YANKED, *why, appends=True)
    yield step("package restore", DELETED, *why, appends=True)
    yield step("package delete", DELETED, *why, appends=True)
    yield step("package purge", DELETED, *why, "--yes", appends=True)
    yield step("find", "--file", str(public / "tree" / "a"))
    yield step("location list", OPEN)
    yield step("location show", copies[0])
    yield step("location add", OPEN, "a", "--backend", "s3", "--uri", "s3://b/k", appends=True)
    yield step("location verify", copies[0], appends=True)
    yield step("location fail", copies[0], "--failure", "unreachable", appends=True)
    yield step("location remove", copies[0], *why, appends=True)
    yield step("location retire", copies[0], "--outcome", "not_found", *why, appends=True)
    yield step("retention apply", SEALED, "--mode", "governance", "--until", "1y", appends=True)
    yield step("retention extend", RETAINED, "--by", "1y", appends=True)
    yield step("retention shorten", RETAINED, "--to", "30d", *why, appends=True)
    yield step("retention escalate", RETAINED, appends=True)
    yield step("retention hold", SEALED, "--case", "c", *why, appends=True)
    yield step("retention release", HELD, *why, appends=True)
    yield step("retention show", RETAINED)
    yield step("retention explain", HELD)
    yield step("retention due")
    yield step("retention history", RETAINED)
    yield step("sweep")
    yield step("append", "v1.package.yanked", "--subject", token, "--payload", '{"reason": "r"}')
    yield step("events", "--since", "0")
    yield step("events", "--type", "v1.retention.*")
    yield step("events", "--package", RETAINED, "--since", "0")
    yield step("audit", "--since", "0")
    yield step("audit", "--package", OPEN)
    yield step("location list", "--retiring")
    yield step("token list")
    yield step("token create", "user:new", "--role", "operator", "--expires", "90d", appends=True)
    yield step("token revoke", token, appends=True)
    yield step("check-files", appends=True)
    yield step("backend list", *stores)
    # Each run has a copy of the database, which the store is not for; away is not mounted.
    yield step("backend init", "shelf", *stores)
    yield step("backend test", "away", *stores)
    yield step("backend claim", "away", "--yes", *stores)
    yield step("backend export", "shelf", *stores)
    yield step("export", str(public / "again.export"), "--force", "--to", str(head))
    yield step("verify-export", str(public / "whole.export"))
    yield step("import", str(public / "whole.export"))
    yield step("snapshot list")
    yield step("snapshot show", str(head))
    yield step("snapshot create")
    yield step("as-of", "--sequence", str(head - 3), "--schema", "past")
    yield step("verify")
    yield step("verify", "--online", "--sample", "3")
    yield step("replay")
    yield step("replay", "--truncate", "--yes")
    yield step("snapshot drop", str(head))
    yield step("snapshot prune", "--keep", "0")
    yield step("migrate")
    yield step("psql", "--", "-XAtc", "SELECT artifactstore.log_head()")
    yield step("adopt", "--yes")
    yield step("restored", "--yes", *why, appends=True)
    yield step("completion", "bash")
    yield step("man", str(public / "man"))
    yield step("demo", tree, "--yes", appends=True)


_CHANCE = re.compile(
    r"(?P<token>ast_[0-9a-f]{32}_[\w-]{43})|(?P<id>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"
    r"|(?P<digest>\b[0-9a-f]{64}\b)|(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?)"
    r"|(?P<seconds>\d+\.\d+ s\b)|(?P<epoch>\b\d+-[0-9a-f]{8}\b)|(?P<database>\bdb_[0-9a-f]{32}\b)"
    r"|(?P<user>\blogin_\w+|\bodd_\w+)|(?P<amount>\b\d+ (?:bytes|MiB)\b)"
)
_MEASURED = re.compile(
    r"(?:^|_)(?:seconds?|bytes|stalls?|rate|digest|database|login|oid|per_second|conninfo|free|identifier|pid|request_id"
    r"|registry|fix|notifications|packages)$"
)


def normal(outcome: Outcome) -> object:
    """What a run told on stdout, without chance, time and measure."""
    try:
        return [normal_value(value) for value in outcome.objects]
    except json.JSONDecodeError:
        return normal_value(outcome.stdout)


def normal_value(value: Any, name: str = "") -> Any:
    """A value without chance, time and measure."""
    if isinstance(value, dict):
        return {key: normal_value(item, key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [normal_value(item, name) for item in value]
    if _MEASURED.search(name) or isinstance(value, float):
        return f"<{name}>"
    if isinstance(value, str):
        return _CHANCE.sub(lambda found: f"<{found.lastgroup}>", value)
    return value
