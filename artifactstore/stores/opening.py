"""Stores by their names in stores.toml, opened when they are first used."""

import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from artifactstore.errors import ArtifactstoreError, NotFound
from artifactstore.stores import config
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.config import StoreConfig, StoresConfig
from artifactstore.stores.patience import Patience
from artifactstore.suggest import suggestion

_KINDS = {
    "local": ("local", "LocalStore"),
    "s3": ("s3", "S3Store"),
    "azure": ("other", "OtherStore"),
    "gcs": ("other", "OtherStore"),
}
"""Type → module of this folder and class, which takes a ``StoreConfig``; imported when one is opened: the
libraries of stores over a network take a while."""


def open_store(given: StoreConfig, patience: Patience | None = None) -> ObjectStore:
    """A store as configured; whether it can be reached is not asked.

    Args:
        patience: how long one over a network is waited for; None: as long as is usual.

    Raises ``no-driver`` where the libraries for its type are not installed.
    """
    module, name = _KINDS[given.type]
    try:
        kind = getattr(import_module(f"artifactstore.stores.{module}"), name)
    except ModuleNotFoundError as failure:
        problem = f"a store of type {given.type} needs more than is installed: {failure.name}"
        raise ArtifactstoreError(
            "no-driver", {"problem": problem, "store": given.name}, "install artifactstore-pg[stores]"
        ) from failure
    waits = {} if given.type == "local" else {"patience": patience}
    return cast("ObjectStore", kind(given, **waits))


class Stores:
    """The stores of a configuration, by name; ``with`` closes those that were opened.

    Args:
        patience: as ``open_store`` takes it.
    """

    def __init__(self, given: StoresConfig, patience: Patience | None = None) -> None:
        self.config = given
        self._patience = patience
        self._open: dict[str, ObjectStore] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Those of a file, by default of the one that counts; raises as ``config.load``."""
        return cls(config.load(path))

    def __iter__(self) -> Iterator[str]:
        """Names, in the order of the file."""
        return iter(self.config.stores)

    def settings(self, name: str) -> StoreConfig:
        """What is said of a store; raises ``NotFound`` store-unknown."""
        if name in self.config.stores:
            return self.config.stores[name]
        known, path = list(self.config.stores), self.config.path
        problem = f"{path} names no {name!r}" if path else f"there is no stores.toml that names {name!r}"
        told = {"problem": problem + suggestion(name, known), "store": name, "stores": known}
        raise NotFound("store-unknown", told)

    def __getitem__(self, name: str) -> ObjectStore:
        """A store, opened once; raises ``NotFound`` store-unknown and what ``open_store`` raises."""
        given = self.settings(name)
        with self._lock:
            if name not in self._open:
                self._open[name] = open_store(given, self._patience)
            return self._open[name]

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            opened, self._open = self._open, {}
        for store in opened.values():
            store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
