"""The commands that look after copies in stores: the keeper, and giving copies up."""

import signal
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Command, Group
from artifactstore.cli.interrupt import finishing
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput, NotFound
from artifactstore.exits import EXIT_DIFFERENCES
from artifactstore.jobs.evict import Evicted
from artifactstore.jobs.evict import evict as evict_copies
from artifactstore.jobs.keeper.run import EVERY, RATE, Done, Keeper, Limits
from artifactstore.store import Row

_DONE = ("store", "job", "outcome", "counts", "seconds")
_EVICTED = ("purl", "path", "outcome", "size", "sequence", "uri", "location_id")


@click.group(cls=Group)
def keeper() -> None:
    """Look after bytes in stores: lock, remove, collect, check, repair, replicate."""


@keeper.command()
@click.option("--once", is_flag=True, help="Do every job once, and end.")
@click.option("--only", metavar="JOB,…", help=f"Only these jobs: {', '.join(EVERY)}.")
@click.option("--store", "names", multiple=True, metavar="NAME", help="Only this store; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Tell what would be done; nothing is removed or recorded.")
@click.option(
    "--max",
    "most",
    type=options.Number(0),
    metavar="N",
    help="Refuse if a store has more to remove, or more orphans.  [default: 10000; 1000, 1 in 100]",
)
@click.option(
    "--rate",
    type=options.Number(1),
    metavar="N",
    default=RATE,
    show_default=True,
    help="Objects to remove a second.",
)
@click.option(
    "--read-back",
    type=options.Number(0, 100),
    metavar="PERCENT",
    default=1,
    show_default=True,
    help="Of the locks, so many are read back once a day.",
)
@click.option("--now", is_flag=True, help="Remove what --package gave up at once, without waiting.")
@click.option("--package", type=values.package, metavar="PACKAGE", help="With --now: the package.")
@with_session
def run(
    session: Session,
    once: bool,
    only: str | None,
    names: tuple[str, ...],
    dry_run: bool,
    most: int | None,
    rate: int,
    read_back: int,
    now: bool,
    package: UUID | str | None,
) -> int:
    """Look after the bytes in the stores of stores.toml, one job of one store at a time.

    \b
    lock       retention and holds, where stores.toml says lock = "mirror": what changed, and all every hour
    remove     bytes that nobody needs, remove_after (7 days) after they were given up
    collect    compare store and log: missing copies are recorded, orphans of 8 days deleted
    check      read copies again, each in read_every (180 days), and record what is found
    repair     replace bad copies by good ones from elsewhere
    replicate  give a store that has mirror_of what the stores have that it names

    Without --once it goes on until Ctrl-C or SIGTERM: removes and repairs every hour, collects every day,
    replicates every 10 minutes, locks and checks all the time, as fast as the budgets of a store allow.
    Run it on one host or on several, interrupt it: what was begun is repeated, and ends the same.
    It refuses a standby, and a database that the log is not at home in.

    Every job of every store is a line; what somebody should know goes to stderr. Exit code 1 if somebody
    has to do something.

    \b
    artifactstore keeper run
    artifactstore keeper run --once --only remove,collect --dry-run
    artifactstore keeper run --once --now --package pkg:generic/app@1.0
    """
    jobs = _jobs(only, now=now)
    if now != (package is not None):
        raise BadInput("usage", {"problem": "--now and --package belong together"})
    if (now or dry_run) and not once:
        raise BadInput("usage", {"problem": f"--{'now' if now else 'dry-run'} needs --once"})
    package_id = None if package is None else session.package_id(package)
    for name in names:
        session.stores.settings(name)
    chosen = names or tuple(session.stores)
    if not chosen:
        problem = "stores.toml names no store, or there is none"
        raise NotFound("store-unknown", {"problem": problem, "stores": []})
    if only is not None:
        _refuse_in_vain(session, jobs, chosen)
    done: list[Done] = []
    with finishing() as stopping, _until_terminated(stopping), session.progress() as progress:
        made = Keeper(
            store=session.database,
            stores=session.stores,
            names=chosen,
            jobs=jobs,
            limits=Limits(most, rate, package_id, read_back / 100),
            dry_run=dry_run,
            progress=progress,
            stopping=stopping,
        )
        if not once:
            session.output.rows(_DONE, _told(session, made.always()), live=True)
            return 0
        session.output.rows(_DONE, _told(session, _noted(made.once(), done)), live=True)
        if stopping.is_set():
            raise KeyboardInterrupt
    if now:
        session.notice("backups of the store and of the database still hold what they held")
    for one in done:
        if one.failure is not None:
            raise one.failure
    return EXIT_DIFFERENCES if any(one.bad for one in done) else 0


