"""Payloads of events: from a model to canonical bytes and back."""

from dataclasses import dataclass
from uuid import UUID

from artifactstore import codec
from artifactstore.codec import Payload
from artifactstore.errors import BadInput
from artifactstore.events.fields import model_spec, pack_model, unpack_model
from artifactstore.events.models import EVENT_TYPES, Event, Origin, Request

_ORIGIN = model_spec(Origin)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append.

    Attributes:
        event: what happened.
        subject_id: the package, file, location or log that it is about.
        actor: who does it, a URI of 1 to 255 bytes such as ``user:ann``.
        expected: version of the subject's row (SQL ``row_version``); 0: no such row; None: not checked.
        request: the idempotent request of which this is the first event.
        on_behalf_of: actor for whom ``actor`` acts.
    """

    event: Event
    subject_id: UUID | None
    actor: str
    expected: int | None = None
    request: Request | None = None
    on_behalf_of: str | None = None

    def values(self) -> Payload:
        """The payload as CBOR values, in canonical order.

        Raises ``BadInput`` bad-payload naming type and field.
        """
        try:
            payload = pack_model(self.event)
            if self.request is not None or self.on_behalf_of is not None:
                payload |= pack_model(Origin(request=self.request, on_behalf_of=self.on_behalf_of))
                payload = {name: payload[name] for name in sorted(payload, key=codec.place)}
        except codec.Problem as problem:
            problem.refuse(self.event.event_type)
        return payload

    def payload(self) -> bytes:
        """Canonical CBOR of the event; raises as ``values``, and for more than 64 KiB."""
        return codec.encode_ordered(self.values(), self.event.event_type)


def from_payload(event_type: str, payload: bytes) -> tuple[Event, Origin]:
    """The event that ``NewEvent.payload`` turned into these bytes.

    Raises ``BadInput``: unknown-event-type, or bad-payload for bytes that are not canonical or do not
    fit the type.
    """
    model = EVENT_TYPES.get(event_type)
    if model is None:
        raise BadInput("unknown-event-type", {"event_type": event_type})
    values = codec.decode(payload, event_type)
    origin = {name: values.pop(name) for name in _ORIGIN if name in values}
    try:
        return unpack_model(model, values), unpack_model(Origin, origin)
    except codec.Problem as problem:
        problem.refuse(event_type)


def catalogue() -> dict[str, dict[str, dict[str, object]]]:
    """Event type → fields, exactly as in ``artifactstore.event_types``."""
    return {event_type: _ORIGIN | model_spec(model) for event_type, model in EVENT_TYPES.items()}
