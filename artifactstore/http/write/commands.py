"""Commands: a request becomes events, the writer appends them, the answer is the events themselves.

Answers are built from the events alone, so a repeated request (Idempotency-Key) gets what the first did.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, Forbidden, Refused
from artifactstore.events import Event, NewEvent, Origin, Request, new_id
from artifactstore.events.fields import Field, Id, fields_of
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.web.answers import event_schema, event_value
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.group_append import Work
from artifactstore.store import Appended, LoggedEvent, PreparedEvent, Store, prepare

REPLAYED = "Idempotent-Replayed"

_OPERATORS = frozenset({"v1.retention.shortened"})
"""Commands of operators alone: ``min_role`` of the catalogue, as a test makes sure."""

_NO_VERSION = -1
"""What no row has: for an If-Match that nothing can fit."""

ON_BEHALF_OF = next(field for field in fields_of(Origin) if field.name == "on_behalf_of")
REASON = next(field for field in fields_of(Event) if field.name == "reason")


@dataclass(frozen=True, slots=True)
class Respell:
    """What to do when an event is refused with ``code``: append what ``again`` makes of it, once.

    For what people may write in more than one way. It costs a read only when it is needed, and the
    request that an idempotency key stands for stays what the client sent.
    """

    code: str
    again: Callable[[Store, Any], Event]


def command(
    event: type[Event],
    path: str,
    summary: str,
    *,
    tag: str,
    subject: Parameter | None = None,
    new_subject: str | None = None,
    location: str | None = None,
    derive: Callable[[Store, Call], dict[str, Any]] | None = None,
    from_path: Sequence[str] = (),
    drop: Sequence[str] = (),
    optional: Sequence[str] = (),
    extra: Sequence[Field] = (),
    path_parameters: Sequence[Parameter] = (),
    if_match: bool = True,
    respell: Respell | None = None,
    doc: str = "",
    refusals: Sequence[str] = (),
) -> Endpoint:
    """The endpoint of an event type whose body is the payload, less what the service knows itself.

    Args:
        subject: parameter of the path that is the subject of the event.
        new_subject: name of the id that the event creates, which the body may give; with ``location``,
            the path where it is found then.
        derive: fields of the payload that are read from the views. from_path: those that are in the path.
        drop, optional, extra: fields of the payload that the body does not have, need not have, has more.
        if_match: whether the subject has a version to be checked.
        respell: a second attempt after a refusal.
    """
    fields = [
        replace(field, required=field.required and field.name not in optional)
        for field in fields_of(event)
        if field.name not in (*drop, *from_path)
    ]
    if new_subject is not None:
        made = Id("identity of what is made; default: a new UUIDv7")
        fields.append(Field(new_subject, new_subject, False, made))

    async def handle(call: Call) -> Answer:
        values = dict(call.body)
        given = values.pop(new_subject, None) if new_subject else None
        behalf = values.pop("on_behalf_of", None)
        check_bypass(call, values)
        derived = await call.read(lambda store: derive(store, call)) if derive else {}
        derived |= {name: call.path[name] for name in from_path}
        subject_id = call.id(subject.name) if subject else given or new_id()
        new = NewEvent(event(**derived | values), subject_id, call.actor, on_behalf_of=behalf)
        try:
            (logged,) = await land(call, [new])
        except ArtifactstoreError as refusal:
            if respell is None or refusal.code != respell.code:
                raise
            made = await call.read(lambda store: respell.again(store, new.event))
            (logged,) = await land(call, [replace(new, event=made)])
        headers = {"Location": location.format(logged.subject_id)} if location else {}
        return answer_event(call, logged, headers)

    return Endpoint(
        method="POST",
        path=path,
        role=Role.OPERATOR if event.event_type in _OPERATORS else Role.PRODUCER,
        tag=tag,
        summary=summary,
        doc=doc,
        handle=handle,
        answer=event_schema(event),
        status=201 if location else 200,
        path_parameters=path_parameters or ((subject,) if subject else ()),
        body=(*fields, *extra, ON_BEHALF_OF),
        if_match=if_match and subject is not None,
        creates=location is not None,
        gives={new_subject: "/subject_id"} if new_subject else {},
        refusals=refusals,
    )


def check_bypass(call: Call, values: dict[str, Any]) -> None:
    """Only operators may override governance."""
    if values.get("bypass_governance") and call.who.role < Role.OPERATOR:
        problem = "bypass_governance needs the role operator"
        raise Forbidden("forbidden", {"problem": problem, "needs": "operator", "field": "bypass_governance"})


def answer_event(call: Call, logged: LoggedEvent, headers: dict[str, str] | None = None) -> Answer:
    """The answer of a command: the event that it appended, or had appended before."""
    return Answer(event_value(logged), call.endpoint.status, {**replayed(call), **(headers or {})})


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


async def land(call: Call, events: Sequence[NewEvent]) -> list[LoggedEvent]:
    """Append the events of a call, as one, and give them as they are in the log."""
    versions = call.expected
    expected = None if versions is None else max(versions, default=_NO_VERSION)
    while True:
        first = replace(events[0], expected=expected, request=request_of(call, len(events)))
        prepared = [prepare(event) for event in (first, *events[1:])]
        try:
            appended = await carry_out(call, Work(prepared))
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
            continue
        if not appended[0].appended:
            return await read_back(call, appended)
        return [_logged(event, where) for event, where in zip(prepared, appended, strict=True)]


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


def _logged(event: PreparedEvent, where: Appended) -> LoggedEvent:
    return LoggedEvent(
        where.sequence,
        where.created_at,
        event.event_type,
        event.event_type.split(".")[1],
        event.subject_id,
        event.actor,
        event.payload,
        codec.digest(event.payload),
    )


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


def path_id(name: str, doc: str) -> Parameter:
    """A parameter of a path that is an id."""
    return Parameter(name, Id(), doc, required=True)


PACKAGE_ID = path_id("package_id", "the package")
FILE_ID = path_id("file_id", "the file")
LOCATION_ID = path_id("location_id", "the location")
