"""Stored view sets: snapshots that bound what a replay costs, and the registry as it was."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

from artifactstore.db import one_snapshot
from artifactstore.errors import ArtifactstoreError, NotFound
from artifactstore.jobs.progress import Progress, from_notices, quiet
from artifactstore.store import Store, ViewSet

T = TypeVar("T")

Tell: TypeAlias = Callable[[ViewSet, str], None]
"""Is told which snapshot cannot be used, and why, before the next one is tried."""


def create(store: Store) -> ViewSet:
    """Store the live views as they are; appends go on."""
    with one_snapshot(store.connection):
        return store.view_sets.create_snapshot()


def newest(store: Store, last: int | None = None) -> list[ViewSet]:
    """The snapshots that reflect nothing after ``last`` (default: the head), the newest first."""
    found = store.view_sets.view_sets(["snapshot"])
    return [one for one in found if last is None or one.sequence <= last]


def begin(
    candidates: Iterable[ViewSet], use: Callable[[ViewSet | None], T], tell: Tell
) -> tuple[T, ViewSet | None]:
    """``use`` the first of the snapshots that can be trusted, or None; what it gave, and which it was.

    The database judges a snapshot when it begins there, in the same statement: its rows are read once, and
    are the rows that were judged.
    """
    for snapshot in candidates:
        try:
            return use(snapshot), snapshot
        except ArtifactstoreError as refusal:
            if refusal.code != "bad-view-set":
                raise
            tell(snapshot, str(refusal.detail["problem"]))
    return use(None), None


def find(store: Store, sequence: int) -> ViewSet:
    """The snapshot of this sequence; raises ``NotFound``."""
    for snapshot in store.view_sets.view_sets(["snapshot"]):
        if snapshot.sequence == sequence:
            return snapshot
    raise NotFound("no-such-view-set", {"problem": f"no snapshot of sequence {sequence}"})


def prune(store: Store, keep: int) -> Iterator[ViewSet]:
    """Drop all snapshots but the newest ``keep`` that are not refused for what can be seen at once.

    Yields what was dropped. Rows are not read: damage there is found when a snapshot is used.
    """
    good = 0
    for snapshot in store.view_sets.view_sets(["snapshot"]):
        if store.view_sets.view_set_problem(snapshot.schema_name, rows=False) is None:
            good += 1
            if good <= keep:
                continue
        store.view_sets.drop_view_set(snapshot.schema_name)
        yield snapshot


def as_of(
    store: Store,
    schema: str,
    last: int,
    *,
    use_snapshots: bool = True,
    tell: Tell = lambda *_: None,
    progress: Progress = quiet,
) -> tuple[ViewSet, ViewSet | None]:
    """Make the registry as it was after event ``last``, in a schema of its own; also where it began.

    Raises:
        ArtifactstoreError: ``schema-taken``, ``not-found`` (no such event), or what a projector refuses.
    """

    def make(snapshot: ViewSet | None) -> ViewSet:
        with from_notices(store.connection, "projecting", progress):
            return store.view_sets.as_of(schema, last, snapshot and snapshot.schema_name)

    return begin(newest(store, last) if use_snapshots else [], make, tell)
