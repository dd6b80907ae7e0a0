"""Read copies of files again, and record whether they are still what was ingested.

What was found goes to the log in batches. A run that was interrupted is taken up by running it again: the
copies whose check is the longest ago come first.
"""

import os
import re
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from blake3 import blake3

from artifactstore.errors import ArtifactstoreError, Busy, NotFound, Refused
from artifactstore.events import NewEvent, StorageFailed, StorageVerified
from artifactstore.jobs.batches import append_each
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.jobs.tree import Hashed, Tree, TreeFile, hash_files
from artifactstore.registry import Registry
from artifactstore.store import CopyQuery, Row
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.keys import key_in

BATCH = 500
"""Events per append at most."""
_AHEAD = 16
"""Objects per thread that are read ahead."""
_SECONDS = 5.0
"""After so long a batch is appended although it is not full: what was read is not lost."""

_FILE_URI = re.compile(r"file:(?:///|//localhost/|/(?!/))([^?#]*)", re.IGNORECASE | re.ASCII | re.DOTALL)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)


@dataclass(slots=True)
class Checked:
    """What a check of copies found, so far.

    Attributes:
        copies, bytes: to be checked; good, bad: found so; overtaken: retired or checked by somebody else
            meanwhile, nothing was recorded; unusable: with a URI that names no local file.
        recent: left out because they were checked lately. read: bytes.
        elsewhere: copies that cannot be read from here, by backend and scheme.
    """

    copies: int = 0
    bytes: int = 0
    good: int = 0
    bad: int = 0
    overtaken: int = 0
    unusable: int = 0
    recent: int = 0
    read: int = 0
    seconds: float = 0.0
    elsewhere: list[Row] = field(default_factory=list)


class BadCopy(NamedTuple):
    """A copy that is not good: ``failure`` as in the event, or bad-uri; ``sequence`` of its event, if any."""

    copy: Row
    failure: str
    problem: str | None
    observed_size: int | None
    observed_blake3: bytes | None
    sequence: int | None


def local_path(uri: str) -> bytes:
    """The absolute path that a ``file://`` URI (RFC 8089) names; ``ValueError`` says why it does not."""
    match = _FILE_URI.fullmatch(uri)
    if match is None:
        raise ValueError("not file:///path with ? and # escaped, or on another host")
    if _BAD_ESCAPE.search(match[1]):
        raise ValueError("% without two hex digits behind it")
    path = b"/" + unquote_to_bytes(match[1])
    if b"\0" in path:
        raise ValueError("a path cannot hold the byte 00")
    return path


def judge(row: Row, file: Hashed, reason: str | None = None) -> StorageVerified | StorageFailed:
    """The event that says what a copy was found to be.

    Args:
        row: of the location, with ``size`` and ``blake3`` of its file.
    """
    failure = file.problem and ("missing" if file.missing else "unreachable")
    if failure is None and file.size != row["size"]:
        failure = "size_mismatch"
    if failure is None and file.blake3 != row["blake3"]:
        failure = "digest_mismatch"
    package_id, file_id = row["package_id"], row["file_id"]
    if failure is None:
        return StorageVerified(package_id=package_id, file_id=file_id, method="full_read", reason=reason)
    return StorageFailed(
        package_id=package_id,
        file_id=file_id,
        failure=failure,
        observed_size=None if file.problem else file.size,
        observed_blake3=None if file.problem else file.blake3 or None,
        reason=reason or file.problem,
    )


def hash_object(store: ObjectStore, uri: str) -> Hashed:
    """Read an object of a store; its ``path`` is the URI.

    Raises what says that the store as a whole cannot be read: no copy is bad for that.
    """
    key, digest, size = key_in(uri), blake3(), 0
    if key is None:
        return Hashed(uri, problem="no URI of an object")
    try:
        for piece in store.read(key):
            digest.update(piece)
            size += len(piece)
    except NotFound as failure:
        return Hashed(uri, problem=failure.message, missing=True)
    except Busy:
        raise
    except ArtifactstoreError as failure:
        return Hashed(uri, problem=failure.message)
    return Hashed(uri, size, digest.digest())


