"""Objects that go in parts: each is checked by its SHA-256, all by the digest of these and the size."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from artifactstore.events.ids import new_id
from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.base import Part, UnfinishedUpload
from artifactstore.stores.keys import key_of
from artifactstore.stores.s3.bucket import TAKEN, UNKNOWN, Bucket
from artifactstore.stores.s3.clients import encryption
from artifactstore.stores.s3.reading import described, read

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        CompleteMultipartUploadRequestTypeDef,
        CreateMultipartUploadRequestTypeDef,
        PartTypeDef,
    )

NO_UPLOAD = ("NoSuchUpload", "NotFound", "NoSuchKey")
_TRIAL = b"artifactstore"
_BAD_PART = ("InvalidPart", "InvalidPartOrder")


class Uploads:
    """Uploads in parts.

    Args:
        sse: what the store encrypts with. verify: whether what was written is read back.
    """

    def __init__(self, place: Bucket, sse: str | None, verify: bool) -> None:
        self._place = place
        self._sse = encryption(sse) if sse else None
        self._verify = verify
        self._create = True
        self._lists: bool | None = None
        self._looking = Lock()

    def begin(self, key: str) -> str:
        """See ``ObjectStore.begin``."""
        return self._begin(key, self._lists_digests())

    def _lists_digests(self) -> bool:
        """Whether the store tells the SHA-256 of parts that are there; tried once.

        Where it does (AWS), an upload is begun with digests, and they are asked for at its end. Where it does
        not (SeaweedFS), whoever goes on with an upload could not name them: it goes without, and each part is
        checked when it comes, as everywhere.
        """
        with self._looking:
            if self._lists is None:
                key = key_of(new_id())
                upload_id = self._begin(key, True)
                try:
                    self.write_part(key, upload_id, 1, _TRIAL, hashlib.sha256(_TRIAL).digest())
                    self._lists = all(part.sha256 is not None for part in self.parts(key, upload_id))
                finally:
                    self.abort(key, upload_id)
            return self._lists

    def _begin(self, key: str, digests: bool) -> str:
        place = self._place
        boto = place.boto
        request: CreateMultipartUploadRequestTypeDef = {"Bucket": place.bucket, "Key": place.path(key)}
        if digests:
            request["ChecksumAlgorithm"] = "SHA256"
        if self._sse:
            request["ServerSideEncryption"] = self._sse[0]  # type: ignore[typeddict-item]
            if self._sse[1]:
                request["SSEKMSKeyId"] = self._sse[1]
        return place.ask(f"begin {key}", lambda: boto.create_multipart_upload(**request))["UploadId"]

    def write_part(self, key: str, upload_id: str, number: int, data: bytes, sha256: bytes) -> Part:
        """See ``ObjectStore.write_part``."""
        place = self._place
        if hashlib.sha256(data).digest() != sha256:
            raise place.mismatch(key, f"SHA-256 of part {number} is another")
        boto, path, said = place.boto, place.path(key), b64encode(sha256).decode()
        try:
            done = place.ask(
                f"part {number} of {key}",
                lambda: boto.upload_part(
                    Bucket=place.bucket, Key=path, UploadId=upload_id, PartNumber=number, Body=data,
                    ChecksumSHA256=said,
                ),
                *NO_UPLOAD,
            )  # fmt: skip
        except StoreAnswer as answer:
            raise place.not_there(key, "upload of") from answer
        if done.get("ChecksumSHA256", said) != said:
            raise place.mismatch(key, f"the store took other bytes for part {number}")
        return Part(number, len(data), done["ETag"], sha256)

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """See ``ObjectStore.parts``."""
        place = self._place
        boto, path = place.boto, place.path(key)
        found: dict[int, list[PartTypeDef]] = {}
        last = 0
        while True:
            try:
                page = place.ask(
                    f"parts of {key}",
                    lambda after=last: boto.list_parts(  # type: ignore[misc]
                        Bucket=place.bucket, Key=path, UploadId=upload_id, PartNumberMarker=after
                    ),
                    *NO_UPLOAD,
                )
            except StoreAnswer as answer:
                raise place.not_there(key, "upload of") from answer
            for one in page.get("Parts", ()):
                last = one["PartNumber"]
                found.setdefault(last, []).append(one)
            if not page.get("IsTruncated") or not page.get("Parts"):
                return [part for number in sorted(found) if (part := _newest(found[number]))]

    def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """See ``ObjectStore.complete``."""
        place = self._place
        try:
            said = self._complete(key, upload_id, parts)
        except StoreAnswer as answer:
            if answer.code in UNKNOWN and self._create:
                self._create = False
                self.complete(key, upload_id, parts)
                return
            if answer.code in _BAD_PART:
                raise place.mismatch(key, "the store has other parts than it was given") from answer
            # Perhaps it was done before, by a call whose answer was lost: what is there decides.
            if not self._is_whole(key, parts):
                if answer.code == TAKEN:
                    raise place.taken(key) from answer
                raise place.not_there(key, "upload of") from answer
        else:
            if _other(said, parts) or not self._is_whole(key, parts):
                raise place.mismatch(key, "the store made another object of the parts")
        if self._verify:
            self._read_back(key, parts)

    def _complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> str:
        """The digest that the store tells, empty if none; raises ``StoreAnswer`` where it is to be looked."""
        place = self._place
        boto, digests = place.boto, self._lists_digests()
        request: CompleteMultipartUploadRequestTypeDef = {
            "Bucket": place.bucket,
            "Key": place.path(key),
            "UploadId": upload_id,
            "MultipartUpload": {"Parts": [_named(part, digests) for part in _ordered(parts)]},
        }
        if self._create:
            request["IfNoneMatch"] = "*"

        def complete() -> str:
            done = boto.complete_multipart_upload(**request)
            if (
                "ETag" not in done
            ):  # 200 is sent before the work is done: what says nothing of it is no answer
                raise StoreAnswer(None, None, "an answer without a body")
            return done.get("ChecksumSHA256", "")

        return place.ask(f"complete {key}", complete, TAKEN, *NO_UPLOAD, *_BAD_PART, *UNKNOWN)

    def _is_whole(self, key: str, parts: Sequence[Part]) -> bool:
        """Whether the object under the key is made of these parts, as far as the store tells."""
        found = described(self._place, key)
        if found is None or found["ContentLength"] != sum(part.size for part in parts):
            return False
        return not _other(found.get("ChecksumSHA256", ""), parts)

    def _read_back(self, key: str, parts: Sequence[Part]) -> None:
        start = 0
        for part in _ordered(parts):
            hasher = hashlib.sha256()
            for piece in read(self._place, key, start, start + part.size):
                hasher.update(piece)
            if part.sha256 is not None and hasher.digest() != part.sha256:
                raise self._place.mismatch(key, f"the store gives back other bytes for part {part.number}")
            start += part.size

    def abort(self, key: str, upload_id: str) -> None:
        """See ``ObjectStore.abort``."""
        place = self._place
        boto, path = place.boto, place.path(key)
        try:
            place.ask(
                f"abort {key}",
                lambda: boto.abort_multipart_upload(Bucket=place.bucket, Key=path, UploadId=upload_id),
                *NO_UPLOAD,
            )
        except StoreAnswer:
            return

    def unfinished(self) -> Iterator[UnfinishedUpload]:
        """See ``ObjectStore.unfinished``."""
        place = self._place
        boto = place.boto
        key, upload = "", ""
        while True:
            page = place.ask(
                "uploads",
                lambda after=(key, upload): boto.list_multipart_uploads(  # type: ignore[misc]
                    Bucket=place.bucket, Prefix=place.prefix, KeyMarker=after[0], UploadIdMarker=after[1]
                ),
            )
            for one in page.get("Uploads", ()):
                yield UnfinishedUpload(
                    one["Key"].removeprefix(place.prefix), one["UploadId"], one["Initiated"]
                )
            if not page.get("IsTruncated"):
                return
            key, upload = page.get("NextKeyMarker", ""), page.get("NextUploadIdMarker", "")


def _newest(same: "list[PartTypeDef]") -> Part | None:
    """What was written last under a number: SeaweedFS lists all. None if it cannot be told: send it again."""
    *older, last = sorted(same, key=lambda one: one["LastModified"])
    if older and older[-1]["LastModified"] == last["LastModified"]:
        return None
    said = last.get("ChecksumSHA256")
    return Part(last["PartNumber"], last["Size"], last["ETag"], b64decode(said) if said else None)


def _ordered(parts: Sequence[Part]) -> list[Part]:
    return sorted(parts, key=lambda one: one.number)


def _named(part: Part, digests: bool) -> "CompletedPartTypeDef":
    named: CompletedPartTypeDef = {"PartNumber": part.number, "ETag": part.etag}
    if digests and part.sha256 is not None:
        named["ChecksumSHA256"] = b64encode(part.sha256).decode()
    return named


def _other(said: str, parts: Sequence[Part]) -> bool:
    """Whether what a store says is not the SHA-256 of the digests of the parts; False if one is not known."""
    digests = [part.sha256 for part in _ordered(parts)]
    known = [digest for digest in digests if digest is not None]
    if len(known) < len(digests) or "-" not in said:
        return False
    return said != f"{b64encode(hashlib.sha256(b''.join(known)).digest()).decode()}-{len(known)}"
