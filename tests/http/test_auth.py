"""Who may do what: every endpoint with no token, with each kind of bad token, with too low a role."""

import re
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from artifactstore.access import ROLES, new_token
from artifactstore.errors import ERRORS
from artifactstore.events import EVENT_TYPES
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from tests.http.running import Registry, Running, issue

_CLOSED = [endpoint for endpoint in ENDPOINTS if endpoint.role is not None]


def _name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def _send(client: httpx.Client, endpoint: Endpoint, authorization: str | None) -> httpx.Response:
    path = re.sub(r"\{\w+\}", lambda _: str(uuid4()), endpoint.path)
    headers = {} if authorization is None else {"Authorization": authorization}
    return client.request(endpoint.method, path, headers=headers)


@pytest.fixture(scope="module")
def bad_tokens(shared_service: Running) -> dict[str, str | None]:
    """Authorization headers that must not work."""
    conninfo = shared_service.settings.database_url
    operator = shared_service.tokens["operator"]
    expiring = issue(conninfo, expires=datetime.now(UTC) + timedelta(milliseconds=400))["operator"]
    revoked = issue(conninfo)["operator"]
    with shared_service.client() as client:
        token_id = revoked.split("_")[1]
        assert client.post(f"/tokens/{token_id}/revoke").status_code == 200
    time.sleep(0.5)
    unknown = new_token(uuid4()).text
    swapped = f"ast_{operator.split('_')[1]}_{unknown.split('_', 2)[2]}"
    return {
        "none": None,
        "empty": "Bearer",
        "basic": "Basic dXNlcjpwYXNz",
        "malformed": "Bearer ast_1_2",
        "bare": operator,
        "unknown": f"Bearer {unknown}",
        "wrong secret": f"Bearer {swapped}",
        "cut": f"Bearer {operator[:-1]}",
        "expired": f"Bearer {expiring}",
        "revoked": f"Bearer {revoked}",
    }


@pytest.mark.parametrize("endpoint", _CLOSED, ids=_name)
def test_every_endpoint_refuses_every_bad_token(
    endpoint: Endpoint, shared_service: Running, shared: Registry, bad_tokens: dict[str, str | None]
) -> None:
    before = shared.head()
    client = shared_service.client(role=None)
    for kind, authorization in bad_tokens.items():
        response = _send(client, endpoint, authorization)
        assert (kind, response.status_code, response.json()["code"]) == (kind, 401, "unauthorized")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert "Artifactstore-Head" not in response.headers
    assert shared.head() == before


@pytest.mark.parametrize("endpoint", _CLOSED, ids=_name)
def test_every_endpoint_refuses_every_lower_role(
    endpoint: Endpoint, shared_service: Running, shared: Registry
) -> None:
    before = shared.head()
    client = shared_service.client(role=None)
    for name in ROLES:
        response = _send(client, endpoint, f"Bearer {shared_service.tokens[name]}")
        assert endpoint.role is not None
        if Role[name.upper()] < endpoint.role:
            assert (response.status_code, response.json()["code"]) == (403, "forbidden")
            assert response.json()["needs"] == endpoint.role.title
        else:
            assert response.status_code not in (401, 403)
    assert endpoint.path == "/tokens" or shared.head() == before


def test_only_health_answers_without_a_token(shared_service: Running) -> None:
    client = shared_service.client(role=None)
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json()["status"] == "ready"
    assert [e.path for e in ENDPOINTS if e.role is None] == [
        "/healthz", "/readyz", "/", "/openapi.json", "/docs", "/docs/{name}",
    ]  # fmt: skip
    assert client.get("/nowhere").status_code == 401
    assert client.delete("/packages").status_code == 401
    assert client.delete("/healthz").status_code == 405


def test_roles_of_commands_are_those_of_the_catalogue(admin: psycopg.Connection) -> None:
    catalogue: dict[str, str] = dict(
        admin.execute("SELECT event_type, min_role FROM artifactstore.event_types").fetchall()
    )
    least = {"writer": Role.PRODUCER, "operator": Role.OPERATOR}
    for endpoint in ENDPOINTS:
        if isinstance(endpoint.answer, dict) and "allOf" in endpoint.answer:
            event_type = endpoint.answer["allOf"][1]["properties"]["event_type"]["const"]
            assert endpoint.role == least[catalogue[event_type]], event_type
            assert event_type in EVENT_TYPES


