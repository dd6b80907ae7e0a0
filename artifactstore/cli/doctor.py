"""The command that looks at the database as an operator would."""

import re
import shlex
from dataclasses import replace

import click

from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.exits import EXIT_DIFFERENCES

_STATEMENT = re.compile(r"""(?:[^;'"]|'[^']*'|"[^"]*")+;""")


@click.command(cls=Command)
@click.option("--fix", is_flag=True, help="Remove what a crash left: an unfinished rebuild, scratch schemas.")
@with_session
def doctor(session: Session, fix: bool) -> int:
    """Tell what is wrong with the database, and the statement that puts it right.

    Looks for who holds the append lock, old transactions, a full queue of notifications, unused replication
    slots, leftovers of crashes, stray objects, guards that are switched off, wide privileges, views of other
    projectors, copies that are to go, stores that the keeper does not look after, that it found something in
    or that know nothing of retention, one content told in two ways, dangerous settings, little disk, and
    whether the log is at home here. It changes nothing but with --fix. Exit code 1 if a finding is an error.
    Whether the log and the views are right, verify tells.

    \b
    artifactstore doctor
    artifactstore doctor --fix
    """
    from artifactstore.cli.output import jsonable
    from artifactstore.jobs.doctor import WHO, examine, remove_leftovers
    from artifactstore.store import Store

    store = Store(session.connect("doctor"))
    tried = list(remove_leftovers(store.health)) if fix else []
    removed = [finding.schema for finding in tried if finding.schema is not None]
    findings = [finding for finding in tried if finding.schema is None]
    findings += examine(store, session.stores.config)
    if session.target.embedded:
        findings = [replace(finding, fix=_in_the_embedded(finding.fix)) for finding in findings]
    errors = sum(finding.severity == "error" for finding in findings)
    if session.json:
        session.output.result({"errors": errors, "findings": jsonable(findings), "removed": removed})
    else:
        say = session.output.say
        for schema in removed:
            say(f"removed: {schema}")
        for finding in findings:
            say(f"{finding.severity}: {finding.check}: {finding.what}")
            if finding.fix is not None:
                who = f"   -- as {WHO[finding.by]}" if finding.fix.endswith(";") and finding.by else ""
                say(f"    {finding.fix}{who}")
        warnings = sum(finding.severity == "warning" for finding in findings)
        say(f"{errors} errors, {warnings} warnings")
    return EXIT_DIFFERENCES if errors else 0


def _in_the_embedded(fix: str | None) -> str | None:
    """What puts a finding right in an embedded server, whose owner is a superuser only when asking to be.

    Each statement by itself: some may not be in a transaction, which psql makes of several.
    """
    if fix is None or not fix.endswith(";"):
        return fix
    statements = (f"-c {shlex.quote(one.strip())}" for one in _STATEMENT.findall(fix))
    return f"artifactstore psql -- -U postgres -v ON_ERROR_STOP=1 {' '.join(statements)}"
