"""The command that reads copies of files again."""

from collections.abc import Iterable, Iterator
from uuid import UUID

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Command
from artifactstore.cli.destinations import readable
from artifactstore.cli.progress import amount
from artifactstore.cli.session import Session, with_session
from artifactstore.exits import EXIT_DIFFERENCES
from artifactstore.jobs.copies import BadCopy, Checked
from artifactstore.jobs.copies import check_files as check_copies
from artifactstore.jobs.ingest import BACKEND
from artifactstore.store import CopyQuery, Row

_BAD = ("failure", "path", "uri", "problem", "observed_size", "sequence", "location_id")


@click.command(cls=Command)
@click.option("--package", type=values.package, metavar="PACKAGE", help="Only copies of its files.")
@click.option(
    "--backend",
    default=BACKEND,
    show_default=True,
    metavar="NAME",
    help="A store of stores.toml; or the backend whose file:// URIs name files of this machine.",
)
@click.option(
    "--older-than", metavar="DURATION", help="Leave out what was checked in this time, e.g. 30d, 12h."
)
@click.option(
    "--jobs", type=options.Number(1, 256), metavar="N", help="Threads that read.  [default: one per core]"
)
@click.option("--dry-run", is_flag=True, help="Read and tell, but append nothing.")
@with_session
def check_files(
    session: Session,
    package: UUID | str | None,
    backend: str,
    older_than: str | None,
    jobs: int | None,
    dry_run: bool,
) -> int:
    """Read the copies of files again, and record what is found.

    Compares size and BLAKE3 of every copy with a file:// URI, or of those in a store, and appends, for each,
    v1.storage.verified or v1.storage.failed (missing, size_mismatch, digest_mismatch, unreachable). The bad
    ones are listed; exit code 1 if there is any. Copies that were never checked come first, then those whose
    check is the longest ago: interrupted, it goes on when it is run again with --older-than.

    Copies elsewhere (other schemes or backends) are counted: check them there, and record it with location
    verify --method or location fail.

    \b
    artifactstore check-files
    artifactstore check-files --package pkg:generic/app@1.0 --dry-run
    artifactstore check-files --older-than 30d --jobs 4
    artifactstore check-files --backend main
    """
    store = session.store
    objects = readable(session, backend) if backend in session.stores else None
    where = CopyQuery(
        backend,
        None if package is None else session.package_id(package),
        # Counted from the clock that wrote last_checked_at.
        None if older_than is None else values.add_duration(store.log.clock(), older_than, -1),
        "file" if objects is None else "store",
    )
    report = Checked()
    with session.progress() as progress:
        found = check_copies(
            store,
            where,
            report,
            actor=session.actor,
            record=not dry_run,
            workers=jobs,
            objects=objects,
            progress=progress,
        )
        session.output.rows(_BAD, _told(found), live=True)
    _tell(session, report)
    return EXIT_DIFFERENCES if report.bad or report.unusable else 0


def _told(found: Iterable[BadCopy]) -> Iterator[Row]:
    for one in found:
        copy = {name: one.copy[name] for name in ("location_id", "file_id", "package_id", "path", "uri")}
        yield {**copy, **{name: value for name, value in one._asdict().items() if name != "copy"}}


def _tell(session: Session, report: Checked) -> None:
    """Write the figures to stderr: stdout has the bad copies."""
    if session.json:
        from artifactstore.cli.output import jsonable

        session.output.result(jsonable(report), err=True)
        return
    seconds = max(report.seconds, 1e-6)
    files = report.good + report.bad
    elsewhere = [
        f"{row['copies']} in {row['backend']} ({row['scheme'] or 'no scheme'})" for row in report.elsewhere
    ]
    session.output.result(
        {
            "good": report.good,
            "bad": report.bad,
            "bad URIs": report.unusable or None,
            "changed meanwhile": report.overtaken or None,
            "checked lately": report.recent or None,
            "not checkable here": ", ".join(elsewhere) or None,
            "read": f"{amount(report.read, 'bytes')} ({amount(round(report.read / seconds), 'bytes')}/s)",
            "seconds": f"{report.seconds:.2f} ({files / seconds:,.0f} files/s)",
        },
        err=True,
    )
