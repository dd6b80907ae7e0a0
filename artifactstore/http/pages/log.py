"""The log as a page: the newest first, what is asked for in the URL, live while it shows the newest."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from artifactstore.codec import MAX_INTEGER
from artifactstore.events import EVENT_TYPES, GROUPS
from artifactstore.events.kinds import Int, Time
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.pages.headers import EXPLORER, HTML
from artifactstore.http.pages.rendering import shown
from artifactstore.http.pages.sentences import sentence
from artifactstore.http.pages.typed_time import TypedTime
from artifactstore.http.routes.audit import FILTERS, log_query
from artifactstore.http.web.request import Parameter
from artifactstore.store import LogQuery, Row, Store
from artifactstore.words import SUBJECT_KINDS

_ROWS = 50
_PLACES = ("before", "after", "at")
"""Parameters that say where in the log, not what of it."""
_SHOWN_FIRST = {"package", "action", "actor", "before", "after", "limit"}
"""Parameters that need no part of the form which is closed at first."""
_STREAMED = {
    "action": "event_type",
    "actor": "actor",
    "subject_kind": "subject_kind",
    "subject_id": "subject_id",
}
"""Parameters, and those of the feed that ask for the same."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of ``audit_events``, the newest first, and whether there are newer and older ones."""

    rows: list[Row]
    newer: bool
    older: bool


async def _log(call: Call) -> Answer:
    listing = await call.read(lambda store: _read(store, call.query))
    given = {
        name: text for name, text in parse_qsl(call.scope["query_string"].decode("ascii")) if text.strip()
    }
    return shown(
        call,
        "log.html",
        listing=listing,
        lines=[(row, sentence(row)) for row in listing.rows],
        given=given,
        kept={name: text for name, text in given.items() if name not in _PLACES},
        narrowed=not given.keys() <= _SHOWN_FIRST,
        stream=_stream(call, given) if _is_live(call.query, listing) else None,
        event_types=EVENT_TYPES,
        groups=GROUPS,
        subject_kinds=SUBJECT_KINDS,
    )


def _read(store: Store, query: Mapping[str, Any]) -> Listing:
    asked, limit = _asked(store, query), query["limit"]
    if query["after"] is not None:
        later = replace(asked, since=max(asked.since, query["after"]))
        rows = list(store.log.audit(later, limit + 1))
        if len(rows) > limit:
            return Listing(rows[limit - 1 :: -1], True, True)
    rows = list(store.log.audit_backwards(asked, limit + 1))
    placed = query["before"] is not None or query["at"] is not None
    return Listing(rows[:limit], placed, len(rows) > limit)


def _asked(store: Store, query: Mapping[str, Any]) -> LogQuery:
    asked = log_query(store, query)
    if query["at"] is not None:
        asked = _up_to(asked, store.log.last_before(query["at"] + _MICROSECOND))
    if query["request"] is not None:
        first, last = store.log.request_of(query["request"]) or (query["request"],) * 2
        asked = replace(_up_to(asked, last), since=max(asked.since, first - 1))
    return asked


def _up_to(asked: LogQuery, last: int) -> LogQuery:
    return replace(asked, until=last if asked.until is None else min(asked.until, last))


def _is_live(query: Mapping[str, Any], listing: Listing) -> bool:
    return not listing.newer and query["to"] is None and query["request"] is None


def _stream(call: Call, given: Mapping[str, str]) -> str:
    """Where the page hears of what comes; it then asks for itself again, which has the last word."""
    head = 0 if call.trace.position is None else call.trace.position.head
    wanted = {parameter: given[name] for name, parameter in _STREAMED.items() if name in given}
    return f"{EXPLORER}stream?{urlencode({'since': head, **wanted})}"


def _in_a_form(parameter: Parameter) -> Parameter:
    """The same as people type it: once, and times as they come."""
    kind = TypedTime() if isinstance(parameter.kind, Time) else parameter.kind
    return replace(parameter, kind=kind, repeatable=False)


PAGE = Endpoint(
    method="GET",
    path=EXPLORER,
    role=Role.READER,
    tag="explorer",
    summary="The log, the newest first",
    handle=_log,
    media_type=HTML,
    query=(
        *map(_in_a_form, FILTERS),
        Parameter("before", Int(min=1, max=MAX_INTEGER), "only below this sequence"),
        Parameter("after", Int(max=MAX_INTEGER), "the next above this sequence"),
        Parameter("at", TypedTime(), "as the log stood at this time"),
        Parameter("request", Int(min=1, max=MAX_INTEGER), "only events of the request of this one"),
        Parameter("limit", Int(min=1, max=200), "events of the page", default=_ROWS),
    ),
)
