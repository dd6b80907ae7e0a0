"""Commands that tell the log where it is at home: after a move, and after a restore."""

import click

from artifactstore.cli import options
from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session

_ADOPT = (
    "adopt says that this log lost nothing: it ends where everybody who follows it thinks that it ends, "
    "and no other copy of it is written to. Is that so?"
)
_RESTORED = (
    "restored begins a new epoch: everybody who follows this log is told to compare and begin again, and "
    "no other copy of it may be written to. Go on?"
)


@click.command(cls=Command)
@options.yes
@with_session
def adopt(session: Session, yes: bool) -> None:
    """Take the log into use where it was moved to, complete.

    A log knows its server and database, and in any other one appends are refused (moved): a copy must not
    be written to by accident. adopt makes this database its home. For a log that lost events, use restored:
    adopt is refused (events-lost) when a token, a snapshot or anything else in the database names an event
    that the log does not have.

    \b
    artifactstore adopt          after a move, pg_upgrade, or the restore of a dump that has everything
    artifactstore adopt --yes    after a promotion: the warning about the timeline ends
    """
    store = session.database
    before = store.identity.home()
    session.confirm(_ADOPT, yes)
    home = store.identity.adopt()
    session.output.result(
        {
            "adopted": before is None or (before.place, before.timeline) != (home.place, home.timeline),
            "head": store.log.head(),
            # Text: more than 2^53, which JSON readers may round.
            "system_identifier": str(home.system_identifier),
            "database_oid": home.database_oid,
            "timeline": home.timeline,
            "since": home.since,
        }
    )


@click.command(cls=Command)
@click.option(
    "--from",
    "last_shared",
    type=options.Number(1),
    metavar="SEQUENCE",
    help="The last event that is still what it was. Default: the last one that nothing speaks against.",
)
@options.reason
@options.yes
@with_session
def restored(session: Session, last_shared: int | None, reason: str, yes: bool) -> None:
    """Take the log into use after a restore that lost events.

    Appends v1.system.restored: a new epoch with a random id. Followers that read further than the log goes
    now, or read other events, are answered 409 with the epochs, so that they can tell what was lost. The
    event's actor is the login in the database, on behalf of --actor.

    Followers are told that events up to SEQUENCE are those that they saw. Run it before anything is
    appended: then that is the head. Later, give the last event of the backup with --from. Tokens, snapshots,
    an unfinished rebuild and the place where the log was at home are asked too: a later SEQUENCE than they
    allow is refused (events-lost).

    \b
    artifactstore restored --reason "disk of db1 lost, backup of 02:00"
    artifactstore restored --from 4711 --reason "backup of 02:00, told too late"
    """
    store = session.database
    session.confirm(_RESTORED, yes)
    sequence = store.identity.restored(reason, session.actor, last_shared)
    epoch = store.identity.epochs()[-1]
    session.output.result(
        {
            "sequence": sequence,
            "epoch": epoch.name,
            "from_sequence": epoch.from_sequence,
            "created_at": epoch.started_at,
            "reason": epoch.reason,
        }
    )
