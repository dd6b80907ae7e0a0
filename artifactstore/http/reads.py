"""Reads: a row with its ETag, or a page of rows."""

from collections.abc import Callable, Sequence
from uuid import UUID

from artifactstore.codec import MAX_INTEGER, digest
from artifactstore.events.fields import Int
from artifactstore.http.answers import page, page_schema, ref, shown
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import AFTER, LIMIT, MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.json import render
from artifactstore.http.request import Parameter
from artifactstore.store import Row, Store

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


def one(
    name: str,
    path: str,
    summary: str,
    *,
    tag: str,
    key: Parameter,
    find: Callable[[Store, UUID], Row],
    version: Callable[[Store, Row], int] = last_version,
    past: Callable[[Store, UUID, int], Row] | None = None,
) -> Endpoint:
    """The endpoint that reads one row by its id, with ``past`` also as it was at a sequence.

    Args:
        version: of the row, which is its ETag: what If-Match asks for, see SQL ``row_version``.
    """

    def read(store: Store, row_id: UUID) -> tuple[Row, int]:
        row = find(store, row_id)
        return row, version(store, row)

    async def handle(call: Call) -> Answer:
        at, row_id = call.query.get("at_sequence"), call.id(key.name)
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
