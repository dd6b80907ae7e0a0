"""Commands on the access tokens of the service."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from artifactstore import access
from artifactstore.cli import options, values
from artifactstore.cli.command import Group
from artifactstore.cli.output import written
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import ArtifactstoreError, BadInput
from artifactstore.events import TokenIssued, TokenRevoked, new_id

_COLUMNS = ("token_id", "actor", "roles", "state", "issued_at", "issued_by", "expires_at")


@click.group(cls=Group)
def token() -> None:
    """Make, list and revoke access tokens of the service.

    Only a hash of a token is stored. Making and revoking one are events of the log.
    """


@token.command()
@click.argument("holder")
@click.option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    type=click.Choice(access.ROLES),
    help="What it allows; a producer may read, an operator do everything.",
)
@click.option("--expires", metavar="TIME", help="When it ends: RFC 3339, or from now: 90d. Default: never.")
@options.optional_reason
@with_session
def create(
    session: Session, holder: str, roles: tuple[str, ...], expires: str | None, reason: str | None
) -> None:
    """Make a token for HOLDER, the actor of what is done with it, such as user:ann.

    The token is shown this once.
    """
    ends = None if expires is None else values.instant(expires)
    if ends is not None and ends <= session.store.log.clock():
        raise BadInput("usage", {"problem": f"{expires!r} is not in the future"})
    new = access.new_token(new_id())
    event = TokenIssued(
        token_id=new.token_id,
        roles=tuple(dict.fromkeys(roles)),
        expires=ends,
        reason=reason or f"for {holder}",
    )
    issuing = session.store.tokens.issuing(event, session.actor, holder, new.text, new.secret_hash)
    # Told before it is committed: a token whose secret nobody was told must not come to be.
    with _not_made(), issuing as made:
        session.output.result(
            {
                "token": made.text,
                "token_id": made.token_id,
                "actor": holder,
                "roles": ", ".join(event.roles or ()),
                "expires": ends,
                "sequence": made.sequence,
            }
        )
        with written():
            sys.stdout.flush()


@contextmanager
def _not_made() -> Iterator[None]:
    """Say that a token that could not be told was not made."""
    try:
        yield
    except ArtifactstoreError as failure:
        if failure.code == "output-lost":
            failure.hint = "the token was not made, as nobody would know its secret"
        raise


@token.command(name="list")
@with_session
def list_(session: Session) -> None:
    """List tokens, also those that ended; never their secrets."""
    session.output.rows(_COLUMNS, session.store.tokens.tokens())


@token.command()
@click.argument("token_id")
@options.optional_reason
@with_session
def revoke(session: Session, token_id: str, reason: str | None) -> None:
    """Revoke a token; services that run refuse it within 5 seconds."""
    event = TokenRevoked(token_id=values.identity(token_id), reason=reason)
    revoked = session.store.tokens.revoke_token(event, session.actor)
    session.output.result(
        {
            "token_id": event.token_id,
            "sequence": revoked.sequence,
            "revoked_at": revoked.created_at,
            "was_revoked_before": not revoked.appended,
        }
    )
