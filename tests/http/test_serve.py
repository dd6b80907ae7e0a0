"""artifactstore serve: what it prints, the token that it makes, workers (case DR04), how it stops."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from artifactstore.access import parse_token
from artifactstore.embedded import stop
from tests.directories import public_directory
from tests.http.running import issue
from tests.timing import until


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """The program in a process of its own, and what it printed."""
    command = [sys.executable, "-m", "artifactstore", "serve", "--json", "--port", "0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment}
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            yield process, json.loads(line)
        finally:
            process.kill()


def wait_ready(url: str) -> None:
    """Return when the service can work."""
    until(lambda: _ready(url), "ready", seconds=60, pause=0.05)


def _ready(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/readyz").status_code == 200
    return False


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """The data directory of an embedded server."""
    with public_directory() as directory:
        yield directory / "data"
        stop(directory / "data")


def test_the_embedded_service_makes_a_token_and_stops_in_time(home: Path) -> None:
    """One command on a bare machine; the second start uses the token of the first."""
    tokens = []
    environment = {"ARTIFACTSTORE_DATA_DIR": str(home), "DATABASE_URL": ""}
    for _ in range(2):
        with serving("--stop-seconds", "6", **environment) as (process, told):
            path = Path(told["token"])
            assert path.parent == home
            assert path.stat().st_mode & 0o777 == 0o600
            text = path.read_text().strip()
            assert parse_token(text) is not None
            tokens.append(text)
            wait_ready(told["listens"])
            answer = httpx.get(f"{told['listens']}/tokens", headers={"Authorization": f"Bearer {text}"})
            assert [token["roles"] for token in answer.json()["tokens"]] == [["operator"]]
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert time.monotonic() - started < 6
    assert tokens[0] == tokens[1]


def test_dr04_workers_have_connections_of_their_own(service_conninfo: str, admin: psycopg.Connection) -> None:
    """4 workers, 400 requests at once: no 503, a backend of each worker, one pool and writer per process."""
    token = issue(service_conninfo)["producer"]
    headers = {"Authorization": f"Bearer {token}"}
    environment = {"DATABASE_URL": service_conninfo, "ARTIFACTSTORE_LOG_LEVEL": "error"}
    with serving("--workers", "4", **environment) as (process, told):
        url = told["listens"]
        wait_ready(url)

        def use(n: int) -> list[int]:
            with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
                return [
                    client.post("/packages", json={"purl": f"pkg:generic/w{n}-{m}@1"}).status_code
                    if m % 4 == 0
                    else client.get("/packages", params={"limit": 1}).status_code
                    for m in range(20)
                ]

        with ThreadPoolExecutor(20) as pool:
            statuses = [status for some in pool.map(use, range(20)) for status in some]
        assert set(statuses) == {200, 201}
        writers = admin.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'artifactstore writer'"
        ).fetchone()
        assert writers is not None
        assert 1 <= writers[0] <= 4  # which workers accept is the kernel's choice
        metrics = httpx.get(f"{url}/metrics", headers=headers).text
        assert 'artifactstore_appended_events_total{event_type="v1.package.created"} 100.0' in metrics
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    row = admin.execute("SELECT count(*), max(sequence) FROM artifactstore.events").fetchone()
    assert row == (104, 104)


def test_an_address_in_use_is_told() -> None:
    environment = {"DATABASE_URL": "host=/nowhere dbname=none"}
    with serving(**environment) as (_, told):
        port = told["listens"].rpartition(":")[2]
        command = [sys.executable, "-m", "artifactstore", "serve", "--port", port]
        second = subprocess.run(command, capture_output=True, env={**os.environ, **environment}, check=False)
    assert second.returncode == 2
    assert (
        f"error[address]: the service cannot listen at this address: 127.0.0.1 port {port}".encode()
        in second.stderr
    )


def test_settings_that_cannot_be_are_told() -> None:
    environment = {"DATABASE_URL": "host=/nowhere dbname=none", "ARTIFACTSTORE_POOL_MAX": "many"}
    command = [sys.executable, "-m", "artifactstore", "serve", "--port", "0"]
    failed = subprocess.run(command, capture_output=True, env={**os.environ, **environment}, check=False)
    assert failed.returncode == 2
    assert b"ARTIFACTSTORE_POOL_MAX is an integer" in failed.stderr
