"""Files of packages."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from anyio import to_thread

from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError
from artifactstore.events import models
from artifactstore.events.kinds import Bool, Hash, Text
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import AFTER, LIMIT, MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.reads import changed_version, many, one, page, with_copies
from artifactstore.http.web.answers import ID, SEQUENCE, TEXT, TIME, array, page_schema, record
from artifactstore.http.web.request import Parameter, bad_payload
from artifactstore.http.write.commands import FILE_ID, PACKAGE_ID, CommandSpec, made
from artifactstore.http.write.landing import Landed, land, replayed
from artifactstore.http.write.redeeming import OF_FILE, OF_TICKETS, placed
from artifactstore.store import FileQuery, LoggedEvent, Row, Store
from artifactstore.words import FILE_STATES

MAX_FILES = 10_000
"""Files of one request; they are appended in one transaction."""

_STATES = Text(enum=FILE_STATES)
_REMOVED = Parameter("removed", Bool(), "whether to give removed files too", default=False)
_EVERYWHERE = (
    Parameter("path", Text(max=1024), "files with this path"),
    Parameter("blake3", Hash(), "files with this content"),
    Parameter("sha256", Hash(algorithm="sha256"), "files with this content, where SHA-256 was given"),
    _REMOVED,
)


def _of_package(store: Store, call: Call, limit: int) -> Iterator[Row]:
    package_id = call.id("package_id")
    store.packages.package(package_id)
    query = call.query
    where = FileQuery(
        package_id=package_id, path=query["path"], state=query["state"], removed=query["removed"]
    )
    return store.pages.file_page(where, query["after"], limit)


def _everywhere(store: Store, call: Call, limit: int) -> Iterator[Row]:
    return store.pages.file_page(_where(call.query), call.query["after"], limit)


def _where(query: Mapping[str, Any]) -> FileQuery:
    return FileQuery(
        path=query["path"], blake3=query["blake3"], sha256=query["sha256"], removed=query["removed"]
    )


async def _contents(call: Call) -> Answer:
    query = call.query

    def read(store: Store) -> Answer:
        files = store.pages.files_with_copies(_where(query), query["after"], query["limit"] + 1)
        return page(call, {}, "files", files, with_copies("PlacedFileWithCopies"), lambda row: row["file_id"])

    return await call.read(read)


async def _ingest(call: Call) -> Answer:
    given = [_redeemed(call, *one) for one in enumerate(call.batch or [call.body])]
    events = [await _FILE.new_event(call, item) for item in given]
    landed = await land(call, events)
    value = await to_thread.run_sync(_receipt, call.id("package_id"), landed)
    headers = replayed(call)
    if call.batch is None:
        headers["Location"] = f"/files/{landed[0].event.subject_id}"
    return Answer(value, 201, headers)


def _redeemed(call: Call, index: int, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is said of a file, by its ticket if it has one."""
    try:
        return _FILE.redeem(call, item)
    except Problem as problem:
        problem.path[:0] = ["files", index] if call.batch is not None else []
        raise bad_payload(problem) from None
    except ArtifactstoreError as refusal:
        raise refusal if call.batch is None else placed(refusal, "files", index) from None


def _receipt(package_id: UUID, landed: list[Landed]) -> dict[str, Any]:
    first, last = landed[0].event, landed[-1].event
    return {
        "sequence": last.sequence,
        "first_sequence": first.sequence,
        "created_at": last.created_at,
        "package_id": package_id,
        "files": [_received(one.event, one.values) for one in landed],
    }


def _received(event: LoggedEvent, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "file_id": event.subject_id,
        "path": values["path"],
        "sequence": event.sequence,
        "location_ids": [UUID(bytes=one["location_id"]) for one in values.get("locations", ())],
    }


_FILE = CommandSpec(
    models.FileIngested,
    "/packages/{package_id}/files",
    "Add a file, or many, to an open package",
    location="/files/{}",
    makes=made("file_id", "the file"),
    ticket=OF_FILE,
    doc=f"One file, or an object with the array files of 1 to {MAX_FILES} of them, all or nothing. A "
    "refusal tells the index of the file in field. ticket stands for size, blake3, sha256 and locations of "
    "bytes that were uploaded; nothing else names an object of a store.",
    refusals=(
        "not-found",
        "not-open",
        "bad-path",
        "path-taken",
        "id-taken",
        "location-taken",
        *OF_TICKETS,
    ),
)

ENDPOINTS = (
    many(
        "File",
        "files",
        "file_id",
        "/packages/{package_id}/files",
        "Files of a package, by path",
        tag="files",
        find=_of_package,
        path_parameters=(PACKAGE_ID,),
        query=(
            Parameter("path", Text(max=1024), "the file with this path"),
            Parameter("state", _STATES, "files in this state"),
            _REMOVED,
        ),
    ),
    replace(
        _FILE.endpoint(),
        handle=_ingest,
        answer=record(
            "Where the files are in the log; sequence is that of the last.",
            sequence=SEQUENCE,
            first_sequence=SEQUENCE,
            created_at=TIME,
            package_id=ID,
            files=array(
                record("A file.", file_id=ID, path=TEXT, sequence=SEQUENCE, location_ids=array(ID)),
            ),
        ),
        batch=("files", MAX_FILES),
        gives={"file_id": "/files/0/file_id"},
    ),
    many(
        "PlacedFile",
        "files",
        "file_id",
        "/files",
        "Files of all packages, by id",
        tag="files",
        find=_everywhere,
        query=_EVERYWHERE,
    ),
    Endpoint(
        method="GET",
        path="/contents",
        role=Role.READER,
        tag="files",
        summary="Files of all packages with their copies, by id",
        doc="As /files, each with its copies that are not retired, the oldest first.",
        handle=_contents,
        answer=page_schema("PlacedFileWithCopies", "files", ID),
        query=(*_EVERYWHERE, AFTER, LIMIT, MIN_SEQUENCE),
        may_have=("Link",),
    ),
    one(
        "File",
        "/files/{file_id}",
        "A file",
        tag="files",
        key=FILE_ID,
        find=lambda store, file_id: store.packages.file(file_id),
        version=changed_version,
    ),
    CommandSpec(
        models.FileRemoved,
        "/files/{file_id}/remove",
        "Remove a file from an open package",
        refusals=(
            "not-found",
            "not-open",
            "gone",
            "legal-hold",
            "retention-active",
            "forbidden",
            "clock-behind",
        ),
    ).endpoint(),
)
