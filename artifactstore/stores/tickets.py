"""Tickets: what the service says to itself by way of a client, who can neither make nor change it.

A ticket is the base64url of canonical CBOR [members…, end] and an HMAC-SHA-256 of it; ``end`` is the second
since 1970 at which it is worth nothing any more. Each kind is sealed for itself: none passes for another.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, fields
from typing import ClassVar, TypeAlias, TypeVar

from artifactstore import codec
from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError, error

_MAC = 32
_DOMAIN = b"artifactstore ticket 1 "
_HOUR = 3600
_MOST = 4096
"""Characters of a ticket; what is longer was never sealed here."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """An object that is in a store: handed in with the file whose content it is.

    Attributes:
        key: of the object. sha256: None where nobody told it. actor: who may hand it in.
    """

    seconds: ClassVar[int] = 24 * _HOUR

    store: str
    key: str
    size: int
    blake3: bytes
    sha256: bytes | None
    actor: str


@dataclass(frozen=True, slots=True)
class PartsUpload:
    """An upload in parts that was begun: the store has the parts, the client has this."""

    seconds: ClassVar[int] = 7 * 24 * _HOUR

    store: str
    key: str
    upload_id: str
    size: int
    part_size: int
    actor: str


@dataclass(frozen=True, slots=True)
class ReportTicket:
    """The files of a package, to be looked at: a part of the address of each, in place of a token.

    Attributes:
        package_id: as text. actor: who asked for it; whoever has it may use it.
    """

    seconds: ClassVar[int] = _HOUR

    package_id: str
    actor: str


Sealed: TypeAlias = Ticket | PartsUpload | ReportTicket
SealedT = TypeVar("SealedT", Ticket, PartsUpload, ReportTicket)


class Seal:
    """Makes tickets, and opens those that were made with the same key.

    Args:
        key: a secret of at least 32 bytes, the same for all processes that serve one log.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, said: Sealed, now: float) -> str:
        """The ticket, good for as long as its kind is; ``now``: seconds since 1970."""
        members = [getattr(said, field.name) for field in fields(said)]
        body = codec.encode_item([*members, int(now) + said.seconds])
        return urlsafe_b64encode(body + self._mac(type(said), body)).rstrip(b"=").decode()

    def open(self, kind: type[SealedT], text: str, now: float, actor: str | None) -> SealedT:
        """What a ticket says that ``actor`` hands in, None: anybody; raises ``BadInput`` bad-ticket."""
        data = _decoded(text)
        body, mac = data[:-_MAC], data[-_MAC:]
        if not body or not hmac.compare_digest(mac, self._mac(kind, body)):
            raise _bad("it was not made here, or was changed")
        try:
            ((*members, end),) = codec.load_items(body, 2)
        except (Problem, ValueError, TypeError):
            raise _bad("it cannot be read") from None
        if now >= end:
            raise _bad("its time is over")
        said = kind(*members)
        if actor is not None and said.actor != actor:
            raise _bad("it was made for somebody else")
        return said

    def _mac(self, kind: type, body: bytes) -> bytes:
        return hmac.digest(self._key, _DOMAIN + kind.__name__.encode() + b"\0" + body, "sha256")


def _decoded(text: str) -> bytes:
    if len(text) > _MOST or not text.isascii():
        raise _bad("it cannot be read")
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise _bad("it cannot be read") from None
    # One ticket has one text: what the decoder passes over would else be ignored.
    if urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise _bad("it cannot be read")
    return data


def _bad(problem: str) -> ArtifactstoreError:
    return error("bad-ticket", {"problem": problem})
