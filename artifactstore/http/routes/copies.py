"""Copies of files: those of a package, and those that somebody may read again where they are."""

from collections.abc import Iterator
from typing import Any

from artifactstore.events.kinds import Id, Text, Time
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.reads import many
from artifactstore.http.web.answers import COUNT, TEXT, array, maybe, record
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.commands import PACKAGE_ID
from artifactstore.store import CopyQuery, Row, Store

_WHERE = (
    Parameter("backend", Text(max=64), "of this backend", required=True),
    Parameter("package_id", Id(), "only those of this package"),
    Parameter("checked_before", Time(), "only those last checked before this time, or never"),
)


def _of_package(store: Store, call: Call, limit: int) -> Iterator[Row]:
    package_id = call.id("package_id")
    store.packages.package(package_id)
    return store.removals.package_location_page(package_id, call.query["after"], limit)


def _where(call: Call) -> CopyQuery:
    query = call.query
    return CopyQuery(query["backend"], query["package_id"], query["checked_before"])


def _checkable(store: Store, call: Call, limit: int) -> Iterator[Row]:
    return store.copies.copy_page(_where(call), call.query["after"], limit)


async def _totals(call: Call) -> Answer:
    where = _where(call)

    def read(store: Store) -> dict[str, Any]:
        return {**store.copies.copy_totals(where), "elsewhere": store.copies.other_copies(where)}

    return Answer(await call.read(read))


ENDPOINTS = (
    many(
        "Copy",
        "locations",
        "location_id",
        "/packages/{package_id}/locations",
        "Locations of all files of a package, also of removed ones, oldest first",
        tag="locations",
        find=_of_package,
        path_parameters=(PACKAGE_ID,),
    ),
    many(
        "CheckableCopy",
        "copies",
        "location_id",
        "/copies",
        "Copies with a file: URI that are to be checked where they are, by id",
        tag="locations",
        find=_checkable,
        doc="Not those that are retiring or retired. What is found is told by POST "
        "/locations/{location_id}/verified or /failed, with changed_sequence in If-Match.",
        query=_WHERE,
    ),
    Endpoint(
        method="GET",
        path="/copies/totals",
        role=Role.READER,
        tag="locations",
        summary="How many copies are to be checked, and where those are that have no file: URI",
        handle=_totals,
        answer=record(
            "Figures: copies and bytes to be checked, recent ones that checked_before leaves out.",
            copies=COUNT,
            bytes=COUNT,
            recent=COUNT,
            elsewhere=array(record("Copies elsewhere.", backend=TEXT, scheme=maybe(TEXT), copies=COUNT)),
        ),
        query=(*_WHERE, MIN_SEQUENCE),
    ),
)
