"""Prove that the log is whole and that the live views are what it says.

Everything is read in one snapshot, over two connections side by side: one checks the events, the other
rebuilds the views in a REPEATABLE READ transaction that ends in a rollback. Appends go on meanwhile, and
nothing is left behind, not even by a crash.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

from psycopg import Connection
from psycopg.rows import scalar_row
from psycopg.sql import SQL

from artifactstore import codec
from artifactstore.db import one_snapshot
from artifactstore.errors import ArtifactstoreError, Busy, Forbidden
from artifactstore.events import EVENT_TYPES, from_payload
from artifactstore.progress import Progress, from_notices, quiet
from artifactstore.store import LoggedEvent, Store

_CUT_OFF = (
    "whether events were cut off the end of the log and their rows out of the views: for that, compare the "
    "head and digest with those that a witness keeps elsewhere"
)
_NOT_DIGESTED = (
    "whether an actor, a time, or a subject or event type was exchanged for another possible one: digests "
    "cover the payload alone"
)
_STORAGE = "whether the files in storage still have these digests"
LIMITS = (_CUT_OFF, _NOT_DIGESTED, _STORAGE)
"""What a verification cannot know."""

_KEEP_ALIVE = 5.0
"""Seconds between signs of life of a transaction that waits."""
_REPORT_EVERY = 5_000
_BEFORE_ALL = -(2**63)
_GUARDS_OF_LOG = ("forbid_change", "forbid_insert", "forbid_truncate")
_GUARDS_OF_VIEW = ("forbid_direct_truncate", "forbid_direct_write")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: hole, time, digest, payload, event-type, subject, witness (an event); refused (where a
            replay stops); view (a value or row of a view); manifest; trigger.
        what: the finding in words.
        sequence: of the event.
        view: where the value or row is, with ``key`` (JSON array) and ``column``.
    """

    kind: str
    what: str
    sequence: int | None = None
    view: str | None = None
    key: str | None = None
    column: str | None = None


@dataclass(slots=True)
class Verification:
    """What was found: ``found`` counts all findings, ``findings`` holds the first ``limit`` of them.

    ``head`` and ``head_digest`` are what a witness should keep; ``seconds`` is what it took.
    """

    limit: int
    head: int = 0
    head_digest: bytes | None = None
    seconds: float = 0.0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, findings: Iterator[Finding]) -> None:
        """Count findings, and keep them while there is room."""
        for finding in findings:
            self.found += 1
            if len(self.findings) < self.limit:
                self.findings.append(finding)

    def extend(self, after: "Verification") -> None:
        """Take over what another found."""
        self.found += after.found
        self.findings += after.findings[: self.limit - len(self.findings)]


@dataclass(frozen=True, slots=True)
class Witness:
    """What somebody outside keeps of the log: that it has event ``head``, and its ``payload_digest``."""

    head: int
    digest: bytes | None = None


def verify(
    store: Store,
    connect: Callable[[], Connection[Any]],
    *,
    witness: Witness | None = None,
    limit: int = 100,
    progress: Progress = quiet,
) -> Verification:
    """Check every event, the guards, all views against a rebuild, and the manifests of sealed packages.

    ``connect`` opens another connection to the same database. Damage is reported, not raised; raises
    ``Forbidden`` or ``Busy`` when the database cannot be asked.
    """
    started = monotonic()
    verification, views = Verification(limit), Verification(limit)
    with one_snapshot(store.connection, force_rollback=True):
        total = store.head()

        def check_log(other: Store, stopped: Callable[[], bool]) -> None:
            verification.add(_log_findings(other, verification, total, progress, stopped))
            verification.add(_witness_findings(other, verification, witness))

        with _beside(store, connect, check_log):
            views.add(guard_findings(store, store.view_counts()))
            views.add(_view_findings(store, progress))
            views.add(_manifest_findings(store, progress))
    verification.extend(views)
    verification.seconds = monotonic() - started
    return verification


@contextmanager
def _beside(
    store: Store,
    connect: Callable[[], Connection[Any]],
    work: Callable[[Store, Callable[[], bool]], None],
) -> Iterator[None]:
    """Work beside the body in the snapshot of its transaction; when the body fails, ``work`` is to stop.

    Neither transaction is idle for long while the other one works: a server may end those that are.
    """
    stopping = threading.Event()
    with store.connection.cursor(row_factory=scalar_row) as cursor:
        snapshot = cursor.execute("SELECT pg_export_snapshot()").fetchone()

    def work_there() -> None:
        with one_snapshot(connection, views=False):
            connection.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
            work(Store(connection), stopping.is_set)

    with connect() as connection, ThreadPoolExecutor(1) as pool:
        working = pool.submit(work_there)
        try:
            yield
            while wait([working], _KEEP_ALIVE).not_done:
                store.head()
            working.result()
        finally:
            stopping.set()


