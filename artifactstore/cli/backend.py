"""Commands on stores: the places that keep bytes."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from artifactstore.cli import options
from artifactstore.cli.command import Group
from artifactstore.cli.session import Session, with_session
from artifactstore.exits import EXIT_DIFFERENCES
from artifactstore.stores import units

_LIST = ("name", "type", "place", "serve", "lock", "remove_after", "min_free", "read_every", "readonly")
_TRIALS = ("store", "trial", "outcome", "told")
_EXPORTED = ("key", "size", "blake3", "sha256", "purl", "path", "state")
_DIFFERENCES = ("problem", "key", "size", "purl")

named = click.argument("name", metavar="NAME")


@click.group(cls=Group)
def backend() -> None:
    """Look at, try out and claim the stores that keep bytes.

    A store is a place that this software writes, reads and removes in: a directory, or a bucket. Which ones
    this host uses is said in stores.toml (--stores, ARTIFACTSTORE_STORES, /etc/artifactstore/stores.toml, or
    that in your directory for configuration). The log calls a store by its name there, as the backend of
    locations; which bytes belong to which file, only the log knows.

    \b
    [stores.shelf]
    type = "local"
    root = "/srv/artifacts"
    """


@backend.command("list")
@with_session
def list_backends(session: Session) -> None:
    """List the stores of stores.toml with what is said of them, in the order in which they are read.

    Nothing is asked of the stores themselves: artifactstore backend test does that. --json tells everything
    that counts, defaults too, and what the keeper noted in the database when it passed: objects and bytes,
    copies by state, how far checks are behind, the latest run of each job. There are no secrets in it.
    """
    _tell_of_none(session)
    rows = [_settings(session, name) for name in session.stores]
    if session.json and rows:
        from artifactstore.jobs.keeper.figures import UNKNOWN, figures

        known, now = figures(session.database), session.database.log.clock()
        rows = [row | known.get(row["name"], UNKNOWN).told(now) for row in rows]
    session.output.rows(_LIST, rows)


@backend.command()
@named
@with_session
def init(session: Session, name: str) -> None:
    """Make a place a store of this log.

    Writes artifactstore.json there, which names the log, its database and the store; the directory of a local
    store is made, if the one above it is there. Every process reads it before it writes or removes anything,
    so that no two logs, no two names and no copy of the database get at the same bytes. Where the place is
    another's, or lies in one, nothing is written (store-mismatch). To do it again changes nothing.

    \b
    artifactstore backend init shelf
    """
    from artifactstore.jobs.claims import begun
    from artifactstore.stores import marker

    store = session.stores[name]
    home = begun(session.database, session.actor)
    made = marker.init(store, home)
    session.output.result(
        {"store": name, "place": _place(session, name), "made": made, "log_id": home.log_id}
    )


@backend.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@with_session
def test(session: Session, names: tuple[str, ...]) -> int:
    """Try what stores do, by doing it: all, or those that are named.

    Writes some objects, of 16 MiB at most, reads them back and removes them: whole and in parts, with wrong
    checksums, sixteen at once under one key, listed, by presigned URLs, and whatever else the kind of store
    promises. Shown is what was seen, not what the store says of itself.

    OUTCOME is yes, no (it cannot do that, and need not), failed (it must), or hazard (something there will do
    harm, such as a rule that expires what is old). Exit code 1 when anything is failed or a hazard.

    \b
    artifactstore backend test
    artifactstore backend test shelf --json
    """
    from artifactstore.stores.trial import try_out

    _tell_of_none(session)
    bad = []

    def trials() -> Iterator[dict[str, Any]]:
        for name in names or tuple(session.stores):
            settings = session.stores.settings(name)
            for trial in try_out(session.stores[name], settings):
                bad.extend([trial] * trial.bad)
                yield {"store": name, "trial": trial.trial, "outcome": trial.outcome, "told": trial.told}

    session.output.rows(_TRIALS, trials(), live=True)
    return EXIT_DIFFERENCES if bad else 0


@backend.command()
@named
@options.yes
@with_session
def claim(session: Session, name: str, yes: bool) -> None:
    """Take a place for the log as it is now: after a move, or a restore that lost events.

    Until then nothing is removed there (store-mismatch). First this lists what the log and the place do not
    both have. missing: a copy that the log counts on and that is not there; artifactstore check-files records
    it. orphan: an object that no copy names, since its event was lost or its upload is under way; the keeper
    collects it when it is older than 8 days. What you want to keep of those, copy away before.

    Never claim a place for a copy of the database while the original is in use: each would remove what the
    other needs. A place of another log, or of another store of this log, cannot be claimed.

    \b
    artifactstore adopt && artifactstore backend claim main
    artifactstore restored --reason "backup of 02:00" && artifactstore backend claim main
    """
    from artifactstore.jobs.claims import differences
    from artifactstore.jobs.homes import log_home
    from artifactstore.stores import marker

    store = session.stores[name]
    home = log_home(session.database)
    before = marker.owned(store, home)
    counts = {"missing": 0, "orphan": 0}

    def told() -> Iterator[dict[str, Any]]:
        for difference in differences(session.database, store):
            counts[difference.problem] += 1
            yield difference._asdict()

    session.output.rows(_DIFFERENCES, told())
    question = (
        f"{name} has {counts['missing']} objects less and {counts['orphan']} more than the log knows; "
        "no other database may use it from now on. Claim it?"
    )
    session.confirm(question, yes)
    marker.claim(store, home)
    session.output.result(
        {
            "store": name,
            "place": _place(session, name),
            **counts,
            "acted_through_before": before.acted_through,
            "acted_through": home.head,
        },
        err=not session.json,
    )


@backend.command()
@named
@with_session
def export(session: Session, name: str) -> None:
    """List every object that the log has in a store: key, size, digests, and what it is.

    With it any other tool can copy the store, or prove a copy of it. An object that several files share has a
    line for each of them. Nothing is asked of the store.

    \b
    artifactstore backend export main > main.tsv
    artifactstore backend export main --json | jq -r '"\\(.blake3)  \\(.key)"'
    """
    session.stores.settings(name)
    session.output.rows(_EXPORTED, _exported(session.database.placed.of_backend(name)))


def _exported(rows: Iterable[Any]) -> Iterator[dict[str, Any]]:
    from artifactstore.stores.keys import key_in

    for row in rows:
        key = key_in(row["uri"])
        if key is not None:
            yield {"key": key, **{column: row[column] for column in _EXPORTED if column != "key"}}


def _tell_of_none(session: Session) -> None:
    if not session.stores.config.stores:
        session.notice(
            f"{session.stores.config.path or 'no stores.toml'}: no store: backend --help shows one"
        )


def _place(session: Session, name: str) -> str:
    return session.stores.settings(name).place


def _settings(session: Session, name: str) -> dict[str, Any]:
    """What is said of a store, as text where JSON has no such type."""
    settings = session.stores.settings(name)
    row: dict[str, Any] = {"name": name, "type": settings.type, "place": settings.place}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, timedelta):
            value = units.text_of(value)
        row[field.name] = str(value) if isinstance(value, Path) else value
    return row
