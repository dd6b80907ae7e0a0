"""The service for tests: on a real socket of 127.0.0.1, in a thread, with tokens for every role."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import uvicorn

from artifactstore.access import new_token
from artifactstore.events import TokenIssued, new_id
from artifactstore.http import Settings, create_app
from artifactstore.http.protocol import Protocol
from artifactstore.store import Store


@dataclass
class Running:
    """A service that runs: where, and the text of a token of each role."""

    url: str
    settings: Settings
    tokens: dict[str, str]
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, role: str | None = "operator", **keywords: Any) -> httpx.Client:
        """A client with the token of a role (of none: without), closed with the service."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=20, **keywords)
        self.clients.append(client)
        return client


def issue(conninfo: str, role: str = "operator", actor: str | None = None, **fields: Any) -> str:
    """The text of a new token of the database; ``fields`` are more of the event, such as expires."""
    made = new_token(new_id())
    with psycopg.connect(conninfo, autocommit=True) as connection:
        event = TokenIssued(token_id=made.token_id, roles=(role,), **fields)
        Store(connection).issue_token(event, "test:issuer", actor or f"user:{role}", made.secret_hash)
    return made.text


@contextmanager
def running(conninfo: str, tokens: dict[str, str] | None = None, **settings: Any) -> Iterator[Running]:
    """Run the service on a database until left; ``settings`` beside its URL."""
    chosen = Settings(**{"database_url": conninfo, "log_level": "error", "stop_seconds": 2, **settings})
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
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
        service = Running(f"http://127.0.0.1:{port}", chosen, tokens or {})
        try:
            with httpx.Client(base_url=service.url, timeout=20) as client:
                assert client.get("/healthz").status_code == 200
            yield service
        finally:
            for opened in service.clients:
                opened.close()
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the service did not stop"
