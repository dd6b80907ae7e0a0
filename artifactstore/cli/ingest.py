"""The command that registers a directory tree or a file."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Command
from artifactstore.cli.destinations import of_destinations, stored
from artifactstore.cli.progress import amount
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput
from artifactstore.jobs.components import Registered, canonical_components, register_components
from artifactstore.jobs.ingest import Ingested
from artifactstore.jobs.ingest import ingest as ingest_path
from artifactstore.jobs.sbom import Component, Sbom, read_sbom


@click.command(cls=Command)
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--purl", help="The package, made if there is none: pkg:type/name@version.")
@click.option(
    "--sbom",
    "bill",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A bill of materials: CycloneDX or SPDX, as JSON. The packages that it names are registered too.",
)
@click.option(
    "--label",
    "labels",
    type=values.label,
    multiple=True,
    metavar="KEY=VALUE",
    help="The package, and those that are made from --sbom, get this label; may be repeated.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out what a line PATTERN of a .gitignore would; may be repeated.",
)
@click.option("--seal", is_flag=True, help="Seal the package afterwards: its files are final.")
@click.option(
    "--store",
    "stores",
    metavar="NAME[,NAME]",
    help="Put the files into these stores of stores.toml, or into one of the service; their copies there are "
    "their locations.",
)
@click.option(
    "--min-copies",
    type=options.Number(1, 100),
    metavar="N",
    help="With --store: a file that fewer stores take has failed. Default: as stores.toml says, else 1.",
)
@click.option(
    "--workers", type=options.Number(1, 256), help="Threads that read and hash. Default: one per core."
)
@with_session
def ingest(
    session: Session,
    path: Path | None,
    purl: str | None,
    bill: Path | None,
    labels: tuple[tuple[str, str], ...],
    exclude: tuple[str, ...],
    seal: bool,
    stores: str | None,
    min_copies: int | None,
    workers: int | None,
) -> None:
    """Register a directory tree, or a file, as the files of a package.

    Every regular file is read once for BLAKE3 and SHA-256 and gets its file:// URI as location. Symbolic
    links and special files are skipped and counted. Run it again after an interruption: what the package
    has already is read and compared, only the rest is appended. If a file has other content than before,
    nothing is appended and the files are named. A single file is registered under its own name.

    With --store the bytes are kept, too: put into each store as they are read, and told to the log when they
    are durable there. What a store has already is shared. A large file that was interrupted goes on where it
    was. Ctrl-C finishes and appends what is on its way; a second one does not wait. Without --store nothing
    is kept but where the files are. Over a URL the bytes go to the service, which keeps them in one of its
    stores.

    --exclude has the patterns of git, as if they stood in a .gitignore in the directory: *.tmp at any depth,
    /build only at the top, cache/ only directories, docs/**/draft, and !keep.tmp takes back. Of several the
    last one that fits decides.

    With --sbom the package of PATH is the one that the bill of materials is about, unless --purl says
    another. Each component with a purl becomes a package without files, unless it is there already; its
    labels are license, supplier and sha256, where the bill has them. Without PATH that is all that is done.

    \b
    artifactstore ingest ./dist --purl pkg:generic/app@1.0
    artifactstore ingest ./dist --purl pkg:generic/app@1.0 --seal --label branch=main
    artifactstore ingest ./dist --purl pkg:generic/app@1.0 --store main,shelf --min-copies 2 --seal
    artifactstore ingest ./dist --purl pkg:generic/app@1.0 --exclude '*.tmp' --exclude /build/
    artifactstore ingest app-1.0.tar.gz --purl pkg:generic/app@1.0
    artifactstore ingest ./dist --sbom bom.json
    artifactstore ingest --sbom bom.json
    """
    if path is None and (bill is None or purl or seal or exclude or workers or stores):
        raise BadInput("usage", {"problem": "give the PATH of a directory or file, or nothing but --sbom"})
    if bill is None and purl is None:
        raise BadInput("usage", {"problem": "give --purl, or --sbom with what it is about"})
    if min_copies is not None and stores is None:
        raise BadInput("usage", {"problem": "--min-copies needs --store"})
    sbom = None if bill is None else read_sbom(bill)
    told: dict[str, object] = {}
    given = dict(labels)
    components: list[Component] = []
    if sbom is not None:
        named = [*([sbom.subject] if sbom.subject else []), *sbom.components]
        components = canonical_components(session.store, named)
    with session.progress() as progress:
        kept = None if stores is None else stored(session, stores, min_copies)
        if path is not None:
            subject = sbom.subject if sbom is not None and purl is None else None
            purl = purl or (subject.purl if subject else None)
            if purl is None:
                problem = "the bill of materials does not say by purl what it is about: give --purl"
                raise BadInput("usage", {"problem": problem})
            report = ingest_path(
                session.store,
                path,
                purl,
                actor=session.actor,
                labels={**(subject.labels if subject else {}), **given},
                seal=seal,
                exclude=exclude,
                workers=workers,
                stores=kept,
                progress=progress,
            )
        if sbom is not None:
            registered = register_components(
                session.store, components, actor=session.actor, labels=given, progress=progress
            )
            told = _of_bill(sbom, registered)
    if path is None:
        session.output.result(told)
    else:
        tell(
            session,
            report,
            told if kept is None else {"stores": of_destinations(session, kept.destinations), **told},
        )


def _of_bill(sbom: Sbom, registered: Registered) -> dict[str, object]:
    """What an ingest did with a bill of materials."""
    first, last = registered.first_sequence, registered.last_sequence
    return {
        "sbom": sbom.format,
        "subject": sbom.subject.purl if sbom.subject else None,
        "packages_created": registered.created,
        "packages_known": registered.known,
        "packages_sequences": f"{first} to {last}" if registered.created else None,
        "without_purl": len(sbom.nameless),
        "first_without_purl": ", ".join(sbom.nameless[:3]) or None,
    }


def tell(session: Session, report: Ingested, more: Mapping[str, object] = MappingProxyType({})) -> None:
    """Write what an ingest did, and more that is told with it."""
    megabytes = report.bytes / 1e6 / max(report.seconds, 1e-6)
    rate = report.events / report.append_seconds if report.append_seconds else 0.0
    if session.json:
        from artifactstore.cli.output import jsonable

        figures = {"megabytes_per_second": round(megabytes, 1), "events_per_second": round(rate)}
        session.output.result({**jsonable(report), **figures, **more})
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
            **more,
        }
    )
