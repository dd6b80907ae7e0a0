"""Events as they are sent: JSON for people and programs, items of a CBOR sequence for mirrors, and JSON as
Server-Sent Events.

All are made from the columns as they are stored. Items of CBOR are put together from their bytes; JSON is
written by an encoder, of some events at once.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Literal, TypeAlias

import cbor2

from artifactstore import codec
from artifactstore.codec import Payload
from artifactstore.errors import BadInput
from artifactstore.events.kinds import id_text
from artifactstore.events.times import micros_text
from artifactstore.http.web.json import render
from artifactstore.leaves import Columns
from artifactstore.shown import payload_shown, payload_value

Form: TypeAlias = Literal["application/json", "application/cbor-seq", "text/event-stream"]
JSON: Form = "application/json"
CBOR: Form = "application/cbor-seq"
SSE: Form = "text/event-stream"

_CBOR = (
    b"\xa8eactor%bgpayload%b%bhsequence%bjcreated_at%bjevent_type%bjsubject_id%b"
    b"lsubject_kind%bnpayload_digest%b%b"
)
"""A map of the columns, keys in canonical order."""

_cbor_text = lru_cache(1_000)(cbor2.dumps)
"""Of types, kinds and actors: there are few."""


def json_event(event: Columns) -> bytes:
    """An event as JSON; a payload that cannot be read is told as such, so that it hides no other event."""
    try:
        return render(_value(event, None))
    except TypeError:  # of a value that no payload has: the owner of the table wrote it, with its own digest
        try:
            codec.decode(event.payload, event.event_type)
        except BadInput as failure:
            return render({**_value(event, {}), "payload": _unreadable(event, failure)})
        raise


def json_events(events: Sequence[Columns]) -> bytes:
    """The same of some, with commas between: a call of the encoder takes longer than writing an event."""
    decoded = codec.decode_all_stored(
        [event.payload for event in events], [event.payload_digest for event in events]
    )
    try:
        return render(list(map(_value, events, repeat(None) if decoded is None else decoded)))[1:-1]
    except TypeError:
        return b",".join(map(json_event, events))


def cbor_event(event: Columns) -> bytes:
    """An event as a CBOR map of its columns: time in µs, id, payload and digest as bytes."""
    sequence, created_at, event_type, kind, subject_id, actor, payload, digest = event
    return _CBOR % (
        _cbor_text(actor),
        _bytes_head(len(payload)),
        payload,
        cbor2.dumps(sequence),
        # Of any time from 1970 on, except for the first hour.
        b"\x1b" + created_at.to_bytes(8, "big") if created_at >= 2**32 else cbor2.dumps(created_at),
        _cbor_text(event_type),
        b"\xf6" if subject_id is None else b"\x50" + subject_id,
        _cbor_text(kind),
        _bytes_head(len(digest)),
        digest,
    )


def cbor_events(events: Sequence[Columns]) -> bytes:
    """The same of some, one after the other."""
    return b"".join(map(cbor_event, events))


def sse_event(event: Columns) -> bytes:
    """An event as a Server-Sent Event: its JSON, and the cursor of who has seen it as id."""
    return b"id: %b\ndata: %b\n\n" % (event_id(event.sequence, event.identity), json_event(event))


def sse_events(events: Sequence[Columns]) -> bytes:
    """The same of some, one after the other."""
    return b"".join(map(sse_event, events))


def event_id(sequence: int, identity: bytes | None) -> bytes:
    """The id of the event with that sequence and identity, as Last-Event-ID gives it back; 0: before all."""
    return b"0" if identity is None else b"%d-%b" % (sequence, digest_text(identity).encode())


def digest_text(identity: bytes) -> str:
    """The identity of an event as answers tell it."""
    return f"sha256:{identity.hex()}"


ENCODE: Mapping[Form, Callable[[Columns], bytes]] = {JSON: json_event, CBOR: cbor_event, SSE: sse_event}
"""What makes an event of each form."""

ENCODE_SOME: Mapping[Form, Callable[[Sequence[Columns]], bytes]] = {
    JSON: json_events,
    CBOR: cbor_events,
    SSE: sse_events,
}
"""What makes a part of a page of each form."""


def _value(event: Columns, decoded: Payload | None) -> dict[str, object]:
    sequence, created_at, event_type, kind, subject_id, actor, _, digest = event
    return {
        "sequence": sequence,
        "created_at": micros_text(created_at),
        "event_type": event_type,
        "subject_kind": kind,
        "subject_id": None if subject_id is None else id_text(subject_id),
        "actor": actor,
        "payload": _payload(event, decoded),
        "payload_digest": f"blake3:{digest.hex()}",
    }


def _payload(event: Columns, decoded: Payload | None) -> dict[str, object]:
    try:
        return payload_value(event) if decoded is None else payload_shown(event, decoded)
    except BadInput as failure:
        return _unreadable(event, failure)


def _unreadable(event: Columns, failure: BadInput) -> dict[str, object]:
    return {"unreadable": str(failure.detail.get("problem") or failure.message), "bytes": event.payload}


@lru_cache(10_000)
def _bytes_head(length: int) -> bytes:
    """What comes before so many bytes (RFC 8949 §3)."""
    return cbor2.dumps(bytes(length))[: -length or None]
