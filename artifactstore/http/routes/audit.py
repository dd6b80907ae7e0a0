"""Who did what, to what, when: the log from its end backwards, or forwards from where somebody looks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from artifactstore import feed
from artifactstore.codec import MAX_INTEGER
from artifactstore.events import EVENT_TYPES, GROUPS
from artifactstore.events.kinds import Id, Int, Text, Time
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import LIMIT, MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.reads import page
from artifactstore.http.web.answers import SEQUENCE, array, maybe, record, ref, shown
from artifactstore.http.web.request import Parameter
from artifactstore.store import EventFilter, LogQuery, Store
from artifactstore.words import SUBJECT_KINDS

_FILTERED = {
    "action": "event_type",
    "actor": "actor",
    "subject_kind": "subject_kind",
    "subject_id": "subject_id",
}
"""Parameters, and the columns of events that they ask for."""


async def _audit(call: Call) -> Answer:
    def read(store: Store) -> Answer:
        forwards = call.query["order"] == "oldest"
        asked = log_query(store, call.query)
        if call.query["after"] is not None:
            asked = replace(asked, since=max(asked.since, call.query["after"]))
        rows = (store.log.audit if forwards else store.log.audit_backwards)(asked, call.query["limit"] + 1)
        cursor = "after" if forwards else "before"
        return page(call, {}, "events", rows, shown("AuditEvent"), lambda row: row["sequence"], cursor)

    return await call.read(read)


def log_query(store: Store, query: Mapping[str, Any]) -> LogQuery:
    """The events that ``FILTERS`` ask for, each given once or repeated, up to ``before``.

    Raises as the endpoint does for a package that is none.
    """
    where = EventFilter(**{column: _values(query[name]) for name, column in _FILTERED.items()})
    package = query["package"]
    return LogQuery(
        since=0 if query["from"] is None else store.log.last_before(query["from"]),
        until=_until(store, query),
        where=where,
        package_id=None if package is None else store.packages.package(_reference(package))["package_id"],
    )


def _values(given: Any) -> frozenset[Any]:
    if given is None:
        return frozenset()
    return frozenset(given if isinstance(given, list | tuple) else (given,))


def _until(store: Store, query: Mapping[str, Any]) -> int | None:
    bounds = []
    if query["before"] is not None:
        bounds.append(query["before"] - 1)
        feed.check_cursor(bounds[0], store.identity.position())
    if query["to"] is not None:
        bounds.append(store.log.last_before(query["to"]))
    return min(bounds, default=None)


def _reference(package: str) -> UUID | str:
    """The id that the text is, or the purl that it must be else."""
    try:
        return UUID(package)
    except ValueError:
        return package


FILTERS = (
    Parameter("package", Text(max=1024), "only about this package: id, or purl in any valid spelling"),
    Parameter("actor", Text(max=255), "only by this actor", repeatable=True),
    Parameter(
        "action",
        Text(enum=(*EVENT_TYPES, *GROUPS)),
        "only events of this type, or of a group such as v1.retention.*",
        repeatable=True,
    ),
    Parameter("subject_kind", Text(enum=SUBJECT_KINDS), "only about this kind", repeatable=True),
    Parameter("subject_id", Id(), "only about this subject", repeatable=True),
    Parameter("from", Time(), "only at this time or later"),
    Parameter("to", Time(), "only earlier than this time"),
)
"""What events may be asked for by."""

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/audit",
        role=Role.READER,
        tag="feed",
        summary="Who did what, to what, when; the newest first",
        doc="next is the sequence of the last event of the page: passing it as before goes on with the older "
        "ones (with order oldest: passing it as after, with the newer ones), and neither skips nor repeats, "
        "whatever is appended meanwhile. from and to are times of the "
        "log, which never decrease. package takes the events of a package, its files, their copies, its "
        "retention and its holds. Filters: any of the values of one name, all of the names. To follow what "
        "comes, use the feed.",
        handle=_audit,
        answer=record("A page.", events=array(ref("AuditEvent")), next=maybe(SEQUENCE)),
        query=(
            *FILTERS,
            Parameter(
                "before", Int(min=1, max=MAX_INTEGER), "only below this sequence: next of the page before"
            ),
            Parameter(
                "after",
                Int(max=MAX_INTEGER),
                "only above this sequence: next of the page before, oldest first",
            ),
            Parameter("order", Text(enum=("newest", "oldest")), "which come first", default="newest"),
            LIMIT,
            MIN_SEQUENCE,
        ),
        may_have=("Link",),
        refusals=("not-found", "invalid-purl"),
    ),
)
