"""Events as answers show them, and as the command line does: payloads in the forms of JSON."""

from collections.abc import Mapping
from typing import Any

from artifactstore import codec
from artifactstore.codec import Payload
from artifactstore.errors import BadInput
from artifactstore.events import EVENT_TYPES, Origin
from artifactstore.events.fields import show, shown_otherwise
from artifactstore.leaves import Columns
from artifactstore.store import LoggedEvent

SHOWN = {name: shown_otherwise(model, Origin) for name, model in EVENT_TYPES.items()}
"""By event type, what is shown in another form than CBOR has; see ``show``."""


def event_value(event: LoggedEvent) -> dict[str, Any]:
    """An event as answers show it; raises ``BadInput`` for a payload that is damaged or of unknown type."""
    return _event(event, payload_value(event))


def event_shown(event: LoggedEvent, values: Payload) -> dict[str, Any]:
    """An event whose payload is decoded already, likewise."""
    return _event(event, payload_shown(event, values))


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
    return payload_shown(event, codec.decode_stored(event.payload, event.payload_digest, event.event_type))


def payload_shown(event: LoggedEvent | Columns, values: Payload) -> dict[str, object]:
    """The same of a payload that is decoded already."""
    shown = SHOWN.get(event.event_type)
    if shown is None:
        raise BadInput("unknown-event-type", {"event_type": event.event_type, "sequence": event.sequence})
    return show(shown, values)