def _log_findings(
    store: Store, verification: Verification, total: int, progress: Progress, stopped: Callable[[], bool]
) -> Iterator[Finding]:
    """Check each event by itself and against the one before it; note the head."""
    expected = 1
    latest: datetime | None = None
    for event in store.stored_events(since=_BEFORE_ALL):
        sequence = event.sequence
        if sequence != expected:
            missing = str(expected) if sequence == expected + 1 else f"{expected} to {sequence - 1}"
            yield Finding("hole", f"missing: {missing}", sequence=expected)
        if latest is not None and event.created_at < latest:
            yield Finding("time", "created_at is before that of the event before", sequence=sequence)
        yield from _event_findings(event)
        expected, latest = sequence + 1, event.created_at
        verification.head, verification.head_digest = sequence, event.payload_digest
        if sequence % _REPORT_EVERY == 0:
            progress("checking events", sequence, total)
        if stopped():
            return
    progress("checking events", total, total)


def _event_findings(event: LoggedEvent) -> Iterator[Finding]:
    if codec.digest(event.payload) != event.payload_digest:
        yield Finding("digest", "the digest is not that of the payload", sequence=event.sequence)
    model = EVENT_TYPES.get(event.event_type)
    if model is None:
        yield Finding("event-type", f"unknown event type {event.event_type}", sequence=event.sequence)
        return
    kind = model.event_type.split(".")[1]
    if event.subject_kind != kind:
        what = f"subject_kind is {event.subject_kind}, of {event.event_type} it is {kind}"
        yield Finding("subject", what, sequence=event.sequence)
    try:
        from_payload(event.event_type, event.payload)
    except ArtifactstoreError as refusal:
        yield Finding("payload", refusal.message, sequence=event.sequence)


def _witness_findings(store: Store, verification: Verification, witness: Witness | None) -> Iterator[Finding]:
    if witness is None:
        return
    if verification.head < witness.head:
        what = f"the log ends at {verification.head}, the witness saw {witness.head}: its end was cut off"
        yield Finding("witness", what, sequence=witness.head)
        return
    if witness.digest is None:
        return
    for event in store.stored_events(witness.head - 1, witness.head):
        if event.payload_digest != witness.digest:
            what = f"its digest is {event.payload_digest.hex()}, the witness saw {witness.digest.hex()}"
            yield Finding("witness", what, sequence=witness.head)


def guard_findings(store: Store, views: Iterable[str]) -> Iterator[Finding]:
    """The guards are there and fire always, also for replicas: restores and upgrades reset that silently."""
    enabled = {trigger.name: trigger.enabled for trigger in store.triggers()}
    guards = [f"events_{guard}" for guard in _GUARDS_OF_LOG]
    guards += [f"{view}_{guard}" for view in views for guard in _GUARDS_OF_VIEW]
    for name in guards:
        if name not in enabled:
            yield Finding("trigger", f"trigger {name} is missing: run artifactstore migrate")
        elif enabled[name] != "A":
            yield Finding("trigger", f"trigger {name} is not ENABLE ALWAYS: run artifactstore migrate")


def _view_findings(store: Store, progress: Progress) -> Iterator[Finding]:
    """Rebuild the views beside the live ones and compare all rows and columns."""
    scratch = f"artifactstore_verify_{store.connection.info.backend_pid}"
    try:
        with from_notices(store.connection, "rebuilding views", progress), store.connection.transaction():
            store.rebuild(scratch)
    except (Busy, Forbidden):
        raise
    except ArtifactstoreError as refusal:
        sequence = refusal.detail.get("sequence")
        what = f"{refusal.message}; the views were not compared"
        yield Finding("refused", what, sequence=sequence if isinstance(sequence, int) else None)
        return
    progress("comparing views", 0, 1, "")
    for view, key, column, live, rebuilt in store.compare("artifactstore", scratch):
        what = f"is {_shown(live)}, the log says {_shown(rebuilt)}"
        yield Finding("view", what, view=view, key=key, column=column)
    progress("comparing views", 1, 1, "")


def _manifest_findings(store: Store, progress: Progress) -> Iterator[Finding]:
    progress("checking manifests", 0, 1, "")
    for purl, stated, found in store.manifests():
        names = ("manifest_digest", "file_count", "total_bytes")
        for name, then, now in zip(names, stated, found, strict=True):
            if then != now:
                what = f"{purl} was sealed with {name} {_shown(then)}, its files give {_shown(now)}"
                yield Finding("manifest", what)
    progress("checking manifests", 1, 1, "")


def _shown(value: object) -> str:
    """A value of a view on one line."""
    text = value.hex() if isinstance(value, bytes) else "null" if value is None else str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
