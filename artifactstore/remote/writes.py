"""Appending over HTTP: each event is the command that it comes from, with an idempotency key of its own."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from artifactstore.client import Client, requests
from artifactstore.client.answers import RecordedAnswer
from artifactstore.client.operations import COMMANDS
from artifactstore.codec import Problem
from artifactstore.events import (
    Event,
    FileIngested,
    NewEvent,
    PackageSealed,
    StorageFailed,
    StorageVerified,
)
from artifactstore.events.fields import pack_model, show
from artifactstore.remote.tickets import OF_TICKETS, ticket_in
from artifactstore.remote.translation import translated_answers
from artifactstore.shown import SHOWN
from artifactstore.store import Appended

_SUBJECTS = {
    "package": "package_id",
    "retention": "package_id",
    "file": "file_id",
    "storage": "location_id",
}
"""What paths and bodies call the id of a subject, by its kind."""
_CHECKS = (StorageVerified, StorageFailed)
_CHECKS_AT_ONCE = _FILES_AT_ONCE = 1_000
"""As many as the service takes, and more files than one answer should wait for, in one request."""
_PLACE = ("package_id", "file_id")
"""Fields that place an event in its package and file: the service knows them."""


class RemoteWrites:
    """``registry.writes``.

    Args:
        on_behalf_of: for whom the holder of the token acts.
    """

    side_by_side = 3
    """Appends at once that are worth while: one is made, one is read by the service, one appended."""

    def __init__(self, client: Client, on_behalf_of: str | None) -> None:
        self._client = client
        self._on_behalf_of = on_behalf_of

    def together(self, event: type[Event]) -> int:
        """See ``Writes.together``: files, checks of copies; all else is a request of its own."""
        if event is FileIngested:
            return _FILES_AT_ONCE
        return _CHECKS_AT_ONCE if event in _CHECKS else 1

    def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """See ``Writes.append``: one event, files of one package, or checks of copies."""
        if isinstance(events[0].event, FileIngested):
            return self._add_files(events[0].event.package_id, events)
        if isinstance(events[0].event, _CHECKS):
            return self._add_checks(events)
        (new,) = events
        path = COMMANDS[new.event.event_type]
        values = _values(new)
        subject = _SUBJECTS[new.event.subject_kind]
        known = {**values, subject: str(new.subject_id)}
        in_path = re.findall(r"{(\w+)}", path)
        target = path.format(**{name: requests.segment(known[name]) for name in in_path})
        made = {} if subject in in_path else {subject: known[subject]}
        given = {name: value for name, value in values.items() if name not in (*in_path, *_PLACE)}
        body = {**given, **made, "on_behalf_of": self._on_behalf_of}
        with translated_answers():
            answer = self._client.perform(requests.command(target, RecordedAnswer, body, None, new.expected))
        return [Appended(1, answer.sequence, answer.created_at, True)]

    def _add_files(self, package_id: UUID, events: Sequence[NewEvent]) -> list[Appended]:
        behalf = {} if self._on_behalf_of is None else {"on_behalf_of": self._on_behalf_of}
        files = []
        for new in events:
            values = _values(new)
            del values["package_id"]
            files.append({**_by_ticket(values), "file_id": new.subject_id, **behalf})
        with translated_answers():
            answer = self._client.files.add_many(package_id, files=files)
        return [
            Appended(position, one.sequence, answer.created_at, True)
            for position, one in enumerate(answer.files, 1)
        ]

    def _add_checks(self, events: Sequence[NewEvent]) -> list[Appended]:
        given = [
            {
                **{name: value for name, value in _values(new).items() if name not in _PLACE},
                "location_id": new.subject_id,
                "expected": new.expected,
                "on_behalf_of": self._on_behalf_of,
            }
            for new in events
        ]
        checks = [{name: value for name, value in one.items() if value is not None} for one in given]
        with translated_answers():
            answer = self._client.locations.check_many(checks=checks)
        return [
            Appended(position, one.sequence, answer.created_at, True)
            for position, one in enumerate(answer.checks, 1)
        ]

    def seal(
        self,
        package_id: UUID,
        _actor: str,
        *,
        reason: str | None = None,
        expected: int | None = None,
        manifest_digest: bytes | None = None,
    ) -> tuple[Appended, PackageSealed]:
        """See ``Writes.seal``; the service reads the files."""
        with translated_answers():
            answer = self._client.packages.seal(
                package_id,
                manifest_digest=None if manifest_digest is None else manifest_digest.hex(),
                reason=reason,
                on_behalf_of=self._on_behalf_of,
                expected=expected,
            )
        sealed = answer.payload
        event = PackageSealed(
            manifest_digest=bytes.fromhex(sealed["manifest_digest"]),
            file_count=sealed["file_count"],
            total_bytes=sealed["total_bytes"],
            as_of=sealed["as_of"],
            reason=reason,
        )
        return Appended(1, answer.sequence, answer.created_at, True), event


def _by_ticket(values: dict[str, Any]) -> dict[str, Any]:
    """The body of a file: a ticket stands in place of what it says."""
    for copy in values.get("locations", ()):
        if (ticket := ticket_in(copy["uri"])) is not None:
            told = {name: value for name, value in values.items() if name not in OF_TICKETS}
            return {**told, "ticket": ticket}
    return values


def _values(new: NewEvent) -> dict[str, Any]:
    """The payload in JSON; raises ``BadInput`` bad-payload."""
    try:
        return show(SHOWN[new.event.event_type], pack_model(new.event))
    except Problem as problem:
        problem.refuse(new.event.event_type)
