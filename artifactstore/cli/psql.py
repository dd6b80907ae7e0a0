"""psql on the database: as it is, or, on a terminal and without arguments, made ready for the registry."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing

import click
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from artifactstore import db, embedded, server
from artifactstore.cli.command import Command
from artifactstore.cli.output import readable
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import ArtifactstoreError
from artifactstore.store import Row, Store

_SEARCH_PATH = "-c search_path=pg_temp,artifactstore,public"
"""pg_temp first: what is made without naming a schema is temporary, and never among what migrate installs."""

_SETTINGS = ("--set=SHOW_CONTEXT=never", "--pset=null=(null)", "--pset=expanded=auto")
"""Of psql, before it reads psqlrc files, which may say otherwise. A refusal is its message, DETAIL and HINT;
the PL/pgSQL lines it came through help nobody but us."""

_PAGER = "-FSX"
"""For less, unless LESS says otherwise: what fits is just shown, lines are cut, not wrapped."""

_FIRST_QUESTION = "SELECT * FROM event_log ORDER BY sequence DESC LIMIT 5;"


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@with_session
def psql(session: Session, arguments: tuple[str, ...]) -> int:
    """Open psql on the database.

    On a terminal: names need no schema, what is made without one is temporary, refusals come without the
    functions they passed; your ~/.psqlrc is read after that and has the last word. ARGUMENTS go to psql:
    with any, or without a terminal, it is psql as it is. The exit code is psql's.

    \b
    artifactstore psql
    artifactstore psql -- -c 'SELECT * FROM artifactstore.event_log LIMIT 5'
    """
    program, conninfo = _program(session), session.target.conninfo
    if not arguments and sys.stdin.isatty() and sys.stdout.isatty():
        equipped = _equipped(conninfo)
        if (row := _registry(equipped)) is not None:
            session.output.say(*_banner(session.place(), row))
            return _run(program, _SETTINGS, equipped, LESS=_PAGER)
    return _run(program, arguments, conninfo)


def _equipped(conninfo: str) -> str:
    """The same database with a search_path for the session, behind the options that it may have already."""
    options = conninfo_to_dict(conninfo).get("options") or os.environ.get("PGOPTIONS", "")
    return make_conninfo(conninfo, options=f"{options} {_SEARCH_PATH}".lstrip())


def _registry(conninfo: str) -> Row | None:
    """Where the log stands; None where that cannot be read, or a pooler takes no options: psql tells why."""
    try:
        with closing(db.connect(conninfo, purpose="psql")) as connection:
            return Store(connection).log.status()
    except ArtifactstoreError:
        return None


def _banner(place: str, row: Row) -> tuple[str, str]:
    """Which registry this is, and how to ask."""
    head = f"head {row['head']:,} of {readable(row['last_at'])}"
    return (
        f"{place}: log {row['log_id']}, epoch {row['epoch']}, {head}, as {row['login']}",
        f"Ask: {_FIRST_QUESTION}  \\dv+ views, \\dt+ tables, \\df+ functions; more: docs/how-to/psql.md",
    )


def _run(program: str, arguments: tuple[str, ...], conninfo: str, **defaults: str) -> int:
    """psql's exit code; ``defaults`` of variables of the environment, for those that are not set."""
    rest, environment = _environment(conninfo)
    child = subprocess.Popen([program, *rest, *arguments], env={**defaults, **environment})
    # Ctrl-C is psql's: it cancels a query. This process waits, so that an embedded server stays up.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return child.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _program(session: Session) -> str:
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
