"""Commands that give back the bytes of files."""

import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click

from artifactstore.cli import values
from artifactstore.cli.command import Command
from artifactstore.cli.output import jsonable, written
from artifactstore.cli.progress import amount
from artifactstore.cli.session import Session, with_session
from artifactstore.exits import EXIT_DIFFERENCES
from artifactstore.jobs.below import Below
from artifactstore.jobs.content import ContentSources, FileContent, Sources
from artifactstore.jobs.fetch import Fetched, Recorded, Trouble, find_package, record
from artifactstore.jobs.fetch import fetch as fetch_files
from artifactstore.store import Row

BAD = ("failure", "path", "problem", "backend", "uri", "sequence")
_HELD_BACK = 64 * 1024
"""Bytes that are written only when the digest of all fits."""


@click.command(cls=Command)
@click.argument("package", type=values.package)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "-o",
    "--output",
    "directory",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the files go; made if there is none.",
)
@click.option("--force", is_flag=True, help="Replace files that are there with other content.")
@click.option("--from", "only", metavar="STORE", help="Read only the copies in this backend.")
@with_session
def fetch(
    session: Session,
    package: UUID | str,
    paths: tuple[str, ...],
    directory: Path,
    force: bool,
    only: str | None,
) -> int:
    """Bring the files of a package, or those at PATH, into a directory.

    Reads the copies in stores that are configured here, and file:// copies of this machine: verified ones
    first, one after the other until one is good. Each file is compared with its BLAKE3 in the log before it
    gets its name, and is on the disk then. Files that are there with this content are left alone; what was
    interrupted goes on where it was. Nothing is made outside of DIR, and no symbolic link in it is followed.

    Of a sealed package the digest of its manifest is computed anew from what was fetched. Bad copies in
    stores are recorded (v1.storage.failed), as far as the log lets you. What is bad is listed; exit code 1 if
    anything is.

    Over a URL the service reads its stores: it records bad copies itself, and gives another one. What came
    is compared all the same.

    \b
    artifactstore fetch pkg:generic/app@1.0 -o ./app
    artifactstore fetch pkg:generic/app@1.0 bin/app README.md -o ./app
    """
    row = _package(session, package)
    report = Fetched(purl=row["purl"], package_id=row["package_id"], state=row["state"], yanked=row["yanked"])
    with session.progress() as progress, Below(directory) as below:
        found = fetch_files(
            session.store,
            row,
            paths,
            below,
            _sources(session, only),
            report,
            actor=session.actor,
            replace=force,
            progress=progress,
        )
        session.output.rows(BAD, told(found), live=True)
    _tell(session, report)
    return EXIT_DIFFERENCES if report.bad or report.failed else 0


@click.command(cls=Command)
@click.argument("package", type=values.package)
@click.argument("path")
@click.option("--from", "only", metavar="STORE", help="Read only the copies in this backend.")
@with_session
def cat(session: Session, package: UUID | str, path: str, only: str | None) -> None:
    """Write the content of the file PATH of a package to stdout.

    Read as by fetch. The last 64 KiB are written only when the BLAKE3 of all is that of the log: exit code 6
    when it is not, and what was written is not the file then.

    \b
    artifactstore cat pkg:generic/app@1.0 README.md
    """
    row = _package(session, package)
    store = session.store
    store.packages.file_at(row["package_id"], path)
    (file,) = store.copies.files_with_copies(row["package_id"], [path])
    content = FileContent(_sources(session, only), file)
    whole = _write(content)
    report = Recorded()
    for one in record(store, [(file, bad) for bad in content.bad], report, session.actor):
        session.notice(f"{one.failure}: {one.backend or 'service'} {one.uri}: {one.problem}")
    if report.unrecorded:
        session.notice(f"not recorded: {report.unrecorded}")
    if not whole:
        content.refuse()


def _write(content: FileContent) -> bool:
    """Write the content to stdout; whether it is whole, and what the log says."""
    while True:
        held = bytearray()
        wrote = False
        for piece in content.pieces():
            held += piece
            if len(held) > _HELD_BACK:
                with written():
                    sys.stdout.buffer.write(held[:-_HELD_BACK])
                del held[:-_HELD_BACK]
                wrote = True
        if content.good:
            with written():
                sys.stdout.buffer.write(held)
                sys.stdout.buffer.flush()
            return True
        if not content.blame() or wrote:
            return False  # what was written cannot be taken back


def _package(session: Session, reference: UUID | str) -> Row:
    """The row of a package whose files can be had; that it is yanked is told."""
    row = find_package(session.store, session.package_id(reference))
    if row["yanked"]:
        session.notice(f"{row['purl']} is yanked")
    return row


def _sources(session: Session, only: str | None) -> ContentSources:
    """Where the bytes are read: by the service, or from the stores that are configured here."""
    if session.remote is not None:
        return session.remote.sources(only)
    from artifactstore.jobs.homes import log_home  # with it the driver, which a client need not have

    return Sources(session.stores, log_home(session.database), only)


def told(found: Iterator[Trouble]) -> Iterator[Row]:
    """What was bad, as rows."""
    return (one._asdict() for one in found)


def _tell(session: Session, report: Fetched) -> None:
    """Write the figures to stderr: stdout has what is bad."""
    if session.json:
        session.output.result(jsonable(report), err=True)
        return
    rate = report.received / max(report.seconds, 1e-6)
    resumed = f", {amount(report.resumed, 'bytes')} were there" if report.resumed else ""
    session.output.result(
        {
            "purl": report.purl,
            "state": report.state,
            "fetched": f"{report.fetched} of {report.files} files",
            "left alone": report.equal or None,
            "not fetched": report.failed or None,
            "bad copies": report.bad or None,
            "not recorded": report.unrecorded,
            "manifest": report.manifest,
            "read": f"{amount(report.received, 'bytes')} ({amount(round(rate), 'bytes')}/s){resumed}",
            "seconds": f"{report.seconds:.2f}",
        },
        err=True,
    )
