"""Commands on the rules that give new packages their retention."""

from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from artifactstore import system
from artifactstore.cli import options, values
from artifactstore.cli.command import Group
from artifactstore.cli.session import Session, with_session
from artifactstore.codec import Problem
from artifactstore.errors import BadInput
from artifactstore.events import PoliciesSet, PolicyRule
from artifactstore.events.fields import Object

_RULES = ("place", "name", "mode", "days", "purl_type", "purl_prefix", "media_type", "labels")
_JUDGED = ("place", "name", "fits", "unmet", "mode", "days")
_UNMATCHED = ("purl", "state", "package_id")


@click.group(cls=Group)
def policy() -> None:
    """Give new packages their retention by rule.

    The rules are in the log: who set them, when, and which were there before is told by artifactstore events
    --type v1.system.policies_set. The first rule that fits a package when it is created counts, by whatever
    door it comes; retention that the command names goes before it. The event of the package says what it got,
    so later rules change nothing of it.
    """


@policy.command("list")
@with_session
def list_(session: Session) -> None:
    """List the rules in their order."""
    session.output.rows(_RULES, session.store.policies.rules())


@policy.command("set")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--expected",
    type=options.Number(0),
    metavar="SEQUENCE",
    help="Refuse unless the rules are still those of this event: last_sequence of policy list, 0 for none.",
)
@options.optional_reason
@options.yes
@with_session
def set_(session: Session, file: Path, expected: int | None, reason: str | None, yes: bool) -> None:
    """Set the rules, all of them, from a TOML file; one without rules takes them all away.

    \b
    [[rule]]
    name = "releases"            # retention show and the explorer say it
    purl_type = "maven"          # conditions, all of which must hold; none: every package
    purl_prefix = "pkg:maven/org.acme/"
    labels = { channel = "release" }
    mode = "compliance"          # or governance, which operators may bypass
    days = 3650

    \b
    [[rule]]
    name = "everything else"
    mode = "governance"
    days = 90
    """
    rules = _read(file)
    strict = [rule.name for rule in rules if rule.mode == "compliance"]
    if strict:
        session.confirm(f"nobody can shorten what {', '.join(strict)} gives; set the rules?", yes)
    done = session.store.policies.set(PoliciesSet(rules=rules, reason=reason), session.actor, expected)
    session.output.result({"sequence": done.sequence, "created_at": done.created_at, "rules": len(rules)})


@policy.command()
@click.argument("purl")
@click.option("--media-type", help="Media type of the package.")
@click.option(
    "--label", "labels", type=values.label, multiple=True, metavar="KEY=VALUE", help="May be repeated."
)
@with_session
def test(session: Session, purl: str, media_type: str | None, labels: tuple[tuple[str, str], ...]) -> None:
    """Show which rule a new package named PURL would get its retention from, and why not from the others.

    Exit code 1 if no rule fits.

    \b
    artifactstore policy test pkg:maven/org.acme/app@1.0 --label channel=release
    """
    rules = session.store.policies.explain(purl, dict(labels), media_type)
    rows = [{**rule, "fits": _fits(rule)} for rule in rules]
    session.output.rows(_JUDGED, rows)
    if not any(rule["applies"] for rule in rules):
        click.echo("no rule fits: the package would have no retention", err=True)
        raise click.exceptions.Exit(1)


@policy.command()
@click.option("--limit", type=options.Number(1), help="At most so many.")
@click.option("--after", type=values.identity, metavar="ID", help="Go on after this package_id.")
@with_session
def unmatched(session: Session, limit: int | None, after: UUID | None) -> None:
    """List packages that no rule gave retention, nor anybody else: nothing says how long they are kept.

    \b
    artifactstore policy unmatched
    artifactstore retention apply pkg:generic/app@1.0 --mode governance --until 1y
    """
    found = (
        row for row in session.store.retention.due(after=after, due=False) if row["why"] == "no-retention"
    )
    session.output.rows(_UNMATCHED, islice(found, limit))


def _fits(rule: dict[str, Any]) -> str:
    if rule["applies"]:
        return "this one"
    return "no" if rule["unmet"] else "comes later"


def _read(file: Path) -> tuple[PolicyRule, ...]:
    try:
        content = file.read_bytes()
    except OSError as failure:
        raise system.refused(failure, file) from failure
    given = system.parse_toml(content, file)
    if unknown := given.keys() - {"rule"}:
        raise _unusable(file, f"{min(unknown)}: the file has [[rule]] tables and nothing else")
    tables = given.get("rule", [])
    if not isinstance(tables, list):
        raise _unusable(file, "rule: write [[rule]], in double brackets")
    rules = []
    for place, table in enumerate(tables, 1):
        try:
            rules.append(Object(model=PolicyRule).read(table))
        except Problem as problem:
            raise _unusable(file, f"rule {place}, {problem.where or table}: {problem}") from problem
    return tuple(rules)


def _unusable(file: Path, problem: str) -> BadInput:
    return BadInput("bad-payload", {"problem": f"{file}: {problem}", "path": str(file)})
