"""Appending events whose bytes are ready: several commands, made elsewhere, in one append."""

from typing import NamedTuple, TypeAlias
from uuid import UUID

from artifactstore import codec
from artifactstore.codec import Payload
from artifactstore.errors import ArtifactstoreError
from artifactstore.events import NewEvent
from artifactstore.events.fields import pack_model
from artifactstore.events.models import Retention
from artifactstore.store.identity import Position
from artifactstore.store.rows import Appended


class PreparedEvent(NamedTuple):
    """An event with its payload encoded.

    Attributes:
        values: the payload as CBOR values, in canonical order. digest: BLAKE3 of the payload.
        package_id: the package that it is about; None for events of the system.
        request_key: idempotency key, when it is the first event of a request.
    """

    event_type: str
    subject_id: UUID | None
    actor: str
    values: Payload
    payload: bytes
    digest: bytes
    expected: int | None
    package_id: UUID | None
    request_key: str | None


def prepare(event: NewEvent) -> PreparedEvent:
    """Encode an event; raises ``BadInput`` bad-payload."""
    model, values = event.event, event.values()
    payload = codec.encode_ordered(values, model.event_type)
    package_id = event.subject_id if model.subject_kind in ("package", "retention") else None
    return PreparedEvent(
        model.event_type,
        event.subject_id,
        event.actor,
        values,
        payload,
        codec.digest(payload),
        event.expected,
        getattr(model, "package_id", package_id),
        None if event.request is None else event.request.key,
    )


def with_retention(event: PreparedEvent, retention: Retention) -> PreparedEvent:
    """The event, which creates a package, with that retention from the start."""
    values = {**event.values, "retention": pack_model(retention)}
    ordered = {name: values[name] for name in sorted(values, key=codec.place)}
    payload = codec.encode_ordered(ordered, event.event_type)
    return event._replace(values=ordered, payload=payload, digest=codec.digest(payload))


class Standing(NamedTuple):
    """Where the log stood after commands were appended, and how long they waited for it, in seconds."""

    position: Position
    lock_wait: float


Outcome: TypeAlias = "list[Appended] | ArtifactstoreError"
"""Where each event of a command landed, or why the command was refused."""
