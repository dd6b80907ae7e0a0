"""Give files a copy in another store, read from a good one.

The bytes are hashed on their way: what is not what the log says is no copy of it. A source that is bad is
recorded, and the next one is read. A content that several files have is written once. Run again after an
interruption, it goes on with what is lacking.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from artifactstore.errors import Refused
from artifactstore.events import NewEvent, StorageRegistered, new_id
from artifactstore.jobs.batches import append_each, in_batches
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
_BATCH_BYTES = 1 << 30
"""Of files after which a batch ends, however few they are."""
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


class _GivenUpError(Exception):
    """Nobody wants the rest any more."""


def _free(_amount: float) -> None:
    """What is read costs nothing."""


def replicate(
    store: Store,
    files: Iterable[Row],
    destination: StoreDestination,
    sources: Sources,
    report: Replicated,
    *,
    actor: str,
    reason: str | None = None,
    begin: Callable[[float], None] = _free,
    spend: Callable[[float], None] = _free,
    stopping: threading.Event | None = None,
    progress: Progress = quiet,
) -> Iterator[Trouble]:
    """Copy files, with their copies, into a store; what is bad, as it is found.

    Args:
        destination: the store that gets them. report: is filled on the way. reason: of the events.
        begin: is told of 1 content that is to be written, spend: of bytes that were read; each returns when
            there is a budget for that. Both are called in several threads.
        stopping: set it, and it ends soon: what is durable is registered, the rest is left.

    Raises what the store refuses as a whole, and as ``Store.append``; what was registered before stays.
    """
    started = time.monotonic()
    ends = threading.Event() if stopping is None else stopping
    run = _Replication(store, destination, sources, report, actor, reason, begin, spend, ends, progress)
    try:
        yield from run.replicate(files)
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
    reason: str | None
    begin: Callable[[float], None]
    spend: Callable[[float], None]
    stopping: threading.Event
    progress: Progress
    _ended: bool = False
    _parts: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "parts"))
    _budget: MemoryBudget = field(default_factory=lambda: MemoryBudget(PARTS_BYTES))

    def replicate(self, files: Iterable[Row]) -> Iterator[Trouble]:
        """Copy in batches: known objects are shared, the others written, made durable, and registered."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="copy") as pool:
            try:
                for batch in in_batches(files, BATCH, itemgetter("size"), _BATCH_BYTES):
                    self.report.lacking += len(batch)
                    lost = yield from self._batch(pool, batch, anew=False)
                    if lost:
                        yield from self._batch(pool, lost, anew=True)
                    if self.stopping.is_set():
                        break
            finally:
                self._ended = True
                pool.shutdown(cancel_futures=True)

    def _batch(
        self, pool: ThreadPoolExecutor, files: Sequence[Row], *, anew: bool
    ) -> Generator[Trouble, None, list[Row]]:
        """Copy some files; those whose object went meanwhile, which are to be written ``anew``."""
        copied, lost = list[_Copied](), list[Row]()
        working = self._begin(pool, files, copied, anew)
        while wait(working, _TICK).not_done:
            self.progress("copying", self.destination.bytes, 0, "bytes")
        for future in working:
            copied += future.result()
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
    ) -> list[Future[list[_Copied]]]:
        """Begin to copy what the store does not have; what it has is ``copied``."""
        contents = [(file["blake3"], file["size"]) for file in files]
        share = self.destination.dedupe
        ask = share and not anew
        known = self.store.objects.known(self.destination.name, contents) if ask else [None] * len(files)
        wanted: dict[object, list[Row]] = {}
        for file, content, uri in zip(files, contents, known, strict=True):
            if uri is not None:
                copied.append(_Copied(file, uri, shared=True))
            else:
                wanted.setdefault(content if share else file["file_id"], []).append(file)
        keys = self.store.objects.new_keys(len(wanted)) if wanted else []
        return [pool.submit(self._copy, same, key) for same, key in zip(wanted.values(), keys, strict=True)]

    def _event(self, one: _Copied) -> NewEvent:
        file = one.file
        event = StorageRegistered(
            package_id=file["package_id"],
            file_id=file["file_id"],
            backend=self.destination.name,
            uri=str(one.uri),
            size=file["size"],
            blake3=file["blake3"],
            reason=self.reason,
        )
        return NewEvent(event, new_id(), self.actor)

    # In threads, which ask no database.

    def _copy(self, files: Sequence[Row], key: str) -> list[_Copied]:
        """Write the content that these files have, from the copies of one after the other; once."""
        tried: list[_Copied] = []
        for file in files:
            try:
                one = self._copy_of(file, key)
            except _GivenUpError:
                return []
            tried.append(one)
            if one.uri is not None:
                return [
                    *(_Copied(other.file, one.uri, other.bad, shared=True) for other in tried[:-1]),
                    one,
                    *(_Copied(other, one.uri, shared=True) for other in files[len(tried) :]),
                ]
        return tried

    def _copy_of(self, file: Row, key: str) -> _Copied:
        if self.destination.failure is not None:
            raise self.destination.failure
        self.begin(1)
        self._refuse_to_go_on()
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
            self._refuse_to_go_on()
            self.spend(len(piece))
            yield piece
        self._refuse_to_go_on()

    def _refuse_to_go_on(self) -> None:
        if self._ended or self.stopping.is_set():
            raise _GivenUpError
