"""A service to measure, and clients that cost little: plain sockets on asyncio."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from artifactstore.access import new_token
from artifactstore.events import TokenIssued, new_id
from artifactstore.store import Store
from bench.plan import Failed


@dataclass
class Service:
    """A service in a process of its own."""

    host: str
    port: int
    token: str
    process: int
    names: Iterator[int] = field(default_factory=count)

    @property
    def resident_mib(self) -> float:
        """Resident memory of the process; 0 where /proc is not there."""
        try:
            lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        except FileNotFoundError:
            return 0.0
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@contextmanager
def service(conninfo: str, **settings: object) -> Iterator[Service]:
    """Run ``artifactstore serve`` on a database; ``settings`` by name, as the environment sets them."""
    made = new_token(new_id())
    with psycopg.connect(conninfo, autocommit=True) as connection:
        issued = TokenIssued(token_id=made.token_id, roles=("operator",))
        Store(connection).tokens.issue_token(issued, "bench:issuer", "bench:client", made.secret_hash)
    environment = {**os.environ, "DATABASE_URL": conninfo, "ARTIFACTSTORE_LOG_LEVEL": "error"}
    environment |= {f"ARTIFACTSTORE_{name.upper()}": str(value).lower() for name, value in settings.items()}
    program = [sys.executable, "-m", "artifactstore", "--json", "serve", "--port", "0"]
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise TypeError("the program has no output")
        url = urlsplit(json.loads(process.stdout.readline())["listens"])
        try:
            yield Service(str(url.hostname), url.port or 0, made.text, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


class Connection:
    """One connection of HTTP/1.1; ``accept``: the media type to ask for, if it is not the usual one."""

    def __init__(self, service: Service, accept: str | None = None) -> None:
        self._service = service
        self._accept = "" if accept is None else f"Accept: {accept}\r\n"
        self._head = b""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, method: str, path: str, body: object = None) -> None:
        """Send a request."""
        if self._writer is None:
            host, port = self._service.host, self._service.port
            self._reader, self._writer = await asyncio.open_connection(host, port)
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._service.token}\r\n"
        head += self._accept
        if data:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        self._writer.write(f"{head}\r\n".encode() + data)
        await self._writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._reader is None:
            raise TypeError("nothing was sent")
        self._head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        body = await self._reader.readexactly(self.number("content-length"))
        return int(self._head[9:12]), body

    def number(self, header: str) -> int:
        """A number in the headers of the last answer; ``header`` in small letters."""
        return int(self._head.partition(f"{header}:".encode())[2].partition(b"\r\n")[0])

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Send and receive."""
        await self.send(method, path, body)
        return await self.receive()

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()


async def create_package(service: Service) -> str:
    """The id of a new package."""
    status, answer = await _ask_once(service, "POST", "/packages", _package(service))
    if status != 201:
        raise Failed(f"{status}: {answer[:300]!r}")
    return str(json.loads(answer)["subject_id"])


async def create_packages(
    service: Service, clients: int, seconds: float, *, refused: int = 0, watched: Sequence[str] = ()
) -> float:
    """Accepted commands per second of ``clients`` that each create one package after the other.

    Args:
        refused: one in so many commands is refused (an identity that was used before); 0: none.
        watched: packages of which one is labelled by every hundredth command.
    """
    end = time.perf_counter() + seconds
    accepted = 0
    numbers = count(1)
    used = await create_package(service)

    async def work() -> None:
        nonlocal accepted
        connection = Connection(service)
        while time.perf_counter() < end:
            number = next(numbers)
            path, body, expected = "/packages", _package(service), 201
            if refused and number % refused == 0:
                body["package_id"], expected = used, 409
            elif watched and number % 100 == 0:
                path = f"/packages/{watched[number // 100 % len(watched)]}/labels"
                body, expected = {"set": {"number": str(next(service.names))}}, 200
            status, answer = await connection.ask("POST", path, body)
            if status != expected:
                raise Failed(f"{status}: {answer[:300]!r}")
            accepted += expected != 409
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(clients)))
    return accepted / (time.perf_counter() - started)


async def metric(service: Service, name: str) -> dict[str, float]:
    """Samples of a metric by what follows its name."""
    _, body = await _ask_once(service, "GET", "/metrics")
    lines = (line.rsplit(" ", 1) for line in body.decode().splitlines() if line.startswith(name))
    return {text.removeprefix(name): float(value) for text, value in lines}


async def _ask_once(service: Service, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    connection = Connection(service)
    try:
        return await connection.ask(method, path, body)
    finally:
        connection.close()


def _package(service: Service) -> dict[str, Any]:
    return {"purl": f"pkg:generic/bench-{service.process}@{next(service.names)}"}
