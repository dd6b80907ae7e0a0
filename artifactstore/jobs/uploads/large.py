"""A file that goes into stores in parts."""

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from artifactstore.errors import ArtifactstoreError, NotFound
from artifactstore.jobs.tree import CHANGED, Hashed, Reader, Take, Tree, TreeFile
from artifactstore.jobs.uploads import unfinished
from artifactstore.jobs.uploads.budget import MemoryBudget
from artifactstore.jobs.uploads.destinations import Destination
from artifactstore.jobs.uploads.parts import PartsWriter
from artifactstore.stores.base import part_size
from artifactstore.stores.faults import fault

LargeKept: TypeAlias = tuple[Hashed, dict[Destination, str], dict[Destination, ArtifactstoreError]]
"""A file, its durable copies as URIs, and what failed where."""


class LargeFile:
    """One large file of a tree on its way into stores.

    Args:
        keys: a new key for each store; one that was begun before keeps its own.
        anew: nothing that was begun is gone on with.
    """

    def __init__(
        self,
        tree: Tree,
        entry: TreeFile,
        keys: Mapping[Destination, str],
        reader: Reader,
        pool: Executor,
        budget: MemoryBudget,
        anew: bool,
    ) -> None:
        self._entry = entry
        self._os_path = tree.os_path(entry.path)
        self._keys = keys
        self._reader = reader
        self._pool = pool
        self._budget = budget
        self._anew = anew
        self._writers: dict[Destination, PartsWriter] = {}
        self._failures: dict[Destination, ArtifactstoreError] = {}

    def keep(self, needed: int) -> LargeKept:
        """Read it once, into all stores.

        A file that changes is given up in all of them. Reading that is to stop leaves what was begun.
        """
        try:
            status = os.lstat(self._os_path)
        except OSError as failure:
            return Hashed(self._entry.path, problem=failure.strerror), {}, {}
        for destination, key in self._keys.items():
            try:
                self._writers[destination] = self._begin(destination, key, status)
            except ArtifactstoreError as failure:
                self._fail(destination, failure)

        def take(piece: memoryview) -> None:
            for writer in self._writers.values():
                writer.take(piece)
            if sum(writer.failure is None for writer in self._writers.values()) < needed:
                raise _TooFew

        try:
            file = self._read(status.st_size, take)
        except _TooFew:
            self._leave()
            return Hashed(self._entry.path, status.st_size), {}, self._failures
        if file.problem:
            if self._reader.stopping:
                self._leave()
            else:
                for writer in self._writers.values():
                    writer.abort()
            return file, {}, {}
        return file, self._complete(file), self._failures

    def _read(self, size: int, take: Take) -> Hashed:
        file = self._reader.hash(self._entry.path, self._os_path, size, take)
        if not file.problem and not file.blake3:
            return Hashed(file.path, problem=CHANGED)  # of another size than a moment ago
        return file

    def _begin(self, destination: Destination, key: str, status: os.stat_result) -> PartsWriter:
        where = unfinished.place_of(self._os_path, status, destination.name)
        begun = unfinished.find(where)
        store = destination.store
        if begun is not None and (begun.late or self._anew):
            with suppress(ArtifactstoreError):
                store.abort(begun.key, begun.upload_id)
            begun = None
        if begun is not None:
            try:
                present = {part.number: part for part in store.parts(begun.key, begun.upload_id)}
            except NotFound:
                begun = None
            else:
                return PartsWriter(
                    store, begun.key, begun.upload_id, begun.part_size, self._pool, self._budget,
                    present=present, begun=begun,
                )  # fmt: skip
        bytes_of_part = part_size(status.st_size)
        upload_id = store.begin(key, status.st_size)
        begun = unfinished.begin(where, key, upload_id, bytes_of_part)
        fault("upload.begun")
        return PartsWriter(store, key, upload_id, bytes_of_part, self._pool, self._budget, begun=begun)

    def _complete(self, file: Hashed) -> dict[Destination, str]:
        uris = {}
        for destination, writer in self._writers.items():
            writer.complete(partial(destination.complete, file))
            fault("upload.completed")
            if writer.failure is None:
                try:
                    destination.store.settle([writer.key])
                except ArtifactstoreError as failure:
                    writer.failure = failure
            if writer.failure is not None:
                self._fail(destination, writer.failure)
            else:
                destination.count(file.size, writer.there)
                uris[destination] = destination.uri(writer.key)
        return uris

    def _leave(self) -> None:
        for destination, writer in self._writers.items():
            writer.leave()
            if writer.failure is not None:
                self._fail(destination, writer.failure)

    def _fail(self, destination: Destination, failure: ArtifactstoreError) -> None:
        destination.note(failure)
        self._failures[destination] = failure


class _TooFew(Exception):
    """Too few stores are left to go on reading."""
