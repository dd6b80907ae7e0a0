"""Commands on the places where files are stored."""

from collections.abc import Iterator
from uuid import UUID

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Group
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput
from artifactstore.events import models, new_id
from artifactstore.exits import EXIT_DIFFERENCES
from artifactstore.jobs.copies import judge, local_path
from artifactstore.jobs.ingest import BACKEND
from artifactstore.jobs.tree import hash_file
from artifactstore.store import Row
from artifactstore.stores.keys import key_in
from artifactstore.words import CHECK_FAILURES, CHECK_METHODS, RETIRE_OUTCOMES

_LIST = (
    "path", "backend", "uri", "state", "removal", "needed_by", "checks", "failures", "last_checked_at",
    "location_id",
)  # fmt: skip
_RETIRING = ("removal", "needed_by", "purl", "path", "backend", "uri", "location_id")

_URL_SECONDS = 900

located = click.argument("location_id", metavar="LOCATION_ID", type=values.identity)


@click.group(cls=Group)
def location() -> None:
    """Register, check and retire copies of files."""


@location.command("list")
@click.argument("package", type=values.package, required=False)
@click.argument("path", required=False)
@click.option("--retiring", is_flag=True, help="Only copies that are to go; without PACKAGE those of all.")
@with_session
def list_locations(session: Session, package: UUID | str | None, path: str | None, retiring: bool) -> None:
    """List the locations of the files of a package, or of its file PATH.

    Bytes belong to backend and URI, whoever names them: needed_by is another location that does. REMOVAL says
    what to do about a copy that is retiring. remove: remove the bytes, then location retire --outcome deleted
    (or not_found). detach: leave them, others need them; location retire --outcome detached. wait: other
    copies that are to go name the same bytes; detach those, then list again.

    \b
    artifactstore location list pkg:generic/app@1.0
    artifactstore location list --retiring
    """
    if retiring and path is None:
        found = session.store.removals.removals(None if package is None else session.package_id(package))
        session.output.rows(_RETIRING, _told(session, found))
        return
    if package is None or retiring:
        problem = "--retiring takes no PATH" if retiring else "give a PACKAGE, or --retiring"
        raise BadInput("usage", {"problem": problem})
    package_id = session.package_id(package)
    if path is None:
        found = session.store.removals.locations(package_id=package_id)
    else:
        found = session.store.removals.locations(
            file_id=session.store.packages.file_at(package_id, path)["file_id"]
        )
    session.output.rows(_LIST, _told(session, found))


@location.command()
@located
@click.option("--url", "as_url", is_flag=True, help="Tell where its bytes are, for other tools too.")
@with_session
def show(session: Session, location_id: UUID, as_url: bool) -> None:
    """Show one location, or with --url alone where its bytes are.

    That is a presigned URL where the store gives one, valid for 15 minutes and a secret for as long; else the
    path of a file, or the object's address in its bucket. It is asked in stores.toml of this host.

    \b
    artifactstore location show 01a221fc-b91f-78be-8974-3a102ca586f0
    artifactstore location show --url 01a221fc-b91f-78be-8974-3a102ca586f0
    """
    row = session.store.packages.location(location_id)
    if not as_url:
        session.output.result(row)
        return
    key = key_in(row["uri"])
    url = row["uri"] if key is None else _url(session, row["backend"], key)
    session.output.result({"url": url})


@location.command()
@click.argument("package", type=values.package)
@click.argument("path")
@click.option("--backend", required=True, help="Storage backend, e.g. s3.")
@click.option("--uri", required=True, help="Where in the backend; compared byte by byte.")
@click.option("--size", type=options.Number(0), help="Size in bytes as stored. Default: that of the file.")
@click.option("--blake3", type=values.digest, help="BLAKE3 as stored. Default: that of the file.")
@options.optional_reason
@with_session
def add(
    session: Session,
    package: UUID | str,
    path: str,
    backend: str,
    uri: str,
    size: int | None,
    blake3: bytes | None,
    reason: str | None,
) -> None:
    """Register a copy of the file PATH of a package.

    \b
    artifactstore location add pkg:generic/app@1.0 bin/app --backend s3 --uri s3://bucket/app
    """
    file = session.store.packages.file_at(session.package_id(package), path)
    event = models.StorageRegistered(
        package_id=file["package_id"],
        file_id=file["file_id"],
        backend=backend,
        uri=uri,
        size=file["size"] if size is None else size,
        blake3=blake3 or file["blake3"],
        reason=reason,
    )
    session.append(event, new_id(), path=path)


