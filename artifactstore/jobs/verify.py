"""Prove that the log is whole and that the live views are what it says.

Everything is read in one snapshot, over two connections side by side: one checks the events, the other
rebuilds the views in a REPEATABLE READ transaction that ends in a rollback. Appends go on meanwhile, and
nothing is left behind, not even by a crash.

A payload is judged once. To fold the log the database decodes all of them, and takes exactly the bytes that
``from_payload`` takes. So that is asked here only where the database did not fold every event, or has other
functions than this version installs.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from psycopg import Connection

from artifactstore import codec
from artifactstore.db import export_snapshot, one_snapshot, share_snapshot
from artifactstore.errors import ArtifactstoreError, Busy, Forbidden, Refused
from artifactstore.events import EVENT_TYPES, from_payload
from artifactstore.jobs import parts
from artifactstore.jobs.evidence import evidence_findings
from artifactstore.jobs.findings import Finding
from artifactstore.jobs.progress import Progress, from_notices, quiet
from artifactstore.leaves import identity
from artifactstore.migrate import guards
from artifactstore.store import LoggedEvent, Row, Store

_CUT_OFF = (
    "whether events were cut off the end of the log and out of all that named them: for that, compare the "
    "head and identity with those that a witness keeps elsewhere"
)
_NOT_DIGESTED = (
    "whether an actor, a time, or a subject or event type was exchanged for another possible one, together "
    "with the views, in an event of which no witness keeps the identity: payload digests do not cover them, "
    "and events are not chained"
)
_STORAGE = "whether the files in storage still have these digests"
_COMPARED = "whether the views are what the log says: they were not compared (--log)"
LIMITS = (_CUT_OFF, _NOT_DIGESTED, _STORAGE)
"""What a verification cannot know."""

_KEEP_ALIVE = 5.0
"""Seconds between signs of life of a transaction that waits."""
_REPORT_EVERY = 5_000
_BEFORE_ALL = -(2**63)

T = TypeVar("T")


@dataclass(slots=True)
class Verification:
    """What was found: ``found`` counts all findings, ``findings`` holds the first ``limit`` of them.

    ``head`` and ``identity`` of its event are what a witness should keep; ``witnessed`` is what the one that
    was given proved that event ``witness.head`` is still the same by: identity, or payload_digest, which is
    weaker. ``compared``: whether the views were compared. ``seconds`` is what it took.
    """

    limit: int
    compared: bool = True
    head: int = 0
    identity: bytes | None = None
    witnessed: str | None = None
    seconds: float = 0.0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def cannot_know(self) -> tuple[str, ...]:
        """What this verification cannot know."""
        return LIMITS if self.compared else (*LIMITS, _COMPARED)

    def add(self, findings: Iterable[Finding]) -> None:
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
    """What somebody outside keeps of the log: that it has event ``head``, and a digest of that event.

    ``kind`` says which: sha256 (its identity), blake3 (its payload_digest), None if that is not known.
    """

    head: int
    digest: bytes | None = None
    kind: str | None = None


def verify(
    store: Store,
    connect: Callable[[], Connection[Any]],
    *,
    witness: Witness | None = None,
    compare: bool = True,
    jobs: int = 1,
    limit: int = 100,
    progress: Progress = quiet,
) -> Verification:
    """Check every event, the guards, all views against a rebuild, and the manifests of sealed packages.

    Args:
        connect: opens another connection to the same database.
        compare: rebuild the views and compare them, which writes tables that are rolled back. All else can
            be done in a read-only session and on a standby.
        jobs: how many sessions rebuild the views side by side.

    Damage is reported, not raised; raises ``Forbidden`` or ``Busy`` when the database cannot be asked, and
    ``Refused`` read-only when it cannot be written to.
    """
    started = monotonic()
    if compare:
        refuse_read_only(store)
    views = Verification(limit)
    unasked: Forbidden | None = None
    try:
        # In a snapshot of its own: what it reads should not stay locked until the end.
        with one_snapshot(store.connection):
            views.add(evidence_findings(store))
    except Forbidden as failure:
        unasked = failure
    with one_snapshot(store.connection, force_rollback=True):
        total = store.log.head()

        def check_log(
            other: Store, stopped: Callable[[], bool] = bool, *, content: bool = not compare
        ) -> Verification:
            found = Verification(limit, compare)
            found.add(_log_findings(other, found, total, content, progress, stopped))
            found.add(_witness_findings(other, found, witness))
            return found

        with _beside(store, connect, check_log) as checked:
            tampered = guards.differences(store)
            if unasked is not None and not tampered:
                raise unasked  # else it is told what keeps the owner's functions from their tables
            views.add(Finding("guard", f"{one.what}: {one.fix}") for one in tampered)
            folded = compare and not tampered and _equal_in_parts(store, connect, jobs, total, progress)
            if compare and not folded:
                folded = _compare_views(store, views, progress, bool(tampered)) and not tampered
            views.add(_manifest_findings(store, progress))
        verification = checked.result() if folded or not compare else check_log(store, content=True)
    verification.extend(views)
    verification.seconds = monotonic() - started
    return verification


def refuse_read_only(store: Store) -> None:
    """Raise ``Refused`` read-only where no scratch tables can be made, before work that would be in vain."""
    problem = store.log.read_only()
    if problem is not None:
        hint = "artifactstore verify --log checks all but the views here; compare them on the primary, in a "
        hint += "session that may write: what is written is rolled back"
        raise Refused("read-only", {"problem": f"{problem}; views are compared in scratch tables"}, hint)


@contextmanager
def _beside(
    store: Store,
    connect: Callable[[], Connection[Any]],
    work: Callable[[Store, Callable[[], bool]], T],
) -> Iterator[Future[T]]:
    """Work beside the body in the snapshot of its transaction; when the body fails, ``work`` is to stop.

    Neither transaction is idle for long while the other one works: a server may end those that are.
    """
    stopping = threading.Event()
    snapshot = export_snapshot(store.connection)

    def work_there() -> T:
        with one_snapshot(connection, views=False):
            share_snapshot(connection, snapshot)
            return work(Store(connection), stopping.is_set)

    with connect() as connection, ThreadPoolExecutor(1) as pool:
        working = pool.submit(work_there)
        try:
            yield working
            while wait([working], _KEEP_ALIVE).not_done:
                store.log.head()
            working.result()
        finally:
            stopping.set()


def _log_findings(
    store: Store,
    verification: Verification,
    total: int,
    content: bool,
    progress: Progress,
    stopped: Callable[[], bool],
) -> Iterator[Finding]:
    """Check each event by itself and against the one before it; note the head.

    ``content``: also whether its payload is canonical and fits its type, which takes most of the time.
    """
    expected = 1
    last: LoggedEvent | None = None
    possible = store.identity.latest_possible()
    for event in store.log.stored_events(since=_BEFORE_ALL):
        sequence = event.sequence
        if sequence != expected:
            missing = str(expected) if sequence == expected + 1 else f"{expected} to {sequence - 1}"
            yield Finding("hole", f"missing: {missing}", sequence=expected)
        if last is not None and event.created_at < last.created_at:
            yield Finding("time", "created_at is before that of the event before", sequence=sequence)
        if event.created_at > possible and (last is None or last.created_at <= possible):
            yield Finding("time", _ahead(event), sequence=sequence)
        yield from _event_findings(event, content)
        expected, last = sequence + 1, event
        verification.head = sequence
        if sequence % _REPORT_EVERY == 0:
            progress("checking events", sequence, total)
        if stopped():
            return
    verification.identity = None if last is None else identity(last)
    progress("checking events", total, total)


def _ahead(event: LoggedEvent) -> str:
    return (
        f"created_at {event.created_at.isoformat()} is ahead of the clock of the database: the clock was set "
        "back, or the event came with a time that cannot be; nothing is destroyed until that time"
    )


def _event_findings(event: LoggedEvent, content: bool) -> Iterator[Finding]:
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
    if not content:
        return
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
    for event in store.log.stored_events(witness.head - 1, witness.head):
        found = {"sha256": identity(event), "blake3": event.payload_digest}
        equal = [kind for kind in found if found[kind] == witness.digest and witness.kind in (kind, None)]
        if equal:
            verification.witnessed = "identity" if equal == ["sha256"] else "payload_digest"
            continue
        kind = witness.kind or "sha256"
        what = f"it is {kind}:{found[kind].hex()}, the witness saw {witness.digest.hex()}"
        yield Finding("witness", what, sequence=witness.head)


def _equal_in_parts(
    store: Store, connect: Callable[[], Connection[Any]], jobs: int, total: int, progress: Progress
) -> bool:
    """Whether several sessions, each with its packages, find the live views equal to the log.

    When they do not, or it is not worth it, or the server lets in fewer than two, one session has to say.
    """
    if jobs == 1 or total <= parts.WORTH:
        return False
    with parts.sessions(connect, jobs) as stores, ExitStack() as stack:
        if len(stores) < 2:
            return False
        snapshot = export_snapshot(store.connection)
        for one in stores:
            stack.enter_context(one_snapshot(one.connection, views=False, force_rollback=True))
            share_snapshot(one.connection, snapshot)
        found: list[Row] = []

        def step(one: Store, part: int) -> bool:
            with from_notices(one.connection, "rebuilding views", progress):
                found.append(one.rebuilds.verify_part(part, len(stores), total))
            return True

        try:
            parts.fold(stores, range(len(stores)), step, store.log.head)
        except ArtifactstoreError as failure:
            if not parts.by_order(failure):
                raise
            return False
    if any(one["different"] for one in found) or sum(one["events"] for one in found) != total:
        return False
    live = store.rebuilds.view_counts()
    return live == {view: sum(one["counts"][view] for one in found) for view in live}


def _compare_views(store: Store, views: Verification, progress: Progress, tampered: bool) -> bool:
    """Rebuild the views beside the live ones, and add in what rows and columns differ; whether it could.

    ``tampered``: rights may be missing because they were taken away, which is a finding.
    """
    scratch = f"artifactstore_verify_{store.connection.info.backend_pid}"
    try:
        with from_notices(store.connection, "rebuilding views", progress), store.connection.transaction():
            store.rebuilds.rebuild(scratch)
        progress("comparing views", 0, 1, "")
        # Live views that others made something of are not read: that is refused too.
        views.add(_view_findings(store, scratch))
        progress("comparing views", 1, 1, "")
    except ArtifactstoreError as refusal:
        if isinstance(refusal, Busy) or (isinstance(refusal, Forbidden) and not tampered):
            raise
        sequence = refusal.detail.get("sequence")
        what = f"{refusal.message}; the views were not compared"
        views.add([Finding("refused", what, sequence=sequence if isinstance(sequence, int) else None)])
        return False
    return True


def _view_findings(store: Store, scratch: str) -> Iterator[Finding]:
    for view, key, column, live, rebuilt in store.rebuilds.compare("artifactstore", scratch):
        what = f"is {_shown(live)}, the log says {_shown(rebuilt)}"
        yield Finding("view", what, view=view, key=key, column=column)


def _manifest_findings(store: Store, progress: Progress) -> Iterator[Finding]:
    progress("checking manifests", 0, 1, "")
    for purl, stated, found in store.rebuilds.manifests():
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
