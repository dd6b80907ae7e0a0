"""Register a directory tree, or a file, as the files of a package.

Three passes: list (names are checked, nothing is read), compare (files that the package has already are
read and must be the same), append (the others are read and appended in batches). A run that was
interrupted is taken up by running it again. Memory grows with the number of files that the package has
when the run begins, not with the size of the tree.

With stores the files of the third pass are put there as they are read (``uploads``), and an event names their
copies when these are durable.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

from artifactstore import system
from artifactstore.errors import BadInput, NotFound, Refused
from artifactstore.events import (
    FileIngested,
    Location,
    NewEvent,
    PackageCreated,
    PackageLabeled,
    PackageSealed,
    new_id,
)
from artifactstore.jobs.batches import append_each, append_patiently, in_flight
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.jobs.tree import Hashed, Tree, TreeFile, hash_files
from artifactstore.jobs.uploads.destinations import LOST_OBJECTS
from artifactstore.jobs.uploads.keeping import Keeping, Kept, Stored
from artifactstore.registry import Registry
from artifactstore.store import Appended
from artifactstore.stores.faults import fault

BACKEND = "file"
BATCH = 1_000
"""Events per append: one lock, one projection and one commit for all of them."""

_NAMES = 20
"""File names that an error or a summary lists; it counts the rest."""

_RACED = frozenset({"path-taken", "not-open", "purged", "manifest-changed"})
_AGAIN = (
    "somebody else, such as another ingest, changed the package meanwhile: run it again; what the package "
    "has by then is compared, and only the rest is appended"
)

_Known: TypeAlias = Mapping[str, tuple[int, bytes]]
"""Files that a package has: path → size in bytes, BLAKE3."""


@dataclass(slots=True)
class Names:
    """Names of files with something in common: all are counted, the first are kept."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count a name, and keep it while there is room."""
        self.count += 1
        if len(self.first) < _NAMES:
            self.first.append(name)

    def __str__(self) -> str:
        more = self.count - len(self.first)
        return ", ".join(self.first) + (f" and {more} more" if more else "")


@dataclass(slots=True)
class Ingested:
    """What an ingest did.

    Attributes:
        created: whether this run made the package. state: of the package at the end.
        files, bytes: regular files of the tree, and the sum of their sizes.
        appended: files that this run appended; unchanged: files that the package had already.
        skipped: what is no regular file, as ``name (symbolic link)``.
        absent: files of the package that the tree does not have.
        labeled: labels that this run set on a package that was there.
        events: events of this run, from first_sequence to last_sequence (None when there are none; with
            other writers at work not all between are of this run).
        seconds: of the whole run; append_seconds: of the appends in it.
        sealed: set when this run sealed the package.
    """

    purl: str
    package_id: UUID
    created: bool = False
    state: str = "open"
    files: int = 0
    bytes: int = 0
    appended: int = 0
    unchanged: int = 0
    skipped: Names = field(default_factory=Names)
    absent: int = 0
    labeled: int = 0
    events: int = 0
    first_sequence: int | None = None
    last_sequence: int | None = None
    seconds: float = 0.0
    append_seconds: float = 0.0
    sealed: PackageSealed | None = None


def ingest(
    store: Registry,
    path: Path,
    purl: str,
    *,
    actor: str,
    labels: Mapping[str, str] | None = None,
    seal: bool = False,
    exclude: Iterable[str] = (),
    workers: int | None = None,
    stores: Stored | None = None,
    progress: Progress = quiet,
) -> Ingested:
    """Append the file ``path``, or every regular file below it, that package ``purl`` does not have yet.

    The package is made when there is none; ``purl`` may have any valid spelling. Each file gets one
    location: its ``file://`` URI; or its copies in ``stores``.

    Args:
        labels: the package has them afterwards; others that it has stay.
        exclude: what is left out, as patterns of a ``.gitignore`` in the directory.
        workers: threads that read and hash; default: one per core.

    Raises:
        BadInput: file (no such path, files that cannot be read), usage (no files, a bad pattern), bad-path
            (names that no package can have) or invalid-purl. Nothing was appended.
        Refused: path-taken (the package has files of this name with other content) or not-open (new
            files for a package that takes none). Nothing was appended.
        Refused: manifest-changed: some files changed while they were read, or too few stores took them; all
            others were appended.
        What a store refuses, when too few of them are left; KeyboardInterrupt, when it was to stop. What was
            durable was appended.
    """
    started = time.monotonic()
    try:
        tree = Tree(path, exclude)
    except OSError as error:
        raise system.refused(error, path) from error
    report = Ingested(purl, new_id())
    run = _Ingest(store, tree, actor, labels or {}, workers or os.cpu_count() or 1, stores, progress, report)
    run.list_tree()
    known = run.find_package()
    run.compare(known)
    run.append_new(known)
    run.label()
    if seal and run.report.state == "open":
        run.seal()
    run.report.seconds = time.monotonic() - started
    return run.report


