"""Header, events and trailer of an export as items."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

import cbor2

from artifactstore import codec
from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError, BadInput
from artifactstore.leaves import columns
from artifactstore.store import LoggedEvent

FORMAT = "artifactstore-export"
VERSION = 1
PROFILE = "AS-CBOR/1"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_MICROS = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST_MICROS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_COLUMNS = ("sequence", "created_at", "event_type", "subject_kind", "subject_id", "actor", "payload",
            "payload_digest")  # fmt: skip
_TYPES = (int, int, str, str, bytes, str, bytes, bytes)


@dataclass(frozen=True, slots=True)
class Header:
    """What an export says of itself before the events.

    Attributes:
        log_id: of the log. first, last: sequences of its events.
        epoch, epoch_id: those of the log at event ``last``: so a range has the same bytes whenever it is
            exported, also after later restores.
        before: identity of event ``first - 1``; None when there is none.
    """

    log_id: UUID
    epoch: int
    epoch_id: UUID
    first: int
    last: int
    before: bytes | None

    _KEYS: ClassVar[frozenset[str]] = frozenset(
        ("to", "from", "epoch", "before", "format", "log_id", "profile", "version", "epoch_id")
    )

    def encode(self) -> bytes:
        """The first item of the file."""
        return codec.encode(
            {
                "to": self.last,
                "from": self.first,
                "epoch": self.epoch,
                "before": self.before,
                "format": FORMAT,
                "log_id": self.log_id.bytes,
                "profile": PROFILE,
                "version": VERSION,
                "epoch_id": self.epoch_id.bytes,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises ``Problem``, and ``BadInput`` unknown-export for another format or version."""
        values = _map(data)
        if values.get("format") != FORMAT:
            raise Problem("the header is not that of an export")
        if values.get("version") != VERSION:
            problem = f"version {values.get('version')}, this software reads {VERSION}"
            raise BadInput("unknown-export", {"problem": problem, "offset": 0})
        if values.get("profile") != PROFILE:
            problem = f"payload profile {values.get('profile')}, this software reads {PROFILE}"
            raise BadInput("unknown-export", {"problem": problem, "offset": 0})
        _require(values.keys() == cls._KEYS, "the header has other fields than version 1 has")
        header = cls(
            log_id=UUID(bytes=_bytes(values["log_id"], 16)),
            epoch=_number(values["epoch"]),
            epoch_id=UUID(bytes=_bytes(values["epoch_id"], 16)),
            first=_number(values["from"]),
            last=_number(values["to"]),
            before=None if values["before"] is None else _bytes(values["before"], 32),
        )
        _require(header.first <= header.last, "the header names no events: from is after to")
        _require(
            (header.first == 1) == (header.before is None),
            "the header lacks the identity of the event before",
        )
        return header


@dataclass(frozen=True, slots=True)
class Trailer:
    """What follows the events: how many, the last sequence, and BLAKE3 of all bytes before the trailer."""

    count: int
    head: int
    digest: bytes

    def encode(self) -> bytes:
        """The last item of the file."""
        return codec.encode({"head": self.head, "count": self.count, "digest": self.digest})

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises ``Problem``."""
        values = _map(data)
        _require(values.keys() == {"head", "count", "digest"}, "the trailer has other fields than it should")
        return cls(_number(values["count"]), _number(values["head"]), _bytes(values["digest"], 32))


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole export, that was written or read to its end.

    Attributes:
        count: number of its events. identity: of the last one.
        digest: BLAKE3 of the file up to its trailer. bytes: size of the file.
        seconds: what it took.
        ahead: sequence of the first event that is ahead of the clock of this machine; None if there is none,
            or if nobody asked.
    """

    header: Header
    count: int
    identity: bytes | None
    digest: bytes
    bytes: int
    seconds: float
    ahead: int | None = None


def encode_event(event: LoggedEvent) -> bytes:
    """The item of an event: an array of the columns of ``events``, the time as µs since 1970."""
    return cbor2.dumps(columns(event))


def decode_event(data: bytes) -> LoggedEvent:
    """The event of a well-formed item; raises ``Problem`` for anything but its eight columns."""
    try:
        values: object = cbor2.loads(data, max_depth=2)
    except cbor2.CBORDecodeError as failure:
        raise Problem(f"not an event: {failure}") from None
    if type(values) is not list or len(values) != len(_COLUMNS):
        raise Problem("not an event: an array of eight columns")
    row: list[Any] = values
    for name, value, wanted in zip(_COLUMNS, row, _TYPES, strict=True):
        if type(value) is not wanted and not (name == "subject_id" and value is None):
            raise Problem(f"{name} is {type(value).__name__}, not {wanted.__name__}")
    sequence, micros, event_type, kind, subject, actor, payload, digest = row
    _require(_FIRST_MICROS <= micros <= _LAST_MICROS, "created_at is not within the years 1 to 9999")
    _require(subject is None or len(subject) == 16, "subject_id has not 16 bytes")
    subject_id = None if subject is None else UUID(bytes=subject)
    return LoggedEvent(
        sequence, _EPOCH + micros * _MICROSECOND, event_type, kind, subject_id, actor, payload, digest
    )


def _map(data: bytes) -> dict[str, Any]:
    try:
        return codec.decode(data)
    except ArtifactstoreError as failure:
        raise Problem(str(failure.detail["problem"])) from None


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise Problem(problem)


def _number(value: object) -> int:
    if type(value) is not int or value < 1:
        raise Problem("a count or sequence of the header or trailer is no number from 1")
    return value


def _bytes(value: object, size: int) -> bytes:
    if type(value) is not bytes or len(value) != size:
        raise Problem(f"an id or digest of the header or trailer has not {size} bytes")
    return value
