"""Cases DR01 and DR03: the database is restarted, or is not there when the service starts."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from artifactstore.http import Settings, create_app
from artifactstore.migrate import migrate
from artifactstore.server import Cluster
from tests.databases import TEST_PREFIX, create_database, programs, running_cluster, superuser_conninfo
from tests.http.running import Registry, issue, running
from tests.timing import until


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A server that may be stopped and started."""
    with running_cluster(programs()) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own_database(own_cluster: Cluster) -> str:
    """A migrated database of it."""
    conninfo = create_database(superuser_conninfo(own_cluster))
    migrate(conninfo, role_prefix=TEST_PREFIX)
    return conninfo


def test_dr01_a_restart_costs_no_500(
    own_cluster: Cluster, own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool is full and used; the server is restarted, then stopped for longer than the pool tries."""
    monkeypatch.setattr("artifactstore.http.service._RECONNECT_SECONDS", 1.0)
    with running(own_database, pool_min=4, pool_max=4) as service:
        registry = Registry(service.client())
        packages = [registry.package() for _ in range(5)]
        own_cluster.stop()
        own_cluster.start()
        statuses = [registry.client.get(packages[n % 5]).status_code for n in range(50)]
        assert set(statuses) <= {200, 503}
        assert statuses[-40:] == [200] * 40
        assert registry.client.post("/packages", json={"purl": "pkg:generic/r@1"}).status_code == 201

        own_cluster.stop()
        for path in ("/packages", "/readyz"):
            answer = registry.client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
        answer = registry.client.post("/packages", json={"purl": "pkg:generic/s@1"})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert registry.client.get("/healthz").status_code == 200
        # The pool gives up after a while, here after 1 s; requests make it try again.
        time.sleep(2.5)
        assert registry.client.get("/packages").status_code == 503
        own_cluster.start()
        _until_ready(registry)
        assert registry.get(packages[0])["state"] == "open"
        registry.post("/packages", {"purl": "pkg:generic/s@1"}, 201)


def test_dr03_starts_with_the_database_down(own_cluster: Cluster, own_database: str) -> None:
    tokens = issue(own_database)
    own_cluster.stop()
    try:
        with running(own_database, tokens) as service:
            registry = Registry(service.client())
            assert registry.client.get("/healthz").status_code == 200
            assert registry.client.get("/readyz").json()["code"] == "unavailable"
            assert registry.client.get("/packages").json()["code"] == "unavailable"
            own_cluster.start()
            _until_ready(registry)
            registry.post("/packages", {"purl": "pkg:generic/up@1"}, 201)
    finally:
        own_cluster.start()


def test_dr03_importing_and_making_the_app_connects_to_nothing(own_database: str) -> None:
    with psycopg.connect(own_database, autocommit=True) as connection:
        settings = Settings(database_url="host=/nowhere dbname=none", log_level="error")
        create_app(settings)
        create_app(Settings(database_url=own_database, log_level="error"))
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'artifactstore%'"
        assert connection.execute(query).fetchone() == (0,)


def test_dr03_an_outdated_database_is_not_ready(own_cluster: Cluster) -> None:
    empty = create_database(superuser_conninfo(own_cluster))
    with running(empty, {"operator": f"ast_{'0' * 32}_{'a' * 43}"}) as service:
        client = service.client()
        assert client.get("/readyz").json()["code"] == "schema-outdated"
        answer = client.get("/packages")
        assert (answer.status_code, answer.json()["code"]) == (503, "schema-outdated")
        migrate(empty, role_prefix=TEST_PREFIX)
        time.sleep(1.1)
        assert client.get("/readyz").status_code == 200


def _until_ready(registry: Registry) -> None:
    until(lambda: registry.client.get("/readyz").status_code == 200, "it is ready", pause=0.1)