def check_files(
    store: Registry,
    where: CopyQuery,
    report: Checked,
    *,
    actor: str,
    record: bool = True,
    workers: int | None = None,
    objects: ObjectStore | None = None,
    progress: Progress = quiet,
) -> Iterator[BadCopy]:
    """Read the copies and append what was found, good or bad; the bad ones, as they are found.

    Args:
        report: is filled on the way.
        record: False appends nothing.
        workers: threads that read and hash; default: one per core.
        objects: the store that has the copies, if they are no files of this machine.

    Raises as ``Store.append``, and what says that the store as a whole cannot be read; what was appended
    before stays.
    """
    started = time.monotonic()
    totals = store.copies.copy_totals(where)
    report.copies, report.bytes, report.recent = totals["copies"], totals["bytes"], totals["recent"]
    report.elsewhere = store.copies.other_copies(where)
    run = _Check(store, report, actor, record, objects, progress)
    try:
        yield from run.check(where, workers or os.cpu_count() or 1)
    finally:
        report.seconds = time.monotonic() - started


@dataclass(slots=True)
class _Check:
    """One check of copies."""

    store: Registry
    report: Checked
    actor: str
    record: bool
    objects: ObjectStore | None
    progress: Progress
    _reading: dict[str, list[Row]] = field(default_factory=dict)
    _unusable: list[BadCopy] = field(default_factory=list)
    _batch: list[tuple[Row, StorageVerified | StorageFailed]] = field(default_factory=list)
    _next: float = 0.0

    def check(self, where: CopyQuery, workers: int) -> Iterator[BadCopy]:
        """Hash in the order of the rows, and append what is done from time to time."""
        self._next = time.monotonic() + _SECONDS
        rows = self.store.copies.copies_to_check(where)
        found = self._of_files(rows, workers) if self.objects is None else self._of_objects(rows, workers)
        for row, file in found:
            yield from self._take_unusable()
            self._batch.append((row, judge(row, file)))
            if len(self._batch) == BATCH or time.monotonic() > self._next:
                yield from self._append()
        yield from self._take_unusable()
        yield from self._append()

    def _of_files(self, rows: Iterator[Row], workers: int) -> Iterator[tuple[Row, Hashed]]:
        for file in hash_files(Tree(Path("/")), self._entries(rows), workers, self._tick, check=True):
            # Several locations may name one file; results come in the order of the entries.
            row = self._reading[file.path].pop(0)
            if not self._reading[file.path]:
                del self._reading[file.path]
            yield row, file

    def _of_objects(self, rows: Iterator[Row], workers: int) -> Iterator[tuple[Row, Hashed]]:
        assert self.objects is not None  # noqa: S101 - who calls has looked
        pending: deque[tuple[Row, Future[Hashed]]] = deque()
        with ThreadPoolExecutor(workers, thread_name_prefix="read") as pool:
            try:
                for row in rows:
                    pending.append((row, pool.submit(hash_object, self.objects, row["uri"])))
                    if len(pending) > workers * _AHEAD:
                        yield self._first(pending)
                while pending:
                    yield self._first(pending)
            finally:
                pool.shutdown(cancel_futures=True)

    def _first(self, pending: deque[tuple[Row, Future[Hashed]]]) -> tuple[Row, Hashed]:
        row, reading = pending.popleft()
        file = reading.result()
        self._tick(self.report.read + file.size)
        return row, file

    def _entries(self, rows: Iterator[Row]) -> Iterator[TreeFile]:
        for row in rows:
            try:
                path = os.fsdecode(local_path(row["uri"]).lstrip(b"/"))
            except ValueError as error:
                self.report.unusable += 1
                self._unusable.append(BadCopy(row, "bad-uri", str(error), None, None, None))
                continue
            self._reading.setdefault(path, []).append(row)
            yield TreeFile(path, row["size"])

    def _take_unusable(self) -> Iterator[BadCopy]:
        found, self._unusable = self._unusable, []
        yield from found

    def _tick(self, read: int) -> None:
        self.report.read = read
        self.progress("reading copies", read, self.report.bytes, "bytes")

    def _append(self) -> Iterator[BadCopy]:
        batch, self._batch = self._batch, []
        self._next = time.monotonic() + _SECONDS
        sequences: list[int | None] = [None] * len(batch)
        if self.record:
            events = [
                NewEvent(event, row["location_id"], self.actor, row["changed_sequence"])
                for row, event in batch
            ]
            results = append_each(self.store, events, self.progress)
            self.report.overtaken += sum(isinstance(result, Refused) for result in results)
            kept = [
                (one, result.sequence)
                for one, result in zip(batch, results, strict=True)
                if not isinstance(result, Refused)
            ]
            batch, sequences = [one for one, _ in kept], [sequence for _, sequence in kept]
        for (row, event), sequence in zip(batch, sequences, strict=True):
            if isinstance(event, StorageVerified):
                self.report.good += 1
                continue
            self.report.bad += 1
            size, blake3 = event.observed_size, event.observed_blake3
            yield BadCopy(row, event.failure, event.reason, size, blake3, sequence)
