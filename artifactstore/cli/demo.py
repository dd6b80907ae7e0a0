"""The command that shows everything on a real directory tree."""

import json
import re
import sys
import sysconfig
from datetime import timedelta
from itertools import count
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from uuid import UUID

import click

from artifactstore import db, embedded
from artifactstore.cli import options
from artifactstore.cli.command import Command
from artifactstore.cli.destinations import stored
from artifactstore.cli.progress import amount
from artifactstore.cli.session import Session, with_session
from artifactstore.cli.values import add_duration, now
from artifactstore.errors import Damaged, NotFound, Refused
from artifactstore.events import (
    Event,
    HoldPlaced,
    HoldReleased,
    NewEvent,
    PackageDeleted,
    RetentionApplied,
    RetentionExtended,
    new_id,
)
from artifactstore.jobs.below import Below
from artifactstore.jobs.claims import begun
from artifactstore.jobs.content import Sources
from artifactstore.jobs.fetch import Fetched, fetch, find_package
from artifactstore.jobs.homes import log_home
from artifactstore.jobs.ingest import ingest
from artifactstore.jobs.keeper.run import Keeper, Limits
from artifactstore.jobs.replay import replay
from artifactstore.jobs.sweep import Moment, sweep
from artifactstore.jobs.uploads.keeping import Stored
from artifactstore.jobs.verify import verify
from artifactstore.leaves import shown
from artifactstore.stores import marker

_INSTALLED = ("/site-packages", "/dist-packages")
"""What is below the standard library in some installations, but no part of it."""

_SHORT, _FILES = 2, 3
"""Seconds that the package is kept which expires, and its files."""

_NEXT = """\
Look further:{export}
  artifactstore package show {purl}
  artifactstore fetch {purl} -o ./fetched
  artifactstore audit --package {purl} --since 0 --limit 20
  artifactstore events --type 'v1.retention.*'
  artifactstore verify --expect-head {head} --expect-digest {identity}
  artifactstore psql
"""


@click.command(cls=Command)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@options.yes
@with_session
def demo(session: Session, directory: Path | None, yes: bool) -> None:
    """Show all of it on a directory tree.

    DIRECTORY is by default the standard library of Python. Ingests and seals the tree as a new package,
    retains and holds it, tries to delete it, and brings all files back; lets a small package expire, whose
    bytes are removed; replays the log and verifies the views. Without a database or ARTIFACTSTORE_DATA_DIR it
    makes a registry of its own beside yours, with a store for the bytes; asks before it uses a named
    database. There the bytes go into the first store of stores.toml; without one they stay where they are,
    and nothing expires.
    """
    if not db.named(session.database_url):
        session.data_directory = embedded.demo_directory()
    place = session.place()
    session.output.say(f"The registry is in {place}")
    status = session.database.log.status()
    begun = f"its log is {status['log_id']}, its head {status['head']}" if status["log_id"] else "no log yet"
    session.output.say(f"  {begun}")
    if not session.target.embedded:
        session.confirm(f"The demo appends to the log in {place} ({begun}) and replays it. Go on?", yes)
    root = directory or Path(sysconfig.get_path("stdlib"))
    summary = _Demo(session, _store(session, place)).run(root, _purl(session, root, directory is None))
    session.output.say("", "Summary")
    session.output.result({"registry": place, **summary})
    own = session.target.embedded and session.data_directory
    named = {"ARTIFACTSTORE_DATA_DIR": place, "ARTIFACTSTORE_STORES": session.stores_file}
    export = "".join(f"\n  export {name}={quote(str(value))}" for name, value in named.items()) if own else ""
    session.output.say("", *_NEXT.format(export=export, **summary).splitlines())


