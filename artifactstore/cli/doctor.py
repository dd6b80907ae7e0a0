"""The command that looks at the database as an operator would."""

import click

from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import EXIT_DIFFERENCES


@click.command(cls=Command)
@click.option("--fix", is_flag=True, help="Remove what a crash left: an unfinished rebuild, scratch schemas.")
@with_session
def doctor(session: Session, fix: bool) -> int:
    """Tell what is wrong with the database, and the statement that puts it right.

    Looks for who holds the append lock, old transactions, unused replication slots, leftovers of crashes,
    stray objects, guards that are switched off, wide privileges, views of other projectors, copies that are
    to go, one content told in two ways, dangerous settings, little disk, and whether the log is at home
    here. It changes nothing but with --fix. Exit code 1 if a finding is an error. Whether the log and the
    views are right, verify tells.

    \b
    artifactstore doctor
    artifactstore doctor --fix
    """
    from artifactstore.cli.output import jsonable
    from artifactstore.doctor import examine, remove_leftovers
    from artifactstore.store import Store

    store = Store(session.connect("doctor"))
    tried = list(remove_leftovers(store)) if fix else []
    removed = [finding.schema for finding in tried if finding.schema is not None]
    findings = [finding for finding in tried if finding.schema is None] + list(examine(store))
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
                say(f"    {finding.fix}")
        warnings = sum(finding.severity == "warning" for finding in findings)
        say(f"{errors} errors, {warnings} warnings")
    return EXIT_DIFFERENCES if errors else 0
