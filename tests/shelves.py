"""Local stores that a program of the tests uses: in directories of a test, as stores.toml names them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Program

KEY = re.compile(r"store:[0-9a-f]{2}/[0-9a-f]{32}")


@dataclass(frozen=True)
class Shelves:
    """A program whose stores are directories.

    Attributes:
        directory: that has one for each store, and ``stores.toml``.
    """

    program: Program
    directory: Path

    def root(self, name: str) -> Path:
        """Where a store is."""
        return self.directory / name

    def configure(self, *names: str, **settings: Any) -> None:
        """Say which stores there are; what is said besides is said of each."""
        lines = [f"{key} = {_toml(value)}" for key, value in settings.items()]
        tables = [
            "\n".join([f"[stores.{name}]", 'type = "local"', f'root = "{self.root(name)}"', *lines])
            for name in names
        ]
        self.file.write_text("\n\n".join(tables) + "\n")

    @property
    def file(self) -> Path:
        """What ARTIFACTSTORE_STORES names."""
        return self.directory / "stores.toml"

    def objects(self, name: str) -> dict[str, bytes]:
        """URI → bytes of everything that a store has."""
        return {
            f"store:{path.parent.name}/{path.name}": path.read_bytes()
            for path in self.root(name).glob("[0-9a-f][0-9a-f]/*")
        }

    def path(self, name: str, uri: str) -> Path:
        """Where the bytes of an object are."""
        assert KEY.fullmatch(uri), uri
        return self.root(name) / uri.removeprefix("store:")

    def copies(self, package: str) -> Iterator[tuple[str, str, str, str]]:
        """Path, store, URI and state of each copy that is not retired."""
        for row in self.program.rows("location", "list", package):
            if row["state"] not in ("retiring", "retired"):
                yield row["path"], row["backend"], row["uri"], row["state"]

    def damage(self, name: str, uri: str, content: bytes) -> None:
        """Write other bytes behind the store's back."""
        path = self.path(name, uri)
        path.unlink()
        path.write_bytes(content)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


def shelves(program: Program, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Shelves:
    """Stores main and shelf, ready to be written to; uploads are remembered in a directory of their own."""
    made = Shelves(program, directory)
    directory.mkdir(exist_ok=True)
    made.configure("main", "shelf")
    monkeypatch.setenv("ARTIFACTSTORE_STORES", str(made.file))
    monkeypatch.setenv("XDG_STATE_HOME", str(directory / "state"))
    for name in ("main", "shelf"):
        made.root(name).mkdir()
        program.row("backend", "init", name)
    return made
