"""Write a range of the log to a stream, as the database had it at one moment."""

from collections.abc import Iterator
from time import monotonic
from typing import BinaryIO, Never

from blake3 import blake3

from artifactstore.codec import Problem
from artifactstore.db import one_snapshot
from artifactstore.errors import BadInput, Damaged, Refused
from artifactstore.events import SystemInitialized, SystemRestored, from_payload
from artifactstore.jobs.exports.check import Chain
from artifactstore.jobs.exports.rows import Header, Summary, Trailer, encode_event
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.leaves import identity
from artifactstore.store import LoggedEvent, Store

_REPORT_EVERY = 5_000


def export(
    store: Store,
    stream: BinaryIO,
    *,
    first: int = 1,
    last: int | None = None,
    progress: Progress = quiet,
) -> Summary:
    """Write events ``first`` to ``last`` (default: the head) in one snapshot; appends go on meanwhile.

    The same range gives the same bytes each time. Digests and order are checked on the way, so that an
    export never spreads damage.

    Raises:
        Refused: nothing-to-export, when the log does not have these events.
        Damaged: log-damaged, naming ``sequence``; what was written until then is no export.
    """
    with one_snapshot(store.connection, views=False):
        return _write(store, _header(store, first, last), stream, progress)


def _header(store: Store, first: int, last: int | None) -> Header:
    head = store.log.head()
    last = head if last is None else last
    if not first <= last <= head:
        problem = f"events {first} to {last} of a log that ends at {head}"
        raise Refused("nothing-to-export", {"problem": problem, "head": head})
    epoch, log_id = None, None
    # From the log itself: it can be exported whatever became of its views.
    for event in store.imports.epochs_of_log(last):
        try:
            content, _ = from_payload(event.event_type, event.payload)
        except BadInput as refusal:
            _refuse(event.sequence, str(refusal.detail["problem"]))
        if isinstance(content, SystemInitialized | SystemRestored):
            epoch = content.epoch, content.epoch_id
        if event.sequence == 1:
            log_id = event.subject_id
    if epoch is None or log_id is None:
        _refuse(1, "it does not begin with v1.system.initialized")
    before = next((identity(event) for event in store.log.stored_events(first - 2, first - 1)), None)
    if first > 1 and before is None:
        _refuse(first - 1, "the event is missing")
    return Header(log_id, *epoch, first, last, before if first > 1 else None)


def _write(store: Store, header: Header, stream: BinaryIO, progress: Progress) -> Summary:
    started = monotonic()
    hasher, size, total = blake3(), 0, header.last - header.first + 1
    chain = Chain(header, content=False)
    for data in _items(store, header, chain):
        hasher.update(data)
        stream.write(data)
        size += len(data)
        if chain.expected % _REPORT_EVERY == 0:
            progress("exporting", chain.expected - header.first, total)
    progress("exporting", total, total)
    trailer = Trailer(total, header.last, hasher.digest()).encode()
    stream.write(trailer)
    return Summary(header, total, chain.identity, hasher.digest(), size + len(trailer), monotonic() - started)


def _items(store: Store, header: Header, chain: Chain) -> Iterator[bytes]:
    yield header.encode()
    for event in store.log.stored_events(header.first - 1, header.last):
        _check(chain, event)
        yield encode_event(event)
    try:
        chain.end()
    except Problem as problem:
        _refuse(chain.expected, problem.text)


def _check(chain: Chain, event: LoggedEvent) -> None:
    try:
        chain.check(event)
    except Problem as problem:
        _refuse(chain.expected, problem.text)


def _refuse(sequence: int, problem: str) -> Never:
    raise Damaged("log-damaged", {"problem": f"event {sequence}: {problem}", "sequence": sequence})
