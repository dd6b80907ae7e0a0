"""Commands on packages."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from uuid import UUID

import click

from artifactstore.cli import options, values
from artifactstore.cli.command import Group
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput
from artifactstore.events import NewEvent, models, new_id
from artifactstore.registry import Registry
from artifactstore.store import PackageQuery, Row
from artifactstore.words import PACKAGE_STATES, RETENTION_MODES

named = click.argument("package", metavar="PACKAGE", type=values.package)

_LIST = ("purl", "state", "yanked", "file_count", "total_bytes", "created_at", "package_id")
_PAGE = 1_000
_HISTORY = ("sequence", "created_at", "actor", "action", "path", "uri", "reason")
_FILES = ("path", "size", "state", "blake3", "file_id")


@click.group(cls=Group)
def package() -> None:
    """Create, list, show, seal, label, yank, delete, purge packages."""


@package.command()
@click.argument("purl")
@click.option("--media-type", help="Media type of the package.")
@click.option(
    "--label", "labels", type=values.label, multiple=True, metavar="KEY=VALUE", help="May be repeated."
)
@click.option("--retain-mode", type=click.Choice(RETENTION_MODES), help="Retention from the start.")
@click.option("--retain-until", type=values.instant, help="Until when: RFC 3339, or 30d, 1y from now.")
@click.option("--policy", help="Name of the policy that the retention comes from.")
@options.optional_reason
@with_session
def create(
    session: Session,
    purl: str,
    media_type: str | None,
    labels: tuple[tuple[str, str], ...],
    retain_mode: str | None,
    retain_until: datetime | None,
    policy: str | None,
    reason: str | None,
) -> None:
    """Create an open package named PURL.

    Any valid spelling of the purl will do; the package gets its canonical form, which is told, and so is its
    retention: that of the options, or of the first rule that fits (artifactstore policy), or none.

    \b
    artifactstore package create pkg:generic/app@1.0 --label team=core
    artifactstore package create pkg:npm/@scope/app@1.0
    artifactstore package create pkg:pypi/app@1.0 --retain-mode governance --retain-until 1y
    """
    retention = None
    if retain_mode is not None and retain_until is not None:
        retention = models.Retention(mode=retain_mode, until=retain_until, policy=policy)
    elif retain_mode is not None or retain_until is not None or policy is not None:
        raise BadInput("usage", {"problem": "--retain-mode and --retain-until go together"})
    purl = session.store.packages.canonical_purl(purl)
    event = models.PackageCreated(
        purl=purl, media_type=media_type, labels=dict(labels) or None, retention=retention, reason=reason
    )
    package_id = new_id()
    appended = session.store.writes.append([NewEvent(event, package_id, session.actor)])[0]
    kept = session.store.packages.retention(package_id)
    told = {"retention": kept["mode"], "retain_until": kept["retain_until"], "policy": kept["policy"]}
    session.tell_appended(appended, event.event_type, package_id, purl=purl, **told)


@package.command("list")
@click.option("--state", type=click.Choice(PACKAGE_STATES), help="State they are in.")
@click.option("--type", "purl_type", help="Type part of the purl, e.g. pypi.")
@click.option("--namespace", help="Namespace part of the purl, e.g. @scope or org.apache.")
@click.option("--name", help="Name part of the purl.")
@click.option(
    "--purl-prefix", metavar="TEXT", help="Beginning of the canonical purl, e.g. pkg:npm/%40scope/."
)
@click.option(
    "--label", "labels", type=values.label, multiple=True, metavar="KEY=VALUE", help="May be repeated."
)
@click.option(
    "--after", type=values.package, metavar="PACKAGE", help="Begin after this package: the next page."
)
@click.option("--limit", type=options.Number(1), help="At most so many.")
@with_session
def list_packages(
    session: Session,
    state: str | None,
    purl_type: str | None,
    namespace: str | None,
    name: str | None,
    purl_prefix: str | None,
    labels: tuple[tuple[str, str], ...],
    after: UUID | str | None,
    limit: int | None,
) -> None:
    """List packages by purl."""
    where = PackageQuery(
        purl_prefix=purl_prefix,
        type=purl_type,
        namespace=namespace,
        name=name,
        state=state,
        labels=dict(labels),
    )
    begin = None if after is None else session.package_id(after)
    session.output.rows(_LIST, islice(_packages(session.store, where, begin), limit))


def _packages(registry: Registry, where: PackageQuery, after: UUID | None) -> Iterator[Row]:
    while page := list(registry.pages.package_page(where, after, _PAGE)):
        yield from page
        after = page[-1]["package_id"]


@package.command()
@named
@with_session
def show(session: Session, package: UUID | str) -> None:
    """Show a package: its row, what it holds now, its retention and the holds in force."""
    row = session.store.packages.package(package)
    package_id = row["package_id"]
    retention = session.store.packages.retention(package_id)
    holds = [hold for hold in session.store.packages.holds(package_id) if hold["released_at"] is None]
    names = ("mode", "retain_until", "policy", "hold_count")
    if session.json:
        more = {
            "totals": session.store.packages.package_totals(package_id),
            "retention": retention,
            "holds": holds,
        }
        session.output.result({**row, **more})
        return
    totals = {
        f"now_{name}": value for name, value in session.store.packages.package_totals(package_id).items()
    }
    session.output.result({**row, **totals, **{f"retention_{name}": retention[name] for name in names}})
    for hold in holds:
        session.output.say(f"hold {hold['hold_id']}: {hold['case_ref']} ({hold['reason']})")


@package.command()
@named
@click.option("--removed", is_flag=True, help="Also files that were removed.")
@with_session
def files(session: Session, package: UUID | str, removed: bool) -> None:
    """List the files of a package by path."""
    package_id = session.package_id(package)
    session.output.rows(_FILES, session.store.packages.files(package_id, removed=removed))


@package.command()
@named
@click.option("--newest", is_flag=True, help="The newest first.")
@click.option("--limit", type=options.Number(1), help="At most so many.")
@with_session
def history(session: Session, package: UUID | str, newest: bool, limit: int | None) -> None:
    """Show every event of a package, its files, their copies and its retention.

    \b
    artifactstore package history pkg:generic/app@1.0 --newest --limit 10
    """
    package_id = session.package_id(package)
    rows = session.store.log.package_history(package_id, newest_first=newest, limit=limit)
    session.output.rows(_HISTORY, rows)


@package.command()
@named
@options.optional_reason
@click.option(
    "--expected",
    type=options.Number(0),
    metavar="SEQUENCE",
    help="Refuse unless this is still the highest last_sequence of the package and its files.",
)
@click.option(
    "--manifest-digest",
    type=values.digest,
    metavar="HEX",
    help="Refuse unless the files make this manifest.",
)
@with_session
def seal(
    session: Session,
    package: UUID | str,
    reason: str | None,
    expected: int | None,
    manifest_digest: bytes | None,
) -> None:
    """Seal a package: its files are final from then on."""
    package_id = session.package_id(package)
    appended, event = session.store.writes.seal(
        package_id, session.actor, reason=reason, expected=expected, manifest_digest=manifest_digest
    )
    session.tell_appended(
        appended,
        event.event_type,
        package_id,
        manifest_digest=event.manifest_digest,
        file_count=event.file_count,
        total_bytes=event.total_bytes,
    )


@package.command()
@named
@click.argument("labels", nargs=-1, type=values.label, metavar="[KEY=VALUE]...")
@click.option("--unset", multiple=True, metavar="KEY", help="Remove a label; may be repeated.")
@options.optional_reason
@options.expected
@with_session
def label(
    session: Session,
    package: UUID | str,
    labels: tuple[tuple[str, str], ...],
    unset: tuple[str, ...],
    reason: str | None,
    expected: int | None,
) -> None:
    """Set and unset labels of a package.

    \b
    artifactstore package label pkg:generic/app@1.0 team=core stage=prod --unset draft
    """
    event = models.PackageLabeled(set=dict(labels) or None, unset=unset or None, reason=reason)
    session.append(event, session.package_id(package), expected)


@package.command("yank")
@named
@options.reason
@options.expected
@with_session
def yank(session: Session, package: UUID | str, reason: str, expected: int | None) -> None:
    """Mark a sealed package as not to be chosen any more; it stays available."""
    session.append(models.PackageYanked(reason=reason), session.package_id(package), expected)


@package.command()
@named
@options.reason
@options.expected
@with_session
def unyank(session: Session, package: UUID | str, reason: str, expected: int | None) -> None:
    """Take a yank back."""
    session.append(models.PackageUnyanked(reason=reason), session.package_id(package), expected)


@package.command()
@named
@options.reason
@options.bypass
@options.expected
@with_session
def delete(
    session: Session, package: UUID | str, reason: str, bypass_governance: bool, expected: int | None
) -> None:
    """Delete a package; restore brings it back. Refused while a hold or retention is in force."""
    event = models.PackageDeleted(reason=reason, bypass_governance=bypass_governance or None)
    session.append(event, session.package_id(package), expected)


@package.command()
@named
@options.reason
@options.expected
@with_session
def restore(session: Session, package: UUID | str, reason: str, expected: int | None) -> None:
    """Bring a deleted package back to the state that it had."""
    session.append(models.PackageRestored(reason=reason), session.package_id(package), expected)


@package.command()
@named
@options.reason
@options.bypass
@options.expected
@options.yes
@with_session
def purge(
    session: Session,
    package: UUID | str,
    reason: str,
    bypass_governance: bool,
    expected: int | None,
    yes: bool,
) -> None:
    """Purge a deleted package for good: its copies are to go, its purl stays taken.

    Which bytes may be removed then, location list --retiring tells: others may need them.
    """
    row = session.store.packages.package(package)
    files = session.store.packages.package_totals(row["package_id"])["files"]
    session.confirm(f"Purge {row['purl']} with {files} files? Nothing brings it back.", yes)
    event = models.PackagePurged(reason=reason, file_count=files, bypass_governance=bypass_governance or None)
    session.append(event, row["package_id"], expected, purl=row["purl"])


@package.command("remove-file")
@named
@click.argument("path")
@options.reason
@options.bypass
@options.expected
@with_session
def remove_file(
    session: Session,
    package: UUID | str,
    path: str,
    reason: str,
    bypass_governance: bool,
    expected: int | None,
) -> None:
    """Remove the file PATH from an open package; the path is free again."""
    package_id = session.package_id(package)
    file_id = session.store.packages.file_at(package_id, path)["file_id"]
    event = models.FileRemoved(
        package_id=package_id, reason=reason, bypass_governance=bypass_governance or None
    )
    session.append(event, file_id, expected, path=path)
