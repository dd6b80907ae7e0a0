"""The command that destroys what nobody has to keep any more."""

from collections.abc import Iterable, Iterator
from uuid import UUID

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput
from artifactstore.jobs.sweep import Moment, Swept, guarded
from artifactstore.jobs.sweep import sweep as sweep_packages
from artifactstore.store import Row

_GRACE = "7d"
_COLUMNS = ("purl", "action", "outcome", "sequence", "mode", "retain_until", "package_id")


@click.command(cls=Command)
@click.option("--dry-run", is_flag=True, help="Only list what would be deleted and purged.")
@click.option("--apply", is_flag=True, help="Delete and purge it.")
@click.option("--max", "most", type=options.Number(0), metavar="N", help="Refuse if more packages are due.")
@click.option(
    "--grace",
    metavar="DURATION",
    default=_GRACE,
    show_default=True,
    help="Purge a package only so long after it was deleted; until then it can be restored.",
)
@with_session
def sweep(session: Session, dry_run: bool, apply: bool, most: int | None, grace: str) -> None:
    """Delete and purge packages whose retention ended.

    Due is a package to which retention was applied and has ended by the clock of the database, that is
    not held and not purged (see retention due). Each run takes one step: open and sealed packages are
    deleted; deleted ones are purged when their grace is over. Packages without retention are never
    touched, nor are those that changed meanwhile. Run it twice, at once, or interrupt it: each package
    gets one event, with the instant and the rule as its reason.

    --apply needs --max: when more is due than that, a clock or a policy may be wrong, and nothing is done.

    \b
    artifactstore sweep --dry-run
    artifactstore sweep --apply --max 100
    """
    if dry_run == apply:
        raise BadInput("usage", {"problem": "give either --dry-run or --apply"})
    if apply and most is None:
        raise BadInput("usage", {"problem": "--apply needs --max: how many packages at most"})
    store = session.database
    instant = store.log.clock()
    moment = Moment(instant, values.add_duration(instant, grace, -1))
    rows: Iterable[Row] = (
        store.retention.sweepable(moment.instant, moment.deleted_before)
        if most is None
        else guarded(store, moment, most)
    )
    done: dict[str, list[UUID]] = {"deleted": [], "purged": [], "skipped": []}
    if dry_run:
        listed = session.output.rows(_COLUMNS, _told(Swept(row, None, "would be done") for row in rows))
        figures: dict[str, object] = {"due": listed}
    else:
        with session.progress() as progress:
            swept = sweep_packages(store, moment, list(rows), session.actor, progress=progress)
            session.output.rows(_COLUMNS, _told(_counted(swept, done)), live=True)
        figures = {name: len(packages) for name, packages in done.items()}
        # Of the bytes of what was purged: others may need them.
        copies = store.removals.removal_counts(done["purged"])
        figures |= {f"copies_to_{name}": count for name, count in copies.items()}
    in_grace = store.retention.sweep_counts(moment.instant, moment.deleted_before)["in_grace"]
    # The list is what stdout is for.
    session.output.result({"instant": instant, **figures, "in_grace": in_grace, "grace": grace}, err=True)


def _told(swept: Iterable[Swept]) -> Iterator[Row]:
    for one in swept:
        yield {**one.package, "outcome": one.outcome, "sequence": one.sequence}


def _counted(swept: Iterable[Swept], done: dict[str, list[UUID]]) -> Iterator[Swept]:
    for one in swept:
        done["skipped" if one.refusal else one.outcome].append(one.package["package_id"])
        yield one