class _Demo:
    """The steps; each tells what it does."""

    def __init__(self, session: Session, stored: Stored | None) -> None:
        self.session = session
        self.stored = stored
        self.store = session.database
        self.say = session.output.say

    def run(self, root: Path, purl: str) -> dict[str, object]:
        """All steps; the figures of the summary."""
        started = monotonic()
        into = "" if self.stored is None else f", its bytes into the store {self.stored.destinations[0].name}"
        self.say(f"1. ingest and seal {root} as {purl}{into}")
        with self.session.progress() as progress:
            report = ingest(
                self.store,
                root,
                purl,
                actor=self.session.actor,
                seal=True,
                exclude=_INSTALLED,
                stores=self.stored,
                progress=progress,
            )
        self.say(f"   {report.files:,} files, {amount(report.bytes, 'bytes')}, {report.seconds:.1f} s")
        self._retain(report.package_id)
        self._fetch(purl)
        if self.stored is not None:
            self._expire(purl, self.stored.destinations[0].name)
        self.say("6. replay: empty all views, fill them again from the log")
        with self.session.progress() as progress:
            replayed = replay(self.store, lambda: self.session.connect("replay"), progress=progress)
        self.say(f"   {replayed.head:,} events in {replayed.seconds:.1f} s")
        self.say("7. verify: every digest, and the live views against a rebuild")
        with self.session.progress() as progress:
            verification = verify(self.store, lambda: self.session.connect("verify"), progress=progress)
        if verification.found or verification.identity is None:
            raise Damaged("log-damaged", {"problem": "run artifactstore verify to see the findings"})
        self.say(f"   the log is whole and the views are equal ({verification.seconds:.1f} s)")
        return {
            "purl": purl,
            "head": verification.head,
            "identity": shown(verification.identity),
            "packages": self.store.rebuilds.view_counts()["artifact_packages"],
            "files": report.files,
            "bytes": report.bytes,
            "seconds": round(monotonic() - started, 1),
            "ingest_megabytes_per_second": round(report.bytes / 1e6 / report.seconds, 1),
            "append_events_per_second": round(report.events / report.append_seconds),
            "replay_events_per_second": round(replayed.head / max(replayed.seconds, 1e-6)),
        }

    def _fetch(self, purl: str) -> None:
        self.say("4. fetch: all files back, each compared with the log")
        package = find_package(self.store, purl)
        report = Fetched(purl=purl, package_id=package["package_id"], state=package["state"], yanked=False)
        sources = Sources(self.session.stores, log_home(self.store))
        with (
            TemporaryDirectory() as directory,
            Below(Path(directory) / "fetched") as below,
            self.session.progress() as progress,
        ):
            actor = self.session.actor
            bad = list(fetch(self.store, package, [], below, sources, report, actor=actor, progress=progress))
        if bad:
            problem = f"{bad[0].path}: {bad[0].problem}; {len(bad)} in all"
            raise Damaged("content-damaged", {"problem": problem})
        rate = report.received / 1e6 / max(report.seconds, 1e-6)
        self.say(f"   {report.fetched:,} files are what was ingested ({rate:,.1f} MB/s)")

    def _expire(self, purl: str, name: str) -> None:
        """Show how a package ends: sweep deletes and purges it, the keeper removes its bytes."""
        self.say(
            f"5. expire: keep a small package for {_SHORT} s; sweep deletes and purges it, keeper removes"
        )
        with TemporaryDirectory() as directory:
            for number in range(_FILES):
                # Of nobody else: objects that another package needs would stay.
                Path(directory, f"log-{number}.txt").write_text(f"{new_id()}\n", encoding="utf-8")
            report = ingest(
                self.store, Path(directory), f"{purl}-short", actor=self.session.actor, stores=self.stored
            )
        until = self.store.log.clock() + timedelta(seconds=_SHORT)
        self._append(report.package_id, RetentionApplied(mode="governance", until=until))
        while self.store.log.clock() < until:
            sleep(0.1)
        for _ in ("delete", "purge"):
            instant = self.store.log.clock()
            due = self.store.retention.sweepable(instant, instant)
            rows = [row for row in due if row["package_id"] == report.package_id]
            for swept in sweep(self.store, Moment(instant, instant), rows, self.session.actor):
                self.say(f"   event {swept.sequence}: {swept.outcome}")
        limits = Limits(package_id=report.package_id)
        keeper = Keeper(
            store=self.store, stores=self.session.stores, names=[name], jobs=("remove",), limits=limits
        )
        for done in keeper.once():
            if done.failure is not None:
                raise done.failure
            self.say(f"   {done.tally.counts['removed']} objects removed from the store {name}")

    def _retain(self, package_id: UUID) -> None:
        until = add_duration(now(), "30d")
        extended = add_duration(until, "60d")
        hold_id = new_id()
        self.say("2. keep it for 30 days, then 60 days longer")
        self._append(package_id, RetentionApplied(mode="governance", until=until))
        self._append(package_id, RetentionExtended(from_=until, to=extended))
        self.say("3. place a legal hold, try to delete the package, release the hold, try again")
        self._append(package_id, HoldPlaced(hold_id=hold_id, case="demo", reason="to show a hold"))
        self._refused(package_id)
        self._append(package_id, HoldReleased(hold_id=hold_id, reason="shown"))
        self._refused(package_id)

    def _append(self, package_id: UUID, event: Event) -> None:
        appended = self.store.writes.append([NewEvent(event, package_id, self.session.actor)])[0]
        self.say(f"   event {appended.sequence}: {event.event_type}")

    def _refused(self, package_id: UUID) -> None:
        try:
            self._append(package_id, PackageDeleted(reason="to see it refused"))
        except Refused as refusal:
            self.say(f"   delete is refused, as it must be: {refusal.message}")
        else:
            raise Damaged("log-damaged", {"problem": "a package under retention could be deleted"})


def _store(session: Session, place: str) -> Stored | None:
    """Where the bytes go: into a store of the demo's own registry, or the first that is configured."""
    if session.target.embedded and session.data_directory:
        file = Path(place) / "stores.toml"
        if not file.exists():
            root = json.dumps(str(Path(place) / "store"))  # TOML writes texts as JSON does
            file.write_text(f'[stores.demo]\ntype = "local"\nroot = {root}\n', encoding="utf-8")
        session.stores_file = str(file)
    name = next((name for name in session.stores if not session.stores.settings(name).readonly), None)
    if name is None:
        return None
    marker.init(session.stores[name], begun(session.database, session.actor))
    return stored(session, name)


def _purl(session: Session, root: Path, is_default: bool) -> str:
    """A purl for the tree that no demo used before."""
    if is_default:
        base = f"pkg:generic/python-stdlib@{'.'.join(map(str, sys.version_info[:3]))}"
    else:
        base = f"pkg:generic/{re.sub(r'[^A-Za-z0-9_-]+', '-', root.resolve().name).strip('-') or 'tree'}@demo"
    for run in count(1):
        purl = f"{base}-{run}"
        try:
            session.database.packages.package(purl)
        except NotFound:
            return purl
    raise AssertionError("count does not end")
