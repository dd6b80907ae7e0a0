"""Commands on retention and legal holds."""

from datetime import datetime
from uuid import UUID

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Group
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput, Refused
from artifactstore.events import models, new_id, parse_time
from artifactstore.verdicts import told
from artifactstore.words import RETENTION_MODES

_DUE = ("purl", "state", "due", "action", "why", "mode", "retain_until", "holds", "package_id")
_SET = ("action", "mode", "retain_until_before", "retain_until", "case_ref", "reason")
_HISTORY = ("sequence", "created_at", "actor", *_SET)
_EXPLAINED = ("command", "allowed", "why")
_HOLDS = ("hold_id", "case_ref", "reason", "placed_by", "placed_at", "released_by", "released_at")

named = click.argument("package", metavar="PACKAGE", type=values.package)


@click.group(cls=Group)
def retention() -> None:
    """Say how long packages must be kept, and hold them.

    Times are RFC 3339 with a zone (2030-01-31T00:00:00Z) or durations from now: 30d, 6mo, 1y6mo, 12h.
    They are computed once, by the calendar in UTC; the event carries the result.
    """


@retention.command()
@named
@click.option("--mode", required=True, type=click.Choice(RETENTION_MODES), help="Who may bypass it.")
@click.option("--until", required=True, type=values.instant, help="Keep until.")
@click.option("--policy", help="Name of the policy that it comes from.")
@options.optional_reason
@options.expected
@with_session
def apply(
    session: Session,
    package: UUID | str,
    mode: str,
    until: datetime,
    policy: str | None,
    reason: str | None,
    expected: int | None,
) -> None:
    """Keep a package until a time. In governance mode operators may bypass it, in compliance nobody may.

    \b
    artifactstore retention apply pkg:generic/app@1.0 --mode governance --until 1y
    """
    event = models.RetentionApplied(mode=mode, until=until, policy=policy, reason=reason)
    session.append(event, session.package_id(package), expected, retain_until=until)


@retention.command()
@named
@click.option("--to", type=values.instant, help="New end: a time, or a duration from now.")
@click.option("--by", metavar="DURATION", help="How much longer than now: a duration from the present end.")
@options.optional_reason
@options.expected
@with_session
def extend(
    session: Session,
    package: UUID | str,
    to: datetime | None,
    by: str | None,
    reason: str | None,
    expected: int | None,
) -> None:
    """Keep a package longer.

    \b
    artifactstore retention extend pkg:generic/app@1.0 --by 6mo
    artifactstore retention extend pkg:generic/app@1.0 --to 2035-01-01T00:00:00Z
    """
    package_id, present = _present(session, package)
    if (to is None) == (by is None):
        raise BadInput("usage", {"problem": "give either --to or --by"})
    end = to if to is not None else values.add_duration(present, str(by))
    event = models.RetentionExtended(from_=present, to=end, reason=reason)
    session.append(event, package_id, expected, retain_until=end)


@retention.command()
@named
@options.optional_reason
@options.expected
@with_session
def escalate(session: Session, package: UUID | str, reason: str | None, expected: int | None) -> None:
    """Turn governance into compliance. There is no way back while it lasts."""
    session.append(models.RetentionEscalated(reason=reason), session.package_id(package), expected)


@retention.command()
@named
@click.option("--to", required=True, type=values.instant, help="New end: a time, or a duration from now.")
@options.reason
@options.expected
@with_session
def shorten(session: Session, package: UUID | str, to: datetime, reason: str, expected: int | None) -> None:
    """Shorten governance retention: bypasses it, and the log says so."""
    package_id, present = _present(session, package)
    event = models.RetentionShortened(from_=present, to=to, reason=reason, bypass_governance=True)
    session.append(event, package_id, expected, retain_until=to)


@retention.command()
@named
@click.option("--case", required=True, help="Case or matter that asks for it.")
@options.reason
@options.expected
@with_session
def hold(session: Session, package: UUID | str, case: str, reason: str, expected: int | None) -> None:
    """Place a legal hold: nothing of the package can be destroyed until it is released."""
    hold_id = new_id()
    event = models.HoldPlaced(hold_id=hold_id, case=case, reason=reason)
    session.append(event, session.package_id(package), expected, hold_id=hold_id)


