"""Check random packages against the log while everything goes on: cheap enough to do all the time.

The events of a package are folded anew, one by one, in a view set that is taken away again, and the rows are
compared with the live ones in the same snapshot. What is found is true; what is not found may be elsewhere.
"""

from dataclasses import dataclass, field

from artifactstore.db import one_snapshot
from artifactstore.progress import Progress, quiet
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
    head = store.head()
    sample = store.sample_packages(events)
    packages = [package for package, _ in sample]
    sequences = [sequence for _, found in sample for sequence in found]
    differences = store.check_packages(packages, sequences, max_events) if packages else []
    return Sampled(head, len(packages), differences)


def verify_online(store: Store, sample: int, *, progress: Progress = quiet) -> Sampled:
    """Check the packages of ``sample`` random events, a few in each transaction."""
    total = Sampled()
    for done in range(0, sample, _BATCH):
        with one_snapshot(store.connection):
            checked = compare_sample(store, min(_BATCH, sample - done))
        total.head = checked.head
        total.packages += checked.packages
        total.differences += [one for one in checked.differences if one not in total.differences]
        progress("checking packages", min(done + _BATCH, sample), sample, "samples")
    return total
