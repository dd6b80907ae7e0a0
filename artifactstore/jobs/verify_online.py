"""Check random packages against the log while everything goes on: cheap enough to do all the time.

The events of a package are folded anew in a scratch view set, and the rows are compared with the live ones in
the same snapshot. What is found is true; what is not found may be elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from artifactstore.db import one_snapshot
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.store import Difference, Store

_BATCH = 20


@dataclass(slots=True)
class Sampled:
    """``packages`` were checked at ``head``; ``differences``: left is the live value."""

    head: int = 0
    packages: int = 0
    differences: list[Difference] = field(default_factory=list)


def compare_sample(store: Store, events: int, max_events: int | None = None) -> Sampled:
    """Check the packages of so many random events, in the caller's REPEATABLE READ transaction.

    Args:
        max_events: leave out packages of more events.
    """
    head = store.log.head()
    sample = store.rebuilds.sample_packages(events)
    return Sampled(head, len(sample), _check(store, sample, max_events))


def verify_online(store: Store, sample: int, *, progress: Progress = quiet) -> Sampled:
    """Check the packages of ``sample`` random events, each once, a few in each transaction."""
    total = Sampled()
    chosen = store.rebuilds.sample_packages(sample)
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]
        with one_snapshot(store.connection):
            total.head = store.log.head()
            total.differences += _check(store, batch)
        total.packages += len(batch)
        progress("checking packages", total.packages, len(chosen), "packages")
    return total


def _check(
    store: Store, sample: Sequence[tuple[UUID, list[int]]], max_events: int | None = None
) -> list[Difference]:
    packages = [package for package, _ in sample]
    sequences = [sequence for _, found in sample for sequence in found]
    return store.rebuilds.check_packages(packages, sequences, max_events) if packages else []
