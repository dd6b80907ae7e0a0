"""Files of packages."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from anyio import to_thread

from artifactstore import codec
from artifactstore.events import FileIngested, FileRemoved, NewEvent, new_id
from artifactstore.events.fields import Bool, Field, Hash, Id, Text, fields_of
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.reads import changed_version, many, one
from artifactstore.http.web.answers import ID, SEQUENCE, TEXT, TIME, array, record
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.commands import FILE_ID, ON_BEHALF_OF, PACKAGE_ID, command, land, replayed
from artifactstore.store import FileQuery, LoggedEvent, Row, Store
from artifactstore.words import FILE_STATES

MAX_FILES = 10_000
"""Files of one request; they are appended in one transaction."""

_STATES = Text(enum=FILE_STATES)
_REMOVED = Parameter("removed", Bool(), "whether to give removed files too", default=False)


def _of_package(store: Store, call: Call, limit: int) -> Iterator[Row]:
    package_id = call.id("package_id")
    store.packages.package(package_id)
    query = call.query
    where = FileQuery(
        package_id=package_id, path=query["path"], state=query["state"], removed=query["removed"]
    )
    return store.pages.file_page(where, query["after"], limit)


def _everywhere(store: Store, call: Call, limit: int) -> Iterator[Row]:
    query = call.query
    where = FileQuery(blake3=query["blake3"], sha256=query["sha256"], removed=query["removed"])
    return store.pages.file_page(where, query["after"], limit)


async def _ingest(call: Call) -> Answer:
    package_id = call.id("package_id")
    events = [_event(call, item, package_id) for item in call.batch or [call.body]]
    logged = await land(call, events)
    value = await to_thread.run_sync(_receipt, package_id, logged)
    headers = replayed(call)
    if call.batch is None:
        headers["Location"] = f"/files/{logged[0].subject_id}"
    return Answer(value, 201, headers)


def _event(call: Call, item: Any, package_id: UUID) -> NewEvent:
    values = dict(item)
    file_id = values.pop("file_id", None) or new_id()
    behalf = values.pop("on_behalf_of", None)
    return NewEvent(FileIngested(package_id=package_id, **values), file_id, call.actor, on_behalf_of=behalf)


def _receipt(package_id: UUID, logged: list[LoggedEvent]) -> dict[str, Any]:
    files = []
    for event in logged:
        payload: Any = codec.decode(event.payload)
        locations = [UUID(bytes=one["location_id"]) for one in payload.get("locations", ())]
        files.append(
            {
                "file_id": event.subject_id,
                "path": payload["path"],
                "sequence": event.sequence,
                "location_ids": locations,
            }
        )
    return {
        "sequence": logged[-1].sequence,
        "first_sequence": logged[0].sequence,
        "created_at": logged[-1].created_at,
        "package_id": package_id,
        "files": files,
    }


_FILE_ID = Field("file_id", "file_id", False, Id("identity of the file; default: a new UUIDv7"))

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
    Endpoint(
        method="POST",
        path="/packages/{package_id}/files",
        role=Role.PRODUCER,
        tag="files",
        summary="Add a file, or many, to an open package",
        doc=f"One file, or an object with the array files of 1 to {MAX_FILES} of them, all or nothing. A "
        "refusal tells the index of the file in field.",
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
        status=201,
        path_parameters=(PACKAGE_ID,),
        body=(
            *(field for field in fields_of(FileIngested) if field.name != "package_id"),
            _FILE_ID,
            ON_BEHALF_OF,
        ),
        batch=("files", MAX_FILES),
        creates=True,
        gives={"file_id": "/files/0/file_id"},
        refusals=("not-found", "not-open", "bad-path", "path-taken", "id-taken", "location-taken"),
    ),
    many(
        "File",
        "files",
        "file_id",
        "/files",
        "Files of all packages, by id",
        tag="files",
        find=_everywhere,
        query=(
            Parameter("blake3", Hash(), "files with this content"),
            Parameter("sha256", Hash(), "files with this content, where SHA-256 was given"),
            _REMOVED,
        ),
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
    command(
        FileRemoved,
        "/files/{file_id}/remove",
        "Remove a file from an open package",
        tag="files",
        subject=FILE_ID,
        derive=lambda store, call: {"package_id": store.packages.file(call.id("file_id"))["package_id"]},
        drop=("package_id",),
        refusals=(
            "not-found",
            "not-open",
            "gone",
            "legal-hold",
            "retention-active",
            "forbidden",
            "clock-behind",
        ),
    ),
)
