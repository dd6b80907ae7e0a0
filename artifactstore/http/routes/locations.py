"""Locations: where copies of files are stored."""

from collections.abc import Iterator, Mapping
from typing import Any

from artifactstore.codec import MAX_INTEGER
from artifactstore.errors import BadInput
from artifactstore.events import Event, NewEvent, models
from artifactstore.events.fields import Field, fields_of
from artifactstore.events.kinds import Id, Int
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.reads import changed_version, many, one
from artifactstore.http.web.answers import ID, SEQUENCE, TIME, array, record
from artifactstore.http.web.request import Parameter
from artifactstore.http.write.commands import FILE_ID, LOCATION_ID, ON_BEHALF_OF, CommandSpec
from artifactstore.http.write.landing import land, replayed
from artifactstore.http.write.redeeming import OF_COPY, OF_TICKETS
from artifactstore.store import Row, Store

MAX_CHECKS = 1_000
"""Checks of one request; they are appended in one transaction."""

_PLACE = ("package_id", "file_id")
_GOOD, _BAD = (
    tuple(field for field in fields_of(model) if field.name not in _PLACE)
    for model in (models.StorageVerified, models.StorageFailed)
)
_OF_ALL = ("location_id", "expected", "on_behalf_of")
"""What a check has besides the payload of its event."""
_CHECK = (
    Field("location_id", "location_id", True, Id("the location")),
    *(
        Field(field.name, field.attribute, False, field.kind)
        for field in {field.name: field for field in (*_GOOD, *_BAD)}.values()
    ),
    Field(
        "expected",
        "expected",
        False,
        Int("changed_sequence that the location must have: else changed", min=1, max=MAX_INTEGER),
    ),
    ON_BEHALF_OF,
)


def _of_file(store: Store, call: Call, limit: int) -> Iterator[Row]:
    file_id = call.id("file_id")
    store.packages.file(file_id)
    return store.removals.location_page(file_id, call.query["after"], limit)


def _removals(store: Store, call: Call, limit: int) -> Iterator[Row]:
    query = call.query
    return store.removals.removal_page(query["package_id"], query["after"], limit)


async def _check(call: Call) -> Answer:
    checks = [call.body] if call.batch is None else call.batch
    ids = [check["location_id"] for check in checks]
    places = await call.read(lambda store: store.packages.places(ids))
    new = [_checked(call, check, places[check["location_id"]]) for check in checks]
    landed = [one.event for one in await land(call, new)]
    value = {
        "sequence": landed[-1].sequence,
        "first_sequence": landed[0].sequence,
        "created_at": landed[-1].created_at,
        "checks": [{"location_id": one.subject_id, "sequence": one.sequence} for one in landed],
    }
    return Answer(value, headers=replayed(call))


def _checked(call: Call, check: Mapping[str, Any], place: Row) -> NewEvent:
    """The event of a check; raises ``BadInput`` bad-payload for one that is both good and bad, or neither."""
    told = {name: value for name, value in check.items() if value is not None and name not in _OF_ALL}
    if ("method" in told) == ("failure" in told):
        raise _bad_check("a check has either method, if it was good, or failure")
    model, fields = (models.StorageVerified, _GOOD) if "method" in told else (models.StorageFailed, _BAD)
    if alien := told.keys() - {field.attribute for field in fields}:
        raise _bad_check(f"a good check has no {' and no '.join(sorted(alien))}")
    event: Event = model(**place, **told)
    subject, expected, behalf = (check.get(name) for name in ("location_id", "expected", "on_behalf_of"))
    return NewEvent(event, subject, call.actor, expected, on_behalf_of=behalf)


def _bad_check(problem: str) -> BadInput:
    return BadInput("bad-payload", {"problem": problem, "field": "checks"})


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
        ticket=OF_COPY,
        doc="ticket stands for backend and uri of bytes that were uploaded; nothing else names an object "
        "of a store.",
        refusals=("not-found", "gone", "digest-mismatch", "location-taken", "id-taken", *OF_TICKETS),
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
    Endpoint(
        method="POST",
        path="/checks",
        role=Role.PRODUCER,
        tag="locations",
        summary="Tell what checks of copies found, one or many",
        doc=f"One check, or an object with the array checks of 1 to {MAX_CHECKS} of them, all or nothing. "
        "A good one has method, a bad one failure, and what was observed. A refusal tells the index of the "
        "check in field.",
        handle=_check,
        answer=record(
            "Where the checks are in the log; sequence is that of the last.",
            sequence=SEQUENCE,
            first_sequence=SEQUENCE,
            created_at=TIME,
            checks=array(record("A check.", location_id=ID, sequence=SEQUENCE)),
        ),
        body=_CHECK,
        batch=("checks", MAX_CHECKS),
        refusals=("not-found", "retired", "changed"),
    ),
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
