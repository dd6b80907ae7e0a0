"""Fixtures of the CLI's tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.cli.program import PURL, Program
from tests.databases import TEST_PREFIX, create_database, drop_database


@contextmanager
def program_on(server_conninfo: str, template: str) -> Iterator[Program]:
    """The program on a copy of a database that goes away again."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    try:
        with psycopg.connect(conninfo, autocommit=True) as admin:
            yield Program(conninfo, admin)
    finally:
        drop_database(server_conninfo, conninfo)


@pytest.fixture
def program(server_conninfo: str, template: str) -> Iterator[Program]:
    """The program on a database of this test's own, with an empty log."""
    with program_on(server_conninfo, template) as made:
        yield made


@pytest.fixture
def package(program: Program) -> str:
    """Id of an open package named PURL."""
    package_id: str = program.row("package", "create", PURL)["subject_id"]
    return package_id


@pytest.fixture(scope="module")
def shared(server_conninfo: str, template: str) -> Iterator[Program]:
    """The program on a database of all tests of a module that change nothing, or nothing that matters.

    It has the open package PURL.
    """
    with program_on(server_conninfo, template) as made:
        made.row("package", "create", PURL)
        yield made


@pytest.fixture(scope="session")
def written(server_conninfo: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of a database with ten events: two files, one checked, sealed, retained, held; another package."""
    directory = tmp_path_factory.mktemp("written")
    (directory / "a").write_bytes(b"first")
    (directory / "b").write_bytes(b"second")
    with program_on(server_conninfo, template) as program:
        program.row("ingest", directory, "--purl", PURL, "--seal")
        program.row("location", "verify", program.rows("location", "list", PURL)[0]["location_id"])
        program.row("retention", "apply", PURL, "--mode", "governance", "--until", "1y")
        program.row("retention", "extend", PURL, "--by", "1y")
        program.row("retention", "hold", PURL, "--case", "c", "--reason", "r")
        program.row("package", "create", "pkg:generic/other@1")
        assert program.head() == 10
        # A database with sessions cannot be copied.
        program.admin.close()
        yield str(conninfo_to_dict(program.conninfo)["dbname"])


@pytest.fixture
def history(server_conninfo: str, written: str) -> Iterator[Program]:
    """The program on a copy of ``written`` of this test's own."""
    with program_on(server_conninfo, written) as made:
        made.admin.execute("SELECT artifactstore.adopt()")
        yield made
