"""What ``Store`` gives and takes, beside events and rows of views."""

from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

Row: TypeAlias = dict[str, Any]


class Appended(NamedTuple):
    """Where an event landed; ``appended`` is False when its request was known and nothing was written."""

    position: int
    sequence: int
    created_at: datetime
    appended: bool


class IssuedToken(NamedTuple):
    """A token that was made; ``text`` is for its holder alone."""

    token_id: UUID
    text: str
    sequence: int


class LoggedEvent(NamedTuple):
    """A row of ``events``, as stored."""

    sequence: int
    created_at: datetime
    event_type: str
    subject_kind: str
    subject_id: UUID | None
    actor: str
    payload: bytes
    payload_digest: bytes


class ManifestEntry(NamedTuple):
    """A live file as its package's manifest lists it: size in bytes, BLAKE3 (32 bytes)."""

    path: str
    size: int
    blake3: bytes


class Difference(NamedTuple):
    """A value in which two view sets differ; column ``(row)``: the row is on one side only."""

    view: str
    key: str
    column: str
    left: str | None
    right: str | None


class Manifest(NamedTuple):
    """A sealed package: manifest digest, number of files and bytes as sealed, and as its files are now."""

    purl: str
    stated: tuple[bytes, int, int]
    found: tuple[bytes, int, int]


class Verdict(NamedTuple):
    """What the rules say to a command on a package, by the type of its event.

    Attributes:
        refusal: ``{"code": …}`` and the facts of the refusal; None: it is allowed.
        bypass: whether an operator may bypass the refusal.
    """

    event_type: str
    refusal: dict[str, Any] | None
    bypass: bool
