"""What becomes of the events of a command: the writer appends them, the answer is the events themselves.

Answers are built from the events alone, so a repeated request (Idempotency-Key) gets what the first did.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from artifactstore import codec
from artifactstore.codec import Payload
from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.events import NewEvent, Request
from artifactstore.http.endpoint import Answer, Call
from artifactstore.http.write.group_append import Work
from artifactstore.shown import event_shown
from artifactstore.store import Appended, LoggedEvent, PreparedEvent, prepare

REPLAYED = "Idempotent-Replayed"

_NO_VERSION = -1
"""What no row has: for an If-Match that nothing can fit."""


@dataclass(frozen=True, slots=True)
class Landed:
    """An event in the log, and its payload as CBOR values."""

    event: LoggedEvent
    values: Payload


def answer_event(call: Call, landed: Landed, headers: dict[str, str] | None = None) -> Answer:
    """The answer of a command: the event that it appended, or had appended before."""
    return Answer(
        event_shown(landed.event, landed.values), call.endpoint.status, {**replayed(call), **(headers or {})}
    )


def replayed(call: Call) -> dict[str, str]:
    """The header that says that nothing new was appended, if so."""
    return {REPLAYED: "true"} if call.replayed else {}


def request_of(call: Call, events: int) -> Request | None:
    """The idempotent request that the events belong to, if the client gave a key."""
    if call.key is None:
        return None
    head = codec.encode_item(call.scope["method"]) + codec.encode_item(call.scope["path"])
    # Canonical CBOR of the array [method, path, body].
    return Request(key=call.key, digest=codec.digest(b"\x83" + head + call.canonical), events=events)


async def land(call: Call, events: Sequence[NewEvent]) -> list[Landed]:
    """Append the events of a call, as one, and give them as they are in the log."""

    def expecting(expected: int | None) -> Work:
        first = replace(events[0], expected=expected, request=request_of(call, len(events)))
        return Work([prepare(event) for event in (first, *events[1:])])

    work, appended = await carry_out_if(call, expecting, events[0].expected)
    if not appended[0].appended:
        return [Landed(event, _decoded(event)) for event in await read_back(call, appended)]
    return [_landed(event, where) for event, where in zip(work.events, appended, strict=True)]


async def carry_out_if(
    call: Call, expecting: Callable[[int | None], Work], otherwise: int | None = None
) -> tuple[Work, list[Appended]]:
    """Have the writer do the work that expects a version which If-Match names, ``otherwise`` without it.

    Raises as ``carry_out``: ``Refused`` changed when the row has none of them.
    """
    versions = call.expected
    expected = otherwise if versions is None else max(versions, default=_NO_VERSION)
    while True:
        work = expecting(expected)
        try:
            return work, await carry_out(call, work)
        except Refused as refusal:
            actual = refusal.detail.get("actual")
            if refusal.code != "changed" or versions is None:
                raise
            if not versions:
                del refusal.detail["expected"]
            # If-Match may name several, and the row have another one of them; versions only rise.
            expected = next((one for one in versions if one == actual and one != expected), None)
            if expected is None:
                raise


async def carry_out(call: Call, work: Work) -> list[Appended]:
    """Have the writer do it; raises why it was refused, or ``ClientLeftError``."""
    outcome, position = await call.service.write(work, call.client_left)
    call.trace.position = position or call.trace.position
    if isinstance(outcome, ArtifactstoreError):
        raise _told(outcome, work.events, call)
    call.replayed = not outcome[0].appended
    return outcome


async def read_back(call: Call, appended: Sequence[Appended]) -> list[LoggedEvent]:
    """The events that an earlier request appended."""
    since, until = appended[0].sequence - 1, appended[-1].sequence
    return await call.service.read(lambda store: list(store.log.stored_events(since, until)))


def _decoded(event: LoggedEvent) -> Payload:
    return codec.decode_stored(event.payload, event.payload_digest, event.event_type)


def _landed(event: PreparedEvent, where: Appended) -> Landed:
    logged = LoggedEvent(
        where.sequence,
        where.created_at,
        event.event_type,
        event.event_type.split(".")[1],
        event.subject_id,
        event.actor,
        event.payload,
        event.digest,
    )
    return Landed(logged, event.values)


def _told(refusal: ArtifactstoreError, events: Sequence[PreparedEvent], call: Call) -> ArtifactstoreError:
    """The refusal in the client's terms: no number that was never given, the item of the batch instead."""
    detail = dict(refusal.detail)
    position, subject = detail.pop("position", None), detail.pop("subject_id", None)
    detail.pop("sequence", None)
    if call.batch is not None:
        indexes: list[int] = [index for index, e in enumerate(events) if str(e.subject_id) == subject]
        if isinstance(position, int):
            indexes = [position - 1]
        if indexes:
            detail["field"] = f"{call.endpoint.batch[0]}[{indexes[0]}]"  # type: ignore[index]
            detail["index"] = indexes[0]
    told = type(refusal)(refusal.code, detail, refusal.hint, refusal.sqlstate)
    told.__cause__ = refusal
    return told
