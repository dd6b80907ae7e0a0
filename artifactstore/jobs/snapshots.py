"""Stored view sets: snapshots that bound what a replay costs, and the registry as it was."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from artifactstore.db import one_snapshot
from artifactstore.errors import NotFound
from artifactstore.jobs.progress import Progress, from_notices, quiet
from artifactstore.store import Store, ViewSet


@dataclass(frozen=True, slots=True)
class Chosen:
    """Where a replay begins: ``snapshot`` is None for the beginning of the log.

    Attributes:
        refused: those that were tried before, with the reason why each cannot be used.
    """

    snapshot: ViewSet | None
    refused: list[tuple[ViewSet, str]] = field(default_factory=list)


def create(store: Store) -> ViewSet:
    """Store the live views as they are; appends go on."""
    with one_snapshot(store.connection):
        return store.view_sets.create_snapshot()


def choose(store: Store, last: int | None = None, *, progress: Progress = quiet) -> Chosen:
    """The newest snapshot that can be trusted and reflects nothing after ``last`` (default: the head)."""
    chosen = Chosen(None)
    for snapshot in store.view_sets.view_sets(["snapshot"]):
        if last is not None and snapshot.sequence > last:
            continue
        progress("checking snapshot", 0, 1, "")
        problem = store.view_sets.view_set_problem(snapshot.schema_name)
        progress("checking snapshot", 1, 1, "")
        if problem is None:
            return Chosen(snapshot, chosen.refused)
        chosen.refused.append((snapshot, problem))
    return chosen


def at(store: Store, sequence: int) -> Chosen:
    """The snapshot of this sequence, or none with the reason why it cannot be used."""
    snapshot = find(store, sequence)
    problem = store.view_sets.view_set_problem(snapshot.schema_name)
    return Chosen(snapshot) if problem is None else Chosen(None, [(snapshot, problem)])


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
    store: Store, schema: str, last: int, *, use_snapshots: bool = True, progress: Progress = quiet
) -> tuple[ViewSet, Chosen]:
    """Make the registry as it was after event ``last``, in a schema of its own.

    Raises:
        ArtifactstoreError: ``schema-taken``, ``not-found`` (no such event), or what a projector refuses.
    """
    chosen = choose(store, last, progress=progress) if use_snapshots else Chosen(None)
    base = None if chosen.snapshot is None else chosen.snapshot.schema_name
    with from_notices(store.connection, "projecting", progress):
        return store.view_sets.as_of(schema, last, base), chosen
