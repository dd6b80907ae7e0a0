"""Header, events and trailer of an export as items."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self
from uuid import UUID

import cbor2

from artifactstore import codec
from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError, BadInput
from artifactstore.leaves import COLUMNS, check_columns, columns, from_columns
from artifactstore.store import LoggedEvent

FORMAT = "artifactstore-export"
VERSION = 1
PROFILE = "AS-CBOR/1"


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
        values = codec.load_items(data, 2)
    except Problem as problem:
        raise Problem(f"not an event: {problem.text}") from None
    row = values[0] if len(values) == 1 else None
    if type(row) is not list or len(row) != len(COLUMNS):
        raise Problem("not an event: an array of eight columns")
    return from_columns(check_columns(row))


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
