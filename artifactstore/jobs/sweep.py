"""Delete and purge packages whose retention ended.

The clock of the database decides, three times: which packages are due, how long ago a deleted one was
deleted, and, when its event is appended, whether retention has really ended. This process reads no clock.
One sweep takes one step per package: what it deletes, a later one purges, when its grace is over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from artifactstore.errors import Refused
from artifactstore.events import Event, NewEvent, PackageDeleted, PackagePurged
from artifactstore.jobs.batches import append_each
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.store import Row, Store

BATCH = 100
"""Events per append: others wait for milliseconds, and each package is its own event in the log."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a sweep looks: ``instant`` by the clock of the database; deleted packages must have been
    deleted by ``deleted_before``.
    """

    instant: datetime
    deleted_before: datetime


class Swept(NamedTuple):
    """What became of a package: the ``sequence`` of its event, or the code of what stood in the way."""

    package: Row
    sequence: int | None
    refusal: str | None

    @property
    def outcome(self) -> str:
        """deleted or purged, else why it was skipped."""
        return self.refusal or {"delete": "deleted", "purge": "purged"}[self.package["action"]]


def guarded(store: Store, moment: Moment, most: int) -> list[Row]:
    """The packages that a sweep takes on, as ``Store.sweepable`` gives them.

    Raises ``Refused`` too-many-due when there are more than ``most``: a wrong clock or a wrong policy
    makes everything due at once.
    """
    rows = list(store.retention.sweepable(moment.instant, moment.deleted_before, most + 1))
    if len(rows) > most:
        counts = store.retention.sweep_counts(moment.instant, moment.deleted_before)
        due = counts["deletions"] + counts["purges"]
        problem = f"{due} packages are due, {most} are allowed"
        detail = {"problem": problem, "due": due, "max": most, "instant": _rfc3339(moment.instant)}
        raise Refused("too-many-due", detail)
    return rows


def sweep(
    store: Store, moment: Moment, rows: list[Row], actor: str, *, progress: Progress = quiet
) -> Iterator[Swept]:
    """Append the event of each package, in batches; what each came to.

    A package that changed since it was read (held, restored, kept longer, swept by somebody else) is
    skipped. Raises as ``Store.append`` for what concerns all, such as ``clock-behind``; events that were
    appended before stay, and another sweep goes on.
    """
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        events = [
            NewEvent(_event(row, moment), row["package_id"], actor, row["last_sequence"]) for row in batch
        ]
        for row, result in zip(batch, append_each(store, events, progress), strict=True):
            if isinstance(result, Refused):
                yield Swept(row, None, result.code)
            else:
                yield Swept(row, result.sequence, None)
        progress("sweeping", start + len(batch), len(rows), "packages")


def _event(row: Row, moment: Moment) -> Event:
    reason = (
        f"sweep: {row['mode']} retention ended at {_rfc3339(row['retain_until'])}, "
        f"which was past at {_rfc3339(moment.instant)} by the clock of the database"
    )
    if row["action"] == "delete":
        return PackageDeleted(reason=reason)
    return PackagePurged(reason=reason, file_count=row["file_count"])


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
