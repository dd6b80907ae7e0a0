"""What must hold of the events of an export, one after the other."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from artifactstore import codec
from artifactstore.codec import MAX_PAYLOAD, Problem
from artifactstore.errors import BadInput
from artifactstore.events import EVENT_TYPES, SystemInitialized, SystemRestored, from_payload
from artifactstore.jobs.exports.rows import Header
from artifactstore.leaves import identity
from artifactstore.store import LoggedEvent

LIMITS = (
    "who made the file: its digest tells accidents, not forgers; compare it with one that came another way",
    "whether the log went on after its last event, or was written to by somebody else meanwhile",
    "whether every event was allowed when it came: only import and replay judge that",
    "whether the files in storage still have these digests",
)
"""What a verification of an export cannot know."""

CLOCK_TOLERANCE = timedelta(seconds=60)
"""What import takes for ahead of the clock; ``artifactstore.clock_tolerance()`` in SQL."""

_MAX_ACTOR = 255
_KINDS = {event_type: event_type.split(".")[1] for event_type in EVENT_TYPES}
_IDENTITY = (SystemInitialized.event_type, SystemRestored.event_type)


@dataclass(slots=True)
class Chain:
    """Checks events against the header and against each other.

    Attributes:
        content: check every payload against its type, which takes most of the time; else only those that
            say which log it is.
        expected: sequence of the next event.
    """

    header: Header
    content: bool
    expected: int = field(init=False)
    _last: LoggedEvent | None = None
    _epoch: tuple[int, UUID] | None = None

    def __post_init__(self) -> None:
        self.expected = self.header.first

    @property
    def identity(self) -> bytes | None:
        """Identity of the last event that was taken; before the first one, what the header says."""
        return self.header.before if self._last is None else identity(self._last)

    def check(self, event: LoggedEvent) -> None:
        """Take the next event; raises ``Problem``, or ``BadInput`` unknown-event-type."""
        _check_sequence(event.sequence, self.expected, self.header.last)
        if self._last is not None and event.created_at < self._last.created_at:
            raise Problem("created_at is before that of the event before")
        if not 1 <= codec.utf8_length(event.actor) <= _MAX_ACTOR:
            raise Problem(f"actor has not 1 to {_MAX_ACTOR} bytes")
        if not 1 <= len(event.payload) <= MAX_PAYLOAD:
            raise Problem(f"payload has not 1 to {MAX_PAYLOAD} bytes")
        if codec.digest(event.payload) != event.payload_digest:
            raise Problem("the digest is not that of the payload")
        self._check_content(event)
        self.expected, self._last = event.sequence + 1, event

    def end(self) -> None:
        """All events were taken; raises ``Problem`` unless they are those that the header names."""
        if self.expected <= self.header.last:
            raise Problem(f"events {self.expected} to {self.header.last} are missing")
        if self._epoch is not None and self._epoch != (self.header.epoch, self.header.epoch_id):
            raise Problem("the epoch of the header is not that of its last event")

    def _check_content(self, event: LoggedEvent) -> None:
        kind = _KINDS.get(event.event_type)
        if kind is None:
            problem = f"{event.event_type!r} of event {event.sequence}"
            detail = {"problem": problem, "sequence": event.sequence, "event_type": event.event_type}
            raise BadInput("unknown-event-type", detail)
        if event.subject_kind != kind:
            raise Problem(f"subject_kind is {event.subject_kind!r}, of {event.event_type} it is {kind}")
        if event.subject_id is None:
            raise Problem("it has no subject_id")
        if (event.event_type == SystemInitialized.event_type) != (event.sequence == 1):
            raise Problem(f"a log begins with {SystemInitialized.event_type}, and only once")
        if kind == "system" and event.subject_id != self.header.log_id:
            raise Problem("it is of another log than the header")
        if self.content or event.event_type in _IDENTITY:
            self._check_payload(event)

    def _check_payload(self, event: LoggedEvent) -> None:
        try:
            content, _ = from_payload(event.event_type, event.payload)
        except BadInput as refusal:
            raise Problem(f"its payload: {refusal.detail['problem']}") from None
        if isinstance(content, SystemInitialized | SystemRestored):
            self._epoch = content.epoch, content.epoch_id


def _check_sequence(found: int, expected: int, last: int) -> None:
    if found == expected and found <= last:
        return
    if found > last:
        raise Problem(f"event {found} is after the last one that the header names, {last}")
    if found < expected:
        raise Problem(f"event {found} again, or out of order: {expected} comes here")
    missing = f"event {expected} is" if found == expected + 1 else f"events {expected} to {found - 1} are"
    raise Problem(f"{missing} missing: the next one is {found}")
