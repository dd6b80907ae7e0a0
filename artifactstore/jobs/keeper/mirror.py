"""Give a store what the stores have that it mirrors.

A page of files after the other: those that a mirrored store has a copy of, and this one no good copy. What is
lacking is a question to the log, so an interruption, or a pass that ends before all is done, loses nothing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from artifactstore.jobs.content import Sources
from artifactstore.jobs.keeper.work import ACTOR, TOLD, KeeperJob
from artifactstore.jobs.replicate import Replicated, replicate
from artifactstore.jobs.uploads.destinations import StoreDestination
from artifactstore.store import Row

_ROWS = 500


@dataclass(slots=True)
class MirrorPlace:
    """The file after which the next pass goes on; None: at the beginning. Kept by who runs the passes."""

    after: UUID | None = None


def mirror(work: KeeperJob, sources: Sources, place: MirrorPlace, seconds: float | None = None) -> None:
    """Copy what is lacking, for about so long at most.

    Raises what the store refuses as a whole, and as ``Store.append``; what was registered stays.
    """
    ends = None if seconds is None else time.monotonic() + seconds
    files = _lacking(work, place, ends)
    if work.dry_run:
        for file in files:
            work.count("lacking")
            work.count("lacking_bytes", file["size"])
        return
    report = Replicated(store=work.name)
    found = replicate(
        work.store,
        files,
        StoreDestination(work.place, dedupe=work.settings.dedupe),
        sources,
        report,
        actor=ACTOR,
        reason="keeper: mirror",
        begin=work.requests.spend,
        spend=work.bytes.spend,
        stopping=work.stopping,
        progress=work.progress,
    )
    try:
        for number, trouble in enumerate(found):
            if number < TOLD:
                kind = trouble.failure or "lost"
                where = f" in {trouble.backend}" if trouble.backend else ""
                work.tell(kind, f"{trouble.path}{where}: {trouble.problem}")
    finally:
        for name in ("lacking", "copied", "shared", "overtaken", "failed", "bad", "bytes"):
            work.count(name, getattr(report, name))


def _lacking(work: KeeperJob, place: MirrorPlace, ends: float | None) -> Iterator[Row]:
    """Files by id from where the last pass stopped to the end, or until time is over."""
    while not work.stopping.is_set() and (ends is None or time.monotonic() < ends):
        rows = work.store.copies.not_mirrored(work.name, work.settings.mirror_of, place.after, _ROWS)
        yield from rows
        if len(rows) < _ROWS:
            place.after = None
            return
        place.after = rows[-1]["file_id"]
    work.tally.cut = True
