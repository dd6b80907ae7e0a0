"""Rebuild the live views from the log, and check every digest while the database projects.

SQL does not compute BLAKE3 here (that would take longer than to project), so a second connection reads the
payloads meanwhile; the live views change only when all digests fit.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeVar

from psycopg import Connection

from artifactstore.db import one_snapshot
from artifactstore.errors import ArtifactstoreError, Busy, Damaged, translated
from artifactstore.jobs import parts
from artifactstore.jobs.digests import DigestChecker
from artifactstore.jobs.progress import Progress, from_notices, quiet
from artifactstore.store import Begun, Store, ViewSet

_KEEP_ALIVE = 5.0
"""Seconds between signs of life: the server ends a transaction that holds the lock idly for 15."""
_NEAR = 200
"""Events behind the head that are few enough to be projected together with the comparison."""
_ROUNDS = 5
_STALL = 0.2
"""Seconds that one batch of corrections should hold the append lock."""
_ALL = 2**31 - 1
_BUSY_ATTEMPTS = 10
_LEAVING = 8.0
_LOOK_AGAIN = 0.5
_UNIQUE_VIOLATION = "23505"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        head: the views are what the log says at this sequence, and have been since.
        since: it began after this sequence: that of a snapshot, or 0.
        seconds: what it took.
    """

    head: int
    since: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ReplayedOnline(Replayed):
    """What a replay beside the live views did.

    Attributes:
        resumed: it went on with an unfinished one, that was at this sequence; None if it was a new one.
        dropped: why an unfinished one was not gone on with; None if there was none.
        jobs: sessions that folded the log side by side, fewer than asked for when the server let no more in.
        packages: packages with rows that were not what the log says. rows: rows deleted and inserted.
        stalls: how often appends stood still. longest_stall: seconds of the longest.
        leftover: why the tables of the rebuild are still there, None if they are not; ``doctor --fix`` or the
            next replay removes them.
    """

    resumed: int | None
    dropped: str | None
    jobs: int
    packages: int
    rows: int
    stalls: int
    longest_stall: float
    leftover: str | None


def replay(
    store: Store,
    connect: Callable[[], Connection[Any]],
    *,
    snapshot: ViewSet | None = None,
    progress: Progress = quiet,
) -> Replayed:
    """Empty the live views and fill them, all or nothing; appends and readers wait meanwhile.

    Args:
        connect: opens another connection to the same database.
        snapshot: begin from it instead of from nothing.

    Raises:
        Damaged: a hole, or a digest that does not fit.
        ArtifactstoreError: any other, also those of projectors; all name ``sequence`` in ``detail`` when an
            event is the reason. The views are then as they were before.
    """
    store.log.refuse_read_only()
    since = 0 if snapshot is None else snapshot.sequence
    with (
        _views_doubted(store),
        _digests_checked(store, connect, since) as checker,
        translated(),
        store.connection.transaction(),
    ):
        with from_notices(store.connection, "projecting", progress):
            row = store.rebuilds.replay(None if snapshot is None else snapshot.schema_name, doubted=True)
        while not checker.finished.wait(_KEEP_ALIVE):
            store.log.head()
        _raise_damage(checker)
        checker.check_rest(store)
    return Replayed(row["head"], since, row["seconds"])


@contextmanager
def _views_doubted(store: Store) -> Iterator[None]:
    """Whoever takes a snapshot inside, such as pg_dump, has it that the views are not to be trusted.

    ``replay`` trusts them again; if it fails, they are what they were, and so is what is said of them.
    """
    made_by = store.rebuilds.doubt_views()
    try:
        yield
    except BaseException:
        with suppress(ArtifactstoreError):
            store.rebuilds.trust_views(made_by)
        raise


def replay_online(
    store: Store,
    connect: Callable[[], Connection[Any]],
    *,
    snapshot: ViewSet | None = None,
    jobs: int = 1,
    progress: Progress = quiet,
) -> ReplayedOnline:
    """Rebuild beside the live views while appends and reads go on, then mend the live rows that differ.

    Readers see old rows or new rows, never an empty table. Arguments and errors are those of ``replay``; one
    that was interrupted leaves a rebuild that the next one goes on with.

    Args:
        jobs: how many sessions fold the log side by side.
    """
    started = monotonic()
    store.log.refuse_read_only()
    since = 0 if snapshot is None else snapshot.sequence
    with translated(), _digests_checked(store, connect, since) as checker:
        begun, sequence, worked = _rebuild(store, connect, snapshot, jobs, progress)
        _catch_up(store, sequence, progress)
        while not checker.finished.wait(_KEEP_ALIVE):
            pass
        _raise_damage(checker)
        mending = _Mending(store, checker, progress)
        mending.mend()
        store.view_sets.end_rebuild()
        leftover = _drop(store)
    return ReplayedOnline(
        head=mending.head,
        since=since,
        seconds=monotonic() - started,
        resumed=begun.sequence if begun.resumed else None,
        dropped=begun.dropped,
        jobs=worked,
        packages=mending.packages,
        rows=mending.rows,
        stalls=len(mending.stalls),
        longest_stall=max(mending.stalls, default=0.0),
        leftover=leftover,
    )


@contextmanager
def _digests_checked(
    store: Store, connect: Callable[[], Connection[Any]], since: int
) -> Iterator[DigestChecker]:
    """A checker that runs beside the body; its finding goes before whatever the body raises because of it."""
    with translated(), connect() as other:
        checker = DigestChecker(Store(other), store.connection, since)
        checker.start()
        try:
            yield checker
        except ArtifactstoreError:
            _raise_damage(checker)
            raise
        finally:
            checker.stop()


