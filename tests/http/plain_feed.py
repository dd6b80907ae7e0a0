"""The feed as its description says it, without a thought of speed; pages must be equal to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cbor2

from artifactstore import codec
from artifactstore.errors import BadInput
from artifactstore.events.times import time_text
from artifactstore.feed import MAX_BYTES, MAX_EXAMINED
from artifactstore.http.feed.encoding import CBOR, JSON, Form
from artifactstore.http.web.json import render
from artifactstore.leaves import columns, identity
from artifactstore.shown import event_value
from artifactstore.store import LoggedEvent, PageQuery, Position


def json_event(event: LoggedEvent) -> bytes:
    """An event as JSON, by the encoder alone."""
    try:
        value = event_value(event)
        if not _has_json_form(value):
            codec.decode(event.payload, event.event_type)
    except BadInput as failure:
        problem = str(failure.detail.get("problem") or failure.message)
        payload = {"unreadable": problem, "bytes": event.payload.hex()}
        digest = f"blake3:{event.payload_digest.hex()}"
        value = {**event._asdict(), "payload": payload, "payload_digest": digest}
    return render({**value, "created_at": time_text(event.created_at)})


def _has_json_form(value: dict[str, Any]) -> bool:
    try:
        render(value)
    except TypeError:
        return False
    return True


def cbor_event(event: LoggedEvent) -> bytes:
    """An event as CBOR, by the encoder alone: a map of its columns, in canonical order."""
    values: dict[str, Any] = dict(zip(event._fields, columns(event), strict=True))
    return cbor2.dumps(values, canonical=True)


ENCODE = {JSON: json_event, CBOR: cbor_event}


@dataclass(frozen=True)
class PlainPage:
    """A page as it must be."""

    body: bytes
    next: int
    has_more: bool


def plain_page(log: Sequence[LoggedEvent], query: PageQuery, form: Form, position: Position) -> PlainPage:
    """The page of a log that is given whole, from its first event."""
    end = query.end(position.head)
    last = min(end, query.since + MAX_EXAMINED) if query.where else end
    wanted = [event for event in log[query.since : last] if query.where.matches(event)]
    parts: list[bytes] = []
    examined = max(query.since, last)
    stored = sent = 0
    for number, event in enumerate(wanted):
        part = ENCODE[form](event)
        stored, sent = stored + len(event.payload), sent + len(part)
        if number and max(stored, sent) > MAX_BYTES:
            examined = wanted[number - 1].sequence
            break
        parts.append(part)
        if len(parts) == query.limit:
            examined = event.sequence
            break
    more = examined < end
    body = b"".join(parts)
    return PlainPage(
        body if form == CBOR else _json_page(log, parts, examined, more, position), examined, more
    )


def _json_page(
    log: Sequence[LoggedEvent], parts: list[bytes], examined: int, more: bool, position: Position
) -> bytes:
    digest = f"sha256:{identity(log[examined - 1]).hex()}" if examined else None
    end = {"next": examined, "next_digest": digest, "head": position.head, "has_more": more}
    begin = render({"log_id": position.log_id, "epoch": position.epoch_name})
    return begin[:-1] + b',"events":[' + b",".join(parts) + b"]," + render(end)[1:]
