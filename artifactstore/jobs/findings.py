"""What a verification finds."""

from collections.abc import Mapping
from dataclasses import dataclass

KINDS: Mapping[str, str] = {
    "hole": "events are numbered without a hole",
    "time": "no event is dated before the one in front of it",
    "digest": "payload digests are those of the payloads",
    "payload": "payloads are canonical and of their type",
    "event-type": "every type of event is known",
    "subject": "every subject is of the kind that its event has",
    "evidence": "every event that something names is there",
    "witness": "the log has the event that a witness saw",
    "refused": "a replay accepts every event",
    "view": "every row and column is what the log says",
    "manifest": "manifests of sealed packages are those of their files",
    "guard": "nothing guards less than it should",
}
"""What is checked, by the kind of finding that it may lead to."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: one of ``KINDS``.
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

    def __str__(self) -> str:
        """Where it is, and what."""
        where = [f"event {self.sequence}"] if self.sequence is not None else []
        if self.view is not None:
            where = [self.view, str(self.key), str(self.column)]
        return " ".join([*where, self.what])
