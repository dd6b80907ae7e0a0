"""Commands on the database."""

import os
import shutil
import signal
import subprocess
import sys

import click
from psycopg import pq
from psycopg.conninfo import make_conninfo

from artifactstore import embedded, lacking, server
from artifactstore.cli.command import Command, Group
from artifactstore.cli.output import jsonable
from artifactstore.cli.session import Session, with_session
from artifactstore.leaves import shown
from artifactstore.migrate import LOCK_SECONDS, MigrateResult
from artifactstore.migrate import migrate as migrate_database

_GREETING = """\
The log and its views are in schema artifactstore. To begin with:
  SELECT * FROM artifactstore.event_log ORDER BY sequence DESC LIMIT 5;    the newest events, decoded
  SELECT * FROM artifactstore.audit_events ORDER BY sequence DESC LIMIT 5; who did what to what
  SELECT * FROM artifactstore.retention_events;                            retention and legal holds
  SELECT event_type, description FROM artifactstore.event_types;           what can happen
  SELECT purl, state, file_count FROM artifactstore.artifact_packages;     packages
  SELECT artifactstore.append_json('v1.package.created', artifactstore.new_id(),
      '{"purl": "pkg:generic/from-psql@1.0"}');                            append an event
  \\dt+ artifactstore.*   \\dv+ artifactstore.*   \\df+ artifactstore.*       tables, views, functions
"""


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
    store = session.store
    row = store.log.status()
    row = {**row, "identity": shown(row["identity"]), "embedded": session.target.embedded}
    views = store.rebuilds.view_counts()
    session.output.result({**row, "views": views} if session.json else {**row, **views})


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@with_session
def psql(session: Session, arguments: tuple[str, ...]) -> int:
    """Open psql on the database.

    ARGUMENTS go to psql, and the exit code is psql's.

    \b
    artifactstore psql
    artifactstore psql -- -c 'SELECT * FROM artifactstore.event_log LIMIT 5'
    """
    program = _psql_program(session)
    if not arguments and sys.stdin.isatty():
        session.output.say(*_GREETING.splitlines())
    rest, environment = _environment(session.target.conninfo)
    child = subprocess.Popen([program, *rest, *arguments], env=environment)
    # Ctrl-C is psql's: it cancels a query. This process waits, so that an embedded server stays up.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return child.wait()
    finally:
        signal.signal(signal.SIGINT, before)


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


def _psql_program(session: Session) -> str:
    """psql as installed; for an embedded server, or if there is none, that of the wheel."""
    installed = None if session.target.embedded else shutil.which("psql")
    major = embedded.status().major if session.target.embedded else None
    return installed or str(server.wheel_programs(major).bin / "psql")


def _environment(conninfo: str) -> tuple[list[str], dict[str, str]]:
    """How psql is told the database: in the environment, where other users cannot see a password."""
    environment = dict(os.environ)
    others: dict[str, str] = {}
    for option in pq.Conninfo.parse(conninfo.encode()):
        if option.val is None:
            continue
        if option.envvar is not None:
            environment[option.envvar.decode()] = option.val.decode()
        else:
            others[option.keyword.decode()] = option.val.decode()
    return (["--dbname", make_conninfo(**others)] if others else []), environment
