"""Commands on the database."""

import click

from artifactstore import embedded, lacking
from artifactstore.cli.command import Command, Group
from artifactstore.cli.output import jsonable
from artifactstore.cli.session import Session, with_session
from artifactstore.leaves import shown
from artifactstore.migrate import LOCK_SECONDS, MigrateResult
from artifactstore.migrate import migrate as migrate_database


@click.command(cls=Command)
@click.option("--role-prefix", metavar="NAME", help="Prefix of the role names. Default: the database's name.")
@click.option(
    "--grant-to-login", is_flag=True, help="Make this login a member of the roles service and operator."
)
@click.option(
    "--no-replay", is_flag=True, help="Refuse if projectors changed, instead of rebuilding the views."
)
@click.option(
    "--lock-seconds",
    type=click.FloatRange(min=0.001, max=86_400),
    default=LOCK_SECONDS,
    show_default=True,
    metavar="S",
    help="How long to wait for another migrate; for any other lock 30 at the most.",
)
@with_session
def migrate(
    session: Session, role_prefix: str | None, grant_to_login: bool, no_replay: bool, lock_seconds: float
) -> None:
    """Create or upgrade the schema of the database.

    Nothing happens if it is up to date. The login must own the database and have CREATEROLE, or be a
    superuser. Any number at once take turns, and a killed one leaves the database as it was. Who waits for
    too long is told who has the lock (busy, exit code 5), and nothing was changed. If projectors
    changed, the views are rebuilt at the end, while appends and reads go on again; until that is done the
    next migrate goes on with it.
    """
    result = migrate_database(
        session.target.conninfo,
        role_prefix=role_prefix,
        grant_to_login=grant_to_login or session.target.embedded,
        replay=not no_replay,
        lock_seconds=lock_seconds,
        progress=session.output.say,
    )
    granted = lacking.grants(result.roles, "LOGIN")
    session.output.result(
        {
            "migrations": ", ".join(result.migrations) or "none new",
            "files": result.files,
            "roles": ", ".join(result.roles.values()),
            "replayed": result.replayed,
            "seconds": round(result.seconds, 2),
            **({"login": result.login, "grants": jsonable(granted)} if session.json else {}),
        }
    )
    if not session.target.embedded:
        _tell_grants(session, granted, result)


def _tell_grants(session: Session, granted: list[lacking.Grant], result: MigrateResult) -> None:
    """Whom to let in with which statement; nobody is but superusers, not even the login that migrated."""
    say = session.output.say
    say("", f"Let people and programs in, {lacking.WHO}; LOGIN is the name of theirs:")
    for one in granted:
        say(f"  {one.statement}", f"      {one.what_for}")
    if not result.let_in:
        say(f"The login {result.login} has none of these roles yet. To work with it, too:")
        own = lacking.grants(result.roles, result.login)[-1]
        say(f"  {own.statement}", "      or artifactstore migrate --grant-to-login")


@click.command(cls=Command)
@with_session
def status(session: Session) -> None:
    """Show the database, the head of the log and what is in the views."""
    store = session.database
    row = store.log.status()
    row = {**row, "identity": shown(row["identity"]), "embedded": session.target.embedded}
    views = store.rebuilds.view_counts()
    session.output.result({**row, "views": views} if session.json else {**row, **views})


@click.group(cls=Group)
def db() -> None:
    """Start, stop and look at the embedded PostgreSQL.

    It runs while a command needs it; between start and stop it keeps running. Its data is in
    ARTIFACTSTORE_DATA_DIR, by default your data directory.
    """


@db.command()
@with_session
def start(session: Session) -> None:
    """Start the server and let it run on."""
    session.output.result({"conninfo": embedded.ensure_running(keep=True, tell=session.notice)})


@db.command()
@with_session
def stop(session: Session) -> None:
    """Stop the server, whoever uses it."""
    session.output.result({"stopped": embedded.stop()})


@db.command("status")
@with_session
def db_status(session: Session) -> None:
    """Show where the server is, and whether it runs."""
    found = embedded.status()
    session.output.result(
        {
            "directory": str(found.directory),
            "postgresql": found.major,
            "running": found.running,
            "keeps_running": found.keeps_running,
            "conninfo": found.conninfo,
            "log": str(found.log),
        }
    )