@pytest.mark.parametrize(
    ("path", "fields"), [("delete", {}), ("purge", {}), ("remove", {})], ids=["delete", "purge", "remove"]
)
def test_bypass_of_governance_is_for_operators(
    path: str, fields: dict[str, str], shared_service: Running, shared: Registry
) -> None:
    package = shared.package()
    subject = shared.file(package) if path == "remove" else package
    producer = Registry(shared_service.client("producer"))
    body = {"reason": "r", "bypass_governance": True, **fields}
    before = shared.head()
    problem = producer.post(f"{subject}/{path}", body, 403)
    assert (problem["code"], problem["field"]) == ("forbidden", "bypass_governance")
    assert shared.head() == before


def test_a_revoked_token_is_refused_without_restart(service: Running, registry: Registry) -> None:
    made = registry.post("/tokens", {"actor": "user:new", "roles": ["producer"]}, 201)
    holder = service.client(made["token"])
    created = holder.post("/packages", json={"purl": "pkg:generic/a@1"})
    assert (created.status_code, created.json()["actor"]) == (201, "user:new")
    registry.post(f"/tokens/{made['token_id']}/revoke", {"reason": "rotated"})
    # This process at once; others trust what they read for 5 s at most.
    assert holder.get("/packages").status_code == 401
    assert service.settings.token_seconds <= 5


def test_tokens_are_events_and_only_hashes_are_stored(registry: Registry, admin: psycopg.Connection) -> None:
    made = registry.post("/tokens", {"actor": "user:new", "roles": ["reader"]}, 201)
    again = registry.post(f"/tokens/{made['token_id']}/revoke")
    repeated = registry.post(f"/tokens/{made['token_id']}/revoke")
    assert repeated == again
    events = admin.execute(
        "SELECT sequence, event_type, payload ->> 'token_id', payload ->> 'reason' "
        "FROM artifactstore.event_log WHERE sequence >= %s",
        (made["sequence"],),
    ).fetchall()
    assert events == [
        (made["sequence"], "v1.system.token_issued", made["token_id"], "for user:new"),
        (again["sequence"], "v1.system.token_revoked", made["token_id"], None),
    ]
    secret = made["token"].split("_", 2)[2]
    stored = admin.execute("SELECT t::text FROM artifactstore.tokens t").fetchall()
    assert stored
    assert all(secret not in row[0] for row in stored)
    listed = {token["token_id"]: token for token in registry.get("/tokens")["tokens"]}
    assert listed[made["token_id"]]["state"] == "revoked"
    assert "secret_hash" not in listed[made["token_id"]]


def test_nobody_but_the_service_reads_tokens(
    registry: Registry, database: str, login_names: dict[str, str]
) -> None:
    registry.post("/tokens", {"actor": "user:new", "roles": ["reader"]}, 201)
    for part in ("reader", "writer", "operator"):
        with psycopg.connect(database, user=login_names[part], autocommit=True) as connection:
            for query in (
                "SELECT * FROM artifactstore.tokens",
                "SELECT * FROM artifactstore.list_tokens()",
                "SELECT * FROM artifactstore.find_token(gen_random_uuid())",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(query)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"roles": ["reader"]}, "actor"),
        ({"actor": "", "roles": ["reader"]}, "actor"),
        ({"actor": "user:a", "roles": []}, "roles"),
        ({"actor": "user:a", "roles": ["admin"]}, "roles[0]"),
        ({"actor": "user:a", "roles": ["reader"], "expires": "2001-01-01T00:00:00Z"}, "expires"),
        ({"actor": "user:a", "roles": ["reader"], "expires": "2031-01-01T00:00:00"}, "expires"),
    ],
)
def test_bad_tokens_are_not_issued(body: dict[str, object], field: str, shared: Registry) -> None:
    problem = shared.refused("/tokens", body, ERRORS["bad-payload"].http_status, "bad-payload")
    assert problem["field"] == field


def test_control_characters_are_no_part_of_an_actor(shared: Registry) -> None:
    shared.refused("/tokens", {"actor": "user:\x1b[2J", "roles": ["reader"]}, 422, "bad-actor")
