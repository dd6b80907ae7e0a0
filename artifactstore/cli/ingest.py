"""The command that registers a directory tree or a file."""

from pathlib import Path

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Command
from artifactstore.cli.progress import amount
from artifactstore.cli.session import Session, with_session
from artifactstore.jobs.ingest import Ingested
from artifactstore.jobs.ingest import ingest as ingest_tree


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--purl", required=True, help="The package, made if there is none: pkg:type/name@version.")
@click.option("--seal", is_flag=True, help="Seal the package afterwards: its files are final.")
@click.option(
    "--label",
    "labels",
    type=values.label,
    multiple=True,
    metavar="KEY=VALUE",
    help="The package gets this label; may be repeated.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out what a line PATTERN of a .gitignore would; may be repeated.",
)
@click.option(
    "--workers", type=options.Number(1, 256), help="Threads that read and hash. Default: one per core."
)
@with_session
def ingest(
    session: Session,
    path: Path,
    purl: str,
    labels: tuple[tuple[str, str], ...],
    seal: bool,
    exclude: tuple[str, ...],
    workers: int | None,
) -> None:
    """Register a directory tree, or a file, as the files of a package.

    Every regular file is read once for BLAKE3 and SHA-256 and gets its file:// URI as location. Symbolic
    links and special files are skipped and counted. Run it again after an interruption: what the package
    has already is read and compared, only the rest is appended. If a file has other content than before,
    nothing is appended and the files are named. A single file is registered under its own name.

    --exclude has the patterns of git, as if they stood in a .gitignore in the directory: *.tmp at any depth,
    /build only at the top, cache/ only directories, docs/**/draft, and !keep.tmp takes back. Of several the
    last one that fits decides.

    \b
    artifactstore ingest ./dist --purl pkg:generic/app@1.0
    artifactstore ingest ./dist --purl pkg:generic/app@1.0 --seal --label branch=main
    artifactstore ingest ./dist --purl pkg:generic/app@1.0 --exclude '*.tmp' --exclude /build/
    artifactstore ingest app-1.0.tar.gz --purl pkg:generic/app@1.0
    """
    with session.progress() as progress:
        report = ingest_tree(
            session.store,
            path,
            purl,
            actor=session.actor,
            labels=dict(labels),
            seal=seal,
            exclude=exclude,
            workers=workers,
            progress=progress,
        )
    tell(session, report)


def tell(session: Session, report: Ingested) -> None:
    """Write what an ingest did."""
    megabytes = report.bytes / 1e6 / max(report.seconds, 1e-6)
    rate = report.events / report.append_seconds if report.append_seconds else 0.0
    if session.json:
        from artifactstore.cli.output import jsonable

        figures = {"megabytes_per_second": round(megabytes, 1), "events_per_second": round(rate)}
        session.output.result({**jsonable(report), **figures})
        return
    say = session.output.say
    if report.skipped.count:
        say(f"skipped {report.skipped.count}: {report.skipped}")
    if report.absent:
        say(f"{report.absent} files of the package are not in the directory")
    if not report.events:
        say(f"nothing to do: {report.purl} has all {report.files} files and is {report.state}")
    session.output.result(
        {
            "purl": report.purl,
            "package_id": report.package_id,
            "state": report.state,
            "files": f"{report.files} ({report.appended} new, {report.unchanged} unchanged)",
            "bytes": amount(report.bytes, "bytes"),
            "events": f"{report.events} ({rate:,.0f} events/s)" if report.events else 0,
            "sequences": f"{report.first_sequence} to {report.last_sequence}" if report.events else None,
            "manifest": report.sealed.manifest_digest if report.sealed else None,
            "seconds": f"{report.seconds:.2f} ({megabytes:,.1f} MB/s)",
        }
    )