@dataclass(slots=True)
class _Ingest:
    """One ingest; the methods are its steps, in order."""

    store: Registry
    tree: Tree
    actor: str
    labels: Mapping[str, str]
    workers: int
    stores: Stored | None
    progress: Progress
    report: Ingested
    _found: bool = False
    _read: int = 0

    def list_tree(self) -> None:
        """Count the files and check their names."""
        bad, unreadable = Names(), Names()
        for entry in self.tree.walk():
            if entry.skip is not None:
                self.report.skipped.add(f"{entry.path} ({entry.skip})")
            elif entry.problem is not None:
                (unreadable if entry.unreadable else bad).add(f"{entry.path} ({entry.problem})")
            else:
                self.report.files += 1
                self.report.bytes += entry.size
                if self.report.files % BATCH == 0:
                    self.progress("listing", self.report.files, 0, "files")
        if bad.count:
            raise BadInput("bad-path", {"problem": str(bad), "files": bad.count})
        if unreadable.count:
            raise BadInput("file", {"problem": f"cannot be read: {unreadable}", "files": unreadable.count})
        if not self.report.files:
            raise BadInput("usage", {"problem": f"no regular file in {os.fsdecode(self.tree.root)}"})

    def find_package(self) -> _Known:
        """Size and BLAKE3 of the files that the package has, by path; none if there is no package."""
        try:
            package = self.store.packages.package(self.report.purl)
        except NotFound:
            self.report.purl = self.store.packages.canonical_purl(self.report.purl)
            return {}
        self._found = True
        self.report.purl = package["purl"]
        self.report.package_id, self.report.state = package["package_id"], package["state"]
        if self.report.state not in ("open", "sealed"):
            raise Refused("not-open", {"problem": f"{self.report.purl} is {self.report.state}"})
        manifest = self.store.packages.manifest(self.report.package_id)
        return {entry.path: (entry.size, entry.blake3) for entry in manifest}

    def compare(self, known: _Known) -> None:
        """Read the files that the package has already: they must be the same, and new ones be welcome."""
        changed, failed = Names(), Names()
        for file in self._hash(entry for entry in self._files() if entry.path in known):
            if file.problem is not None:
                failed.add(f"{file.path} ({file.problem})")
            elif known[file.path] == (file.size, file.blake3):
                self.report.unchanged += 1
            else:
                changed.add(file.path)
        if changed.count:
            problem = f"other content than was ingested: {changed}"
            raise Refused("path-taken", {"problem": problem, "files": changed.count})
        _refuse_failed(failed)
        self.report.absent = len(known) - self.report.unchanged
        if self.report.state == "sealed" and self.report.unchanged < self.report.files:
            new = Names()
            for entry in self._files():
                if entry.path not in known:
                    new.add(entry.path)
            problem = f"{self.report.purl} is sealed and lacks {new}"
            raise Refused("not-open", {"problem": problem, "files": new.count})

    def append_new(self, known: _Known) -> None:
        """Read and append the files that the package does not have, in batches."""
        if self.report.unchanged == self.report.files:
            return
        self._create()
        failed = Names()
        new = (entry for entry in self._files() if entry.path not in known)
        if self.stores is not None:
            self._keep(self.stores, new, failed)
        else:
            batches = self._batches(new, failed)
            for appended in in_flight(self._append, batches, self.store.writes.side_by_side):
                self._note(appended)
        _refuse_failed(failed)

    def _batches(self, entries: Iterator[TreeFile], failed: Names) -> Iterator[list[NewEvent]]:
        """The events of files that stay where they are."""
        batch: list[NewEvent] = []
        for file in self._hash(entries):
            if file.problem is not None:
                failed.add(f"{file.path} ({file.problem})")
                continue
            batch.append(self._event(file, ((BACKEND, self.tree.uri(file.path)),)))
            self.report.appended += 1
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _keep(self, stores: Stored, entries: Iterator[TreeFile], failed: Names) -> None:
        """Put files into stores, and append them as they become durable.

        Those whose object went meanwhile are put once more, under new keys.
        """
        lost: list[TreeFile] = []
        with stores.finishing() as stopping:
            keeping = Keeping(self.tree, stores, self.workers, stopping, self._ticking())
            for batch in keeping.keep(entries):
                lost += self._append_kept(batch, failed, LOST_OBJECTS)
            for batch in keeping.keep(lost, anew=True) if lost else ():
                self._append_kept(batch, failed)

    def _append_kept(
        self, batch: Sequence[Kept], failed: Names, of_one: frozenset[str] = frozenset()
    ) -> list[TreeFile]:
        """Append files that are durable; those that were refused for one of these reasons."""
        for kept in batch:
            if kept.file.problem is not None:
                failed.add(f"{kept.file.path} ({kept.file.problem})")
        good = [kept for kept in batch if kept.file.problem is None]
        events = [self._event(kept.file, kept.copies) for kept in good]
        with self._appending():
            results = append_each(self.store, events, self.progress, of_one)
        appended = [result for result in results if not isinstance(result, Refused)]
        self.report.appended += len(appended)
        self._note(appended)
        fault("ingest.appended")
        refused = [
            kept.file for kept, result in zip(good, results, strict=True) if isinstance(result, Refused)
        ]
        return [TreeFile(file.path, file.size) for file in refused]

    def label(self) -> None:
        """Set the labels that a package lacks which this run did not make."""
        if not self.labels or self.report.created:
            return
        present = self.store.packages.package(self.report.package_id)["labels"]
        lacking = {key: value for key, value in self.labels.items() if present.get(key) != value}
        if lacking:
            self._append([NewEvent(PackageLabeled(set=lacking), self.report.package_id, self.actor)])
            self.report.labeled = len(lacking)

    def seal(self) -> None:
        """Seal the package with the files that it has."""
        with _overtaken():
            appended, self.report.sealed = self.store.writes.seal(self.report.package_id, self.actor)
        self._note([appended])
        self.report.state = "sealed"

    def _files(self) -> Iterator[TreeFile]:
        return (entry for entry in self.tree.walk() if entry.skip is None and entry.problem is None)

    def _hash(self, entries: Iterator[TreeFile]) -> Iterator[Hashed]:
        return hash_files(self.tree, entries, self.workers, self._ticking())

    def _ticking(self) -> Callable[[int], None]:
        """Tells how much was read, beside what was read before."""
        before = self._read

        def tick(read: int) -> None:
            self._read = before + read
            self.progress("reading", self._read, self.report.bytes, "bytes")

        return tick

    def _event(self, file: Hashed, copies: Iterable[tuple[str, str]]) -> NewEvent:
        event = FileIngested(
            package_id=self.report.package_id,
            path=file.path,
            size=file.size,
            blake3=file.blake3,
            sha256=file.sha256,
            locations=tuple(
                Location(location_id=new_id(), backend=backend, uri=uri) for backend, uri in copies
            ),
        )
        return NewEvent(event, new_id(), self.actor)

    def _create(self) -> None:
        """Make the package unless it was found; another ingest may make it meanwhile."""
        if self._found:
            return
        event = NewEvent(
            PackageCreated(purl=self.report.purl, labels=dict(self.labels) or None),
            self.report.package_id,
            self.actor,
        )
        try:
            self._note(self._append([event]))
        except Refused as refusal:
            if refusal.code != "name-taken":
                raise
            self.report.package_id = self.store.packages.package(self.report.purl)["package_id"]
        else:
            self.report.created = True

    def _append(self, events: list[NewEvent]) -> list[Appended]:
        with self._appending():
            return append_patiently(self.store, events, self.progress)

    @contextmanager
    def _appending(self) -> Iterator[None]:
        started = time.monotonic()
        with _overtaken():
            yield
        # Of those that go side by side, each has its share of the time.
        self.report.append_seconds += (time.monotonic() - started) / self.store.writes.side_by_side

    def _note(self, appended: Sequence[Appended]) -> None:
        if not appended:
            return
        self.report.events += len(appended)
        first, last = appended[0].sequence, appended[-1].sequence
        self.report.first_sequence = min(self.report.first_sequence or first, first)
        self.report.last_sequence = max(self.report.last_sequence or last, last)


@contextmanager
def _overtaken() -> Iterator[None]:
    """Tell what is refused although the package was looked at before: somebody changed it since.

    Most often another ingest of the same tree. What cures the refusal elsewhere, such as to remove the file,
    would undo its work.
    """
    try:
        yield
    except Refused as refusal:
        if refusal.code not in _RACED:
            raise
        facts = {name: value for name, value in refusal.detail.items() if name != "code"}
        raise type(refusal)(refusal.code, facts, _AGAIN, refusal.sqlstate) from refusal


def _refuse_failed(failed: Names) -> None:
    if failed.count:
        problem = f"not ingested: {failed}"
        raise Refused("manifest-changed", {"problem": problem, "files": failed.count}, "run it again")
