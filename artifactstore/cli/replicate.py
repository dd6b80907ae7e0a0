"""The command that makes further copies."""

from uuid import UUID

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Command
from artifactstore.cli.destinations import destination
from artifactstore.cli.fetch import BAD, told
from artifactstore.cli.progress import amount
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput
from artifactstore.exits import EXIT_DIFFERENCES
from artifactstore.jobs.content import Sources
from artifactstore.jobs.homes import log_home
from artifactstore.jobs.replicate import Replicated
from artifactstore.jobs.replicate import replicate as replicate_files


@click.command(cls=Command)
@click.option("--to", "name", required=True, metavar="STORE", help="The store that gets the copies.")
@click.option("--from", "only", metavar="STORE", help="Read only the copies in this backend, such as file.")
@click.option(
    "--min-copies",
    type=options.Number(1, 100),
    metavar="N",
    help="Only files that have fewer good copies than N, wherever.",
)
@click.option("--package", type=values.package, metavar="PACKAGE", help="Only its files.")
@with_session
def replicate(
    session: Session, name: str, only: str | None, min_copies: int | None, package: UUID | str | None
) -> int:
    """Give files a copy in another store, read from a good one.

    Every file of an open or sealed package that has no good copy in the store gets one. The bytes are hashed
    on their way; a copy in a store that turns out bad is recorded (v1.storage.failed), and the next one is
    read. Each new copy is v1.storage.registered when it is durable, 500 together. Run it again after an
    interruption: it goes on with what is lacking. What is bad is listed; exit code 1 if anything is.

    \b
    artifactstore replicate --to shelf
    artifactstore replicate --to main --from file --package pkg:generic/app@1.0
    artifactstore replicate --to shelf --min-copies 2
    """
    if only == name:
        raise BadInput("usage", {"problem": "--from and --to are the same store"})
    store = session.database
    package_id = None if package is None else session.package_id(package)
    target = destination(session, name)
    report = Replicated(store=name)
    with session.progress() as progress:
        found = replicate_files(
            store,
            store.copies.lacking(name, min_copies, package_id),
            target,
            Sources(session.stores, log_home(store), only),
            report,
            actor=session.actor,
            progress=progress,
        )
        session.output.rows(BAD, told(found), live=True)
    _tell(session, report)
    return EXIT_DIFFERENCES if report.bad or report.failed else 0


def _tell(session: Session, report: Replicated) -> None:
    """Write the figures to stderr: stdout has what is bad."""
    if session.json:
        from artifactstore.cli.output import jsonable

        session.output.result(jsonable(report), err=True)
        return
    session.output.result(
        {
            "store": report.store,
            "copied": f"{report.copied} of {report.lacking} files ({amount(report.bytes, 'bytes')})",
            "shared": report.shared or None,
            "changed meanwhile": report.overtaken or None,
            "not copied": report.failed or None,
            "bad copies": report.bad or None,
            "not recorded": report.unrecorded,
            "seconds": f"{report.seconds:.2f}",
        },
        err=True,
    )