def _raise_damage(checker: DigestChecker) -> None:
    if checker.failure is not None:
        raise checker.failure from None


def _rebuild(
    store: Store,
    connect: Callable[[], Connection[Any]],
    snapshot: ViewSet | None,
    jobs: int,
    progress: Progress,
) -> tuple[Begun, int, int]:
    """Begin or resume; fold what is worth to be shared out; how it began, where it is, how many worked."""
    schema = None if snapshot is None else snapshot.schema_name
    begun = _begin(store, schema)
    try:
        sequence, worked = _fold_parts(store, connect, begun.sequence, jobs, progress)
    except ArtifactstoreError as failure:
        if not parts.by_order(failure):
            raise
        _patiently(store.view_sets.drop_rebuild)
        return begun, _begin(store, schema).sequence, 1
    return begun, sequence, worked


def _fold_parts(
    store: Store, connect: Callable[[], Connection[Any]], begun: int, jobs: int, progress: Progress
) -> tuple[int, int]:
    """Fold the log up to its head in as many sessions; where the rebuild is then, how many worked."""
    wanted = jobs if store.log.head() - begun > parts.WORTH else 1
    with parts.sessions(connect, wanted - 1) as others:
        stores = [store, *others]
        shared = store.view_sets.begin_parts(len(stores))
        if not shared:
            return begun, 1
        folded = _Folded(begun, progress)
        leader = store.connection.info.backend_pid

        def step(one: Store, part: int) -> bool:
            at, last, events = one.view_sets.rebuild_part(part, leader)
            folded.add(events, last)
            return at >= last

        parts.fold(stores, shared, step)
        return store.view_sets.end_parts(), len(stores)


class _Folded:
    """How far all parts are together: events folded, in whatever part."""

    def __init__(self, begun: int, progress: Progress) -> None:
        self._done = begun
        self._progress = progress
        self._lock = Lock()

    def add(self, events: int, last: int) -> None:
        """``events`` more were folded, of those up to ``last``."""
        with self._lock:
            self._done += events
            self._progress("projecting", min(self._done, last), last)


def _begin(store: Store, snapshot: str | None) -> Begun:
    """Begin or resume; the backend of one that was killed may still be at its last range."""
    return _patiently(lambda: store.view_sets.begin_rebuild(snapshot))


def _patiently(attempt: Callable[[], T]) -> T:
    """What comes of it when whoever is in the way, such as autovacuum, leaves soon."""
    deadline = monotonic() + _LEAVING
    while True:
        try:
            return attempt()
        except Busy:
            if monotonic() > deadline:
                raise
            sleep(_LOOK_AGAIN)


def _drop(store: Store) -> str | None:
    """Drop the rebuild; why it cannot be done now, when a dump or somebody else reads it."""
    try:
        store.view_sets.drop_rebuild()
    except Busy as refusal:
        return str(refusal.detail.get("problem"))
    return None


def _catch_up(store: Store, begun: int, progress: Progress) -> None:
    """Project range by range, each a transaction, until few events are left."""
    last, head = begun, store.log.head()
    while head - last > _NEAR:
        last = store.view_sets.rebuild_next()
        progress("projecting", last, head)
        if last >= head:
            head = store.log.head()


class _Mending:
    """Finds the live rows that differ from the rebuild, and makes them equal in short batches."""

    def __init__(self, store: Store, checker: DigestChecker, progress: Progress) -> None:
        self.head = 0
        self.packages = 0
        self.rows = 0
        self.stalls: list[float] = []
        self._store = store
        self._checker = checker
        self._progress = progress

    def mend(self) -> None:
        """Return when at ``head`` no row differed; what is equal once stays equal."""
        for _ in range(_ROUNDS):
            different = self._find()
            if not different:
                return
            self.packages = max(self.packages, different)
            self._equalize(different)
        problem = "views differ again as soon as they were mended: something else writes them"
        raise Damaged("log-damaged", {"problem": problem})

    def _find(self) -> int:
        self._progress("comparing views", 0, 1, "")
        with one_snapshot(self._store.connection):
            self.head, packages, rows = self._store.view_sets.find_differences()
            self._checker.check_rest(self._store)
        self._progress("comparing views", 1, 1, "")
        return packages + rows

    def _equalize(self, different: int) -> None:
        left, batch, busy = different, 20, 0
        while left:
            try:
                left, seconds = self._batch(batch)
            except Busy:
                busy += 1
                if busy == _BUSY_ATTEMPTS:
                    raise
                continue
            except ArtifactstoreError as failure:
                # A purl or path went from one package to another, and they were in different batches.
                if failure.sqlstate != _UNIQUE_VIOLATION or batch == _ALL:
                    raise
                batch = _ALL
                continue
            batch = max(1, round(batch * min(2.0, _STALL / max(seconds, 0.001))))
            self._progress("mending packages", different - left, different, "packages")

    def _batch(self, packages: int) -> tuple[int, float]:
        started = monotonic()
        with translated(), self._store.connection.transaction():
            left, written, held = self._store.view_sets.equalize(packages)
            before_commit = monotonic()
        stall = held + monotonic() - before_commit
        self.rows += written
        self.stalls.append(stall)
        return left, monotonic() - started
