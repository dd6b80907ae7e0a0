"""Bring the files of a package into a directory, each checked against the log before it gets its name.

What is there already with this content is left alone, what was begun is gone on with. Copies that are bad are
recorded, if the registry takes it, and the next copy is read.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from typing import NamedTuple
from uuid import UUID

from blake3 import blake3

from artifactstore.errors import Damaged, Forbidden, Refused
from artifactstore.events import NewEvent
from artifactstore.events.manifest import RunningManifest
from artifactstore.jobs.batches import append_each
from artifactstore.jobs.below import Below, Unfit
from artifactstore.jobs.content import Bad, ContentSources, FileContent
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.registry import Registry
from artifactstore.store import Appended, Row
from artifactstore.stores.base import PIECE

AT_ONCE = 8
_AHEAD = 4
"""Files per thread that are looked up ahead of those that are read."""
_RECORDED = 500
_TICK = 0.5


class Trouble(NamedTuple):
    """What is bad: a copy, with its backend, URI and the event that says so, or a file that was not made."""

    path: str
    problem: str
    failure: str | None = None
    backend: str | None = None
    uri: str | None = None
    sequence: int | None = None


@dataclass(slots=True)
class Recorded:
    """Why bad copies were not recorded, if they were not."""

    unrecorded: str | None = None


@dataclass(slots=True, kw_only=True)
class Fetched(Recorded):
    """What a fetch did.

    Attributes:
        files, total: of the package, or those that were asked for, and their bytes. fetched: made; equal:
            left alone, since they were there; failed: not made. received: bytes that were read from copies.
            resumed: bytes that an earlier run had brought.
        bad: copies that were found bad.
        manifest: digest of the whole package, which is that of its seal; None for a part or an open package.
    """

    purl: str
    package_id: UUID
    state: str
    yanked: bool
    files: int = 0
    total: int = 0
    fetched: int = 0
    equal: int = 0
    failed: int = 0
    received: int = 0
    resumed: int = 0
    bad: int = 0
    manifest: bytes | None = None
    seconds: float = 0.0


class _Done(NamedTuple):
    """How it went with a file; ``outcome``: fetched, equal or failed."""

    file: Row
    outcome: str
    problem: str = ""
    bad: Sequence[Bad] = ()


def find_package(store: Registry, reference: UUID | str) -> Row:
    """The row of a package whose files can be had; raises ``NotFound`` or ``Refused``."""
    package = store.packages.package(reference)
    if package["state"] == "purged":
        raise Refused("purged", {"problem": package["purl"]})
    if package["state"] == "deleted":
        problem = f"{package['purl']} is deleted"
        raise Refused("wrong-state", {"problem": problem}, "artifactstore package restore brings it back")
    return package


def fetch(
    store: Registry,
    package: Row,
    paths: Sequence[str],
    below: Below,
    sources: ContentSources,
    report: Fetched,
    *,
    actor: str,
    replace: bool = False,
    progress: Progress = quiet,
) -> Iterator[Trouble]:
    """Make the files of a package, or those of ``paths``; what is bad, as it is found.

    Args:
        report: is filled on the way. replace: also what has other content.

    Raises ``NotFound`` for a path that the package does not have, before anything is made; ``Damaged`` when
    the files are not those that the package was sealed with; and what concerns all, such as ``disk-full``.
    """
    started = time.monotonic()
    package_id = package["package_id"]
    wanted = list(dict.fromkeys(paths))
    files = [store.packages.file_at(package_id, path) for path in wanted]
    if files:
        report.files, report.total = len(files), sum(file["size"] for file in files)
    else:
        totals = store.packages.package_totals(package_id)
        report.files, report.total = totals["files"], totals["bytes"]
    run = _Fetch(store, below, sources, report, actor, replace, progress)
    try:
        yield from run.fetch(store.copies.files_with_copies(package_id, wanted or None))
        if wanted or package["state"] != "sealed":
            report.manifest = None
        elif report.manifest != package["manifest_digest"]:
            problem = f"the files of {report.purl} are not those that it was sealed with"
            raise Damaged("log-damaged", {"problem": problem})
    finally:
        report.seconds = time.monotonic() - started


@dataclass(slots=True)
class _Fetch:
    """One fetch; the database is asked in the thread that takes the troubles."""

    store: Registry
    below: Below
    sources: ContentSources
    report: Fetched
    actor: str
    replace: bool
    progress: Progress
    stopping: bool = False
    _found: list[tuple[Row, Bad]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, files: Iterator[Row]) -> Iterator[Trouble]:
        """Make the files, and then their names durable."""
        manifest = RunningManifest(self.report.files)
        pending: deque[Future[_Done]] = deque()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch") as pool:
            try:
                for file in files:
                    manifest.add(file["path"], file["size"], file["blake3"])
                    pending.append(pool.submit(self._make, file))
                    while len(pending) >= AT_ONCE * _AHEAD:
                        yield from self._take(pending)
                while pending:
                    yield from self._take(pending)
            finally:
                self.stopping = True
                pool.shutdown(cancel_futures=True)
        yield from self._record()
        self.below.settle()
        self.report.manifest = manifest.digest()

    def _take(self, pending: deque[Future[_Done]]) -> Iterator[Trouble]:
        """The outcome of the first, when it is there."""
        while not wait([pending[0]], _TICK).done:
            self._tick()
        done = pending.popleft().result()
        self._tick()
        setattr(self.report, done.outcome, getattr(self.report, done.outcome) + 1)
        self.report.bad += len(done.bad)
        self._found += [(done.file, bad) for bad in done.bad]
        if len(self._found) >= _RECORDED:
            yield from self._record()
        if done.outcome == "failed":
            yield Trouble(done.file["path"], done.problem)

    def _tick(self) -> None:
        self.progress("fetching", self.report.received, self.report.total, "bytes")

    def _record(self) -> Iterator[Trouble]:
        """Record the bad copies, and tell them."""
        found, self._found = self._found, []
        yield from record(self.store, found, self.report, self.actor, self.progress)

    # In threads, which ask no database.

    def _make(self, file: Row) -> _Done:
        try:
            return self._made(file)
        except Unfit as unfit:
            return _Done(file, "failed", str(unfit))

    def _made(self, file: Row) -> _Done:
        there = self.below.read(file["path"])
        if there is not None:
            with os.fdopen(there, "rb", buffering=0) as present:
                if self._is(present, file):
                    return _Done(file, "equal")
            if not self.replace:
                raise Unfit("there is a file with other content: --force replaces it")
        name = f"{file['file_id']}.part"
        with self.below.part(name) as descriptor, os.fdopen(descriptor, "r+b", 0, closefd=False) as part:
            content = FileContent(self.sources, file)
            if self._write(content, part):
                os.fsync(descriptor)
                self.below.place(name, file["path"])
                return _Done(file, "fetched", bad=content.bad)
            if not part.seek(0, os.SEEK_END):
                self.below.drop(name)
        return _Done(file, "failed", _unread(content), content.bad)

    def _write(self, content: FileContent, part: FileIO) -> bool:
        """Write the content behind what is there of it; whether it is good."""
        size = content.file["size"]
        if part.seek(0, os.SEEK_END) > size:
            part.truncate(0)
        part.seek(0)
        content.resume(iter(partial(part.read, PIECE), b""))
        self._count(resumed=content.read)
        while True:
            for piece in content.pieces():
                if self.stopping:
                    raise Unfit("interrupted")
                part.write(piece)
                self._count(received=len(piece))
            if content.good:
                return True
            again = content.blame()
            if content.read == 0:
                part.seek(0)
                part.truncate(0)
            if not again:
                return False

    def _count(self, *, received: int = 0, resumed: int = 0) -> None:
        with self._lock:
            self.report.received += received
            self.report.resumed += resumed

    @staticmethod
    def _is(present: FileIO, file: Row) -> bool:
        """Whether a file that is there has the content."""
        if os.fstat(present.fileno()).st_size != file["size"]:
            return False
        digest = blake3()
        for piece in iter(partial(present.read, PIECE), b""):
            digest.update(piece)
        return bool(digest.digest() == file["blake3"])


def record(
    store: Registry,
    found: Sequence[tuple[Row, Bad]],
    report: Recorded,
    actor: str,
    progress: Progress = quiet,
) -> Iterator[Trouble]:
    """Record copies that were found bad, each with the row of its file; as they are told.

    Who may not, or cannot, is told why in the report, and reads on.
    """
    events = [
        NewEvent(event, bad.copy["location_id"], actor, bad.copy["changed_sequence"])
        for file, bad in found
        if (event := bad.event(file)) is not None
    ]
    results: Iterator[Appended | Refused] = iter(())
    try:
        results = iter(append_each(store, events, progress))
    except (Forbidden, Refused) as refusal:
        report.unrecorded = refusal.message
    for file, bad in found:
        result = next(results, None) if bad.event(file) is not None else None
        sequence = None if result is None or isinstance(result, Refused) else result.sequence
        copy = bad.copy
        yield Trouble(
            file["path"], bad.problem, bad.failure or "unread", copy["backend"], copy["uri"], sequence
        )


def _unread(content: FileContent) -> str:
    """Why a file could not be read from anywhere."""
    if content.bad:
        return "no copy of it is good and can be read"
    return "it has no copy that can be read from here"
