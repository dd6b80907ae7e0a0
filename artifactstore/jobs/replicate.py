"""Give files a copy in another store, read from a good one.

The bytes are hashed on their way: what is not what the log says is no copy of it. A source that is bad is
recorded, and the next one is read. Run again after an interruption, it goes on with what is lacking.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from artifactstore.errors import Refused, error
from artifactstore.events import NewEvent, StorageRegistered, new_id
from artifactstore.jobs.batches import append_each
from artifactstore.jobs.content import Bad, FileContent, Sources
from artifactstore.jobs.copying import copy_large, copy_small
from artifactstore.jobs.fetch import Recorded, Trouble, record
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.jobs.uploads.budget import MemoryBudget
from artifactstore.jobs.uploads.destinations import LOST_OBJECTS, SmallObject, StoreDestination
from artifactstore.jobs.uploads.keeping import PARTS_BYTES
from artifactstore.store import Row, Store
from artifactstore.stores.base import SMALL
from artifactstore.stores.faults import fault
from artifactstore.stores.keys import key_in, uri_of

BATCH = 500
"""Copies that are made durable and registered together."""
AT_ONCE = 8
_TICK = 0.5


@dataclass(slots=True, kw_only=True)
class Replicated(Recorded):
    """What was done, so far.

    Attributes:
        lacking: files that had no good copy there, or too few anywhere. copied: those that have one now;
            shared: of them, those whose content the store had. bytes: written. overtaken: of files that
            somebody else changed meanwhile. failed: files without a copy that is good and can be read.
        bad: copies that were found bad.
    """

    store: str
    lacking: int = 0
    copied: int = 0
    shared: int = 0
    bytes: int = 0
    overtaken: int = 0
    failed: int = 0
    bad: int = 0
    seconds: float = 0.0


class _Copied(NamedTuple):
    """A file whose bytes are in the store under ``uri``; None if no copy of it could be read."""

    file: Row
    uri: str | None
    bad: Sequence[Bad] = ()
    shared: bool = False


def replicate(
    store: Store,
    destination: StoreDestination,
    sources: Sources,
    report: Replicated,
    *,
    actor: str,
    least: int | None = None,
    package_id: UUID | None = None,
    progress: Progress = quiet,
) -> Iterator[Trouble]:
    """Copy the files of a package, or of all, that have no good copy in a store; what is bad, as it is found.

    Args:
        destination: the store that gets them. least: only files with fewer good copies than this anywhere.
        report: is filled on the way.

    Raises what the store refuses as a whole, and as ``Store.append``; what was registered before stays.
    """
    started = time.monotonic()
    run = _Replication(store, destination, sources, report, actor, progress)
    try:
        yield from run.replicate(store.copies.lacking(destination.name, least, package_id))
    finally:
        report.bytes = destination.bytes
        report.seconds = time.monotonic() - started


@dataclass(slots=True)
class _Replication:
    """One run; the database is asked in the thread that takes the troubles."""

    store: Store
    destination: StoreDestination
    sources: Sources
    report: Replicated
    actor: str
    progress: Progress
    stopping: bool = False
    _parts: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "parts"))
    _budget: MemoryBudget = field(default_factory=lambda: MemoryBudget(PARTS_BYTES))

    def replicate(self, files: Iterator[Row]) -> Iterator[Trouble]:
        """Copy in batches: known objects are shared, the others written, made durable, and registered."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="copy") as pool:
            try:
                while batch := list(islice(files, BATCH)):
                    self.report.lacking += len(batch)
                    lost = yield from self._batch(pool, batch, anew=False)
                    if lost:
                        yield from self._batch(pool, lost, anew=True)
            finally:
                self.stopping = True
                pool.shutdown(cancel_futures=True)

    def _batch(
        self, pool: ThreadPoolExecutor, files: Sequence[Row], *, anew: bool
    ) -> Generator[Trouble, None, list[Row]]:
        """Copy some files; those whose object went meanwhile, which are to be written ``anew``."""
        copied, lost = list[_Copied](), list[Row]()
        working = self._begin(pool, files, copied, anew)
        while wait(working, _TICK).not_done:
            self.progress("copying", self.destination.bytes, 0, "bytes")
        copied += [one.result() for one in working]
        self.destination.settle(
            [key for one in copied if one.uri and (key := key_in(one.uri)) and not one.shared]
        )
        if self.destination.unsettled is not None:
            raise self.destination.unsettled
        good = [one for one in copied if one.uri is not None]
        fault("replicate.settled")
        results = append_each(self.store, [self._event(one) for one in good], self.progress, LOST_OBJECTS)
        for one, result in zip(good, results, strict=True):
            if not isinstance(result, Refused):
                self.report.copied += 1
                self.report.shared += one.shared
            elif result.code in LOST_OBJECTS and not anew:
                lost.append(one.file)
            else:
                self.report.overtaken += 1
        found = [(one.file, bad) for one in copied for bad in one.bad]
        self.report.bad += len(found)
        yield from record(self.store, found, self.report, self.actor, self.progress)
        for one in copied:
            if one.uri is None:
                self.report.failed += 1
                yield Trouble(one.file["path"], "no copy of it is good and can be read")
        return lost

    def _begin(
        self, pool: ThreadPoolExecutor, files: Sequence[Row], copied: list[_Copied], anew: bool
    ) -> list[Future[_Copied]]:
        """Begin to copy what the store does not have; what it has is ``copied``."""
        contents = [(file["blake3"], file["size"]) for file in files]
        share = self.destination.dedupe and not anew
        known = self.store.objects.known(self.destination.name, contents) if share else [None] * len(files)
        copied += [
            _Copied(file, uri, shared=True) for file, uri in zip(files, known, strict=True) if uri is not None
        ]
        wanted = [file for file, uri in zip(files, known, strict=True) if uri is None]
        keys = self.store.objects.new_keys(len(wanted)) if wanted else []
        return [pool.submit(self._copy, file, key) for file, key in zip(wanted, keys, strict=True)]

    def _event(self, one: _Copied) -> NewEvent:
        file = one.file
        event = StorageRegistered(
            package_id=file["package_id"],
            file_id=file["file_id"],
            backend=self.destination.name,
            uri=str(one.uri),
            size=file["size"],
            blake3=file["blake3"],
        )
        return NewEvent(event, new_id(), self.actor)

    # In threads, which ask no database.

    def _copy(self, file: Row, key: str) -> _Copied:
        if self.destination.failure is not None:
            raise self.destination.failure
        content = FileContent(self.sources, file)
        if file["size"] <= SMALL:
            copied = copy_small(content, key, self._put, self._going)
        else:
            copied = self._large(content, key)
        return _Copied(file, uri_of(key) if copied else None, content.bad)

    def _put(self, key: str, data: bytes, sha256: bytes) -> None:
        self.destination.put([SmallObject(key, data, sha256)])

    def _large(self, content: FileContent, key: str) -> bool:
        to = self.destination
        good = copy_large(content, key, to.store, self._parts, self._budget, self._going, to.note)
        if good:
            to.count(content.file["size"])
        return good

    def _going(self, content: FileContent) -> Iterator[bytes]:
        """The pieces, until nobody wants them any more."""
        for piece in content.pieces():
            if self.stopping:
                raise error("store-unavailable", {"problem": "given up"})
            yield piece
