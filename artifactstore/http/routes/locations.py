"""Locations: where copies of files are stored."""

from collections.abc import Iterator

from artifactstore.events import models
from artifactstore.events.kinds import Id
from artifactstore.http.endpoint import Call
from artifactstore.http.reads import changed_version, many, one
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.commands import FILE_ID, LOCATION_ID, CommandSpec
from artifactstore.store import Row, Store


def _of_file(store: Store, call: Call, limit: int) -> Iterator[Row]:
    file_id = call.id("file_id")
    store.packages.file(file_id)
    return store.removals.location_page(file_id, call.query["after"], limit)


def _removals(store: Store, call: Call, limit: int) -> Iterator[Row]:
    query = call.query
    return store.removals.removal_page(query["package_id"], query["after"], limit)


ENDPOINTS = (
    many(
        "Copy",
        "locations",
        "location_id",
        "/files/{file_id}/locations",
        "Locations of a file, oldest first",
        tag="locations",
        find=_of_file,
        path_parameters=(FILE_ID,),
    ),
    many(
        "Copy",
        "removals",
        "location_id",
        "/removals",
        "Copies that are to go (state retiring), oldest first, and what is to be done about each",
        tag="locations",
        find=_removals,
        doc="Bytes belong to backend and uri: they are to be removed only where removal says so.",
        query=(Parameter("package_id", Id(), "only those of this package"),),
    ),
    CommandSpec(
        models.StorageRegistered,
        "/files/{file_id}/locations",
        "Register a copy of a file",
        location="/locations/{}",
        optional=("size", "blake3"),
        refusals=("not-found", "gone", "digest-mismatch", "location-taken", "id-taken"),
    ).endpoint(),
    one(
        "Location",
        "/locations/{location_id}",
        "A location",
        tag="locations",
        key=LOCATION_ID,
        find=lambda store, location_id: store.packages.location(location_id),
        version=changed_version,
    ),
    CommandSpec(
        models.StorageVerified,
        "/locations/{location_id}/verified",
        "Tell that a copy was checked and found good",
        refusals=("not-found", "retired"),
    ).endpoint(),
    CommandSpec(
        models.StorageFailed,
        "/locations/{location_id}/failed",
        "Tell that a copy was checked and found bad or missing",
        refusals=("not-found", "retired"),
    ).endpoint(),
    CommandSpec(
        models.StorageRetiring,
        "/locations/{location_id}/retiring",
        "Say that a copy is to go",
        doc="Whoever removes bytes does so later, and tells of it; nothing leads back.",
        refusals=(
            "not-found",
            "retired",
            "no-change",
            "last-good-copy",
            "legal-hold",
            "retention-active",
        ),
    ).endpoint(),
    CommandSpec(
        models.StorageRetired,
        "/locations/{location_id}/retire",
        "Tell that a copy is no longer kept",
        refusals=(
            "not-found",
            "retired",
            "last-good-copy",
            "bytes-needed",
            "not-retiring",
            "legal-hold",
            "retention-active",
        ),
    ).endpoint(),
)
