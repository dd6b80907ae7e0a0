"""Access tokens of the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row, dict_row
from psycopg.sql import SQL

from artifactstore import codec
from artifactstore.errors import BadInput, translated
from artifactstore.events import NewEvent, Request, TokenIssued, TokenRevoked
from artifactstore.store.base import Connected
from artifactstore.store.rows import Appended, IssuedToken, Row


class Token(NamedTuple):
    """What decides whether a token is good; ``seconds_left`` until it expires, None: never."""

    token_id: UUID
    secret_hash: bytes
    actor: str
    roles: list[str]
    revoked: bool
    seconds_left: float | None


class Tokens(Connected):
    """``store.tokens``: tokens of the service; needs the role service."""

    def issue_token(
        self, event: TokenIssued, actor: str, holder: str, secret_hash: bytes, request: Request | None = None
    ) -> Appended:
        """Issue a token for the actor ``holder``; the event and the hash are stored together.

        Raises ``BadInput`` bad-payload or bad-actor, ``Refused`` id-taken or request-mismatch, ``Busy``.
        """
        if not 1 <= len(holder.encode("utf-8", "replace")) <= 255 or not holder.isprintable():
            raise BadInput("bad-actor", {"problem": "it holds characters that cannot be shown, or too many"})
        payload = NewEvent(event, None, actor, request=request).payload()
        query = SQL("SELECT 1, i.* FROM artifactstore.issue_token(%s, %s, %s, %s, %s) i")
        return self._appended(query, (payload, codec.digest(payload), actor, holder, secret_hash))

    @contextmanager
    def issuing(
        self, event: TokenIssued, actor: str, holder: str, text: str, secret_hash: bytes
    ) -> Iterator[IssuedToken]:
        """As ``issue_token``, with the token to be told in the body: there is none if that fails."""
        with translated(), self.connection.transaction():
            issued = self.issue_token(event, actor, holder, secret_hash)
            yield IssuedToken(event.token_id, text, issued.sequence)

    def revoke_token(self, event: TokenRevoked, actor: str, request: Request | None = None) -> Appended:
        """Revoke a token; one that is revoked already gives the event that did, ``appended`` false.

        Raises ``BadInput`` bad-payload, ``NotFound``, ``Refused`` request-mismatch, ``Busy``.
        """
        payload = NewEvent(event, None, actor, request=request).payload()
        query = SQL("SELECT 1, r.* FROM artifactstore.revoke_token(%s, %s, %s) r")
        return self._appended(query, (payload, codec.digest(payload), actor))

    def find_token(self, token_id: UUID) -> Token | None:
        """What decides whether a token is good, None if there is no such token."""
        query = SQL("SELECT * FROM artifactstore.find_token(%s)")
        found = self._all(args_row(Token), query, (token_id,))
        return found[0] if found else None

    def tokens(self, after: UUID | None = None, limit: int | None = None) -> list[Row]:
        """Tokens by id, without their hashes; ``state`` is good, expired or revoked."""
        query = SQL("SELECT * FROM artifactstore.list_tokens(%s, %s)")
        return self._all(dict_row, query, (after, limit))
