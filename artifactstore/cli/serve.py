"""The command that serves the log over HTTP."""

import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifactstore import access
from artifactstore.cli import options
from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import translated
from artifactstore.events import TokenIssued, new_id

if TYPE_CHECKING:
    from artifactstore.store import Store


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8321, show_default=True, type=options.Number(0, 65535), help="Port; 0: any free one."
)
@click.option("--workers", default=1, show_default=True, type=options.Number(1, 64), help="Processes.")
@click.option(
    "--stop-seconds", type=options.Number(5, 3600), help="A stop has ended after that. Default: 10."
)
@with_session
def serve(session: Session, host: str, port: int, workers: int, stop_seconds: int | None) -> None:
    """Serve the log over HTTP, until Ctrl-C or SIGTERM.

    With a database that was named, the service starts whether that answers or not, and its login needs the
    role service. The embedded one is started and migrated; at the first start a token of an operator is
    made, in a file that only you can read. It is also what the page for browsers asks for. Every request is
    a line on stderr, for people if that is a terminal, else as JSON. More settings:
    ARTIFACTSTORE_POOL_MAX and others, see the docs.
    """
    # uvicorn and starlette take a while to import; only this command needs them.
    from artifactstore.http import server
    from artifactstore.http.settings import Settings, variable

    os.environ[variable("database_url")] = session.target.conninfo
    settings = Settings.from_environment()
    if session.stores.config.path is not None:
        os.environ[variable("stores")] = str(session.stores.config.path)
        settings = replace(settings, stores=str(session.stores.config.path))
    if not settings.ticket_key:
        # All workers open the tickets of each other.
        settings = replace(settings, ticket_key=secrets.token_hex())
        os.environ[variable("ticket_key")] = settings.ticket_key
    if stop_seconds is not None:
        settings = replace(settings, stop_seconds=stop_seconds)
        os.environ[variable("stop_seconds")] = str(stop_seconds)
    server.check_limits(settings)
    path = _owners_token(session) if session.target.embedded else None
    with server.listen(host, port) as listening:
        server.check_content_origin(settings, host, listening)
        url = server.address(listening)
        told: dict[str, object] = {"listens": url, "browser": f"{url}/ui/", "workers": workers}
        told["token"] = str(path) if path else "made with artifactstore token create"
        session.output.result(told)
        sys.stdout.flush()
        _tell_lacking_role(session)
        server.serve(settings, listening, workers)


def _tell_lacking_role(session: Session) -> None:
    """Tell on stderr, if the database answers, what its login must be granted: without it all gets 503."""
    from artifactstore import db
    from artifactstore.errors import ArtifactstoreError
    from artifactstore.store import Store

    try:
        with db.connect(session.target.conninfo, purpose="serve", connect_timeout=2) as connection:
            commands = Store(connection).grants.role_commands()
    except ArtifactstoreError as failure:
        click.echo(f"warning: not ready: {failure.message}", err=True)
        return
    if commands:
        click.echo("warning: not ready: the login lacks a role. As who ran migrate:", err=True)
        for command in commands:
            click.echo(f"    {command}", err=True)


def _owners_token(session: Session) -> Path:
    """The file with a good token of an operator; one that is none is replaced, and told why."""
    path = access.token_path()
    token = access.read_token(path)
    problem = "there is none" if token is None else _token_problem(session.database, token)
    if problem is not None:
        if token is not None:
            click.echo(f"the token in {path} is replaced: {problem}", err=True)
        reason = "first start of the service" if token is None else f"the token before: {problem}"
        token = access.new_token(new_id())
        event = TokenIssued(token_id=token.token_id, roles=("operator",), reason=reason)
        # Kept before it is committed: the secret of a token that exists must not be lost.
        with translated(), session.database.connection.transaction():
            session.database.tokens.issue_token(event, session.actor, session.actor, token.secret_hash)
            access.write_token(path, token)
    session.database.connection.close()
    return path


def _token_problem(store: "Store", token: access.AccessToken) -> str | None:
    """Why an operator cannot use a token, None if it is good."""
    known = store.tokens.find_token(token.token_id)
    if known is None or known.secret_hash != token.secret_hash:
        return "this log does not know it"
    if known.revoked:
        return "it was revoked"
    if known.seconds_left is not None and known.seconds_left <= 0:
        return "it has expired"
    if "operator" not in known.roles:
        return f"it allows no more than {', '.join(known.roles) or 'nothing'}"
    return None
