"""Exports made by hand: from events, and from items that need not make sense."""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import cbor2

from artifactstore import codec
from artifactstore.events import SystemInitialized, SystemRestored, from_payload
from artifactstore.jobs.exports import Header, Summary, verify_export
from artifactstore.jobs.exports.rows import Trailer, encode_event
from artifactstore.leaves import identity
from artifactstore.store import LoggedEvent
from tests.sql.workload import workload

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def log(events: int, seed: int) -> list[LoggedEvent]:
    """A random log of about so many allowed events of every type."""
    made = []
    for sequence, event in enumerate(workload(events, seed), start=1):
        payload = event.payload()
        made.append(
            LoggedEvent(
                sequence,
                BEGINNING + timedelta(milliseconds=sequence),
                event.event.event_type,
                event.event.event_type.split(".")[1],
                event.subject_id,
                event.actor,
                payload,
                codec.digest(payload),
            )
        )
    return made


def header_of(events: Sequence[LoggedEvent], first: int = 1) -> Header:
    """The header of the part of a log that begins with ``first``."""
    epoch = (0, UUID(int=0))
    for event in events:
        content, _ = from_payload(event.event_type, event.payload)
        if isinstance(content, SystemInitialized | SystemRestored):
            epoch = content.epoch, content.epoch_id
    log_id = events[0].subject_id
    assert log_id is not None
    before = identity(events[first - 2]) if first > 1 else None
    return Header(log_id, *epoch, first, len(events), before)


def items_of(events: Sequence[LoggedEvent], first: int = 1) -> list[bytes]:
    """Header and events as items, without the trailer."""
    return [header_of(events, first).encode(), *map(encode_event, events[first - 1 :])]


def sealed(items: Sequence[bytes], count: int, head: int) -> bytes:
    """Items, and a trailer whose digest fits them."""
    data = b"".join(items)
    return data + Trailer(count, head, codec.digest(data)).encode()


def export_of(events: Sequence[LoggedEvent], first: int = 1) -> bytes:
    """A whole export."""
    return sealed(items_of(events, first), len(events) - first + 1, len(events))


def changed(event: LoggedEvent, **columns: object) -> bytes:
    """The item of an event with other columns, of any type; a new payload gets its digest."""
    if "payload" in columns and "payload_digest" not in columns:
        payload = columns["payload"]
        columns["payload_digest"] = codec.digest(payload) if isinstance(payload, bytes) else None
    values = dict(zip(LoggedEvent._fields, cbor2.loads(encode_event(event)), strict=True))
    assert columns.keys() <= values.keys()
    return cbor2.dumps(list((values | columns).values()))


def check(data: bytes) -> Summary:
    """Verify these bytes."""
    return verify_export(io.BytesIO(data))


def offsets(items: Sequence[bytes]) -> Iterator[int]:
    """Where each item begins, and where the last one ends."""
    offset = 0
    for item in items:
        yield offset
        offset += len(item)
    yield offset
