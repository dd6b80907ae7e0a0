"""Reads: a row with its ETag, or a page of rows."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from artifactstore.codec import MAX_INTEGER, digest
from artifactstore.events.kinds import Int
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import AFTER, LIMIT, MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.web import metrics
from artifactstore.http.web.answers import page_schema, ref, shown
from artifactstore.http.web.json import render
from artifactstore.http.web.request import Parameter
from artifactstore.store import Row, Store

T = TypeVar("T")

_LINK_BYTES = 2_000

_AT_SEQUENCE = Parameter(
    "at_sequence", Int(max=MAX_INTEGER), "as it was after this event: its history is folded again up to there"
)


def last_version(_store: Store, row: Row) -> int:
    """The version of a row that only events about it change."""
    version: int = row["last_sequence"]
    return version


def changed_version(_store: Store, row: Row) -> int:
    """The version of a row that events about others change too."""
    version: int = row["changed_sequence"]
    return version


def page(
    call: Call,
    head: Mapping[str, Any],
    items: str,
    rows: Iterable[T],
    show: Callable[[T], dict[str, Any]],
    key: Callable[[T], object],
    cursor: str = AFTER.name,
) -> Answer:
    """A page as JSON: the members of ``head``, rows, and ``next``: the key of the last if there are more.

    It has at most ``limit`` rows, as the call says, and ``page_bytes`` of them, but one at least; ``rows`` go
    on behind it if they go on at all. ``cursor``: the parameter that takes ``next``, as the Link of the next
    page (RFC 8288) has it.
    """
    limit, most = call.query["limit"], call.service.settings.page_bytes
    parts: list[bytes] = []
    size, last, more = 0, None, False
    for row in rows:
        part = render(show(row))
        size += len(part) + 1
        if parts and (len(parts) == limit or size > most):
            more = True
            break
        parts.append(part)
        last = key(row)
    if isinstance(rows, Generator):
        rows.close()
    if more and len(parts) < limit:
        metrics.LIMITS.labels("page-bytes").inc()
    members = [render({name: value})[1:-1] for name, value in head.items()]
    members.append(b'"%s":[%s]' % (items.encode(), b",".join(parts)))
    members.append(b'"next":' + render(last if more else None))
    return Answer(b"{%s}" % b",".join(members), headers=_link(call, cursor, last) if more else {})


def _link(call: Call, cursor: str, last: object) -> dict[str, str]:
    """The link to the page after ``last``: relative, so that it holds behind any proxy.

    None for a query that is so long that proxies might not take the header: the body tells ``next`` too.
    """
    asked = parse_qsl(call.scope["query_string"].decode(), keep_blank_values=True)
    query = urlencode([*(pair for pair in asked if pair[0] != cursor), (cursor, str(last))])
    return {"Link": f'<?{query}>; rel="next"'} if len(query) <= _LINK_BYTES else {}


def with_copies(name: str) -> Callable[[Row], dict[str, Any]]:
    """Turns a file with its ``locations`` into the object of a shared schema."""
    show, show_copy = shown(name), shown("Location")
    return lambda row: show({**row, "locations": list(map(show_copy, row["locations"]))})


def one(
    name: str,
    path: str,
    summary: str,
    *,
    tag: str,
    key: Parameter,
    find: Callable[[Store, Any], Row],
    version: Callable[[Store, Row], int] = last_version,
    past: Callable[[Store, Any, int], Row] | None = None,
    doc: str = "",
    refusals: Sequence[str] = ("not-found",),
) -> Endpoint:
    """The endpoint that reads one row by what ``key`` says of it, with ``past`` also as it was at a sequence.

    Args:
        version: of the row, which is its ETag: what If-Match asks for, see SQL ``row_version``.
    """

    def read(store: Store, row_id: object) -> tuple[Row, int]:
        row = find(store, row_id)
        return row, version(store, row)

    async def handle(call: Call) -> Answer:
        at, row_id = call.query.get("at_sequence"), call.path[key.name]
        if past is None or at is None:
            row, current = await call.read(lambda store: read(store, row_id))
            return Answer(shown(name)(row), headers={"ETag": f'"{current}"'})
        # The past cannot be changed: its tag is no version that a command could expect.
        body = render(shown(name)(await call.read(lambda store: past(store, row_id, at), scratch=True)))
        return Answer(body, headers={"ETag": f'"{digest(body).hex()[:32]}"'})

    return Endpoint(
        method="GET",
        path=path,
        role=Role.READER,
        tag=tag,
        summary=summary,
        doc=doc,
        handle=handle,
        answer=ref(name),
        path_parameters=(key,),
        query=(MIN_SEQUENCE,) if past is None else (_AT_SEQUENCE, MIN_SEQUENCE),
        etag=True,
        refusals=refusals,
    )


def many(
    name: str,
    items: str,
    key: str,
    path: str,
    summary: str,
    *,
    tag: str,
    find: Callable[[Store, Call, int], Iterable[Row]],
    doc: str = "",
    query: Sequence[Parameter] = (),
    path_parameters: Sequence[Parameter] = (),
    after: Parameter = AFTER,
    role: Role = Role.READER,
) -> Endpoint:
    """The endpoint that reads a page of rows; ``find`` is asked for one row more than the page has.

    ``find`` gives rows one by one as ``Store._some`` does: no more are read than fit. ``after`` takes the
    ``key`` of a row.
    """
    show = shown(name)

    async def handle(call: Call) -> Answer:
        def read(store: Store) -> Answer:
            rows = find(store, call, call.query["limit"] + 1)
            return page(call, {}, items, rows, show, lambda row: row[key])

        return await call.read(read)

    return Endpoint(
        method="GET",
        path=path,
        role=role,
        tag=tag,
        summary=summary,
        doc=doc,
        handle=handle,
        answer=page_schema(name, items, after.kind.shape()),
        path_parameters=path_parameters,
        query=(*query, after, LIMIT, MIN_SEQUENCE),
        may_have=("Link",),
        refusals=("not-found",) if path_parameters else (),
    )
