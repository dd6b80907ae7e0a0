"""A file with its bytes, in one request: the bytes become an object, then the event names it."""

from artifactstore.errors import ArtifactstoreError, Refused, error
from artifactstore.events import FileIngested, Location, NewEvent, new_id
from artifactstore.events.kinds import Text
from artifactstore.http.auth import Role
from artifactstore.http.content.depot import Depot, depot_of
from artifactstore.http.content.receiving import Arrived, arriving, length_of
from artifactstore.http.content.said import DIGESTS, Said, check_name, told_digests
from artifactstore.http.endpoint import Answer, Call, Endpoint
from artifactstore.http.routes.content import PATH
from artifactstore.http.routes.objects import REFUSED_BY_STORES
from artifactstore.http.web.answers import COUNT, HEX, ID, SEQUENCE, TEXT, TIME, array, record
from artifactstore.http.web.references import check_path
from artifactstore.http.web.request import Parameter, bad_request
from artifactstore.http.web.trace import header
from artifactstore.http.write.commands import PACKAGE_ID
from artifactstore.http.write.landing import land
from artifactstore.store import Row, Store
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.keys import uri_of

_MEDIA_TYPE_BYTES = 255


async def _put(call: Call) -> Answer:
    """Take a file: refusals that need no bytes come before they are sent."""
    depot, path, package_id = depot_of(call), call.path["path"], call.id("package_id")
    most = call.service.settings.max_put
    check_path(call.scope)
    check_name(path)
    _media_type(call)
    length, said = length_of(call, most), told_digests(call)
    store = depot.writable(call.query["store"])
    with depot.upload():

        def look(log: Store) -> tuple[Row | None, str]:
            return log.contents.open_path(package_id, path), log.objects.new_keys(1)[0]

        there, key = await call.read(look)
        if there is not None and not _may_be(there, length, said):
            raise _taken(there)
        await depot.check_place(call, store)
        async with arriving(call, depot, store, key, most, length) as arrived:
            said.check(arrived.hashes)
            return await _ingest(call, depot, store, arrived) if there is None else _same(there, arrived)


def _media_type(call: Call) -> str | None:
    """What Content-Type says; raises ``BadInput`` bad-request."""
    told = header(call.scope, b"content-type")
    if told is not None and not (told.isascii() and 1 <= len(told) <= _MEDIA_TYPE_BYTES):
        problem = f"Content-Type is ASCII, of 1 to {_MEDIA_TYPE_BYTES} bytes"
        raise bad_request(problem, header="Content-Type")
    return told


def _may_be(there: Row, length: int | None, said: Said) -> bool:
    """Whether the bytes that are to come may be those of a file that is there."""
    return length in (None, there["size"]) and said.fits(there["blake3"], there["sha256"])


def _taken(there: Row) -> ArtifactstoreError:
    told = {"problem": there["path"], "path": there["path"], "file_id": str(there["file_id"])}
    return error("path-taken", told)


def _same(there: Row, arrived: Arrived) -> Answer:
    """What is answered when the file is there already, with these bytes; raises ``Refused`` path-taken."""
    if (there["size"], there["blake3"]) != (arrived.hashes.size, arrived.hashes.blake3):
        raise _taken(there)
    told = {name: there[name] for name in ("file_id", "package_id", "path", "size")}
    value = {
        **told,
        "sequence": there["created_sequence"],
        "created_at": there["ingested_at"],
        "blake3": arrived.hashes.blake3.hex(),
        "sha256": arrived.hashes.sha256.hex(),
        "location_ids": there["locations"],
    }
    return Answer(value, 200, {"Location": f"/files/{there['file_id']}"})


async def _ingest(call: Call, depot: Depot, store: ObjectStore, arrived: Arrived) -> Answer:
    hashes = arrived.hashes
    (known,) = await depot.known(call, store, [(hashes.blake3, hashes.size)])
    try:
        return await _append(call, store.name, known or uri_of(await arrived.keep()), arrived)
    except Refused as refusal:
        if refusal.code == "path-taken":
            return await _overtaken(call, arrived, refusal)
        if refusal.code != "bytes-going" or known is None or not arrived.small:
            raise
    # What was known is being removed: these bytes become an object of their own.
    return await _append(call, store.name, uri_of(await arrived.keep()), arrived)


async def _overtaken(call: Call, arrived: Arrived, refusal: Refused) -> Answer:
    """What is answered when somebody else came first: perhaps it is the same."""
    package_id, path = call.id("package_id"), call.path["path"]
    there = await call.read(lambda log: log.contents.open_path(package_id, path))
    if there is None:
        raise refusal
    return _same(there, arrived)


async def _append(call: Call, backend: str, uri: str, arrived: Arrived) -> Answer:
    hashes, location_id = arrived.hashes, new_id()
    event = FileIngested(
        package_id=call.id("package_id"),
        path=call.path["path"],
        size=hashes.size,
        blake3=hashes.blake3,
        sha256=hashes.sha256,
        media_type=_media_type(call),
        locations=(Location(location_id=location_id, backend=backend, uri=uri),),
    )
    (landed,) = await land(call, [NewEvent(event, new_id(), call.actor)])
    file_id = landed.event.subject_id
    value = {
        "file_id": file_id,
        "package_id": event.package_id,
        "path": event.path,
        "size": event.size,
        "sequence": landed.event.sequence,
        "created_at": landed.event.created_at,
        "blake3": event.blake3.hex(),
        "sha256": hashes.sha256.hex(),
        "location_ids": [location_id],
    }
    return Answer(value, 201, {"Location": f"/files/{file_id}"})


ENDPOINTS = (
    Endpoint(
        method="PUT",
        path="/packages/{package_id}/content/{path}",
        role=Role.PRODUCER,
        tag="content",
        summary="Add a file to an open package, with its bytes",
        doc="Content-Type becomes its media type; Repr-Digest (sha-256) and Artifactstore-Blake3 are "
        "compared with what came before anything is recorded. The same content at that path already: 200, "
        "and no event.",
        handle=_put,
        answer=record(
            "The file, and the event that added it.",
            file_id=ID,
            package_id=ID,
            path=TEXT,
            size=COUNT,
            sequence=SEQUENCE,
            created_at=TIME,
            blake3=HEX,
            sha256=HEX,
            location_ids=array(ID),
        ),
        status=201,
        others={200: "The file was there, with this content."},
        creates=True,
        path_parameters=(PACKAGE_ID, PATH),
        query=(
            Parameter(
                "store", Text(max=63), "where the bytes go; default: the first store that is written to"
            ),
        ),
        hears=DIGESTS,
        takes=("*/*",),
        refusals=(
            *REFUSED_BY_STORES,
            "not-found",
            "not-open",
            "bad-path",
            "path-taken",
            "id-taken",
            "bytes-going",
            "upload-expired",
            "bad-uri",
        ),
    ),
)
