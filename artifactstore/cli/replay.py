"""Commands that fill views from the log: the live ones, and stored ones beside them."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Command, Group
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput
from artifactstore.leaves import shown

if TYPE_CHECKING:
    from datetime import datetime

    from artifactstore.store import Store, ViewSet

_WARNING = (
    "replay --truncate empties all views and fills them again in one transaction. Until it ends, appends and "
    "readers wait, 5 s at most, then they are told busy; and a dump that is taken meanwhile has empty views, "
    "which migrate fills where it is restored. Go on?"
)
_LEFTOVER = (
    "the views are right; the tables of the rebuild are still there, the next replay or "
    "artifactstore doctor --fix removes them:"
)


class _Snapshot(click.ParamType[str | int]):
    """``latest``, or the sequence of a snapshot."""

    name = "latest|N"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int:
        if value == "latest" or isinstance(value, int):
            return value
        if value.isascii() and value.isdigit() and len(value) < 19:
            return int(value)
        return self.fail(f"{value}: neither latest nor the sequence of a snapshot", param, ctx)


@click.command(cls=Command)
@click.option(
    "--truncate",
    is_flag=True,
    help="Empty the live views and fill them in one transaction: faster, but others wait or are told busy.",
)
@click.option(
    "--from-snapshot",
    type=_Snapshot(),
    is_flag=False,
    flag_value="latest",
    metavar="latest|N",
    help="Begin from the newest snapshot that can be trusted, or from that of sequence N.",
)
@options.jobs
@options.yes
@with_session
def replay(
    session: Session, truncate: bool, from_snapshot: str | int | None, jobs: int | None, yes: bool
) -> None:
    """Rebuild all views from the log, by the functions that wrote them.

    They are rebuilt beside the live views while appends and reads go on; then the live rows that differ are
    mended in short batches. Readers never see an empty or half table, and rows that are equal are not
    touched. Every digest is checked. A damaged event, an interruption or a crash leaves the live views as
    they were; run it again, and it goes on where it was.

    --jobs takes so many connections, and one more that checks digests; where the server lets in fewer, fewer
    fold, and jobs in the result says how many did.

    \b
    artifactstore replay
    artifactstore replay --from-snapshot
    artifactstore replay --truncate --yes
    """
    from artifactstore.cli.output import jsonable
    from artifactstore.jobs import snapshots
    from artifactstore.jobs.parts import usual_jobs
    from artifactstore.jobs.replay import Replayed, ReplayedOnline, replay_online
    from artifactstore.jobs.replay import replay as replay_truncating

    run: Callable[..., Replayed]
    if truncate:
        if jobs is not None:
            raise BadInput("usage", {"problem": "--truncate is one transaction, of one session: no --jobs"})
        session.confirm(_WARNING, yes)
        run = replay_truncating
    else:
        run = partial(replay_online, jobs=jobs or usual_jobs())
    store = session.database

    def replayed(snapshot: "ViewSet | None") -> Replayed:
        if from_snapshot is not None and snapshot is None:
            click.echo("no snapshot can be used: the whole log is replayed", err=True)
        return run(store, lambda: session.connect("replay"), snapshot=snapshot, progress=progress)

    with session.progress() as progress:
        done, _ = snapshots.begin(_candidates(store, from_snapshot), replayed, _tell_refused)
    events = done.head - done.since
    row = {**jsonable(done), "events": events, "seconds": round(done.seconds, 3)}
    if isinstance(done, ReplayedOnline):
        row["longest_stall"] = round(done.longest_stall, 3)
        row["resumed"] = done.resumed
        if done.dropped is not None:
            click.echo(f"the unfinished rebuild was dropped: {done.dropped}", err=True)
        row["leftover"] = done.leftover
        if done.leftover is not None:
            click.echo(f"{_LEFTOVER} {done.leftover}", err=True)
    row["events_per_second"] = round(events / done.seconds) if done.seconds else 0
    session.output.result(row)


def _candidates(store: "Store", wanted: str | int | None) -> "list[ViewSet]":
    from artifactstore.jobs import snapshots

    if wanted is None:
        return []
    return snapshots.newest(store) if wanted == "latest" else [snapshots.find(store, int(wanted))]


def _tell_refused(snapshot: "ViewSet", problem: str) -> None:
    click.echo(f"snapshot of sequence {snapshot.sequence} refused: {problem}", err=True)


@click.group(cls=Group)
def snapshot() -> None:
    """Store the views as they are now, to begin a replay there.

    A look at the past begins at one too. A snapshot is disposable: the log makes everything in it again. It
    is used only if it was made from this log, by the projectors that are installed, and has all its rows.
    """


@snapshot.command()
@with_session
def create(session: Session) -> None:
    """Store a snapshot of the live views; appends go on meanwhile."""
    from artifactstore.jobs import snapshots

    made = snapshots.create(session.database)
    session.output.result(_shown(session, made))


@snapshot.command("list")
@with_session
def list_snapshots(session: Session) -> None:
    """List snapshots, the newest first, and what as-of made.

    ``problem`` says why one would be refused; its rows are read only by ``snapshot show``.
    """
    store = session.database
    rows = (
        {**_shown(session, one), "problem": store.view_sets.view_set_problem(one.schema_name, rows=False)}
        for one in store.view_sets.view_sets()
    )
    session.output.rows(
        ("sequence", "identity", "purpose", "schema_name", "created_at", "bytes", "problem"), rows
    )


@snapshot.command()
@click.argument("sequence", type=options.Number(0))
@with_session
def show(session: Session, sequence: int) -> None:
    """Show a snapshot, and read all its rows to tell whether it can be trusted."""
    from artifactstore.cli.output import jsonable
    from artifactstore.jobs import snapshots

    found = snapshots.find(session.database, sequence)
    row = {
        **jsonable(found),
        **_shown(session, found),
        "problem": session.database.view_sets.view_set_problem(found.schema_name),
    }
    session.output.result(row)


@snapshot.command()
@click.argument("name", metavar="SEQUENCE|SCHEMA")
@with_session
def drop(session: Session, name: str) -> None:
    """Drop the snapshot of a sequence, or what as-of made in a schema."""
    from artifactstore.jobs import snapshots

    is_sequence = name.isascii() and name.isdigit() and len(name) < 19
    schema = snapshots.find(session.database, int(name)).schema_name if is_sequence else name
    session.database.view_sets.drop_view_set(schema)
    session.output.result({"dropped": schema})


@snapshot.command()
@click.option("--keep", type=options.Number(0), required=True, metavar="N", help="How many to keep.")
@with_session
def prune(session: Session, keep: int) -> None:
    """Drop all snapshots but the newest N that can be used."""
    from artifactstore.jobs import snapshots

    dropped = [one.schema_name for one in snapshots.prune(session.database, keep)]
    session.output.result({"dropped": dropped if session.json else ", ".join(dropped) or "none"})


@click.command("as-of", cls=Command)
@click.option("--sequence", type=options.Number(0), metavar="N", help="After this event.")
@click.option(
    "--time", "instant", type=values.past, metavar="TIME", help="At this instant: RFC 3339, or 12h, 30d ago."
)
@click.option("--schema", required=True, metavar="NAME", help="Schema to make; it must not exist.")
@click.option("--no-snapshot", is_flag=True, help="Project from the beginning of the log.")
@with_session
def as_of(
    session: Session, sequence: int | None, instant: "datetime | None", schema: str, no_snapshot: bool
) -> None:
    """Make the registry as it was, as tables to be queried.

    The schema gets all views as they were after event N, or at an instant: every event of that very
    microsecond counts. An instant that has not come, or before the log began, is refused. It begins from the
    newest snapshot before. Remove it with artifactstore snapshot drop.

    \b
    artifactstore as-of --time 2026-03-01T00:00:00Z --schema march
    artifactstore psql -- -c 'SELECT purl, state FROM march.artifact_packages'
    """
    from artifactstore.jobs import snapshots

    if (sequence is None) == (instant is None):
        raise BadInput("usage", {"problem": "give either --sequence or --time"})
    store = session.database
    last = int(sequence or 0) if instant is None else store.log.sequence_at(instant, strict=True)
    with session.progress() as progress:
        made, base = snapshots.as_of(
            store, schema, last, use_snapshots=not no_snapshot, tell=_tell_refused, progress=progress
        )
    since = 0 if base is None else base.sequence
    session.output.result({**_shown(session, made), "projected_since": since})


def _shown(session: Session, one: "ViewSet") -> dict[str, object]:
    return {
        "sequence": one.sequence,
        "identity": shown(one.identity),
        "purpose": one.purpose,
        "schema_name": one.schema_name,
        "created_at": one.created_at,
        "rows": sum(view["rows"] for view in one.digests.values()),
        "bytes": session.database.view_sets.view_set_bytes(one.schema_name),
    }
