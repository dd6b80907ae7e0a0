"""Commands on the log itself."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

import click

from artifactstore import system
from artifactstore.cli import options, values
from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import error
from artifactstore.jobs.ranges import page_end, unbroken
from artifactstore.registry import LogReads
from artifactstore.store import EventFilter, LogQuery, Row
from artifactstore.words import SUBJECT_KINDS

_NEWEST = 20
_EVENTS = ("sequence", "created_at", "event_type", "subject_id", "actor", "payload")
_AUDIT = ("sequence", "created_at", "actor", "action", "result", "purl", "path", "reason")


_OPTIONS = (
    click.option(
        "--type",
        "event_type",
        multiple=True,
        type=values.event_types,
        shell_complete=values.complete_event_type,
        metavar="TYPE",
        help="Event type, or a group such as v1.retention.*; may be repeated.",
    ),
    click.option(
        "--kind", "subject_kind", multiple=True, type=click.Choice(SUBJECT_KINDS), help="What it is about."
    ),
    click.option(
        "--subject", "subject_id", multiple=True, type=values.identity, metavar="ID", help="Subject by id."
    ),
    click.option("--package", type=values.package, help="Everything of one package, by id or purl."),
    click.option("--actor", multiple=True, metavar="URI", help="Who did it; may be repeated."),
    click.option(
        "--since",
        type=values.position,
        help="After this: a sequence, head, a time, or 2h, 30d ago. Default: the newest 20.",
    ),
    click.option("--until", type=values.position, help="Up to this, inclusive."),
    click.option("--limit", type=options.Number(1), help="At most so many."),
)


@dataclass(frozen=True, slots=True)
class _Selection:
    """The events that the options choose; ``newest``: the last ones, because no beginning was given."""

    query: LogQuery
    limit: int | None
    newest: bool


def _selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the options into the parameter ``selection``."""

    @wraps(command)
    def select(
        session: Session,
        event_type: tuple[str, ...],
        subject_kind: tuple[str, ...],
        subject_id: tuple[UUID, ...],
        package: UUID | str | None,
        actor: tuple[str, ...],
        since: int | str | datetime | None,
        until: int | str | datetime | None,
        limit: int | None,
        **others: Any,
    ) -> None:
        log = session.store.log
        where = EventFilter(
            subject_id=frozenset(subject_id),
            actor=frozenset(actor),
            event_type=frozenset(event_type),
            subject_kind=frozenset(subject_kind),
        )
        query = LogQuery(
            since=0 if since is None else _sequence(log, since),
            until=None if until is None else _until(log, until),
            where=where,
            package_id=None if package is None else session.package_id(package),
        )
        command(session, selection=_Selection(query, limit, newest=since is None), **others)

    for option in reversed(_OPTIONS):
        select = option(select)
    return select


@click.command(cls=Command)
@with_session
@_selecting
@click.option("--follow", "-f", is_flag=True, help="Go on with events as they are appended.")
def events(session: Session, selection: _Selection, follow: bool) -> None:
    """Show events of the log, the oldest first.

    \b
    artifactstore events --type 'v1.retention.*' --since 30d
    artifactstore events --package pkg:generic/app@1.0
    artifactstore --json events --since 0 --follow     # every event, without a hole
    artifactstore events --url https://registry.example --since head --follow
    """
    if follow:
        session.output.rows(_EVENTS, _following(session, selection), live=True)
        return
    log, query, limit = session.store.log, selection.query, selection.limit
    if selection.newest:
        session.output.rows(_EVENTS, log.newest_events(query, limit or _NEWEST))
    else:
        page_end(query, log.head())
        session.output.rows(_EVENTS, unbroken(query, log.events(query, limit)))


@click.command(cls=Command)
@with_session
@_selecting
def audit(session: Session, selection: _Selection) -> None:
    """Show who did what, to what, when, with which result, the oldest first.

    The result is always "applied": what was refused left the log untouched.

    \b
    artifactstore audit --package pkg:generic/app@1.0 --since 0
    artifactstore audit --actor user:ann --since 7d
    """
    store, query, limit = session.store, selection.query, selection.limit
    rows = (
        store.log.newest_audit(query, limit or _NEWEST) if selection.newest else store.log.audit(query, limit)
    )
    session.output.rows(_AUDIT, rows)


@click.command(cls=Command)
@click.argument("event_type", metavar="TYPE", shell_complete=values.complete_event_type)
@click.option(
    "--subject", "subject_id", required=True, type=values.identity, metavar="ID", help="What it is about."
)
@click.option("--payload", required=True, metavar="JSON", help="Payload; - reads it from stdin.")
@options.expected
@with_session
def append(session: Session, event_type: str, subject_id: UUID, payload: str, expected: int | None) -> None:
    """Append an event of any type, its payload as JSON.

    The types and their fields: SELECT * FROM artifactstore.event_types. Ids are UUIDs, digests hex, times
    RFC 3339. Needs the role service.

    \b
    artifactstore append v1.package.yanked --subject 0193a3c2-… --payload '{"reason": "broken"}'
    """
    text = _read_stdin() if payload == "-" else payload
    appended = session.database.writes.append_json(event_type, subject_id, session.actor, text, expected)
    session.tell_appended(appended, event_type, subject_id)


def _read_stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as failure:
        raise error("usage", {"problem": f"stdin is not {failure.encoding}: {failure.reason}"}) from failure
    except OSError as failure:  # a directory, say
        raise system.refused(failure, "stdin") from failure


def _sequence(log: LogReads, position: int | str | datetime) -> int:
    """The sequence that a position means."""
    if isinstance(position, datetime):
        return log.sequence_at(position)
    return log.head() if isinstance(position, str) else position


def _until(log: LogReads, position: int | str | datetime) -> int | None:
    """The sequence of the end, None for the head: a time that has not come ends nothing."""
    if isinstance(position, datetime) and position > values.now():
        return None
    return _sequence(log, position)


def _following(session: Session, selection: _Selection) -> Iterator[Row]:
    """The selected events, then new ones as they come, until the limit or the end of the selection."""
    query, limit = selection.query, selection.limit
    if selection.newest:
        head = session.store.log.head()
        query = replace(query, until=min(head, query.until or head))
        newest = session.store.log.newest_events(query, min(limit or _NEWEST, _NEWEST))
        yield from newest
        if len(newest) == limit:
            return
        query = replace(selection.query, since=head)
        limit = None if limit is None else limit - len(newest)
    yield from session.follow(query, limit)
