"""The service for tests: on a real socket of 127.0.0.1, in a thread, with tokens for every role."""

import itertools
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import uvicorn

from artifactstore.access import ROLES, new_token
from artifactstore.events import TokenIssued, new_id
from artifactstore.http import Settings, create_app
from artifactstore.http.web.protocol import Protocol
from artifactstore.store import Store

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Spares each client the loading of certificates: nothing here speaks TLS."""


@dataclass
class Running:
    """A service that runs: where, and the text of a token of each role."""

    url: str
    settings: Settings
    tokens: dict[str, str]
    clients: list[httpx.Client] = field(default_factory=list)

    def exchange(self, head: str, body: bytes = b"") -> bytes:
        """What is answered to these bytes: ``head`` is completed with the token of a producer."""
        address = urlsplit(self.url)
        with socket.create_connection((str(address.hostname), address.port or 0), 10) as connection:
            token = f"Authorization: Bearer {self.tokens['producer']}"
            connection.sendall(f"{head}\r\nHost: a\r\n{token}\r\n\r\n".encode() + body)
            return connection.recv(65_536)

    def client(self, role: str | None = "operator", **keywords: Any) -> httpx.Client:
        """A client with the token of a role, or with a token, or without; closed with the service."""
        headers = {"Authorization": f"Bearer {self.tokens.get(role, role)}"} if role else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=20, verify=_NO_TLS, **keywords)
        self.clients.append(client)
        return client


class Registry:
    """A client, and short words for what most tests do; each must succeed."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._names = itertools.count(1)

    def post(self, path: str, body: Any = None, status: int | None = None, **headers: str) -> Any:
        """The JSON of a POST; ``status`` None: any success. Headers with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.post(path, json={} if body is None else body, headers=named)
        assert response.status_code == status if status else response.is_success, response.text
        return response.json()

    def get(self, path: str, /, status: int = 200, **query: Any) -> Any:
        """The JSON of a GET."""
        response = self.client.get(path, params=query)
        assert response.status_code == status, response.text
        return response.json()

    def refused(self, path: str, body: Any, status: int, code: str, **headers: str) -> Any:
        """The problem of a POST that must be refused with this code, and append nothing."""
        before = self.head()
        problem = self.post(path, body, status, **headers)
        assert (problem["code"], problem["status"]) == (code, status)
        assert self.head() == before
        return problem

    def head(self) -> int:
        """The head of the log."""
        return int(self.client.get("/packages", params={"limit": 1}).headers["Artifactstore-Head"])

    def package(self, **fields: Any) -> str:
        """The path of a new package."""
        body = {"purl": f"pkg:generic/package-{next(self._names)}@1", **fields}
        return f"/packages/{self.post('/packages', body)['subject_id']}"

    def file(self, package: str, path: str = "a", **fields: Any) -> str:
        """The path of a new file of a package."""
        body = {"path": path, "size": 1, "blake3": "ab" * 32, **fields}
        return f"/files/{self.post(f'{package}/files', body)['files'][0]['file_id']}"

    def location(self, file: str, uri: str = "s3://bucket/key") -> str:
        """The path of a new location of a file."""
        body = {"backend": "s3", "uri": uri}
        return f"/locations/{self.post(f'{file}/locations', body)['subject_id']}"


def issue(conninfo: str, **fields: Any) -> dict[str, str]:
    """A new token of the database for each role; ``fields`` are more of the event, such as expires."""
    made = {role: new_token(new_id()) for role in ROLES}
    with psycopg.connect(conninfo, autocommit=True) as connection, connection.transaction():
        for role, token in made.items():
            event = TokenIssued(token_id=token.token_id, roles=(role,), **fields)
            Store(connection).tokens.issue_token(event, "test:issuer", f"user:{role}", token.secret_hash)
    return {role: token.text for role, token in made.items()}


@contextmanager
def running(conninfo: str, tokens: dict[str, str] | None = None, **settings: Any) -> Iterator[Running]:
    """Run the service on a database until left; ``settings`` beside its URL.

    ``tokens``: those of the database; None: it gets new ones. ``{port}`` in the origin of content is its own.
    """
    tokens = issue(conninfo) if tokens is None else tokens
    chosen = Settings(**{"database_url": conninfo, "log_level": "error", "stop_seconds": 2, **settings})
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        port = listening.getsockname()[1]
        chosen = replace(chosen, content_origin=chosen.content_origin.format(port=port))
        config = uvicorn.Config(
            create_app(chosen),
            log_config=None,
            http=Protocol,
            ws="none",
            timeout_graceful_shutdown=chosen.stop_seconds,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        service = Running(f"http://127.0.0.1:{port}", chosen, tokens)
        try:
            with httpx.Client(base_url=service.url, timeout=20, verify=_NO_TLS) as client:
                assert client.get("/healthz").status_code == 200
            yield service
        finally:
            for opened in service.clients:
                opened.close()
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the service did not stop"


@contextmanager
def process(conninfo: str) -> Iterator[tuple[subprocess.Popen[str], Running]]:
    """The service by its command, in a process that the test ends; closes the clients behind it."""
    tokens = issue(conninfo)
    program = [sys.executable, "-m", "artifactstore", "--json", "serve", "--port", "0"]
    environment = {**os.environ, "DATABASE_URL": conninfo}
    with subprocess.Popen(
        program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        service = Running(json.loads(served.stdout.readline())["listens"], None, tokens)  # type: ignore[arg-type]
        try:
            yield served, service
        finally:
            served.kill()
            for client in service.clients:
                client.close()
