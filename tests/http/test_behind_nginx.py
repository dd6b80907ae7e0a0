"""F36: the service behind a real nginx with the file of the how-to: no 502 that it does not have to give."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from artifactstore.http import Settings
from tests.docs.snippets import DOCS
from tests.effort import IN_CI, REQUESTS_OF_A_BURST
from tests.http import nginx
from tests.http.feeding import append_packages
from tests.http.running import Running, issue, running
from tests.http.shelving import shelved
from tests.http.test_serve import wait_ready
from tests.timing import SLACK, SOON

CLIENTS = 100
UNCHECKED = ssl.create_default_context()
UNCHECKED.check_hostname = False
UNCHECKED.verify_mode = ssl.CERT_NONE


@pytest.fixture
def url(service: Running, tmp_path: Path) -> Iterator[str]:
    """nginx before it."""
    with nginx.proxy([port_of(service.url)], tmp_path) as told:
        yield told


def port_of(url: str) -> int:
    """The port of a URL."""
    return httpx.URL(url).port or 0


def client_of(url: str, service: Running, role: str = "operator") -> httpx.Client:
    """A client of nginx."""
    headers = {"Authorization": f"Bearer {service.tokens[role]}"}
    return httpx.Client(base_url=url, headers=headers, verify=UNCHECKED, timeout=30)


async def bursts(url: str, token: str, pauses: list[float], each: int) -> Counter[int]:
    """Statuses of GET and POST by many clients: ``each`` requests, then a pause, and again."""
    statuses: Counter[int] = Counter()
    numbers = iter(range(10**9))
    gate = asyncio.Semaphore(CLIENTS)

    async def ask(client: httpx.AsyncClient, number: int) -> None:
        async with gate:
            # Connections are of many ages at the same time.
            await asyncio.sleep(number % 17 / 300)
            if number % 2:
                answer = await client.get("/packages?limit=1")
            else:
                answer = await client.post("/packages", json={"purl": f"pkg:generic/nginx@{number}"})
        statuses[answer.status_code] += 1

    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(
        base_url=url, headers=headers, verify=UNCHECKED, timeout=60, limits=limits
    ) as client:
        for pause in [0.0, *pauses]:
            await asyncio.sleep(pause)
            await asyncio.gather(*(ask(client, next(numbers)) for _ in range(each)))
    return statuses


def test_f36_the_service_keeps_idle_connections_longer_than_the_page_lets_nginx() -> None:
    kept = nginx.seconds(nginx.configuration(), "keepalive_timeout")
    assert Settings(database_url="x").idle_timeout >= kept + 10
    assert nginx.seconds(nginx.configuration(), "proxy_read_timeout") > 55


def test_f36_10_000_requests_with_pauses_around_both_times_give_no_502(
    service_conninfo: str, tmp_path: Path
) -> None:
    """Both times are scaled by 1/60: 1 s and 1.25 s."""
    kept = nginx.seconds(nginx.configuration(), "keepalive_timeout")
    scaled = Settings(database_url="x").idle_timeout / kept
    with (
        running(service_conninfo, idle_timeout=scaled) as service,
        nginx.proxy(
            [port_of(service.url)], tmp_path, {f"keepalive_timeout {kept:.0f}s": "keepalive_timeout 1s"}
        ) as url,
    ):
        pauses = [1 + offset for offset in (-0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1)]
        pauses += [scaled + offset for offset in (-0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1)]
        pauses += [0.8, 1.1, 1.2, 1.3, 1.4]  # 20 bursts
        statuses = asyncio.run(bursts(url, service.tokens["operator"], pauses, REQUESTS_OF_A_BURST))
    half = len([0, *pauses]) * REQUESTS_OF_A_BURST // 2
    assert statuses == {200: half, 201: half}


@IN_CI
def test_f36_the_times_of_the_page_and_of_the_service_as_they_are(service: Running, url: str) -> None:
    pauses = [4.95, 5.05, 60.0]
    statuses = asyncio.run(bursts(url, service.tokens["operator"], pauses, 200))
    assert statuses == {200: 400, 201: 400}


def test_f36_uploads_and_their_limits(service: Running, url: str) -> None:
    with client_of(url, service) as client:
        package = client.post("/packages", json={"purl": "pkg:generic/upload@1"}).json()["subject_id"]
        file = {"size": 1, "blake3": "ab" * 32, "media_type": "x" * 200}
        files = [{**file, "path": f"{number:04}" + "p" * 900} for number in range(1_000)]
        answer = client.post(f"/packages/{package}/files", json={"files": files})  # 1.2 MB
        assert answer.status_code == 201
        # Over the limit of the service, not over that of nginx: the service says what it is.
        answer = client.post("/packages", content=b" " * (8 * 1024 * 1024 + 1), headers=JSON)
        assert answer.status_code == 413, answer.text
        assert answer.json()["code"] == "too-large"
        answer = client.post("/packages", content=b" " * (10 * 1024 * 1024), headers=JSON)
        assert answer.status_code == 413
        assert client.get("/packages").status_code == 200


JSON = {"Content-Type": "application/json"}


def test_f36_long_queries_and_heads(service: Running, url: str) -> None:
    with client_of(url, service) as client:
        subjects = [f"0193a3c2-0000-7000-8000-{number:012}" for number in range(190)]
        answer = client.get("/events", params={"subject_id": subjects})
        assert answer.status_code == 200, answer.text
        answer = client.get("/packages", headers={"X-Long": "x" * 40_000})
        assert answer.status_code in (400, 431)


def test_f36_pages_the_feed_and_who_waits_pass_at_once(service: Running, url: str) -> None:
    append_packages(service.settings.database_url, 2_000)
    with client_of(url, service) as client:
        page = client.get("/events").json()
        assert len(page["events"]) == 1_000
        began = time.monotonic()
        head = client.get("/events?since=head&wait=2").json()["head"]
        assert 1.9 < time.monotonic() - began < 2 + SLACK
        answers: list[float] = []

        def wait() -> None:
            with client_of(url, service) as waiting:
                answer = waiting.get("/events", params={"since": head, "wait": 50})
                assert len(answer.json()["events"]) == 1
                answers.append(time.monotonic())

        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.5)
        appended = time.monotonic()
        append_packages(service.settings.database_url, 1, "waited")
        waiter.join(20)
        assert answers[0] - appended < SOON


def test_f36_ids_of_requests_where_things_are_and_what_is_closed(service: Running, url: str) -> None:
    with client_of(url, service) as client:
        answer = client.post("/packages", json={"purl": "pkg:generic/where@1"})
        assert answer.status_code == 201
        assert len(answer.headers["X-Request-Id"]) == 32
        location = answer.headers.get("Location", "/packages")
        assert location.startswith("/")  # whatever name the proxy has
        assert client.get(location).status_code == 200
        assert client.get("/metrics").status_code == 403
        refused = client.get("/packages/none", headers={"X-Request-Id": "forged"})
        assert refused.json()["request_id"] == refused.headers["X-Request-Id"] != "forged"
        tagged = client.get(location)
        again = client.get(location, headers={"If-None-Match": tagged.headers["ETag"]})
        assert again.status_code == 304


def test_reports_have_a_server_of_their_own(service_conninfo: str, tmp_path: Path) -> None:
    """As the page about them says; it passes nothing on but reports."""
    host, page = "content.example.org", nginx.configuration(DOCS / "how-to" / "reports.md")
    with (
        shelved(service_conninfo, tmp_path / "stores", ("main",), content_origin=f"https://{host}") as shelf,
        nginx.proxy([port_of(shelf.service.url)], tmp_path, more=page) as url,
        client_of(url, shelf.service) as client,
        httpx.Client(base_url=url, headers={"Host": host}, verify=UNCHECKED, timeout=30) as browser,
    ):
        package = shelf.registry.package()
        shelf.file(package, "a/index.html", b"<h1>seen</h1>")
        told = client.post(f"{package}/reports", json={"path": "a/index.html"}).json()["url"]
        path = told.removeprefix(f"https://{host}")
        seen = browser.get(path)
        assert (seen.status_code, seen.content) == (200, b"<h1>seen</h1>")
        assert seen.headers["Content-Security-Policy"].startswith("sandbox allow-scripts;")
        assert browser.get("/ui/").status_code == browser.get("/packages").status_code == 404
        assert client.get(path).json()["code"] == "no-such-path"


class Served:
    """``artifactstore serve`` on a port, in a process of its own."""

    def __init__(self, conninfo: str, port: int) -> None:
        environment = {**os.environ, "DATABASE_URL": conninfo, "ARTIFACTSTORE_LOG_LEVEL": "error"}
        command = [sys.executable, "-m", "artifactstore", "--json", "serve", "--port", str(port)]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        with self.process.stdout as output:
            json.loads(output.readline())
        wait_ready(f"http://127.0.0.1:{port}")

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


def kill(services: list[Served]) -> None:
    """End what is left."""
    for one in services:
        one.process.kill()
        one.process.wait()


def test_f36_a_service_that_stops_under_load_gives_no_502(service_conninfo: str, tmp_path: Path) -> None:
    """Two services, as the page says, are stopped and started one after the other."""
    ports = [nginx.free_port(), nginx.free_port()]
    tokens = issue(service_conninfo)
    statuses: Counter[int] = Counter()
    ended = threading.Event()

    def ask(url: str, number: int) -> None:
        headers = {"Authorization": f"Bearer {tokens['operator']}"}
        with httpx.Client(base_url=url, headers=headers, verify=UNCHECKED, timeout=30) as client:
            for count in range(10**9):
                if ended.is_set():
                    return
                purl = f"pkg:generic/stop-{number}@{count}"
                match (number + count) % 3:
                    case 0:
                        answer = client.get("/packages?limit=1")
                    case 1:
                        answer = client.post("/packages", json={"purl": purl})
                    case _:
                        answer = client.get("/events?since=head&wait=1")
                statuses[answer.status_code] += 1

    with ExitStack() as stack:
        services = [Served(service_conninfo, port) for port in ports]
        stack.callback(lambda: kill(services))
        url = stack.enter_context(nginx.proxy(ports, tmp_path))
        threads = [threading.Thread(target=ask, args=(url, number)) for number in range(12)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(2):
                for index, port in enumerate(ports):
                    time.sleep(0.5)
                    services[index].stop()
                    services[index] = Served(service_conninfo, port)
        finally:
            ended.set()
            for thread in threads:
                thread.join(30)
    told = [line for line in (tmp_path / "error.log").read_text().splitlines() if "while reading" in line]
    assert statuses.keys() == {200, 201}, (statuses, told)