@location.command()
@located
@click.option(
    "--method",
    type=click.Choice(CHECK_METHODS),
    help="Record a check that was done elsewhere, in this way, and found the copy good.",
)
@options.optional_reason
@options.expected
@with_session
def verify(
    session: Session, location_id: UUID, method: str | None, reason: str | None, expected: int | None
) -> int:
    """Check a copy and record the outcome: read it if its backend is file, else say how it was checked.

    Exit code 1 when the copy is bad or missing; that is recorded, too.
    """
    row = session.store.packages.location(location_id)
    event: models.StorageVerified | models.StorageFailed
    if method is not None:
        event = models.StorageVerified(
            package_id=row["package_id"], file_id=row["file_id"], method=method, reason=reason
        )
    else:
        event = _read_copy(row, reason)
    failure = event.failure if isinstance(event, models.StorageFailed) else None
    session.append(event, location_id, expected, uri=row["uri"], failure=failure)
    return EXIT_DIFFERENCES if failure else 0


@location.command()
@located
@click.option(
    "--failure",
    required=True,
    type=click.Choice(CHECK_FAILURES),
    help="What was wrong.",
)
@click.option("--observed-size", type=options.Number(0), help="Size in bytes that was found.")
@click.option("--observed-blake3", type=values.digest, help="BLAKE3 that was found.")
@options.optional_reason
@options.expected
@with_session
def fail(
    session: Session,
    location_id: UUID,
    failure: str,
    observed_size: int | None,
    observed_blake3: bytes | None,
    reason: str | None,
    expected: int | None,
) -> None:
    """Record that a check that was done elsewhere found a copy bad or missing."""
    row = session.store.packages.location(location_id)
    event = models.StorageFailed(
        package_id=row["package_id"],
        file_id=row["file_id"],
        failure=failure,
        observed_size=observed_size,
        observed_blake3=observed_blake3,
        reason=reason,
    )
    session.append(event, location_id, expected, uri=row["uri"])


@location.command()
@located
@options.reason
@options.expected
@with_session
def remove(session: Session, location_id: UUID, reason: str, expected: int | None) -> None:
    """Say that a copy is to go; its bytes are removed later.

    For good: the copy is retiring (location list --retiring), and nothing leads back. It takes an operator.

    Refused for the last good copy of a live file; and while hold or retention protects the package, for the
    last copy that is not to go, though it failed.
    """
    row = session.store.packages.location(location_id)
    event = models.StorageRetiring(package_id=row["package_id"], file_id=row["file_id"], reason=reason)
    session.append(event, location_id, expected, uri=row["uri"])


@location.command()
@located
@click.option(
    "--outcome",
    required=True,
    type=click.Choice(RETIRE_OUTCOMES),
    help="What became of the copy.",
)
@options.reason
@options.expected
@with_session
def retire(session: Session, location_id: UUID, outcome: str, reason: str, expected: int | None) -> None:
    """Record that a copy is no longer kept.

    deleted: its bytes were removed; refused while another location, in whatever package, names them, and of
    an object of a store unless the copy is retiring.
    detached: only this claim on the bytes is given up. not_found: they were not there.

    Refused for the last good copy of a live file; and for its last copy of all while hold or retention
    protects the package, unless not_found.
    """
    row = session.store.packages.location(location_id)
    event = models.StorageRetired(
        package_id=row["package_id"], file_id=row["file_id"], outcome=outcome, reason=reason
    )
    session.append(event, location_id, expected, uri=row["uri"])


def _told(session: Session, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows with ``needed_by`` short enough for a table."""
    for row in rows:
        needed_by = row["needed_by"]
        if needed_by is not None and not session.json:
            more = f" and {needed_by['more']} more" if needed_by["more"] else ""
            row = row | {"needed_by": f"{needed_by['purl']} ({needed_by['state']}){more}"}
        yield row


def _url(session: Session, name: str, key: str) -> str:
    """Where an object is: presigned if the store can, else as its own tools name it."""
    presigned = session.stores[name].presigned_get(
        key, _URL_SECONDS, "attachment", "application/octet-stream"
    )
    return presigned or session.stores.settings(name).place_of(key)


def _read_copy(row: Row, reason: str | None) -> models.StorageVerified | models.StorageFailed:
    """Read a local copy; the event that says what was found."""
    try:
        path = local_path(row["uri"]) if row["backend"] == BACKEND else None
    except ValueError:
        path = None
    if path is None:
        problem = (
            f"{row['uri']} cannot be read from here: check it elsewhere, then give --method, or use fail"
        )
        raise BadInput("usage", {"problem": problem})
    return judge(row, hash_file(path), reason)
