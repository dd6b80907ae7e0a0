"""F32: a service whose login lacks a role says so at /readyz and at its start; no caller is forbidden."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from tests.databases import TEST_PREFIX
from tests.http.running import issue, running
from tests.timing import until

LOGINS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "reader": ("reader",),
    "writer": ("writer",),
    "operator": ("operator",),
    "service without inheriting": ("service",),
}


@pytest.fixture
def logins(server_conninfo: str, template: str) -> Iterator[dict[str, str]]:
    """A login per row of ``LOGINS``."""
    assert template
    names = {name: f"lacking {number}" for number, name in enumerate(LOGINS)}
    with psycopg.connect(server_conninfo, autocommit=True) as admin:
        later = admin.info.server_version >= 160000
        for name, login in names.items():
            bare = "without" in name
            noinherit = SQL("NOINHERIT") if bare else SQL("")
            admin.execute(SQL("CREATE ROLE {} LOGIN {}").format(Identifier(login), noinherit))
            for part in LOGINS[name]:
                option = SQL("WITH INHERIT FALSE") if bare and later else SQL("")
                grant = SQL("GRANT {} TO {} {}")
                admin.execute(grant.format(Identifier(f"{TEST_PREFIX}_{part}"), Identifier(login), option))
        yield names
        for login in names.values():
            admin.execute(SQL("DROP ROLE {}").format(Identifier(login)))


@pytest.mark.parametrize("name", LOGINS)
def test_f32_readyz_is_503_with_the_grant_that_is_missing(
    database: str, admin: psycopg.Connection, logins: dict[str, str], name: str
) -> None:
    tokens = issue(database)
    with running(make_conninfo(database, user=logins[name]), tokens) as service:
        answer = service.client(None).get("/readyz")
        told = answer.json()
        assert (answer.status_code, told["code"]) == (503, "role-missing")
        assert answer.headers["Retry-After"]
        (command,) = told["commands"]
        assert f'"{logins[name]}"' in command
        for path in ("/packages", "/log", "/events"):
            answer = service.client("operator").get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "role-missing"), path
        answer = service.client("operator").post("/packages", json={"purl": "pkg:generic/a@1"})
        assert (answer.status_code, answer.json()["code"]) == (503, "role-missing")
        # The statement that is told is the one that helps, without a restart.
        admin.execute(command.encode())
        until(lambda: service.client(None).get("/readyz").status_code == 200, "it is ready", pause=0.2)
        made = service.client("operator").post("/packages", json={"purl": "pkg:generic/a@1"})
        assert made.status_code == 201, made.text


def test_f32_a_login_that_is_a_member_through_another_role_is_ready(
    database: str, admin: psycopg.Connection
) -> None:
    for command in (
        "CREATE ROLE team", "CREATE ROLE through LOGIN", f"GRANT {TEST_PREFIX}_service TO team",
        "GRANT team TO through",
    ):  # fmt: skip
        admin.execute(command.encode())
    try:
        with running(make_conninfo(database, user="through"), issue(database)) as service:
            assert service.client(None).get("/readyz").status_code == 200
    finally:
        admin.execute("DROP ROLE team")
        admin.execute("DROP ROLE through")


def test_f32_a_privilege_that_was_taken_away_is_told_too(
    service_conninfo: str, admin: psycopg.Connection
) -> None:
    tokens = issue(service_conninfo)
    admin.execute(f"REVOKE EXECUTE ON FUNCTION artifactstore.check_views FROM {TEST_PREFIX}_service".encode())
    with running(service_conninfo, tokens) as service:
        answer = service.client(None).get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "role-missing")
        assert "check_views" in answer.json()["detail"]


def test_f33_readyz_tells_why_the_database_does_not_let_the_service_in(service_conninfo: str) -> None:
    for changed, code in (({"dbname": "nope"}, "database-missing"), ({"user": "nope"}, "login-refused")):
        with running(make_conninfo(service_conninfo, **changed), {}) as service:
            answer = service.client(None).get("/readyz")
            assert (answer.status_code, answer.json()["code"]) == (503, code)


def _warning(conninfo: str, log: Path, wanted: str) -> str:
    """What serve tells on stderr, until that has what is wanted; and at least the line on stdout."""
    command = [sys.executable, "-m", "artifactstore", "serve", "--json", "--port", "0"]
    environment = {**os.environ, "DATABASE_URL": conninfo}
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment) as process,
    ):
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["listens"]
            assert httpx.get(f"{url}/healthz", timeout=20).status_code == 200
            until(lambda: wanted in log.read_text(), f"it tells {wanted}", pause=0.1)
            return log.read_text()
        finally:
            process.kill()


@pytest.mark.parametrize("name", LOGINS)
def test_f32_serve_tells_the_grant_at_its_start(
    database: str, logins: dict[str, str], tmp_path: Path, name: str
) -> None:
    conninfo = make_conninfo(database, user=logins[name])
    told = _warning(conninfo, tmp_path / "stderr", ";\n")
    assert "warning: not ready: the login lacks a role" in told
    assert f'"{logins[name]}"' in told


def test_f32_serve_says_nothing_when_its_login_has_the_role(service_conninfo: str, tmp_path: Path) -> None:
    assert "warning" not in _warning(service_conninfo, tmp_path / "stderr", "")


def test_f32_serve_starts_without_a_database_and_says_so(tmp_path: Path) -> None:
    told = _warning("host=/nowhere dbname=none", tmp_path / "stderr", "warning")
    assert "not ready: unavailable" in told


def test_f49_every_event_that_the_service_appends_is_counted(service_conninfo: str, database: str) -> None:
    """Tokens too: the sum is what the log has more than before."""
    tokens = issue(database)
    with running(service_conninfo, tokens) as service:
        client = service.client("operator")

        def counted() -> dict[str, float]:
            lines = client.get("/metrics").text.splitlines()
            name = "artifactstore_appended_events_total{"
            rows = [line.rsplit(" ", 1) for line in lines if line.startswith(name)]
            return {name.split('"')[1]: float(value) for name, value in rows}

        before, head = counted(), client.get("/log").json()["head"]
        made = client.post(
            "/tokens", json={"actor": "user:a", "roles": ["reader"]}, headers={"Idempotency-Key": "k"}
        )
        again = client.post(
            "/tokens", json={"actor": "user:a", "roles": ["reader"]}, headers={"Idempotency-Key": "k"}
        )
        assert again.headers["Idempotent-Replayed"] == "true"
        path = f"/tokens/{made.json()['token_id']}/revoke"
        assert [client.post(path, json={}).status_code for _ in range(2)] == [200, 200]
        client.post("/packages", json={"purl": "pkg:generic/a@1"})
        after = counted()
        grown = {name: value - before.get(name, 0) for name, value in after.items()}
        assert sum(grown.values()) == client.get("/log").json()["head"] - head
        assert grown["v1.system.token_issued"] == grown["v1.system.token_revoked"] == 1
