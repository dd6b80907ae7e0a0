"""A service with a store, a directory of the test: what is there, and what somebody does behind its back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from blake3 import blake3

from artifactstore import db
from artifactstore.jobs.homes import log_home
from artifactstore.store import Store
from artifactstore.stores import marker
from artifactstore.stores.opening import Stores
from tests.http.running import Registry, Running, issue, running


@dataclass
class Shelf:
    """A service and the stores that it keeps bytes in.

    Attributes:
        directory: that has stores.toml, and a directory for each store.
    """

    service: Running
    registry: Registry
    directory: Path

    @property
    def client(self) -> httpx.Client:
        """A client of an operator."""
        return self.registry.client

    def put(self, package: str, path: str, data: bytes, **headers: str) -> httpx.Response:
        """What is answered to a file with its bytes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.put(f"{package}/content/{path}", content=data, headers=named)

    def file(self, package: str, path: str, data: bytes, **headers: str) -> dict[str, Any]:
        """The new file."""
        answer = self.put(package, path, data, **headers)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def copy(self, file: dict[str, Any], index: int = 0) -> Path:
        """Where the bytes of a copy of a file are."""
        location = self.registry.get(f"/locations/{file['location_ids'][index]}")
        return self.directory / str(location["backend"]) / str(location["uri"]).removeprefix("store:")

    def state(self, location_id: str) -> str:
        """The state of a location."""
        return str(self.registry.get(f"/locations/{location_id}")["state"])

    def objects(self, store: str = "main") -> list[bytes]:
        """The bytes of everything that a store has."""
        return [path.read_bytes() for path in sorted((self.directory / store).glob("[0-9a-f][0-9a-f]/*"))]


def write_config(directory: Path, *names: str, **settings: object) -> Path:
    """stores.toml with these local stores; what is said besides is said of each."""
    directory.mkdir(exist_ok=True)
    told = {"min_free": "0%", **settings}
    lines = [f"{key} = {_toml(value)}" for key, value in told.items()]
    tables = [
        "\n".join([f"[stores.{name}]", 'type = "local"', f'root = "{directory / name}"', *lines])
        for name in names
    ]
    path = directory / "stores.toml"
    path.write_text("\n\n".join(tables) + "\n")
    return path


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def begin_stores(conninfo: str, config: Path) -> None:
    """Make the places of a configuration stores of the log of a database, which has begun."""
    with db.connect(conninfo) as connection, Stores.load(config) as stores:
        for name in stores:
            (config.parent / name).mkdir()
            marker.init(stores[name], log_home(Store(connection)))


@contextmanager
def shelved(
    conninfo: str, directory: Path, names: tuple[str, ...] = ("main", "spare"), **settings: Any
) -> Iterator[Shelf]:
    """Run the service with local stores; ``settings`` are of the service."""
    config = write_config(directory, *names)
    tokens = issue(conninfo)
    begin_stores(conninfo, config)
    with running(conninfo, tokens, stores=str(config), **settings) as service:
        yield Shelf(service, Registry(service.client()), directory)


def digests(data: bytes) -> tuple[str, str]:
    """BLAKE3 and SHA-256 of bytes, in hex."""
    return blake3(data).hexdigest(), sha256(data).hexdigest()
