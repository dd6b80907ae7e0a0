"""Fixtures of the service's tests."""

from collections.abc import Iterator

import httpx
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.access import ROLES
from tests.http.running import Running, issue, running


@pytest.fixture
def service_conninfo(database: str, login_names: dict[str, str]) -> str:
    """How the service logs in: with the role service and nothing else."""
    return make_conninfo(database, user=login_names["service"])


@pytest.fixture
def service(service_conninfo: str) -> Iterator[Running]:
    """The service on a database of this test's own."""
    tokens = {role: issue(service_conninfo, role) for role in ROLES}
    with running(service_conninfo, tokens) as started:
        yield started


@pytest.fixture
def client(service: Running) -> httpx.Client:
    """A client that may do everything."""
    return service.client()
