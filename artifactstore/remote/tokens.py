"""Tokens of a service."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from artifactstore.client import Client
from artifactstore.errors import error
from artifactstore.events import TokenIssued, TokenRevoked
from artifactstore.remote.translation import PAGE, all_pages, translated_answers
from artifactstore.store import Appended, Row
from artifactstore.store.rows import IssuedToken


class RemoteTokens:
    """``registry.tokens``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def tokens(self) -> list[Row]:
        """See ``Tokens.tokens``."""
        return list(
            all_pages(
                lambda after: self._client.tokens.list(after=after, limit=PAGE), lambda page: page.tokens
            )
        )

    @contextmanager
    def issuing(
        self, event: TokenIssued, _actor: str, holder: str, _text: str, _secret_hash: bytes
    ) -> Iterator[IssuedToken]:
        """See ``Tokens.issuing``; the service makes the token, which is revoked if it cannot be told."""
        with translated_answers():
            made = self._client.tokens.create(
                actor=holder,
                roles=cast("Any", event.roles or ()),
                expires=event.expires,
                reason=event.reason,
            )
        try:
            if made.token is None:
                problem = "the answer with the token was lost; that token is revoked, run it again"
                raise error("service-unreachable", {"problem": problem, "token_id": str(made.token_id)})
            yield IssuedToken(made.token_id, made.token, made.sequence)
        except BaseException:
            with translated_answers():
                self._client.tokens.revoke(made.token_id, reason="nobody was told its secret")
            raise

    def revoke_token(self, event: TokenRevoked, _actor: str) -> Appended:
        """See ``Tokens.revoke_token``."""
        with translated_answers():
            revoked = self._client.tokens.revoke(event.token_id, reason=event.reason)
        return Appended(1, revoked.sequence, revoked.created_at, True)
