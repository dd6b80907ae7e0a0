"""The program under test: run it, read its results, watch what it must not change."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from click.testing import CliRunner
from psycopg.sql import SQL, Identifier

from artifactstore.cli import cli

ACTOR = "user:test"
PURL = "pkg:generic/app@1.0"


@dataclass(frozen=True)
class Outcome:
    """How a run of the program ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The error on stderr of a run with --json, where notices may come before it."""
        error: dict[str, Any] = json.loads(self.stderr.splitlines()[-1])["error"]
        return error


class Program:
    """Runs the program on one database.

    Args:
        conninfo: what it gets as --database-url.
        admin: a superuser's connection to the same database.
    """

    def __init__(self, conninfo: str, admin: psycopg.Connection) -> None:
        self.conninfo = conninfo
        self.admin = admin

    def run(self, *arguments: str | Path, stdin: str | None = None) -> Outcome:
        """Run it with these arguments."""
        given = ["--database-url", self.conninfo, "--actor", ACTOR, *map(str, arguments)]
        result = CliRunner().invoke(cli, given, input=stdin)
        assert "Traceback" not in result.stderr
        return Outcome(result.exit_code, result.stdout, result.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it as a process of its own, with --json and pipes."""
        command = [
            sys.executable,
            "-m",
            "artifactstore",
            "--json",
            "--database-url",
            self.conninfo,
            *arguments,
        ]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def rows(self, *arguments: str | Path, stdin: str | None = None) -> list[dict[str, Any]]:
        """The objects of a run with --json that must succeed."""
        outcome = self.run("--json", *arguments, stdin=stdin)
        assert outcome.code == 0, outcome.stderr
        return outcome.objects

    def row(self, *arguments: str | Path, stdin: str | None = None) -> dict[str, Any]:
        """The one object of a run with --json that must succeed."""
        (row,) = self.rows(*arguments, stdin=stdin)
        return row

    def refused(
        self, *arguments: str | Path, code: int, error: str, stdin: str | None = None
    ) -> dict[str, Any]:
        """The error of a run with --json that must end like this and leave log and views as they were."""
        with self.unchanged():
            outcome = self.run("--json", *arguments, stdin=stdin)
        assert (outcome.code, outcome.stdout) == (code, ""), outcome
        assert outcome.error["code"] == error, outcome
        return outcome.error

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Assert that neither the log nor a view changes."""
        before = self.state()
        yield
        assert self.state() == before

    def state(self) -> list[list[tuple[Any, ...]]]:
        """Every row of the log and of the live views."""
        (row,) = self.admin.execute("SELECT artifactstore.view_names()").fetchall()
        query = SQL("SELECT t::text FROM {} t ORDER BY 1")
        tables = (Identifier("artifactstore", name) for name in ["events", *row[0]])
        return [self.admin.execute(query.format(table)).fetchall() for table in tables]

    def head(self) -> int:
        """The highest sequence."""
        (row,) = self.admin.execute("SELECT artifactstore.log_head()").fetchall()
        head: int = row[0]
        return head

    def tamper(self, table: str, statement: LiteralString) -> None:
        """Change a table behind the guards' back, as somebody who owns the database could."""
        name = Identifier("artifactstore", table)
        guards = self.admin.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            (f"artifactstore.{table}",),
        ).fetchall()
        with self.admin.transaction():
            self.admin.execute(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
            self.admin.execute(statement)
            for (guard,) in guards:
                enable = SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}")
                self.admin.execute(enable.format(name, Identifier(guard)))
