"""What every drill begins with and what must hold after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from artifactstore import server
from tests.cli.program import PURL, Program

RETAINED = "pkg:generic/retained@1"


@contextmanager
def opened(conninfo: str) -> Iterator[Program]:
    """The program on a database, with a superuser's connection that is closed again."""
    with psycopg.connect(conninfo, autocommit=True) as admin:
        yield Program(conninfo, admin)


def fill(conninfo: str, directory: Path) -> int:
    """A sealed package under a legal hold, another under retention; returns the head."""
    directory.mkdir()
    (directory / "a").write_bytes(b"first")
    with opened(conninfo) as program:
        program.row("ingest", directory, "--purl", PURL, "--seal")
        program.row("retention", "hold", PURL, "--case", "c", "--reason", "r")
        program.row("package", "create", RETAINED)
        program.row("retention", "apply", RETAINED, "--mode", "compliance", "--until", "1y")
        return program.head()


def refused_as_moved(program: Program) -> None:
    """Nothing is appended by accident."""
    program.refused("package", "create", "pkg:generic/accident@1", code=3, error="moved")


def in_force(program: Program) -> None:
    """RPL15, RG03: the next number is the next, guards, holds and retention are in force, views are right."""
    head = program.head()
    made = program.row("package", "create", f"pkg:generic/after-{head}@1")
    assert made["sequence"] == head + 1
    delete = ("package", "delete")
    program.refused(*delete, PURL, "--reason", "x", code=3, error="legal-hold")
    program.refused(*delete, RETAINED, "--reason", "x", code=3, error="retention-active")
    for statement in (
        "UPDATE artifactstore.events SET actor = 'x'",
        "DELETE FROM artifactstore.retention_holds",
    ):
        with program.unchanged(), pytest.raises(psycopg.Error) as refusal:
            program.admin.execute(statement.encode())
        assert refusal.value.sqlstate in ("ST047", "ST048")
    assert program.row("verify")["found"] == 0


def run(cluster: server.Cluster, program: str, conninfo: str, *arguments: str) -> str:
    """Run one of the programs of the server on a database."""
    return cluster.run(program, *arguments, "--dbname", conninfo)
