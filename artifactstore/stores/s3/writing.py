"""Objects that go in one piece."""

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Literal

from obstore import put

from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.s3.bucket import TAKEN, UNKNOWN, Bucket
from artifactstore.stores.s3.clients import encryption
from artifactstore.stores.s3.reading import head, read

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

_LIGHT = 1024 * 1024
"""Bytes up to which obstore sends: it bounds the time of a request, and boto3 the time without progress."""


class Writing:
    """Writes objects under keys that were never used.

    Args:
        sse: what the store encrypts with. verify: whether what was written is read back.
    """

    def __init__(self, place: Bucket, sse: str | None, verify: bool) -> None:
        self._place = place
        self._sse = encryption(sse) if sse else None
        self._verify = verify
        self._create = True
        """Whether the store knows writing on condition that nothing is there."""

    def put(self, key: str, data: bytes, sha256: bytes) -> None:
        """See ``ObjectStore.put``. A lost answer is decided by looking at what is there."""
        place = self._place
        path = place.path(key)
        if hashlib.sha256(data).digest() != sha256:
            raise place.mismatch(key, "SHA-256 of what came is another")
        try:
            self._send(path, data, sha256, key)
        except StoreAnswer as answer:
            if answer.code in UNKNOWN and self._create:
                self._create = False
                self.put(key, data, sha256)
                return
            if answer.code != TAKEN:
                raise answer.error(place.name, f"put {key}") from answer
            if not answer.uncertain or not self._holds(key, len(data), sha256):
                raise place.taken(key) from answer
        if self._verify and not self._holds(key, len(data), sha256, trust=False):
            raise place.mismatch(key, "the store gives back other bytes than it was given")

    def _send(self, path: str, data: bytes, sha256: bytes, key: str) -> None:
        place, create = self._place, self._create
        what = f"put {key}"
        if len(data) <= _LIGHT:
            store = place.obstore
            mode: Literal["create", "overwrite"] = "create" if create else "overwrite"
            place.ask(what, lambda: put(store, path, data, mode=mode, use_multipart=False), TAKEN, *UNKNOWN)
            return
        boto = place.boto
        request: PutObjectRequestTypeDef = {
            "Bucket": place.bucket,
            "Key": path,
            "Body": data,
            "ChecksumSHA256": b64encode(sha256).decode(),
        }
        if create:
            request["IfNoneMatch"] = "*"
        if self._sse:
            request["ServerSideEncryption"] = self._sse[0]  # type: ignore[typeddict-item]
            if self._sse[1]:
                request["SSEKMSKeyId"] = self._sse[1]
        place.ask(what, lambda: boto.put_object(**request), TAKEN, *UNKNOWN)

    def _holds(self, key: str, size: int, sha256: bytes, trust: bool = True) -> bool:
        """Whether an object is these bytes; ``trust``: also if only the store says so."""
        found = head(self._place, key)
        if found is None or found.size != size:
            return False
        if trust and found.sha256 is not None:
            return found.sha256 == sha256
        hasher = hashlib.sha256()
        for piece in read(self._place, key, 0, None):
            hasher.update(piece)
        return hasher.digest() == sha256
