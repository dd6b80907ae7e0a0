"""Content of files: given from a copy that can be read, taken with the event that names it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError, Refused, error
from artifactstore.events import FileIngested, Location, NewEvent, new_id
from artifactstore.events.kinds import Hash, Id, Text
from artifactstore.http.auth import Role
from artifactstore.http.content import headers, reading
from artifactstore.http.content.depot import Depot
from artifactstore.http.content.reading import Content
from artifactstore.http.content.said import Said, told_digests
from artifactstore.http.content.receiving import Arrived, arriving, length_of
from artifactstore.http.endpoint import MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.web.answers import COUNT, HEX, ID, SEQUENCE, TEXT, TIME, array, maybe, record
from artifactstore.http.web.conditions import is_known, read_tags
from artifactstore.http.web.ranges import content_range, wanted_range
from artifactstore.http.web.references import PathOfFile, check_path
from artifactstore.http.web.request import Parameter, bad_request
from artifactstore.http.web.trace import header
from artifactstore.http.write.commands import FILE_ID, PACKAGE_ID
from artifactstore.http.write.landing import land
from artifactstore.store import Row, Store
from artifactstore.stores.keys import key_in, uri_of

_REDIRECT_SECONDS = 300
_REDIRECT_BYTES = 1024 * 1024
"""More than which a file is fetched from the store itself, where clients can reach that."""
_FOR_EVER = "private, max-age=31536000, immutable, no-transform"
_ASK_AGAIN = "private, no-cache, no-transform"
_ALGORITHMS: Mapping[str, Hash] = {"blake3": Hash(), "sha256": Hash(algorithm="sha256")}

_PATH = Parameter("path", PathOfFile(), "the path of a file, slashes and all", required=True)


def depot_of(call: Call) -> Depot:
    """The stores of the process."""
    depot: Depot = call.scope["app"].state.depot
    return depot


async def _of_file(call: Call) -> Answer:
    row = await call.read(lambda store: store.contents.of_file(call.id("file_id")))
    return await _given(call, row, _ASK_AGAIN)


async def _at(call: Call) -> Answer:
    check_path(call.scope)
    row = await call.read(lambda store: store.contents.at(call.id("package_id"), call.path["path"]))
    return await _given(call, row, _ASK_AGAIN)


async def _of_digest(call: Call) -> Answer:
    algorithm, colon, _ = call.path["digest"].partition(":")
    kind = _ALGORITHMS.get(algorithm) if colon else None
    try:
        digest = kind.read(call.path["digest"]) if kind is not None else None
    except Problem:
        digest = None
    if digest is None:
        raise bad_request("digest is blake3: or sha256: and 64 hex digits", parameter="digest")
    row = await call.read(lambda store: store.contents.of_digest(algorithm, digest))
    return await _given(call, {**row, "yanked": False}, _FOR_EVER)


async def _given(call: Call, row: Row, cache: str) -> Answer:
    """The content of a row of ``store.contents``, or what the conditions of the request ask for instead."""
    depot = depot_of(call)
    content = Content.of(row, depot)
    told = {
        **headers.download(row["path"]),
        **headers.state(row["blake3"], row["sha256"]),
        "Cache-Control": cache,
        **({"Artifactstore-Warning": "yanked"} if row["yanked"] else {}),
    }
    media_type, scope = headers.inert(row["media_type"]), call.scope
    _check_if_match(call, told["ETag"])
    if is_known(scope, told["ETag"]):
        return Answer(b"", 304, told, media_type)
    part = wanted_range(scope, content.size, told["ETag"])
    if (url := await _elsewhere(call, depot, content, told["Content-Disposition"], media_type)) is not None:
        return Answer(b"", 307, {**told, "Location": url, "Cache-Control": "no-store"}, media_type)
    start, end = part or (0, content.size)
    told["Content-Length"] = str(end - start)
    if scope["method"] == "HEAD":
        await reading.check_readable(call, depot, content)
        return Answer(headers=told, media_type=media_type, parts=reading.nothing())
    if part is not None:
        told["Content-Range"] = content_range(start, end, content.size)
    parts = await reading.opened(call, depot, content, part)
    return Answer(None, 200 if part is None else 206, told, media_type, parts)


def _check_if_match(call: Call, tag: str) -> None:
    """Raise ``Refused`` changed unless If-Match, if there is one, names this content (RFC 9110, 13.1.1)."""
    try:
        tags = read_tags(call.scope, b"if-match")
    except ValueError:
        raise bad_request("If-Match is * or a list of ETags", header="If-Match") from None
    if tags is not None and not tags.any and tag.strip('"') not in tags.strong:
        raise Refused("changed", {"problem": f"the content is {tag}"})


async def _elsewhere(
    call: Call, depot: Depot, content: Content, disposition: str, media_type: str
) -> str | None:
    """A URL of the store where the content can be had, if that is wanted and there is one."""
    if call.query.get("redirect") == "0" or not content.copies:
        return None
    copy = content.copies[0]
    serve = depot.stores.settings(copy.store.name).serve
    if serve == "stream" or (serve == "auto" and content.size <= _REDIRECT_BYTES):
        return None
    sign = partial(copy.store.presigned_get, copy.key, _REDIRECT_SECONDS, disposition, media_type)
    try:
        return await depot.read(sign)
    except ArtifactstoreError:
        return None


async def _put(call: Call) -> Answer:
    """Take a file: refusals that need no bytes come before they are sent."""
    check_path(call.scope)
    depot, path, package_id = depot_of(call), call.path["path"], call.id("package_id")
    length = length_of(call, call.service.settings.max_put)
    said = told_digests(call)
    store = depot.writable(call.query["store"])
    with depot.upload():

        def prepare(log: Store) -> tuple[str, Row | None]:
            log.objects.check_open(package_id, path)
            return log.objects.new_keys(1)[0], log.contents.same_path(package_id, path)

        key, there = await call.read(prepare)
        if there is not None and not _may_be(there, length, said):
            raise _taken(there)
        await depot.check_place(call, store)
        async with arriving(call, depot, store, key, call.service.settings.max_put, length) as arrived:
            said.check(arrived.hashes)
            if there is not None:
                return _same(there, arrived)
            return await _ingest(call, depot, store.name, arrived)


def _may_be(there: Row, length: int | None, said: Said) -> bool:
    """Whether the bytes that are to come may be those of a file that is there."""
    return length in (None, there["size"]) and said.fits(there["blake3"], there["sha256"])


def _taken(there: Row) -> ArtifactstoreError:
    return error("path-taken", {"problem": there["path"], "path": there["path"], "file_id": there["file_id"]})


def _same(there: Row, arrived: Arrived) -> Answer:
    """What is answered when the file is there already, with these bytes; raises ``Refused`` path-taken."""
    if there["blake3"] != arrived.hashes.blake3 or there["size"] != arrived.hashes.size:
        raise _taken(there)
    locations = [one["location_id"] for one in there["copies"]]
    value = {
        **{name: there[name] for name in ("file_id", "package_id", "path", "size")},
        "sequence": there["created_sequence"],
        "created_at": there["ingested_at"],
        "blake3": there["blake3"].hex(),
        "sha256": arrived.hashes.sha256.hex(),
        "location_ids": locations,
    }
    return Answer(value, 200, {"Location": f"/files/{there['file_id']}"})


async def _ingest(call: Call, depot: Depot, backend: str, arrived: Arrived) -> Answer:
    uri = await known_uri(call, depot, backend, arrived)
    try:
        return await _append(call, backend, uri or uri_of(await arrived.keep()), arrived)
    except Refused as refusal:
        if refusal.code == "path-taken":
            # Somebody else came first; perhaps with the same bytes.
            package_id, path = call.id("package_id"), call.path["path"]
            there = await call.read(lambda store: store.contents.same_path(package_id, path))
            if there is not None:
                return _same(there, arrived)
        if refusal.code != "bytes-going" or uri is None or not arrived.small:
            raise
    # What was known is being removed: these bytes become an object of their own.
    return await _append(call, backend, uri_of(await arrived.keep()), arrived)


async def known_uri(call: Call, depot: Depot, backend: str, arrived: Arrived) -> str | None:
    """The object that has these bytes already, if such are shared in this store."""
    if not depot.stores.settings(backend).dedupe:
        return None
    hashes = arrived.hashes
    known = await call.read(lambda store: store.objects.known(backend, [(hashes.blake3, hashes.size)]))
    return known[0]


async def _append(call: Call, backend: str, uri: str, arrived: Arrived) -> Answer:
    media_type = header(call.scope, b"content-type")
    file_id, hashes = new_id(), arrived.hashes
    event = FileIngested(
        package_id=call.id("package_id"),
        path=call.path["path"],
        size=hashes.size,
        blake3=hashes.blake3,
        sha256=hashes.sha256,
        media_type=media_type,
        locations=(Location(location_id=new_id(), backend=backend, uri=uri),),
    )
    (landed,) = await land(call, [NewEvent(event, file_id, call.actor)])
    value: dict[str, Any] = {
        "file_id": file_id,
        "package_id": event.package_id,
        "path": event.path,
        "size": event.size,
        "sequence": landed.event.sequence,
        "created_at": landed.event.created_at,
        "blake3": event.blake3.hex(),
        "sha256": hashes.sha256.hex(),
        "location_ids": [one.location_id for one in event.locations or ()],
    }
    return Answer(value, 201, {"Location": f"/files/{file_id}"})


_REDIRECT = Parameter("redirect", Text(enum=("0", "1")), "0: never an answer that leads to the store itself")
_REFUSED = ("not-found", "gone", "wrong-state", "range", "changed", "content-unavailable")
_PARTS = {206: "The bytes that Range asks for.", 307: "The content is at Location, for some minutes."}
_DOC = (
    "From a copy that was verified, else one that is registered. A whole answer is verified as it leaves: its "
    "last bytes come only if all are right, else the connection is cut. One range is heard, with If-Range; "
    "what is in a range the client has to verify. Artifactstore-Warning: yanked where the package is."
)


def _reads(path: str, summary: str, handle: Any, parameters: Sequence[Parameter]) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        role=Role.READER,
        tag="content",
        summary=summary,
        doc=_DOC,
        handle=handle,
        media_type="*/*",
        others=_PARTS,
        path_parameters=parameters,
        query=(_REDIRECT, MIN_SEQUENCE),
        may_have=(
            "Repr-Digest", "Content-Range", "Artifactstore-Warning", "Location", "Accept-Ranges",
            "Content-Disposition", "Artifactstore-Blake3",
        ),  # fmt: skip
        etag=True,
        refusals=_REFUSED,
    )


ENDPOINTS = (
    _reads("/files/{file_id}/content", "The content of a file", _of_file, (FILE_ID,)),
    _reads("/packages/{package_id}/content/{path}", "The content of a file of a package", _at, (PACKAGE_ID, _PATH)),
    _reads(
        "/content/{digest}",
        "Content by its digest, in whatever package it is",
        _of_digest,
        (Parameter("digest", Text(max=71), "blake3: or sha256: and 64 hex digits", required=True),),
    ),
    Endpoint(
        method="PUT",
        path="/packages/{package_id}/content/{path}",
        role=Role.PRODUCER,
        tag="content",
        summary="Add a file to an open package, with its bytes",
        doc="Content-Type becomes its media type; Repr-Digest: sha-256=:…: and Artifactstore-Blake3 are compared "
        "with what came before anything is recorded. The same content at that path already: 200, no event.",
        handle=_put,
        answer=record(
            "The file.",
            file_id=ID,
            package_id=ID,
            path=TEXT,
            size=COUNT,
            sequence=SEQUENCE,
            created_at=TIME,
            blake3=HEX,
            sha256=maybe(HEX),
            location_ids=array(ID),
        ),
        status=201,
        others={200: "The file was there, with this content."},
        creates=True,
        path_parameters=(PACKAGE_ID, _PATH),
        query=(
            Parameter("store", Text(max=63), "where the bytes go; default: the first store that is written to"),
        ),
        takes=("*/*",),
        refusals=(
            "not-found", "not-open", "bad-path", "path-taken", "id-taken", "bytes-going", "upload-expired",
            "store-unknown", "store-mismatch", "store-unavailable", "store-full", "store-refused",
        ),  # fmt: skip
    ),
)
