"""Content of files, given from a copy that can be read."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.events.kinds import Hash, Text
from artifactstore.http.auth import Role
from artifactstore.http.content import headers, reading
from artifactstore.http.content.depot import Depot, depot_of
from artifactstore.http.content.reading import ServedContent
from artifactstore.http.endpoint import MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.web.conditions import is_known, read_tags
from artifactstore.http.web.ranges import content_range, wanted_range
from artifactstore.http.web.references import PathOfFile, check_path
from artifactstore.http.web.request import Parameter, bad_request
from artifactstore.http.write.commands import FILE_ID, PACKAGE_ID
from artifactstore.store import Row

_REDIRECT_SECONDS = 300
_REDIRECT_BYTES = 1024 * 1024
"""More than which a file is fetched from the store itself, where clients can reach that."""
_FOR_EVER = "private, max-age=31536000, immutable, no-transform"
ASK_AGAIN = "private, no-cache, no-transform"
"""Cache-Control of what may be other bytes the next time."""
_ALGORITHMS: Mapping[str, Hash] = {"blake3": Hash(), "sha256": Hash(algorithm="sha256")}

PATH = Parameter("path", PathOfFile(), "the path of a file, slashes and all", required=True)


async def _of_file(call: Call) -> Answer:
    row = await call.read(lambda store: store.contents.of_file(call.id("file_id")))
    return await _given(call, row, ASK_AGAIN)


async def _at(call: Call) -> Answer:
    check_path(call.scope)
    row = await call.read(lambda store: store.contents.at(call.id("package_id"), call.path["path"]))
    return await _given(call, row, ASK_AGAIN)


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
    own = {**headers.download(row["path"]), "Cache-Control": cache}
    return await given(call, row, headers.inert(row["media_type"]), own, elsewhere=True)


async def given(call: Call, row: Row, media_type: str, own: Mapping[str, str], *, elsewhere: bool) -> Answer:
    """The content of a row of ``store.contents``, or what the conditions of the request ask for instead.

    Args:
        own: headers of this way to give it. elsewhere: whether the store itself may be where it is given.
    """
    depot, scope = depot_of(call), call.scope
    content = ServedContent.of(row, depot)
    told = {
        **own,
        **headers.state(row["blake3"], row["sha256"]),
        **({"Artifactstore-Warning": "yanked"} if row["yanked"] else {}),
    }
    _check_if_match(call, told["ETag"])
    if is_known(scope, told["ETag"]):
        return Answer(b"", 304, told, media_type)
    part = wanted_range(scope, content.size, told["ETag"])
    if elsewhere and (url := await _elsewhere(call, depot, content, told["Content-Disposition"], media_type)):
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
    call: Call, depot: Depot, content: ServedContent, disposition: str, media_type: str
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


_REDIRECT = Parameter("redirect", Text(enum=("0", "1")), "0: never an answer that leads to the store itself")
_HEARS = (
    Parameter("Range", Text(max=4096), "bytes=from-to: the bytes that are wanted; several ranges: all"),
    Parameter("If-Range", Text(max=4096), "the ETag with which Range is heard"),
    Parameter("If-Match", Text(max=4096), "ETags, or *: 412 unless the content is one of them"),
)
_REFUSED = ("not-found", "gone", "wrong-state", "range", "changed", "content-unavailable")
_PARTS = {206: "The bytes that Range asks for.", 307: "The content is at Location, for some minutes."}
_DOC = (
    "From a copy that was verified, else one that is registered. A whole answer is verified as it leaves: "
    "its last bytes come only if all are right, else the connection is cut. One range is heard, with "
    "If-Range; what is in a range the client has to verify. Artifactstore-Warning: yanked where the package "
    "is."
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
        hears=_HEARS,
        may_have=(
            "Repr-Digest",
            "Content-Range",
            "Artifactstore-Warning",
            "Location",
            "Accept-Ranges",
            "Content-Disposition",
            "Artifactstore-Blake3",
        ),
        etag=True,
        refusals=_REFUSED,
    )


OF_FILE = _reads("/files/{file_id}/content", "The content of a file", _of_file, (FILE_ID,))

ENDPOINTS = (
    OF_FILE,
    _reads(
        "/packages/{package_id}/content/{path}", "The content of a file of a package", _at, (PACKAGE_ID, PATH)
    ),
    _reads(
        "/content/{digest}",
        "Content by its digest, in whatever package it is",
        _of_digest,
        (Parameter("digest", Text(max=71), "blake3: or sha256: and 64 hex digits", required=True),),
    ),
)
