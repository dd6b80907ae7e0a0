"""Who asks: bearer tokens, the actor and role that each gives, and for how long that is believed."""

import asyncio
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from artifactstore.access import ROLES, parse_token
from artifactstore.errors import Forbidden, error
from artifactstore.store import Token

if TYPE_CHECKING:
    from artifactstore.http.service import Service

_BEARER = re.compile(r"bearer +([^ ]+)", re.IGNORECASE)
_CACHED = 10_000
_NOBODY = bytes(32)


class Role(IntEnum):
    """What a token allows; each role may do what those before it may."""

    READER = 1
    PRODUCER = 2
    OPERATOR = 3

    @property
    def title(self) -> str:
        """The name in tokens and documents."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what the token allows."""

    actor: str
    role: Role
    token_id: UUID

    def check(self, needed: Role) -> None:
        """Raise ``Forbidden`` forbidden unless the token has the role."""
        if self.role < needed:
            needs = needed.title
            problem = f"it needs the role {needs}, the token has {self.role.title}"
            raise Forbidden("forbidden", {"problem": problem, "needs": needs})


def highest(roles: Sequence[str]) -> Role | None:
    """The role that a list of role names amounts to; None when it names none."""
    return max((Role[name.upper()] for name in roles if name in ROLES), default=None)


@dataclass(slots=True)
class _Known:
    """A token, when it was read, and of which generation of the log."""

    token: Token | None
    read_at: float
    generation: int


class Guard:
    """Tells who a request is from; believes what it read for ``seconds`` at most, so that revoking works.

    What it read of a log that is another one since then is read anew.

    Unknown tokens are remembered too, so that guessing costs the database little.
    """

    def __init__(self, service: "Service", seconds: float) -> None:
        self._service = service
        self._seconds = seconds
        self._known: OrderedDict[UUID, _Known] = OrderedDict()
        self._reading: dict[UUID, asyncio.Task[_Known]] = {}

    async def identify(self, authorization: str | None) -> Caller:
        """Who gave this Authorization header; raises ``Forbidden`` unauthorized."""
        if authorization is None:
            raise error("unauthorized")
        bearer = _BEARER.fullmatch(authorization.strip())
        given = bearer and parse_token(bearer[1])
        if given is None:
            raise _refused("it is not of the form Bearer ast_<id>_<secret>")
        known = await self._find(given.token_id)
        # Compared for unknown tokens too: the time to answer tells nothing.
        stored = known.token.secret_hash if known.token is not None else _NOBODY
        same = hmac.compare_digest(given.secret_hash, stored)
        if known.token is None or not same:
            raise _refused("the token is not known")
        if known.token.revoked:
            raise _refused("the token was revoked")
        left = known.token.seconds_left
        if left is not None and left <= time.monotonic() - known.read_at:
            raise _refused("the token has expired")
        role = highest(known.token.roles)
        if role is None:
            raise _refused("the token has no role that this service knows")
        return Caller(known.token.actor, role, given.token_id)

    def forget(self, token_id: UUID) -> None:
        """Read a token anew the next time; other processes do after ``seconds``."""
        self._known.pop(token_id, None)
        self._reading.pop(token_id, None)

    async def _find(self, token_id: UUID) -> _Known:
        known = self._known.get(token_id)
        if (
            known is not None
            and known.generation == self._service.history.generation
            and time.monotonic() - known.read_at <= self._seconds
        ):
            return known
        # All who come with the token while it is read share that read.
        reading = self._reading.get(token_id)
        if reading is None:
            reading = self._reading[token_id] = asyncio.create_task(self._read(token_id))
        return await asyncio.shield(reading)

    async def _read(self, token_id: UUID) -> _Known:
        now, generation = time.monotonic(), self._service.history.generation
        this = asyncio.current_task()
        try:
            token = await self._service.read(lambda store: store.tokens.find_token(token_id))
            known = _Known(token, now, generation)
        finally:
            current = self._reading.get(token_id) is this
            if current:
                del self._reading[token_id]
        if current:
            self._known[token_id] = known
            self._known.move_to_end(token_id)
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
        return known


def _refused(problem: str) -> Exception:
    return error("unauthorized", {"problem": problem, "given": True})
