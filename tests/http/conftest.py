"""Fixtures of the service's tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.http.faults import FAULTS, Fault, faulty
from tests.http.running import Registry, Running, running
from tests.http.shelving import shelved


@pytest.fixture
def service_conninfo(database: str, login_names: dict[str, str]) -> str:
    """How the service logs in: with the role service and nothing else."""
    return make_conninfo(database, user=login_names["service"])


@pytest.fixture
def service(service_conninfo: str, tmp_path: Path) -> Iterator[Running]:
    """The service on a database of this test's own, with a store."""
    with shelved(service_conninfo, tmp_path / "stores", ("main",)) as shelf:
        yield shelf.service


@pytest.fixture
def registry(service: Running) -> Registry:
    """What an operator sees of that service."""
    return Registry(service.client())


@pytest.fixture(scope="module")
def module_conninfo(server_conninfo: str, template: str, login_names: dict[str, str]) -> Iterator[str]:
    """How a service logs in to a database that the tests of a module share."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    yield make_conninfo(conninfo, user=login_names["service"])
    drop_database(server_conninfo, conninfo)


@pytest.fixture(scope="module")
def shared_service(module_conninfo: str) -> Iterator[Running]:
    """A service that the tests of a module share; its database has one package, see ``shared``."""
    with running(module_conninfo) as started:
        yield started


@pytest.fixture(scope="module")
def shared(shared_service: Running) -> Registry:
    """What an operator sees of the shared service."""
    return Registry(shared_service.client())


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the database of the test."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture(params=FAULTS)
def fault(
    request: pytest.FixtureRequest, service_conninfo: str, admin: psycopg.Connection[Any]
) -> Iterator[Fault]:
    """A way to the test's database that can be cut."""
    with ExitStack() as stack:
        yield stack.enter_context(faulty(request.param, service_conninfo, admin))


@pytest.fixture(scope="module")
def module_admin(module_conninfo: str, server_conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to the database that the tests of a module share."""
    name = conninfo_to_dict(module_conninfo)["dbname"]
    with psycopg.connect(make_conninfo(server_conninfo, dbname=name), autocommit=True) as connection:
        yield connection
