"""Reading a file's content from its copies: the best first, another one where one fails.

A copy in a store that is configured here can be read, and what a ``file://`` URI names on this machine. That
a local file is not there, or another one, says nothing: it may be a file of another machine. Of copies in
stores it is told, and whoever has a registry that takes events records it. A service reads its stores itself,
and records itself what it finds: see ``remote.content``.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, NoReturn, Protocol

from blake3 import blake3

from artifactstore import system
from artifactstore.errors import ArtifactstoreError, NotFound, error
from artifactstore.events import StorageFailed
from artifactstore.jobs.copies import local_path
from artifactstore.store import Row
from artifactstore.stores import marker
from artifactstore.stores.base import PIECE, KeepsVersions, ObjectStore
from artifactstore.stores.keys import key_in
from artifactstore.stores.marker import LogHome
from artifactstore.stores.opening import Stores

FILES = "file"
"""The backend of files of a machine."""
_STATES = ("verified", "registered", "failed")
"""States of copies that may be readable, the best first."""
_OF_ALL = frozenset({"service-unreachable", "foreign-answer", "unauthorized", "forbidden"})
"""Refusals of a service that are not about one copy."""


class ContentSources(Protocol):
    """Where the content of files can be read."""

    def readable(self, file: Row, /) -> list[Row]:
        """The copies of a file that can be tried, the best first.

        ``backend`` is None where a service chooses the copy that it gives.
        """
        ...

    def open(self, copy: Row, start: int = 0, /) -> Iterator[bytes]:
        """The bytes of a copy from ``start``, in pieces of at most ``PIECE``.

        Raises ``NotFound`` before the first piece if there is none, and what the store or service refuses.
        """
        ...


class Bad(NamedTuple):
    """A copy that is not what the log says; ``failure`` as in the event, None if it could not be read now."""

    copy: Row
    failure: str | None
    problem: str
    size: int | None = None
    blake3: bytes | None = None

    def event(self, file: Row) -> StorageFailed | None:
        """What is to be recorded: nothing of a local file, nor what is known, nor what a service gave."""
        if self.failure is None or self.copy["backend"] in (FILES, None) or self.copy["state"] == "failed":
            return None
        return StorageFailed(
            package_id=file["package_id"],
            file_id=file["file_id"],
            failure=self.failure,
            observed_size=self.size,
            observed_blake3=self.blake3,
            reason=self.problem,
        )


class Sources:
    """Where copies can be read.

    Args:
        home: the log whose copies they are: what is not in a place of another log is not missing.
        only: nothing but copies of this backend.
    """

    def __init__(self, stores: Stores, home: LogHome, only: str | None = None) -> None:
        self._stores = stores
        self._home = home
        self._order = {name: place for place, name in enumerate([*stores, FILES])}
        self._only = only
        self._problems: dict[str, ArtifactstoreError | None] = {}
        self._lock = threading.Lock()
        if only is not None and only not in self._order:
            stores.settings(only)  # which says what there is

    def readable(self, file: Row) -> list[Row]:
        """See ``ContentSources``."""
        return [copy for copy in best_first(file, self._order) if self._only in (None, copy["backend"])]

    def open(self, copy: Row, start: int = 0) -> Iterator[bytes]:
        """See ``ContentSources``; of a copy with a ``version`` it is that one."""
        if copy["backend"] == FILES:
            return local_pieces(copy["uri"], start)
        key = key_in(copy["uri"])
        if key is None:
            raise error("bad-uri", {"problem": copy["uri"], "uri": copy["uri"]})
        store, version = self._store(copy["backend"]), copy.get("version")
        if version is not None and isinstance(store, KeepsVersions):
            return store.read_version(key, version, start)
        return store.read(key, start)

    def _store(self, name: str) -> ObjectStore:
        """A store, looked at once whether it is this log's."""
        with self._lock:
            if name not in self._problems:
                self._problems[name] = self._problem(name)
            problem = self._problems[name]
        if problem is not None:
            raise problem
        return self._stores[name]

    def _problem(self, name: str) -> ArtifactstoreError | None:
        try:
            if not self._stores.settings(name).readonly:
                marker.check(self._stores[name], self._home)
        except ArtifactstoreError as failure:
            return failure
        return None