def _refuse_in_vain(session: Session, jobs: Collection[str], names: Iterable[str]) -> None:
    """Raise ``BadInput`` usage for a job that is asked for and that none of these stores is to have."""
    given = [session.stores.settings(name) for name in names]
    if "replicate" in jobs and not any(one.mirror_of for one in given):
        problem = "--only replicate: no store has mirror_of in stores.toml"
        raise BadInput("usage", {"problem": problem}, "artifactstore replicate --to STORE needs none")
    if "lock" in jobs and not any(one.lock == "mirror" for one in given):
        told = ", ".join(one.name for one in given)
        problem = f'--only lock: stores.toml says lock = "mirror" of none of {told}'
        raise BadInput("usage", {"problem": problem})


def _jobs(only: str | None, *, now: bool) -> tuple[str, ...]:
    if only is None:
        return ("remove",) if now else tuple(EVERY)
    jobs = tuple(only.split(","))
    for job in jobs:
        if job not in EVERY:
            raise BadInput("usage", {"problem": f"--only: {job!r} is none of {', '.join(EVERY)}"})
    if now and jobs != ("remove",):
        raise BadInput("usage", {"problem": "--now only removes"})
    return jobs


@contextmanager
def _until_terminated(stopping: threading.Event) -> Iterator[None]:
    """SIGTERM asks for the end, too, while this lasts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _noted(found: Iterable[Done], done: list[Done]) -> Iterator[Done]:
    for one in found:
        done.append(one)
        yield one


def _told(session: Session, found: Iterable[Done]) -> Iterator[Row]:
    """What was done as rows; what somebody should know goes to stderr, in JSON into the row."""
    for one in found:
        counts = {name: count for name, count in sorted(one.tally.counts.items()) if count}
        outcome = "done" if one.failure is None else one.failure.code
        row: Row = {"store": one.store, "job": one.job, "outcome": outcome, "seconds": round(one.seconds, 3)}
        if session.json:
            yield {**row, "counts": counts, "troubles": [it._asdict() for it in one.troubles]}
            continue
        for it in one.troubles:
            session.notice(f"{it.check}: {it.what}" + (f"\n    {it.fix}" if it.fix else ""))
        yield {**row, "counts": " ".join(f"{name}={count}" for name, count in counts.items())}


@click.command(cls=Command)
@click.option("--from", "name", required=True, metavar="STORE", help="The store that gives its copies up.")
@click.option(
    "--min-copies",
    type=options.Number(1, 100),
    metavar="N",
    help="Only files with verified copies in N other backends.  [default: min_copies of stores.toml]",
)
@click.option("--package", type=values.package, metavar="PACKAGE", help="Only its copies.")
@click.option("--dry-run", is_flag=True, help="Only list them.")
@options.reason
@with_session
def evict(
    session: Session,
    name: str,
    min_copies: int | None,
    package: UUID | str | None,
    dry_run: bool,
    reason: str,
) -> None:
    """Give copies in a store up whose files have verified copies elsewhere.

    Each becomes retiring (v1.storage.retiring); the keeper removes the bytes when they were so for
    remove_after. The last good copy of a file is never given up, nor the last one of all under hold or
    retention.

    \b
    artifactstore evict --from main --reason 'the shelf has it' --dry-run
    artifactstore evict --from main --package pkg:generic/app@1.0 --reason 'the shelf has it'
    """
    package_id = None if package is None else session.package_id(package)
    session.stores.settings(name)
    done: dict[str, int] = {"evicted": 0, "bytes": 0, "skipped": 0}
    with session.progress() as progress:
        found = evict_copies(
            session.database,
            name,
            min_copies or session.stores.config.min_copies,
            actor=session.actor,
            reason=reason,
            package_id=package_id,
            dry_run=dry_run,
            progress=progress,
        )
        session.output.rows(_EVICTED, _evictions(found, done), live=True)
    session.output.result({"store": name, **done}, err=True)


def _evictions(found: Iterable[Evicted], done: dict[str, int]) -> Iterator[Row]:
    for one in found:
        if one.refusal is None:
            done["evicted"] += 1
            done["bytes"] += one.copy["size"]
        else:
            done["skipped"] += 1
        outcome = one.refusal or ("would be done" if one.sequence is None else "retiring")
        copy = {name: one.copy[name] for name in ("purl", "path", "size", "uri", "location_id")}
        yield {**copy, "outcome": outcome, "sequence": one.sequence}
