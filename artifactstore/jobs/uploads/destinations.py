"""A store that files are put into, and how it went."""

import threading
from collections.abc import Sequence

from artifactstore.errors import ArtifactstoreError
from artifactstore.stores.base import ObjectStore

_LOST = frozenset({"store-unavailable", "store-full", "store-mismatch"})
"""Refusals that are about the whole store: nothing more is tried there."""
LOST_OBJECTS = frozenset({"bytes-going", "upload-expired"})
"""Refusals of an event whose object is, or may be, gone: it is uploaded again under a new key."""


class Destination:
    """One of the stores of an upload.

    Args:
        dedupe: whether objects that the log knows are shared. at_once: puts on their way at once.

    Attributes:
        objects, bytes: that were written; resumed: bytes of them that were there already.
        shared: files whose object was there. lacking: files that got their copies elsewhere, and none here.
        failure: what ended the use of this store. unsettled: why what was put last is not durable.
    """

    def __init__(self, store: ObjectStore, *, dedupe: bool = True, at_once: int = 32) -> None:
        self.store = store
        self.name = store.name
        self.dedupe = dedupe
        self.at_once = at_once
        self.objects = self.bytes = self.resumed = self.shared = self.lacking = 0
        self.failure: ArtifactstoreError | None = None
        self.unsettled: ArtifactstoreError | None = None
        self._lock = threading.Lock()

    def put(self, key: str, data: bytes, sha256: bytes) -> None:
        """Write a small object; raises at once if the store is not used any more."""
        if self.failure is not None:
            raise self.failure
        try:
            self.store.put(key, data, sha256)
        except ArtifactstoreError as failure:
            self.note(failure)
            raise
        self.count(len(data))

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
