"""Fixtures of the CLI's tests."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.cli.program import PURL, Program


@pytest.fixture
def program(database: str) -> Iterator[Program]:
    """The program on the database of the test."""
    with psycopg.connect(database, autocommit=True) as admin:
        yield Program(database, admin)


@pytest.fixture
def package(program: Program) -> str:
    """Id of an open package named PURL."""
    package_id: str = program.row("package", "create", PURL)["subject_id"]
    return package_id
