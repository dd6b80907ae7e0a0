"""What the store says of an object, and its bytes."""

from base64 import b64decode
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from obstore import get

from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.base import PIECE, ObjectInfo
from artifactstore.stores.obstore_answers import of_obstore
from artifactstore.stores.patience import Waiting
from artifactstore.stores.s3.bucket import MISSING, Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef
    from obstore import BytesStream, GetOptions

_CHUNK = 512 * 1024
"""Bytes that are waited for at least before a piece is passed on."""
_BEYOND = "InvalidRange"


def described(place: Bucket, key: str) -> "HeadObjectOutputTypeDef | None":
    """The answer to HEAD; None if there is no such object."""
    boto, path = place.boto, place.path(key)
    try:
        return place.ask(
            f"head {key}",
            lambda: boto.head_object(Bucket=place.bucket, Key=path, ChecksumMode="ENABLED"),
            *MISSING,
        )
    except StoreAnswer:
        place.need_bucket()  # an answer to HEAD does not say what is missing
        return None


def head(place: Bucket, key: str) -> ObjectInfo | None:
    """See ``ObjectStore.head``."""
    found = described(place, key)
    if found is None:
        return None
    return ObjectInfo(key, found["ContentLength"], found["LastModified"], _whole_sha256(found))


def _whole_sha256(found: "HeadObjectOutputTypeDef") -> bytes | None:
    """The SHA-256 of an object, if the store keeps one, and not only one of digests of parts."""
    said = found.get("ChecksumSHA256", "")
    return b64decode(said) if said and "-" not in said else None


def earlier(place: Bucket, key: str) -> list[str]:
    """Ids of the versions of an object that something lies over, the newest first."""
    found = [one for one in place.versions_of(place.path(key)) if "Size" in one and not one["IsLatest"]]
    return [one["VersionId"] for one in sorted(found, key=itemgetter("LastModified"), reverse=True)]


def read(place: Bucket, key: str, start: int, end: int | None, version: str | None = None) -> Iterator[bytes]:
    """See ``ObjectStore.read``. A connection that breaks is taken up where it broke."""
    if end is not None and end <= start:
        if head(place, key) is None:
            raise place.not_there(key)
        return iter(())
    pieces = _Reader(place, key, start, end, version).pieces()
    first = next(pieces, b"")
    return chain((first,), pieces) if first else iter(())


class _Reader:
    def __init__(self, place: Bucket, key: str, start: int, end: int | None, version: str | None) -> None:
        self._place = place
        self._key = key
        self._path = place.path(key)
        self._at = start
        self._end = end
        self._version = version
        self._etag: str | None = None
        """Of what was read first; what comes later must be of the same."""

    def pieces(self) -> Iterator[bytes]:
        """The bytes; raises what ``ObjectStore.read`` raises."""
        waiting = Waiting(self._place.patience)
        stream: BytesStream | None = None
        while True:
            try:
                if stream is None:
                    stream = self._open()
                chunk = self._next(stream)
            except StoreAnswer as answer:
                stream = None
                if answer.code == _BEYOND:
                    return
                self._wait(waiting, answer)
                continue
            if not chunk:
                return
            self._at += len(chunk)
            waiting.progress()
            yield from (chunk[at : at + PIECE] for at in range(0, len(chunk), PIECE))

    def _open(self) -> "BytesStream":
        options: GetOptions = {}
        if self._at or self._end is not None:
            options["range"] = {"offset": self._at} if self._end is None else (self._at, self._end)
        if self._etag is not None:
            options["if_match"] = self._etag
        if self._version is not None:
            options["version"] = self._version
        store = self._place.obstore
        with of_obstore():
            result = get(store, self._path, options=options)
            self._etag = result.meta["e_tag"]
            self._end = result.range[1]
            return result.stream(_CHUNK)

    def _next(self, stream: "BytesStream") -> bytes:
        """The next chunk; empty at the end, where all must have come."""
        with of_obstore():
            chunk = next(stream, b"")
        if not chunk and self._end is not None and self._at < self._end:
            raise StoreAnswer(None, None, "the answer ended early")
        return bytes(chunk)

    def _wait(self, waiting: Waiting, answer: StoreAnswer) -> None:
        try:
            waiting.wait_after(answer)
        except StoreAnswer:
            if answer.code in MISSING:
                raise self._place.not_there(self._key) from answer
            raise answer.error(self._place.name, f"read {self._key}") from answer
