"""Somebody who wants to do harm meets the service itself, without a proxy, under ``ulimit -n 1024``.

F53, F54, F56, F57 together: all the while others are answered within a second, and memory stays.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.events import NewEvent, PackageCreated, PackageLabeled, new_id
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.http.attacks import KINDS
from tests.http.running import issue

MEMORY = 400 * 1024 * 1024
"""As docs/how-to/limits.md says, resident."""
_SECONDS = 3.0
_HEAVY = 60


@dataclass
class Served:
    """The service in a process of its own."""

    process: psutil.Process
    url: str
    tokens: dict[str, str]
    log: Path

    def headers(self, role: str = "reader") -> dict[str, str]:
        """Those that say who asks."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def limits(self) -> dict[str, float]:
        """How often each limit acted."""
        told = httpx.get(f"{self.url}/metrics", headers=self.headers()).text
        start = 'artifactstore_http_limits_total{limit="'
        lines = [
            line.removeprefix(start).split('"} ') for line in told.splitlines() if line.startswith(start)
        ]
        return {limit: float(value) for limit, value in lines}


def _fill(conninfo: str) -> None:
    """Some packages, and behind them heavy ones: 252 labels of 1 KB."""
    labels = [
        PackageLabeled(
            set={f"label-{number:03}": f"{number:03}" * 340 for number in range(first, first + 42)}
        )
        for first in range(0, 252, 42)
    ]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        store = Store(connection)
        light = [PackageCreated(purl=f"pkg:generic/light@{number}") for number in range(300)]
        store.append([NewEvent(one, new_id(), "test:filler") for one in light])
        for number in range(_HEAVY):
            events = [PackageCreated(purl=f"pkg:generic/zz@{number:03}"), *labels]
            package_id = new_id()
            store.append([NewEvent(one, package_id, "test:filler") for one in events])


@contextmanager
def serving(conninfo: str, log: Path, **environment: str) -> Iterator[Served]:
    """Run it with 1,024 descriptors, on a database with light and heavy packages."""
    tokens = issue(conninfo)
    command = [sys.executable, "-m", "artifactstore", "serve", "--json", "--port", "0"]
    told = {"ARTIFACTSTORE_LOG_LEVEL": "warning", "DATABASE_URL": conninfo, **environment}
    limit = (1024, 1024)
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **told},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),  # noqa: PLW1509
        ) as process,
    ):
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["listens"]
            deadline = time.monotonic() + 20
            while True:
                try:
                    if httpx.get(f"{url}/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield Served(psutil.Process(process.pid), url, tokens, log)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def served(
    server_conninfo: str, template: str, login_names: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One service for all attacks: what one leaves behind, the next one meets."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    try:
        _fill(conninfo)
        log = tmp_path_factory.mktemp("load") / "log"
        with serving(make_conninfo(conninfo, user=login_names["service"]), log) as one:
            yield one
    finally:
        drop_database(server_conninfo, conninfo)


@contextmanager
def attack(served: Served, kind: str, token: str | None) -> Iterator[subprocess.Popen[str]]:
    """Carry out an attack in a process of its own; it has begun when this begins."""
    port = str(urlsplit(served.url).port)
    given = [token] if token else []
    command = [sys.executable, "-m", "tests.http.attacks", kind, port, "20", *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("role", [None, "reader", "producer"])
@pytest.mark.parametrize("kind", KINDS)
def test_others_are_answered_within_a_second(kind: str, role: str | None, served: Served) -> None:
    """F53, F54, F56, F57: whoever comes anew, and whoever has a connection, is answered meanwhile."""
    if role == "producer" and kind != "content_types":
        pytest.skip("a reader can do as much")
    slowest, memory, asked = 0.0, 0, 0
    headers = served.headers()
    with attack(served, kind, role and served.tokens[role]), httpx.Client(headers=headers) as kept:
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            for get in (kept.get, httpx.get):
                began = time.monotonic()
                answer = get(f"{served.url}/packages", params={"limit": 10}, headers=headers)
                slowest = max(slowest, time.monotonic() - began)
                assert answer.status_code == 200
                asked += 1
            memory = max(memory, served.process.memory_info().rss)
            time.sleep(0.05)
    print(f"{kind} {role}: {asked} reads, slowest {slowest:.3f} s, {memory / 2**20:.0f} MiB")
    assert slowest <= 1
    assert memory < MEMORY
