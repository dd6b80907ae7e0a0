"""Give copies of a store up whose files have good copies elsewhere; the keeper removes them in their time."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from artifactstore.errors import Refused
from artifactstore.events import NewEvent, StorageRetiring
from artifactstore.jobs.batches import append_each
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.store import Row, Store

BATCH = 500


class Evicted(NamedTuple):
    """A copy, and the ``sequence`` of its event, or the code of what stood in the way; neither: not yet."""

    copy: Row
    sequence: int | None = None
    refusal: str | None = None


def evict(
    store: Store,
    backend: str,
    least: int,
    *,
    actor: str,
    reason: str,
    package_id: UUID | None = None,
    dry_run: bool = False,
    progress: Progress = quiet,
) -> Iterator[Evicted]:
    """Let copies in a store be ``retiring``, of a package or of all, whose file has verified ones elsewhere.

    Args:
        least: in so many other backends. dry_run: only tell which.

    Raises as ``Store.append``; what was appended before stays, and another run goes on.
    """
    after: UUID | None = None
    told = 0
    while rows := store.keeping.evictable(backend, least, package_id, after, BATCH):
        after = rows[-1]["location_id"]
        told += len(rows)
        if dry_run:
            yield from map(Evicted, rows)
            continue
        events = [
            NewEvent(
                StorageRetiring(package_id=row["package_id"], file_id=row["file_id"], reason=reason),
                row["location_id"],
                actor,
                row["changed_sequence"],
            )
            for row in rows
        ]
        for row, result in zip(rows, append_each(store, events, progress), strict=True):
            if isinstance(result, Refused):
                yield Evicted(row, None, result.code)
            else:
                yield Evicted(row, result.sequence)
        progress("evicting", told, 0, "copies")
