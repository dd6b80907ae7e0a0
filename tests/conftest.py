"""Fixtures: one real PostgreSQL server per run, and a database of its own for each test.

ARTIFACTSTORE_TEST_PG selects the server: a major version that the wheel brings ("16", "18"; the newest
is the default) or the directory of an installation's programs ("/usr/lib/postgresql/15/bin").
A server that does not start makes the run fail.
"""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.migrate import migrate
from tests import guardian
from tests.databases import (
    TEST_PREFIX,
    Connect,
    create_database,
    drop_database,
    programs,
    running_cluster,
    superuser_conninfo,
)
from tests.directories import public_directory
from tests.effort import be_patient, is_due

_TEMPLATE = "artifactstore_template"
_LONG = (
    "tests/crash/", "tests/stores/", "tests/log/test_memory.py",
    "tests/surroundings/test_cut_lines.py", "tests/surroundings/test_settings.py",
    "tests/surroundings/test_places.py", "tests/restore/test_random_restores.py",
    "tests/replay/test_side_by_side.py", "tests/http/test_behind_nginx.py", "tests/docs/test_newcomer.py",
    "tests/http/test_load.py", "tests/security/test_attack_table.py", "tests/http/test_stop_bounds.py",
    "tests/property/test_projection.py", "tests/packaging/", "tests/http/test_openapi.py",
    "tests/unit/test_embedded.py", "tests/security/test_remedies.py", "tests/replay/", "tests/docs/",
    "tests/http/", "tests/restore/", "tests/export/", "tests/security/", "tests/surroundings/",
    "tests/cli/", "tests/migration/",
)  # fmt: skip


def pytest_configure() -> None:
    """A run that is told to end stops its server first: the server is in a session of its own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    be_patient()


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end; the garbage collector need not look at them."""
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files that take long come first: several processes take files in this order, and end together."""
    turn = os.environ.get("ARTIFACTSTORE_TEST_TURN")
    left = [item for item in items if hasattr(item, "callspec") and not is_due(item.nodeid, turn)]
    if left:
        config.hook.pytest_deselected(items=left)
        kept = set(items) - set(left)
        items[:] = [item for item in items if item in kept]
    items.sort(key=lambda item: next((n for n, path in enumerate(_LONG) if item.nodeid.startswith(path)), 99))


@pytest.fixture(scope="session", autouse=True)
def _guarded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Servers that programs under test start in directories of tests end with the run, however that ends."""
    guardian.current().watch(tmp_path_factory.getbasetemp(), remove=False)


@pytest.fixture
def public_path() -> Iterator[Path]:
    """As ``tmp_path``, for a test whose programs run under another account, such as root's server."""
    with public_directory() as made:
        yield made


@pytest.fixture(scope="session")
def cluster() -> Iterator[server.Cluster]:
    """The running server of this test run; local logins are trusted, its socket directory is private."""
    with running_cluster(programs()) as made:
        yield made


@pytest.fixture(scope="session")
def server_conninfo(cluster: server.Cluster) -> str:
    """Superuser conninfo of the server's maintenance database."""
    return superuser_conninfo(cluster)


@pytest.fixture(scope="session")
def major(server_conninfo: str) -> int:
    """Major version of the server under test."""
    with psycopg.connect(server_conninfo) as connection:
        return connection.info.server_version // 10000


@pytest.fixture(scope="session")
def template(server_conninfo: str) -> str:
    """Name of a migrated database that tests clone."""
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
    migrate(make_conninfo(server_conninfo, dbname=_TEMPLATE), role_prefix=TEST_PREFIX)
    return _TEMPLATE


@pytest.fixture
def database(server_conninfo: str, template: str) -> Iterator[str]:
    """Superuser conninfo of a migrated database of this test's own."""
    # The owner's right to create schemas is not cloned with the template; owning the database has it.
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    yield conninfo
    drop_database(server_conninfo, conninfo)


def _maker(server_conninfo: str, *origin: str) -> Iterator[Callable[[], str]]:
    made: list[str] = []

    def make() -> str:
        made.append(create_database(server_conninfo, *origin))
        return made[-1]

    yield make
    for conninfo in made:
        drop_database(server_conninfo, conninfo)


@pytest.fixture
def copy_of(server_conninfo: str, template: str) -> Iterator[Callable[[], str]]:
    """Makes more migrated databases; each call returns the superuser conninfo of a new one."""
    yield from _maker(server_conninfo, template, f"{TEST_PREFIX}_owner")


@pytest.fixture
def new_database(server_conninfo: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases; each call returns the superuser conninfo of a new one."""
    yield from _maker(server_conninfo)


@pytest.fixture
def empty_database(new_database: Callable[[], str]) -> str:
    """Superuser conninfo of an empty database."""
    return new_database()


@pytest.fixture(scope="session")
def login_names(server_conninfo: str, template: str) -> dict[str, str]:
    """A login user per part, member of the part's role and nothing else: part → user name."""
    assert template == _TEMPLATE
    names = {part: f"login_{part}" for part in ("owner", "service", "writer", "reader", "operator")}
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        for part, name in names.items():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
            connection.execute(
                sql.SQL("GRANT {} TO {}").format(
                    sql.Identifier(f"{TEST_PREFIX}_{part}"), sql.Identifier(name)
                )
            )
    return names


@pytest.fixture
def connect(database: str, login_names: dict[str, str]) -> Iterator[Connect]:
    """Opens connections to ``database``, see ``Connect``."""
    opened: list[psycopg.Connection] = []

    def open_connection(
        role: str | None = None, *, conninfo: str | None = None, **keywords: Any
    ) -> psycopg.Connection:
        if role is not None:
            keywords["user"] = login_names[role]
        keywords.setdefault("autocommit", True)
        opened.append(psycopg.connect(conninfo or database, **keywords))
        return opened[-1]

    yield open_connection
    for connection in opened:
        connection.close()
