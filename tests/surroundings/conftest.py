"""Fixtures of what runs in odd surroundings."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.cli.conftest import history, program_on, written
from tests.cli.program import Outcome
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.directories import public_directory
from tests.surroundings.commands import Step, World, make_world
from tests.surroundings.running import Runner, on, runner_in

__all__ = ["history", "written"]


@pytest.fixture(scope="session")
def public() -> Iterator[Path]:
    """A directory that everybody may enter and read."""
    with public_directory("as-odd-") as made:
        yield made


@pytest.fixture(scope="session")
def runner(public: Path) -> Iterator[Runner]:
    """Runs the program in surroundings that are told."""
    (public / "io").mkdir()
    with runner_in(public / "io") as made:
        yield made


@pytest.fixture(scope="session")
def world(server_conninfo: str, template: str, public: Path) -> Iterator[World]:
    """A database in which every command has something to do, to be copied."""
    with program_on(server_conninfo, template) as program:
        made = make_world(program, public)
        program.admin.close()  # a database with sessions cannot be copied
        yield made


@contextmanager
def copies(server_conninfo: str, world: World) -> Iterator[Callable[[], str]]:
    """Makes copies of that database, in use; each call returns the superuser conninfo of a new one."""
    made: list[str] = []

    def make() -> str:
        name = str(conninfo_to_dict(world.conninfo)["dbname"])
        made.append(create_database(server_conninfo, name, f"{TEST_PREFIX}_owner"))
        with psycopg.connect(made[-1], autocommit=True) as admin:
            admin.execute("SELECT artifactstore.adopt()")
        return made[-1]

    try:
        yield make
    finally:
        for conninfo in made:
            drop_database(server_conninfo, conninfo)


@pytest.fixture
def copy_of_world(server_conninfo: str, world: World) -> Iterator[Callable[[], str]]:
    """See ``copies``."""
    with copies(server_conninfo, world) as copy:
        yield copy


Plain: TypeAlias = Callable[[Sequence[Step]], list[Outcome]]
"""What these steps tell on a copy of the world in plain surroundings; each list is told once."""


@pytest.fixture(scope="session")
def plain(world: World, runner: Runner, server_conninfo: str) -> Plain:
    """See ``Plain``."""
    known: dict[tuple[Step, ...], list[Outcome]] = {}

    def tell(steps: Sequence[Step]) -> list[Outcome]:
        if tuple(steps) not in known:
            with copies(server_conninfo, world) as copy:
                conninfo = copy()
                known[tuple(steps)] = [runner.run(*on(conninfo, *step.words)) for step in steps]
        return known[tuple(steps)]

    return tell
