"""Commands on the log itself."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from artifactstore import db, system
from artifactstore.cli import options, values
from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import Damaged, error, translated
from artifactstore.feed import CHANNEL
from artifactstore.store import EventFilter, LogQuery, Row
from artifactstore.words import SUBJECT_KINDS

if TYPE_CHECKING:
    from artifactstore.cli.remote import Remote
    from artifactstore.store.log import Log

_NEWEST = 20
_READ_AGAIN = 2.0
"""Seconds: a notification is a doorbell that may get lost, so the log is read again without one."""
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
        url: str | None = None,
        token: str | None = None,
        **others: Any,
    ) -> None:
        log: Log | Remote
        if url is None:
            log = session.store.log
        elif package is not None:
            raise error("usage", {"problem": "--package needs the database: with --url give --subject"})
        else:
            log = others["remote"] = _remote(session, url, token)
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
@click.option("--url", metavar="URL", help="Of a service: its feed is read, not the database.")
@click.option(
    "--token",
    metavar="TOKEN",
    envvar="ARTIFACTSTORE_TOKEN",
    help="For --url. Default: ARTIFACTSTORE_TOKEN, else that of the embedded service.",
)
def events(session: Session, selection: _Selection, follow: bool, remote: "Remote | None" = None) -> None:
    """Show events of the log, the oldest first.

    \b
    artifactstore events --type 'v1.retention.*' --since 30d
    artifactstore events --package pkg:generic/app@1.0
    artifactstore --json events --since 0 --follow     # every event, without a hole
    artifactstore events --url https://registry.example --since head --follow
    """
    if remote is not None:
        rows = _of_service(remote, selection, follow)
        session.output.rows(_EVENTS, rows, live=follow)
        return
    if follow:
        session.output.rows(_EVENTS, _following(session, selection), live=True)
        return
    store, query, limit = session.store, selection.query, selection.limit
    if selection.newest:
        session.output.rows(_EVENTS, store.log.newest_events(query, limit or _NEWEST))
    else:
        _page_end(query, store.log.head())
        session.output.rows(_EVENTS, _unbroken(query, store.log.events(query, limit)))


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
    appended = session.store.writes.append_json(event_type, subject_id, session.actor, text, expected)
    session.tell_appended(appended, event_type, subject_id)


def _read_stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as failure:
        raise error("usage", {"problem": f"stdin is not {failure.encoding}: {failure.reason}"}) from failure
    except OSError as failure:  # a directory, say
        raise system.refused(failure, "stdin") from failure


def _remote(session: Session, url: str, token: str | None) -> "Remote":
    """The service at a URL, until the end of the invocation."""
    from artifactstore.cli.remote import Remote  # HTTP takes a while to import

    remote = Remote(url, token)
    session.resources.callback(remote.close)
    return remote


def _sequence(log: "Log | Remote", position: int | str | datetime) -> int:
    """The sequence that a position means."""
    if isinstance(position, datetime):
        return log.sequence_at(position)
    return log.head() if isinstance(position, str) else position


def _until(log: "Log | Remote", position: int | str | datetime) -> int | None:
    """The sequence of the end, None for the head: a time that has not come ends nothing."""
    if isinstance(position, datetime) and position > values.now():
        return None
    return _sequence(log, position)


def _unbroken(query: LogQuery, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows; raises ``Damaged`` at a hole, if the filter leaves none."""
    expected = query.since + 1
    for row in rows:
        if query.contiguous and row["sequence"] != expected:
            problem = f"event {expected} is missing, the next is {row['sequence']}"
            raise Damaged("log-damaged", {"problem": problem, "sequence": expected})
        expected = row["sequence"] + 1
        yield row


def _following(session: Session, selection: _Selection) -> Iterator[Row]:
    """The selected events, then new ones as they come, until the limit or the end of the selection."""
    store, query = session.store, selection.query
    left = sys.maxsize if selection.limit is None else selection.limit
    listener = session.connect("follow")
    db.listen(listener, CHANNEL)
    if selection.newest:
        newest = store.log.newest_events(query, min(left, _NEWEST))
        yield from newest
        left -= len(newest)
        query = replace(query, since=newest[-1]["sequence"] if newest else store.log.head())
    while left > 0:
        # Read up to the present head: what a filter leaves out need not be looked at again.
        end = _page_end(query, store.log.head())
        page = replace(query, until=end)
        for row in _unbroken(page, store.log.events(page, left)):
            yield row
            left -= 1
        if end == query.until:
            return
        query = replace(query, since=end)
        with translated():
            for _ in listener.notifies(timeout=_READ_AGAIN, stop_after=1):
                pass


def _of_service(remote: "Remote", selection: _Selection, follow: bool) -> Iterator[Row]:
    """The selected events, then new ones as they come, from a service."""
    query, limit = selection.query, selection.limit
    if selection.newest:
        head = remote.head()
        newest = remote.newest(replace(query, until=min(head, query.until or head)), limit or _NEWEST)
        yield from newest
        if not follow or len(newest) == limit:
            return
        query = replace(query, since=head)
        limit = None if limit is None else limit - len(newest)
    yield from remote.events(query, limit, follow=follow)


def _page_end(query: LogQuery, head: int) -> int:
    if head < query.since:
        raise error("cursor-ahead", {"problem": f"the log ends at {head}", "head": head})
    return query.end(head)
