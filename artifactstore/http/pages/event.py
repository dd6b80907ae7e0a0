"""One event as a page: its fields, its payload as tree and bytes, and what stands around it."""

import shlex
from dataclasses import dataclass

from starlette.types import Scope

from artifactstore import codec, feed
from artifactstore.errors import ArtifactstoreError
from artifactstore.events import EVENT_TYPES
from artifactstore.events.kinds import Int
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.pages.diagnostic import hex_groups, items
from artifactstore.http.pages.headers import EXPLORER, HTML
from artifactstore.http.pages.rendering import shown
from artifactstore.http.pages.sentences import sentence
from artifactstore.http.web.request import Parameter
from artifactstore.http.web.trace import header
from artifactstore.leaves import Columns, from_columns
from artifactstore.shown import payload_value
from artifactstore.store import LogQuery, Row, Store

_MOST_OTHERS = 20


@dataclass(frozen=True, slots=True)
class _Around:
    """An event, and what stands around it.

    Attributes:
        row: of ``audit_events``; None when its payload cannot be read.
        before, behind: sequences of the events of its subject that are next to it.
        request: first and last sequence of its request. others: rows of the request without it, the first.
    """

    columns: Columns
    before: int | None
    behind: int | None
    request: tuple[int, int] | None
    row: Row | None
    others: list[Row]


async def _event(call: Call) -> Answer:
    around = await call.read(lambda store: _read(store, call.path["sequence"]))
    event = from_columns(around.columns)
    try:
        payload, problem = payload_value(event), None
    except ArtifactstoreError as failure:
        payload, problem = None, failure.message
    model = EVENT_TYPES.get(event.event_type)
    return shown(
        call,
        "event.html",
        around=around,
        event=event,
        says=None if around.row is None else sentence(around.row),
        others=[(row, sentence(row)) for row in around.others],
        meaning=None if model is None else model.__doc__,
        payload=payload,
        problem=problem,
        items=[(item, list(hex_groups(item.content))) for item in items(event.payload)],
        computed=codec.digest(event.payload),
        identity=around.columns.identity,
        curl=_curl(call.scope, event.sequence),
    )


def _read(store: Store, sequence: int) -> _Around:
    columns = feed.read_event(store.connection, sequence, store.identity.position())
    before, behind = store.log.neighbours(sequence)
    request = store.log.request_of(sequence)
    try:
        # The last to be read: a payload that is damaged ends the transaction.
        (row,) = store.log.audit(LogQuery(since=sequence - 1, until=sequence), 1)
        others = _others(store, sequence, request)
    except ArtifactstoreError as failure:
        if failure.status == 503:
            raise
        row, others = None, []
    return _Around(columns, before, behind, request, row, others)


def _others(store: Store, sequence: int, request: tuple[int, int] | None) -> list[Row]:
    if request is None:
        return []
    first, last = request
    rows = store.log.audit(LogQuery(since=first - 1, until=last), _MOST_OTHERS + 1)
    return [row for row in rows if row["sequence"] != sequence][:_MOST_OTHERS]


def _curl(scope: Scope, sequence: int) -> str:
    """The command that reads the same; the token is whoever's runs it."""
    scheme = "https" if header(scope, b"x-forwarded-proto") == "https" else scope["scheme"]
    url = f"{scheme}://{header(scope, b'host') or 'localhost'}/events/{sequence}"
    return f'curl -H "Authorization: Bearer $ARTIFACTSTORE_TOKEN" {shlex.quote(url)}'


PAGE = Endpoint(
    method="GET",
    path=EXPLORER + "events/{sequence}",
    role=Role.READER,
    tag="explorer",
    summary="One event",
    handle=_event,
    media_type=HTML,
    path_parameters=(Parameter("sequence", Int(min=1), "number of the event"),),
)
