"""Reads: a row with its ETag, or a page of rows."""

from collections.abc import Callable, Sequence
from uuid import UUID

from artifactstore.codec import MAX_INTEGER
from artifactstore.events.fields import Int
from artifactstore.http.answers import page, page_schema, ref, shown
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import AFTER, LIMIT, MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.request import Parameter
from artifactstore.store import Row, Store

_AT_SEQUENCE = Parameter(
    "at_sequence", Int(max=MAX_INTEGER), "as it was after this event: its history is folded again up to there"
)


def etag(row: Row) -> str:
    """The ETag of a row: the version that If-Match asks for."""
    return f'"{row["last_sequence"]}"'


def one(
    name: str,
    path: str,
    summary: str,
    *,
    tag: str,
    key: Parameter,
    find: Callable[[Store, UUID], Row],
    past: Callable[[Store, UUID, int], Row] | None = None,
) -> Endpoint:
    """The endpoint that reads one row by its id, with ``past`` also as it was at a sequence."""

    async def handle(call: Call) -> Answer:
        at, row_id = call.query.get("at_sequence"), call.id(key.name)
        if past is None or at is None:
            row = await call.read(lambda store: find(store, row_id))
        else:
            row = await call.read(lambda store: past(store, row_id, at), scratch=True)
        return Answer(shown(name)(row), headers={"ETag": etag(row)})

    return Endpoint(
        method="GET",
        path=path,
        role=Role.READER,
        tag=tag,
        summary=summary,
        handle=handle,
        answer=ref(name),
        path_parameters=(key,),
        query=(MIN_SEQUENCE,) if past is None else (_AT_SEQUENCE, MIN_SEQUENCE),
        etag=True,
        refusals=("not-found",),
    )


def many(
    name: str,
    items: str,
    key: str,
    path: str,
    summary: str,
    *,
    tag: str,
    find: Callable[[Store, Call, int], Sequence[Row]],
    doc: str = "",
    query: Sequence[Parameter] = (),
    path_parameters: Sequence[Parameter] = (),
    role: Role = Role.READER,
) -> Endpoint:
    """The endpoint that reads a page of rows; ``find`` is asked for one row more than the page has."""

    async def handle(call: Call) -> Answer:
        limit = call.query["limit"]
        rows = await call.read(lambda store: list(find(store, call, limit + 1)))
        return Answer(page(name, items, key, rows, limit))

    return Endpoint(
        method="GET",
        path=path,
        role=role,
        tag=tag,
        summary=summary,
        doc=doc,
        handle=handle,
        answer=page_schema(name, items),
        path_parameters=path_parameters,
        query=(*query, AFTER, LIMIT, MIN_SEQUENCE),
        refusals=("not-found",) if path_parameters else (),
    )