@retention.command()
@named
@click.argument("hold_id", required=False, type=values.identity)
@options.reason
@options.expected
@with_session
def release(
    session: Session, package: UUID | str, hold_id: UUID | None, reason: str, expected: int | None
) -> None:
    """Release a legal hold; HOLD_ID may be left out when only one is in force."""
    package_id = session.package_id(package)
    if hold_id is None:
        held = [
            row["hold_id"] for row in session.store.packages.holds(package_id) if row["released_at"] is None
        ]
        if not held:
            raise Refused("no-such-hold", {"package_id": str(package_id), "holds": []})
        if len(held) > 1:
            problem = f"which of {', '.join(map(str, held))}?"
            raise BadInput("usage", {"problem": problem})
        hold_id = held[0]
    session.append(models.HoldReleased(hold_id=hold_id, reason=reason), package_id, expected, hold_id=hold_id)


@retention.command()
@named
@with_session
def show(session: Session, package: UUID | str) -> None:
    """Show the retention of a package and its holds, released ones too."""
    package_id = session.package_id(package)
    row = session.store.packages.retention(package_id)
    holds = session.store.packages.holds(package_id)
    if session.json:
        session.output.result({**row, "holds": holds})
        return
    session.output.result(row)
    if holds:
        session.output.say("")
        session.output.rows(_HOLDS, holds)


@retention.command()
@named
@with_session
def explain(session: Session, package: UUID | str) -> None:
    """Show what may be done with a package now, and why not: until when, whose hold, which state.

    Each command is tried by the rules themselves, on a copy of the package that is thrown away: what is
    allowed here, the log accepts. "bypass" is what operators may do in spite of governance retention, with
    --bypass-governance; the log says so then.

    \b
    artifactstore retention explain pkg:generic/app@1.0
    """
    package_id = session.package_id(package)
    verdicts = session.store.overviews.verdicts(package_id)
    commands = [told(verdict) for verdict in verdicts]
    if session.json:
        explained = [
            {**command._asdict(), "facts": verdict.refusal}
            for command, verdict in zip(commands, verdicts, strict=True)
        ]
        session.output.result({"package_id": package_id, "commands": explained})
        return
    rows = (
        {
            "command": command.name,
            "allowed": "yes" if command.code is None else "bypass" if command.bypass else "no",
            "why": command.why or None,
        }
        for command in commands
    )
    session.output.rows(_EXPLAINED, rows)


@retention.command()
@named
@with_session
def history(session: Session, package: UUID | str) -> None:
    """Show every event that set, changed or held the retention of a package, the oldest first.

    \b
    artifactstore retention history pkg:generic/app@1.0
    """
    package_id = session.package_id(package)
    session.output.rows(_HISTORY, session.store.log.retention_history(package_id))


@retention.command()
@click.option(
    "--before",
    metavar="TIME",
    help="Due at this time, or so long from now by the clock of the database.  [default: now]",
)
@click.option("--only-due", is_flag=True, help="Leave out the packages that are not due.")
@click.option("--limit", type=options.Number(1), help="At most so many.")
@click.option("--after", type=values.identity, metavar="ID", help="Go on after this package_id.")
@with_session
def due(session: Session, before: str | None, only_due: bool, limit: int | None, after: UUID | None) -> None:
    """List which packages may be deleted or purged because their retention ended, and why the others may not.

    Due is a package to which retention was applied, whose retain_until is reached by the clock of the
    database, that is not held and not purged. Why the others are not: purged, legal-hold, no-retention
    (nobody said that it ends), retention-active. A deleted package is due for its purge.

    \b
    artifactstore retention due --only-due
    artifactstore retention due --before 2030-01-01T00:00:00Z
    artifactstore retention due --before 30d --limit 100
    """
    instant: datetime | None = None
    if before is not None:
        is_time = "-" in before or ":" in before
        instant = parse_time(before) if is_time else values.add_duration(session.store.log.clock(), before)
    wanted = True if only_due else None
    session.output.rows(_DUE, session.store.retention.due(instant, due=wanted, after=after, limit=limit))


def _present(session: Session, package: UUID | str) -> tuple[UUID, datetime]:
    """The package's id and the end of its retention."""
    package_id = session.package_id(package)
    until: datetime | None = session.store.packages.retention(package_id)["retain_until"]
    if until is None:
        raise Refused("retention-changed", {"problem": "none was applied", "package_id": str(package_id)})
    return package_id, until
