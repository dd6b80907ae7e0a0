"""Commands: what a request must say to become an event, as data, and the endpoint that follows from it."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError, Forbidden
from artifactstore.events import Event, NewEvent, Origin, new_id
from artifactstore.events.fields import Field, fields_of
from artifactstore.events.kinds import Id
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.web.answers import event_schema
from artifactstore.http.web.request import Parameter, bad_payload
from artifactstore.http.write.landing import Landed, answer_event, land
from artifactstore.http.write.redeeming import TicketUse
from artifactstore.store import Store

ON_BEHALF_OF = next(field for field in fields_of(Origin) if field.name == "on_behalf_of")
REASON = next(field for field in fields_of(Event) if field.name == "reason")

_ROLES = {"writer": Role.PRODUCER, "operator": Role.OPERATOR}
"""The role of a token by ``min_role`` of the catalogue."""

_PLACE = ("package_id", "file_id")
"""Fields that place an event in its package and file: the log knows them."""


def path_id(name: str, doc: str) -> Parameter:
    """A parameter of a path that is an id."""
    return Parameter(name, Id(), doc, required=True)


PACKAGE_ID = path_id("package_id", "the package")
FILE_ID = path_id("file_id", "the file")
LOCATION_ID = path_id("location_id", "the location")

_PARAMETERS = {one.name: one for one in (PACKAGE_ID, FILE_ID, LOCATION_ID, path_id("hold_id", "the hold"))}

_SUBJECTS = {
    "package": ("packages", "package_id"),
    "retention": ("retention", "package_id"),
    "file": ("files", "file_id"),
    "storage": ("locations", "location_id"),
}
"""By subject kind: the tag of its commands, and what paths call its id."""


def made(name: str, what: str = "what is made") -> Field:
    """The id of something new, which a body may give."""
    return Field(name, name, False, Id(f"identity of {what}; default: a new UUIDv7"))


def _row_of(store: Store, call: Call) -> Mapping[str, Any]:
    """The row of the file or location that the path names."""
    if "file_id" in call.path:
        return store.packages.file(call.id("file_id"))
    return store.packages.location(call.id("location_id"))


@dataclass(frozen=True, slots=True)
class Respell:
    """What to do when an event is refused with ``code``: append what ``again`` makes of it, once.

    For what people may write in more than one way. It costs a read only when it is needed, and the
    request that an idempotency key stands for stays what the client sent.
    """

    code: str
    again: Callable[[Store, Any], Event]


@dataclass(frozen=True)
class CommandSpec:
    """A request that becomes an event: its body is the payload, less what the service knows itself.

    Subject, role and tag follow from the event type. The subject is in the path; where it is not, it is new.
    Fields of the payload that are in the path, or that place the event in its package, are not in the body.

    Attributes:
        path: its names are those of ``_PARAMETERS``.
        location: path of what was made, with {} for the subject; None: nothing is made.
        makes: the id of what is made, if it is not the subject or has a better name.
        optional: fields of the payload that the body need not have.
        known: what the log knows of fields that the body does not have, by attribute.
        respell: a second attempt after a refusal.
        ticket: what a ticket of uploaded bytes says in place of the body.
        doc, refusals: as an ``Endpoint`` has them.
    """

    event: type[Event]
    path: str
    summary: str
    location: str | None = None
    makes: Field | None = None
    optional: Collection[str] = ()
    known: Callable[[Store, Call], Mapping[str, Any]] = _row_of
    respell: Respell | None = None
    ticket: TicketUse | None = None
    doc: str = ""
    refusals: Sequence[str] = ()

    @cached_property
    def subject(self) -> str:
        """What paths call the id of its subject."""
        return _SUBJECTS[self._kind][1]

    @cached_property
    def parameters(self) -> Sequence[Parameter]:
        """Those of its path."""
        return [_PARAMETERS[name] for name in re.findall(r"{(\w+)}", self.path)]

    @cached_property
    def new(self) -> Field | None:
        """The id of what it makes, as a field of the body."""
        return self.makes or (None if self._has_subject else made(self.subject))

    @cached_property
    def body(self) -> Sequence[Field]:
        """The fields of its body."""
        asked = tuple(self._asked())
        if self.ticket is not None:
            asked = tuple(self.ticket.fields(asked))
        return (*asked, *([self.new] if self.new else []), ON_BEHALF_OF)

    def endpoint(self) -> Endpoint:
        """What the service offers at its path."""
        return Endpoint(
            method="POST",
            path=self.path,
            role=_ROLES[self.event.min_role],
            tag=_SUBJECTS[self._kind][0],
            summary=self.summary,
            doc=self.doc,
            handle=self.handle,
            answer=event_schema(self.event),
            status=201 if self.location else 200,
            path_parameters=self.parameters,
            body=self.body,
            if_match=self._has_subject,
            creates=self.location is not None,
            gives=self._gives(),
            refusals=self.refusals,
        )

    async def handle(self, call: Call) -> Answer:
        """Append the event of a call, and answer with it."""
        try:
            body = self.redeem(call, call.body)
        except Problem as problem:
            raise bad_payload(problem) from None
        landed = await self._land(call, await self.new_event(call, body))
        headers = {"Location": self.location.format(landed.event.subject_id)} if self.location else {}
        return answer_event(call, landed, headers)

    def redeem(self, call: Call, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of a body, those of its ticket among them; raises as ``TicketUse.redeem``."""
        if self.ticket is None:
            return body
        required = [field.attribute for field in self._asked() if field.required]
        return self.ticket.redeem(call, body, required)

    async def new_event(self, call: Call, body: Mapping[str, Any]) -> NewEvent:
        """The event of one body; raises ``Forbidden``, and whatever reading what the log knows raises."""
        check_bypass(call, body)
        values = dict(body)
        behalf = values.pop("on_behalf_of", None)
        ids = dict(call.path)
        if self.new is not None:
            ids[self.new.name] = values.pop(self.new.name, None) or new_id()
        values |= {name: ids[name] for name in self._in_path}
        if lacking := self._known - values.keys():
            found = await call.read(lambda store: self.known(store, call))
            values |= {name: found[name] for name in lacking}
        return NewEvent(self.event(**values), ids[self.subject], call.actor, on_behalf_of=behalf)

    async def _land(self, call: Call, new: NewEvent) -> Landed:
        try:
            (landed,) = await land(call, [new])
        except ArtifactstoreError as refusal:
            respell = self.respell
            if respell is None or refusal.code != respell.code:
                raise
            again = await call.read(lambda store: respell.again(store, new.event))
            (landed,) = await land(call, [replace(new, event=again)])
        return landed

    @property
    def _kind(self) -> str:
        return self.event.event_type.split(".")[1]

    @cached_property
    def _has_subject(self) -> bool:
        return any(parameter.name == self.subject for parameter in self.parameters)

    @cached_property
    def _in_path(self) -> Collection[str]:
        """Fields of the payload that are ids of the path, or of what is made."""
        ids = {parameter.name for parameter in self.parameters} | ({self.new.name} if self.new else set())
        return [field.name for field in fields_of(self.event) if field.name in ids]

    @cached_property
    def _known(self) -> frozenset[str]:
        """Attributes of the payload that the log knows."""
        names = {*self.optional, *_PLACE} - {*self._in_path}
        return frozenset(field.attribute for field in fields_of(self.event) if field.name in names)

    def _asked(self) -> Iterator[Field]:
        """Fields of the payload that the body has."""
        for field in fields_of(self.event):
            if field.name not in (*self._in_path, *_PLACE):
                yield replace(field, required=field.required and field.name not in self.optional)

    def _gives(self) -> dict[str, str]:
        if self.new is None:
            return {}
        is_subject = self.new.name == self.subject
        return {self.new.name: "/subject_id" if is_subject else f"/payload/{self.new.name}"}


def check_bypass(call: Call, values: Mapping[str, Any]) -> None:
    """Only operators may override governance."""
    if values.get("bypass_governance") and call.who.role < Role.OPERATOR:
        problem = "bypass_governance needs the role operator"
        raise Forbidden("forbidden", {"problem": problem, "needs": "operator", "field": "bypass_governance"})
