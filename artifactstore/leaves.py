"""The identity of an event: a digest of its whole row (AS-LEAF/1).

``leaf`` is deterministic CBOR (RFC 8949 §4.2.1): an array of the eight columns of ``events``, as in an
export, with SHA-256 of the payload in its place. ``identity`` is its RFC 6962 leaf hash. Two events may have
the same payload, so the digest of a payload alone names no event. ``artifactstore.log_leaves`` is the same
in SQL.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import cbor2

from artifactstore.codec import Problem
from artifactstore.store import LoggedEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FIRST_MICROS = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
LAST_MICROS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_PAYLOAD = 6

COLUMNS = LoggedEvent._fields
"""Of ``events``, in their order."""

_TYPES = (int, int, str, str, bytes, str, bytes, bytes)
_SHAPES = (_TYPES, (*_TYPES[:4], type(None), *_TYPES[5:]))
"""Of columns as CBOR values, with a subject and without."""
_COLUMN_TYPES = tuple(map(set, zip(*_SHAPES, strict=True)))

BYTES = 32
"""Of an identity."""

_LEAF = b"\0"
"""Begins what is hashed for a leaf; a node of a tree begins with 1 (RFC 6962 §2.1)."""


def shown(identity: bytes | None) -> str | None:
    """An identity as people keep it: ``sha256:<hex>``."""
    return None if identity is None else f"sha256:{identity.hex()}"


class Columns(NamedTuple):
    """The columns of an event as CBOR values: the time in µs since 1970, the subject as 16 bytes."""

    sequence: int
    created_at: int
    event_type: str
    subject_kind: str
    subject_id: bytes | None
    actor: str
    payload: bytes
    payload_digest: bytes

    @property
    def leaf(self) -> bytes:
        """The canonical record of the event, at most 437 bytes."""
        return cbor2.dumps([*self[:_PAYLOAD], sha256(self.payload).digest(), self.payload_digest])

    @property
    def identity(self) -> bytes:
        """What tells the event from every other one, 32 bytes: SHA-256, the leaf hash."""
        return sha256(_LEAF + self.leaf).digest()


MAKE: Callable[[Iterable[Any]], Columns] = partial(tuple.__new__, Columns)
"""Columns of eight values, without a call of Python: pages have a thousand."""


def columns(event: LoggedEvent) -> Columns:
    """The columns of an event as CBOR values."""
    subject_id = None if event.subject_id is None else event.subject_id.bytes
    micros = (event.created_at - _EPOCH) // _MICROSECOND
    sequence, _, event_type, kind, _, actor, payload, digest = event
    return Columns(sequence, micros, event_type, kind, subject_id, actor, payload, digest)


def check_columns(row: Sequence[Any]) -> Columns:
    """Eight CBOR values that somebody sent, if they are columns.

    Raises ``Problem`` for another type, a time outside the years 1 to 9999, a subject that is no id.
    """
    if (types := tuple(map(type, row))) not in _SHAPES:
        wrong = zip(COLUMNS, types, *_SHAPES, strict=True)
        name, found, wanted = next((n, t, w) for n, t, w, also in wrong if t is not w and t is not also)
        raise Problem(f"{name} is {found.__name__}, not {wanted.__name__}")
    _, micros, _, _, subject_id, *_ = row
    if not FIRST_MICROS <= micros <= LAST_MICROS:
        raise Problem("created_at is not within the years 1 to 9999")
    if subject_id is not None and len(subject_id) != 16:
        raise Problem("subject_id has not 16 bytes")
    return MAKE(row)


def check_all_columns(rows: Sequence[Sequence[Any]]) -> list[Columns]:
    """As ``check_columns``, of many rows of eight values: column by column takes half the time."""
    if not rows:
        return []
    values = list(zip(*rows, strict=True))
    types = [set(map(type, column)) for column in values]
    if all(found <= wanted for found, wanted in zip(types, _COLUMN_TYPES, strict=True)):
        _, micros, _, _, subjects, *_ = values
        timely = all(FIRST_MICROS <= one <= LAST_MICROS for one in (min(micros), max(micros)))
        if timely and {len(subject) for subject in subjects if subject is not None} <= {16}:
            return list(map(MAKE, rows))
    return list(map(check_columns, rows))


def from_columns(row: Columns) -> LoggedEvent:
    """The event of its columns."""
    sequence, micros, event_type, kind, subject, actor, payload, digest = row
    subject_id = None if subject is None else UUID(bytes=subject)
    created_at = _EPOCH + micros * _MICROSECOND
    return LoggedEvent(sequence, created_at, event_type, kind, subject_id, actor, payload, digest)


def leaf(event: LoggedEvent) -> bytes:
    """As ``Columns.leaf``."""
    return columns(event).leaf


def identity(event: LoggedEvent) -> bytes:
    """As ``Columns.identity``."""
    return columns(event).identity
