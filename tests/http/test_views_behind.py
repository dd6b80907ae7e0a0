"""F04: the service on a log whose views do not stand at the head refuses writes and is not ready."""

import time

import psycopg

from artifactstore.store import Store
from tests.http.running import Registry, Running


def test_f04_writes_are_503_and_readyz_says_so_until_a_replay(
    service: Running, registry: Registry, admin: psycopg.Connection
) -> None:
    registry.package()
    assert service.client().get("/readyz").status_code == 200
    with admin.transaction():
        admin.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
        admin.execute("TRUNCATE artifactstore.artifact_packages")
    problem = registry.refused("/packages", {"purl": "pkg:generic/x@1"}, 503, "views-behind")
    assert "artifactstore replay" in problem["hint"]
    token = {"actor": "user:x", "roles": ["reader"]}
    assert registry.post("/tokens", token, 503)["code"] == "views-behind"
    assert until_it_looked_again(service) == (503, "views-behind")
    Store(admin).rebuilds.replay()
    registry.post("/packages", {"purl": "pkg:generic/x@1"}, 201)
    assert until_it_looked_again(service) == (200, None)


def until_it_looked_again(service: Running) -> tuple[int, str | None]:
    """What /readyz says: it looks once a second."""
    time.sleep(1.1)
    answer = service.client(None).get("/readyz")
    return answer.status_code, answer.json().get("code")