class FileContent:
    """The content of one file, as far as it was read: goes on with the next copy where one fails.

    Args:
        file: row of the file, with its copies. copies: to be tried; without them those that can be read.

    Attributes:
        bad: copies that failed. read: bytes so far.
    """

    def __init__(self, sources: ContentSources, file: Row, copies: list[Row] | None = None) -> None:
        self.file = file
        self.bad: list[Bad] = []
        self.copy: Row | None = None
        self.read = 0
        self._sources = sources
        self._waiting = sources.readable(file) if copies is None else copies
        self._hash = blake3()
        self._mixed = False
        self._looked_at: Row | None = None

    def resume(self, pieces: Iterable[bytes]) -> None:
        """Begin behind bytes that are there already."""
        for piece in pieces:
            self._hash.update(piece)
            self.read += len(piece)
            self._mixed = True

    def restart(self) -> None:
        """Forget what was read."""
        self._hash = blake3()
        self.read = 0
        self._mixed = False

    def pieces(self) -> Iterator[bytes]:
        """The rest of the content, from one copy after the other until one was read to its end."""
        while self._waiting:
            self.copy = self._waiting.pop(0)
            try:
                yield from self._of(self.copy)
            except NotFound as failure:
                if self.copy is not self._looked_at:  # a second look: nothing is missing for a moment
                    self._looked_at = self.copy
                    self._waiting.insert(0, self.copy)
                else:
                    self._fail("missing", failure)
            except ArtifactstoreError as failure:
                if self.copy["backend"] is None and failure.code in _OF_ALL:
                    raise
                self._fail(None, failure)
                if failure.code == "content-unavailable":  # of a service, which has tried all of them
                    self._waiting = [copy for copy in self._waiting if copy["backend"] is not None]
            else:
                return
            self._mixed = self.read > 0

    def _of(self, copy: Row) -> Iterator[bytes]:
        for piece in self._sources.open(copy, self.read):
            self._hash.update(piece)
            self.read += len(piece)
            yield piece
            if self.read > self.file["size"]:
                return

    def _fail(self, failure: str | None, why: ArtifactstoreError) -> None:
        assert self.copy is not None  # noqa: S101 - it was just tried
        self.bad.append(Bad(self.copy, failure, str(why.detail.get("problem") or why.message)))
        self.copy = None

    @property
    def good(self) -> bool:
        """Whether what was read is what the log says."""
        found: tuple[int, bytes] = self.read, self._hash.digest()
        return found == (self.file["size"], self.file["blake3"])

    def blame(self) -> bool:
        """What was read is not good: whether there is something left to try.

        The copy is bad, unless a part came from elsewhere; then it is tried again.
        """
        if self.copy is None:
            return bool(self._waiting)
        if self._mixed:
            self._waiting.insert(0, self.copy)
        elif self.read != self.file["size"]:
            problem = f"has {self.read} bytes, not {self.file['size']}"
            # More were not read.
            size = self.read if self.read < self.file["size"] else None
            self.bad.append(Bad(self.copy, "size_mismatch", problem, size))
        else:
            problem = "its BLAKE3 is another one"
            self.bad.append(Bad(self.copy, "digest_mismatch", problem, self.read, self._hash.digest()))
        self.restart()
        return bool(self._waiting)

    def refuse(self) -> NoReturn:
        """Raise ``Damaged`` content-damaged if what was read is not it, else ``Busy`` content-unavailable."""
        told = [f"{bad.copy['backend'] or 'service'} {bad.copy['uri']}: {bad.problem}" for bad in self.bad]
        damaged = (
            any(bad.failure in ("digest_mismatch", "size_mismatch") for bad in self.bad)
            or self.copy is not None
        )
        path = self.file["path"]
        problem = f"{path}: " + ("; ".join(told) or "it has no copy that can be read from here")
        raise error(
            "content-damaged" if damaged else "content-unavailable", {"problem": problem, "path": path}
        )


def best_first(file: Row, order: Mapping[str, int]) -> list[Row]:
    """The copies of a file in these backends: verified ones first, those of each state in this order."""
    found = [copy for copy in file["copies"] if copy["state"] in _STATES and copy["backend"] in order]
    return sorted(found, key=lambda copy: (_STATES.index(copy["state"]), order[copy["backend"]]))


def local_pieces(uri: str, start: int) -> Iterator[bytes]:
    """The bytes of a file of this machine from ``start``; raises bad-uri, and as ``system.refused``."""
    try:
        path = local_path(uri)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as failure:
        raise error("bad-uri", {"problem": f"{uri}: {failure}", "uri": uri}) from failure
    except OSError as failure:
        raise system.refused(failure, uri) from failure
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        try:
            file.seek(start)
            while piece := file.read(PIECE):
                yield piece
        except OSError as failure:
            raise system.refused(failure, uri) from failure
