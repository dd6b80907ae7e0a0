"""Tickets in commands: what was uploaded is named by its ticket alone, and by nobody else's."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError, Forbidden
from artifactstore.events import Location, new_id
from artifactstore.events.fields import Field
from artifactstore.events.kinds import Text
from artifactstore.http.content.depot import depot_of
from artifactstore.http.endpoint import Call
from artifactstore.stores.keys import SCHEME, uri_of
from artifactstore.stores.tickets import Ticket

_TICKET = Field("ticket", "ticket", False, Text("of uploaded bytes, in place of what it says", max=4096))


OF_TICKETS = ("bad-ticket", "bytes-going", "upload-expired", "bad-uri")
"""Refusals of commands that may have a ticket."""


@dataclass(frozen=True, slots=True)
class TicketUse:
    """What a ticket says in a body.

    Attributes:
        says: attributes of the event by the ticket. names: those that do not stand beside one.
    """

    says: Callable[[Ticket], Mapping[str, Any]]
    names: Collection[str]

    def fields(self, given: Sequence[Field]) -> Sequence[Field]:
        """The fields of a body that may have a ticket."""
        told = (replace(one, required=one.required and one.name not in self.names) for one in given)
        return (*told, _TICKET)

    def redeem(self, call: Call, body: Mapping[str, Any], required: Collection[str]) -> dict[str, Any]:
        """The values of a body with those of its ticket.

        Args:
            required: what has to be there without one.

        Raises ``Problem``; ``BadInput`` bad-ticket; ``Forbidden`` for who names an object without a ticket.
        """
        values = dict(body)
        text = values.pop("ticket", None)
        if text is None:
            for name in sorted(required):
                if name not in values:
                    raise Problem("is missing, and so is a ticket", name)
            _check_uris(values)
            return values
        for name in sorted(self.names):
            if name in values:
                raise Problem("does not stand beside a ticket", name)
        ticket = depot_of(call).opened(Ticket, text, call.actor)
        return {**values, **{name: value for name, value in self.says(ticket).items() if value is not None}}


def _check_uris(values: Mapping[str, Any]) -> None:
    """Else a producer could claim the object of another, and read it through a package of his own."""
    named = [values["uri"]] if "uri" in values else [one.uri for one in values.get("locations") or ()]
    for uri in named:
        if uri.lower().startswith(SCHEME):
            problem = f"only a ticket names an object of a store: {uri}"
            raise Forbidden("forbidden", {"problem": problem, "field": "uri"})


def _of_file(ticket: Ticket) -> Mapping[str, Any]:
    copy = Location(location_id=new_id(), backend=ticket.store, uri=uri_of(ticket.key))
    return {"size": ticket.size, "blake3": ticket.blake3, "sha256": ticket.sha256, "locations": (copy,)}


def _of_copy(ticket: Ticket) -> Mapping[str, Any]:
    return {
        "backend": ticket.store,
        "uri": uri_of(ticket.key),
        "size": ticket.size,
        "blake3": ticket.blake3,
    }


OF_FILE = TicketUse(_of_file, ("size", "blake3", "sha256", "locations"))
OF_COPY = TicketUse(_of_copy, ("backend", "uri", "size", "blake3"))


def placed(refusal: ArtifactstoreError, place: str, index: int) -> ArtifactstoreError:
    """The refusal of one of many, told of which."""
    refusal.detail |= {"field": f"{place}[{index}]", "index": index}
    return refusal
