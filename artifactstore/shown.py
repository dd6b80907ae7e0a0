"""Events as answers show them, and as the command line does: payloads in the forms of JSON."""

from collections.abc import Mapping
from typing import Any

from artifactstore import codec
from artifactstore.codec import Payload
from artifactstore.errors import BadInput
from artifactstore.events import EVENT_TYPES, Origin
from artifactstore.events.fields import kinds_of, show
from artifactstore.events.kinds import Kind
from artifactstore.leaves import Columns
from artifactstore.store import LoggedEvent

_KINDS = {name: {**kinds_of(model), **kinds_of(Origin)} for name, model in EVENT_TYPES.items()}


def event_value(event: LoggedEvent) -> dict[str, Any]:
    """An event as answers show it; raises ``BadInput`` for a payload that is damaged or of unknown type."""
    return _event(event, payload_value(event))


def event_shown(event: LoggedEvent, values: Payload) -> dict[str, Any]:
    """An event whose payload is decoded already, likewise."""
    return _event(event, show(_kinds(event), values))


def _event(event: LoggedEvent, payload: Mapping[str, object]) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "created_at": event.created_at,
        "event_type": event.event_type,
        "subject_kind": event.subject_kind,
        "subject_id": event.subject_id,
        "actor": event.actor,
        "payload": payload,
        "payload_digest": f"blake3:{event.payload_digest.hex()}",
    }


def payload_value(event: LoggedEvent | Columns) -> dict[str, object]:
    """The payload of an event as answers show it; raises as ``event_value``."""
    kinds = _kinds(event)
    return show(kinds, codec.decode_stored(event.payload, event.payload_digest, event.event_type))


def _kinds(event: LoggedEvent | Columns) -> Mapping[str, Kind]:
    kinds = _KINDS.get(event.event_type)
    if kinds is None:
        raise BadInput("unknown-event-type", {"event_type": event.event_type, "sequence": event.sequence})
    return kinds
