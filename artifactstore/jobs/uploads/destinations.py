"""Where files are put, and how it went."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from artifactstore.errors import ArtifactstoreError
from artifactstore.jobs.tree import Hashed
from artifactstore.stores.base import ObjectStore, Part, PartsStore
from artifactstore.stores.keys import uri_of

_LOST = frozenset({"store-unavailable", "store-full", "store-mismatch"})
"""Refusals that are about the whole store: nothing more is tried there."""
LOST_OBJECTS = frozenset({"bytes-going", "upload-expired"})
"""Refusals of an event whose object is, or may be, gone: it is uploaded again under a new key."""


class SmallObject(NamedTuple):
    """The bytes of an object that goes in one piece, and their SHA-256."""

    key: str
    data: bytes
    sha256: bytes


class Destination(ABC):
    """One of the stores of an upload.

    Args:
        store: where parts are written.
        dedupe: whether objects that the log knows are shared. at_once: puts on their way at once.

    Attributes:
        objects, bytes: that were written; resumed: bytes of them that were there already.
        shared: files whose object was there. lacking: files that got their copies elsewhere, and none here.
        failure: what ended the use of this store. unsettled: why what was put last is not durable.
    """

    def __init__(self, store: PartsStore, *, dedupe: bool = True, at_once: int = 32) -> None:
        self.store = store
        self.name = store.name
        self.dedupe = dedupe
        self.at_once = at_once
        self.objects = self.bytes = self.resumed = self.shared = self.lacking = 0
        self.failure: ArtifactstoreError | None = None
        self.unsettled: ArtifactstoreError | None = None
        self._lock = threading.Lock()

    @abstractmethod
    def batches(self, objects: Sequence[SmallObject]) -> Iterator[Sequence[SmallObject]]:
        """The objects, those together that are put together."""

    @abstractmethod
    def write(self, objects: Sequence[SmallObject]) -> None:
        """Write a batch; raises what the store refuses."""

    @abstractmethod
    def complete(self, file: Hashed, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Make an object of its parts, which are those of a file; to complete again is right."""

    @abstractmethod
    def uri(self, key: str) -> str:
        """What an event calls an object that was put, or made of its parts."""

    def put(self, objects: Sequence[SmallObject]) -> None:
        """Write a batch, and count it; raises at once if the store is not used any more."""
        if self.failure is not None:
            raise self.failure
        try:
            self.write(objects)
        except ArtifactstoreError as failure:
            self.note(failure)
            raise
        for one in objects:
            self.count(len(one.data))

    def count(self, size: int, resumed: int = 0) -> None:
        """Count an object that was written."""
        with self._lock:
            self.objects += 1
            self.bytes += size
            self.resumed += resumed

    def settle(self, keys: Sequence[str]) -> None:
        """Make what was put durable, or say in ``unsettled`` why it is not."""
        self.unsettled = None
        if not keys:
            return
        try:
            self.store.settle(keys)
        except ArtifactstoreError as failure:
            self.unsettled = failure
            self.note(failure)

    def note(self, failure: BaseException) -> str:
        """Remember what ends the use of this store, and say what happened in words."""
        if not isinstance(failure, ArtifactstoreError):
            raise failure
        if failure.code in _LOST and self.failure is None:
            self.failure = failure
        problem = failure.detail.get("problem")
        return failure.code + (f" ({problem})" if problem else "")


class StoreDestination(Destination):
    """A store that is configured here."""

    store: ObjectStore

    def batches(self, objects: Sequence[SmallObject]) -> Iterator[Sequence[SmallObject]]:
        """Each alone: it is put beside the others."""
        return ([one] for one in objects)

    def write(self, objects: Sequence[SmallObject]) -> None:
        """See ``Destination``."""
        for one in objects:
            self.store.put(*one)

    def complete(self, _file: Hashed, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """See ``Destination``; each part was checked by the store."""
        self.store.complete(key, upload_id, parts)

    def uri(self, key: str) -> str:
        """See ``Destination``."""
        return uri_of(key)
