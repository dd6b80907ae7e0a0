"""What a verification finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: hole, time, digest, payload, event-type, subject, witness (an event); evidence (of an event that
            is not there); refused (where a replay stops); view (a value or row of a view); manifest; guard
            (not as this software installs it).
        what: the finding in words.
        sequence: of the event.
        view: where the value or row is, with ``key`` (JSON array) and ``column``.
    """

    kind: str
    what: str
    sequence: int | None = None
    view: str | None = None
    key: str | None = None
    column: str | None = None
