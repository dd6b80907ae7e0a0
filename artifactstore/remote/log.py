"""The log of a service."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, cast
from uuid import UUID

from artifactstore.client import Client, Cursor, FeedEvent
from artifactstore.client.answers import AuditListAnswer
from artifactstore.errors import BadInput, error
from artifactstore.events import parse_time
from artifactstore.remote.translation import PAGE, all_pages, shaped, translated_answers
from artifactstore.shown import event_value
from artifactstore.store import LogQuery, Row

_RETRY_SECONDS = 60.0
_HISTORY = ("sequence", "created_at", "actor", "action", "path", "uri", "reason", "subject_id", "payload")
"""Columns of the history of a package."""
_UNREADABLE = "unreadable"
_OF_FILES = frozenset({"file", "storage"})
"""Kinds of subjects whose events say in the payload which package they belong to."""
_OF_PACKAGES = _OF_FILES | {"package", "retention"}


class RemoteLog:
    """``registry.log``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: Cursor | None = None

    def clock(self) -> datetime:
        """See ``Log.clock``."""
        with translated_answers():
            return self._client.service.clock().now

    def head(self) -> int:
        """The highest sequence of its log."""
        with translated_answers():
            told = self._client.get("/log")
        with shaped("/log"):
            digest, sequence = told["head_digest"], int(told["head"])
            identity = None if digest is None else bytes.fromhex(digest.removeprefix("sha256:"))
            self._known = Cursor(sequence, told["epoch"], identity)
        return sequence

    def sequence_at(self, instant: datetime) -> int:
        """As ``Store.sequence_at``, by the clock of this machine; a search, as times never decrease."""
        head = self.head()
        with translated_answers():
            last = self._time_of(head) if head else None
            if instant > (now := datetime.now(UTC)) and (last is None or instant > last):
                facts = {"head": head, "head_at": last, "clock": now}
                raise error("not-found", {"problem": f"{instant} has not come yet", **facts})
            before, after = 0, head + 1
            while after - before > 1:
                middle = (before + after) // 2
                if self._time_of(middle) <= instant:
                    before = middle
                else:
                    after = middle
        return before

    def _time_of(self, sequence: int) -> datetime:
        path = f"/events/{sequence}"
        told = self._client.get(path)
        with shaped(path):
            return parse_time(told["created_at"])

    def events(self, query: LogQuery, limit: int | None = None) -> Iterator[Row]:
        """See ``Log.events``; each one is checked."""
        if query.package_id is None:
            return self._events(query, limit, follow=False)
        return self._of_package(islice(self._audit(query, oldest=True, limit=limit), limit))

    def follow(self, query: LogQuery, limit: int | None) -> Iterator[Row]:
        """The same, and then new ones as they come, for ever or up to ``limit``."""
        if query.package_id is None:
            return self._events(query, limit, follow=True)
        return islice(self._follow_package(query, query.package_id), limit)

    def _follow_package(self, query: LogQuery, package_id: UUID) -> Iterator[Row]:
        """What is there is asked for by package; of what comes each event says what it belongs to."""
        head = max(self.head(), query.since)
        where = replace(query.where, subject_kind=query.where.subject_kind or _OF_PACKAGES)
        coming = replace(query, since=head, package_id=None, where=where)
        known = self._cursor(head)
        yield from self.events(replace(query, until=query.end(head)))
        if query.until is None or query.until > head:
            self._known = known
            tail = self._events(coming, None, follow=True)
            yield from (row for row in tail if _belongs(row, package_id))

    def _events(self, query: LogQuery, limit: int | None, *, follow: bool) -> Iterator[Row]:
        end = query.until
        if not follow:
            head = self.head()
            if query.since > head:
                raise error("cursor-ahead", {"problem": f"the log ends at {head}", "head": head})
            end = query.end(head)
        tail = self._client.tail(
            self._cursor(query.since),
            until=end,
            event_type=sorted(query.where.event_type),
            subject_kind=sorted(query.where.subject_kind),
            subject_id=sorted(query.where.subject_id),
            actor=sorted(query.where.actor),
            retry_seconds=_RETRY_SECONDS,
        )
        with translated_answers():
            yield from map(_row, islice(tail, limit))

    def _cursor(self, since: int) -> Cursor:
        """Where to begin, on the log that was asked before for its head."""
        known = self._known
        if known is not None and known.sequence == since:
            return known
        return Cursor(since, None if known is None else known.epoch)

    def newest_events(self, query: LogQuery, limit: int) -> list[Row]:
        """See ``Log.newest_events``."""
        if query.package_id is not None:
            newest = islice(self._audit(query, oldest=False, limit=limit), limit)
            return list(self._of_package(reversed(list(newest))))
        if query.contiguous:
            query = replace(query, since=max(0, (query.until or self.head()) - limit))
        return list(deque(self.events(query), maxlen=limit))

    def _of_package(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The events that rows of the audit tell of, ascending; what is side by side is read together."""
        for first, last in _runs(row["sequence"] for row in rows):
            yield from self._events(LogQuery(first - 1, last), None, follow=False)

    def audit(self, query: LogQuery, limit: int | None = None) -> Iterator[Row]:
        """See ``Log.audit``."""
        return islice(self._audit(query, oldest=True, limit=limit), limit)

    def newest_audit(self, query: LogQuery, limit: int) -> list[Row]:
        """See ``Log.newest_audit``."""
        return list(islice(self._audit(query, oldest=False, limit=limit), limit))[::-1]

    def package_history(
        self, package_id: UUID, *, newest_first: bool = False, limit: int | None = None
    ) -> Iterator[Row]:
        """See ``Log.package_history``."""
        query = LogQuery(package_id=package_id)
        rows = islice(self._audit(query, oldest=not newest_first, limit=limit), limit)
        return ({name: row[name] for name in _HISTORY} for row in rows)

    def retention_history(self, package_id: UUID) -> Iterator[Row]:
        """See ``Log.retention_history``."""
        return all_pages(
            lambda after: self._client.retention.history(package_id, after=after, limit=PAGE),
            lambda page: page.events,
        )

    def _audit(self, query: LogQuery, *, oldest: bool, limit: int | None) -> Iterator[Row]:
        head = self.head()
        where, until = query.where, query.until
        end = None if until is None or until >= head else until + 1

        def ask(last: int | None) -> AuditListAnswer:
            return self._client.audit.list(
                package=None if query.package_id is None else str(query.package_id),
                actor=sorted(where.actor),
                action=sorted(where.event_type),
                subject_kind=cast("Any", sorted(where.subject_kind)),
                subject_id=sorted(where.subject_id),
                after=(last if oldest else None) or query.since,
                before=(None if oldest else last) or end,
                order="oldest" if oldest else "newest",
                limit=PAGE if limit is None else min(limit, PAGE),
            )

        return all_pages(ask, lambda page: page.events)


def _belongs(row: Row, package_id: UUID) -> bool:
    """Whether an event is about the package, a file of it or a copy; nobody knows it of an unreadable one."""
    if row["subject_kind"] in _OF_FILES:
        payload = row["payload"]
        return bool(payload.keys() == {_UNREADABLE} or payload.get("package_id") == str(package_id))
    return bool(row["subject_id"] == package_id)


def _runs(sequences: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers without a hole, at most a page long."""
    first = last = 0
    for sequence in sequences:
        if first and (sequence != last + 1 or sequence - first == PAGE):
            yield first, last
            first = sequence
        first, last = first or sequence, sequence
    if first:
        yield first, last


def _row(event: FeedEvent) -> Row:
    try:
        return event_value(event.stored)
    except BadInput as failure:
        return {**event.stored._asdict(), "payload": {_UNREADABLE: failure.message}}
