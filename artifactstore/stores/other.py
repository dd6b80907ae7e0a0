"""Azure and Google Cloud through obstore alone: experimental, see docs/how-to/stores-s3.md.

obstore has no uploads in parts that another process could go on with. So each part is an object of its own,
and completing sends all of them once more: a large object goes there, back and there again.

::

    <prefix>artifactstore.json                       whose place it is
    <prefix><xx>/<id>                                an object
    <prefix>uploads/<id>-<random>/begun              an upload
    <prefix>uploads/<id>-<random>/<number>.<sha256>  a part of it
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.store import AzureStore, GCSStore

from artifactstore.errors import ArtifactstoreError, BadInput, NotFound, Refused
from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.base import PIECE, ObjectInfo, Part, Removed, UnfinishedUpload, part_size
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.credentials import private
from artifactstore.stores.keys import is_key
from artifactstore.stores.obstore_answers import of_obstore
from artifactstore.stores.obstore_options import client_options
from artifactstore.stores.patience import Patience, Waiting

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode
    from obstore.store import AzureConfig, GCSConfig
    from obstore.store import ObjectStore as Client

T = TypeVar("T")

_MARKER, _UPLOADS, _BEGUN = "artifactstore.json", "uploads/", "begun"
_MISSING, _TAKEN = ("NotFound", "BlobNotFound", "NoSuchKey"), "PreconditionFailed"
_PART_NAME = re.compile(r"([0-9]{5})\.([0-9a-f]{64})", re.ASCII)
_UPLOAD_NAME = re.compile(r"([0-9a-f]{32})-[0-9a-f]{16}", re.ASCII)


class OtherStore:
    """See ``ObjectStore``.

    Args:
        client: another one than the configuration says. patience: how long the store is waited for.
    """

    def __init__(
        self, config: StoreConfig, client: "Client | None" = None, patience: Patience | None = None
    ) -> None:
        self.name = config.name
        self.part_size = part_size(0)
        self._prefix = config.prefix
        self._verify = config.verify_writes
        self._patience = patience or Patience()
        self._client = client or _client(config, self._patience)

    def put(self, key: str, data: bytes, sha256: bytes) -> None:
        """See ``ObjectStore``."""
        path = self._path(key)
        self._check(key, data, sha256)
        self._put(f"put {key}", key, path, data, "create", lambda: self._sha256(key) == sha256)
        if self._verify and self._sha256(key) != sha256:
            raise self._mismatch(key, "the store gives back other bytes than it was given")

    def _put(
        self, what: str, key: str, path: str, data: bytes, mode: "PutMode", done: Callable[[], bool]
    ) -> str:
        """Write an object; its ETag. ``done``: whether a call whose answer was lost has done it."""
        client = self._client
        try:
            written = self._ask(
                what, lambda: obstore.put(client, path, data, mode=mode, use_multipart=False), _TAKEN
            )
        except StoreAnswer as answer:
            if not answer.uncertain or not done():
                told = {"problem": f"{self.name}: {key}", "store": self.name, "key": key}
                raise Refused("id-taken", told) from answer
            found = self._meta(path)
            return (found and found["e_tag"]) or ""
        return written["e_tag"] or ""

    def settle(self, keys: Sequence[str]) -> None:
        """See ``ObjectStore``: what a store over a network acknowledged is durable."""
        for key in keys:
            self._path(key)

    def begin(self, key: str, size: int) -> str:  # noqa: ARG002 - parts may have any size
        """See ``ObjectStore``."""
        self._path(key)
        upload_id = f"{key[3:]}-{secrets.token_hex(8)}"
        client, path = self._client, self._upload(key, upload_id) + _BEGUN
        self._ask(f"begin {key}", lambda: obstore.put(client, path, b"", use_multipart=False))
        return upload_id

    def write_part(self, key: str, upload_id: str, number: int, data: bytes, sha256: bytes) -> Part:
        """See ``ObjectStore``."""
        self._check(key, data, sha256)
        before = [part for part in self.parts(key, upload_id) if part.number == number]
        name = f"{number:05}.{sha256.hex()}"
        client, path = self._client, self._upload(key, upload_id)
        self._ask(
            f"part {number} of {key}", lambda: obstore.put(client, path + name, data, use_multipart=False)
        )
        self._remove([path + part.etag for part in before if part.etag != name])
        return Part(number, len(data), name, sha256)

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """See ``ObjectStore``."""
        path = self._upload(key, upload_id)
        names = {one["path"].removeprefix(path): one["size"] for one in self._list(path, "")}
        if _BEGUN not in names:
            raise self._not_there(key, "upload of")
        found = [(match, size) for name, size in names.items() if (match := _PART_NAME.fullmatch(name))]
        return [
            Part(int(match[1]), size, match[0], bytes.fromhex(match[2]))
            for match, size in sorted(found, key=lambda one: one[0][0])
        ]

    def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """See ``ObjectStore``."""
        ordered = sorted(parts, key=lambda part: part.number)
        if self.head(key) is not None:
            self._need_same(key, ordered)
        else:
            if not {part.etag for part in ordered} <= {part.etag for part in self.parts(key, upload_id)}:
                raise self._not_there(key, "part of")
            self._ask(f"complete {key}", lambda: self._join(key, self._upload(key, upload_id), ordered))
            self._need_same(key, ordered, read=self._verify)
        self.abort(key, upload_id)

    def _join(self, key: str, directory: str, parts: Sequence[Part]) -> None:
        """Send all parts once more, each compared with its digest; the object is there when all were sent."""
        writer = obstore.open_writer(self._client, self._path(key), buffer_size=self.part_size)
        for part in parts:
            data = b"".join(self._pieces(key, directory + part.etag, 0, None))
            if hashlib.sha256(data).digest() != part.sha256:
                raise self._mismatch(key, f"part {part.number} is not what was written")
            writer.write(data)
        writer.close()

    def _need_same(self, key: str, parts: Sequence[Part], read: bool = True) -> None:
        """Raise id-taken if the object is not made of these parts."""
        found, at = self.head(key), 0
        same = found is not None and found.size == sum(part.size for part in parts)
        for part in parts if same and read else ():
            hasher = hashlib.sha256()
            for piece in self.read(key, at, at + part.size):
                hasher.update(piece)
            same = same and hasher.digest() == part.sha256
            at += part.size
        if not same:
            raise Refused("id-taken", {"problem": f"{self.name}: {key}", "store": self.name, "key": key})

    def abort(self, key: str, upload_id: str) -> None:
        """See ``ObjectStore``: what says that it was begun goes last."""
        try:
            path = self._upload(key, upload_id)
        except NotFound:
            return
        names = [one["path"] for one in self._list(path, "")]
        self._remove([name for name in names if name != path + _BEGUN])
        self._remove([name for name in names if name == path + _BEGUN])

    def unfinished(self) -> Iterator[UnfinishedUpload]:
        """See ``ObjectStore``."""
        root = self._prefix + _UPLOADS
        for one in self._list(root, ""):
            upload_id, _, name = one["path"].removeprefix(root).partition("/")
            match = _UPLOAD_NAME.fullmatch(upload_id)
            if name == _BEGUN and match and is_key(key := f"{match[1][-2:]}/{match[1]}"):
                yield UnfinishedUpload(key, upload_id, one["last_modified"])

    def head(self, key: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        found = self._meta(self._path(key))
        if found is None:
            next(self._list(self._prefix, ""), None)  # raises if there is no such container
            return None
        return ObjectInfo(key, found["size"], found["last_modified"])

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See ``ObjectStore``."""
        found = self.head(key)
        if found is None:
            raise self._not_there(key)
        last = found.size if end is None else min(end, found.size)
        if start >= last:
            return iter(())
        pieces = self._pieces(key, self._path(key), start, last)
        return chain((next(pieces),), pieces)

    def _pieces(self, key: str, path: str, start: int, end: int | None) -> Iterator[bytes]:
        """The bytes of an object, a piece for each request: one that fails is asked for again."""
        client = self._client
        if end is None:
            found = self._meta(path)
            if found is None:
                raise self._not_there(key)
            end = found["size"]
        for at in range(start, end, PIECE):
            to = min(at + PIECE, end)
            yield self._ask(
                f"read {key}",
                lambda at=at, to=to: bytes(obstore.get_range(client, path, start=at, end=to)),  # type: ignore[misc]
            )

    def delete(self, keys: Sequence[str]) -> Mapping[str, Removed]:
        """See ``ObjectStore``."""
        paths = {key: self._path(key) for key in keys}
        there = {key: self.head(key) is not None for key in keys}
        self._remove([paths[key] for key in keys if there[key]])
        return {key: "deleted" if there[key] else "not_found" for key in keys}

    def list(self, after: str = "") -> Iterator[ObjectInfo]:
        """See ``ObjectStore``."""
        for one in self._list(self._prefix, after):
            key = one["path"].removeprefix(self._prefix)
            if key != _MARKER and not key.startswith(_UPLOADS):
                yield ObjectInfo(key, one["size"], one["last_modified"])

    def free(self) -> float | None:
        """See ``ObjectStore``: nobody can say."""
        return None

    def read_marker(self) -> tuple[bytes, str] | None:
        """See ``ObjectStore``."""
        client, path = self._client, self._prefix + _MARKER

        def get() -> tuple[bytes, str]:
            found = obstore.get(client, path)
            return bytes(found.bytes()), found.meta["e_tag"] or ""

        try:
            return self._ask("read the marker", get, *_MISSING)
        except StoreAnswer:
            return None

    def write_marker(self, data: bytes, version: str | None) -> str:
        """See ``ObjectStore``."""
        mode: PutMode = "create" if version is None else {"e_tag": version}

        def done() -> bool:
            there = self.read_marker()
            return there is not None and there[0] == data

        try:
            return self._put("write the marker", _MARKER, self._prefix + _MARKER, data, mode, done)
        except Refused as failure:
            if failure.code != "id-taken":
                raise
            problem = f"{self.name}: somebody else wrote {_MARKER} meanwhile"
            told = {"problem": problem, "store": self.name, "raced": True}
            raise Refused("store-mismatch", told) from failure

    def outer_marker(self) -> str | None:
        """See ``ObjectStore``."""
        segments = self._prefix.split("/")[:-1]
        for count in range(len(segments)):
            outer = "".join(f"{segment}/" for segment in segments[:count])
            with suppress(Refused):  # what may not be looked at
                if self._meta(outer + _MARKER) is not None:
                    return outer or "/"
        return None

    def presigned_get(self, key: str, seconds: int, disposition: str, media_type: str) -> str | None:  # noqa: ARG002
        """See ``ObjectStore``: obstore signs no disposition, without which content is not served."""
        return None

    def close(self) -> None:
        """See ``ObjectStore``: obstore closes what it opened."""

    def _path(self, key: str) -> str:
        if not is_key(key):
            raise BadInput("bad-uri", {"problem": f"{key!r} is no key"})
        return self._prefix + key

    def _upload(self, key: str, upload_id: str) -> str:
        match = _UPLOAD_NAME.fullmatch(upload_id)
        if not is_key(key) or match is None or match[1] != key[3:]:
            raise self._not_there(key, "upload of")
        return f"{self._prefix}{_UPLOADS}{upload_id}/"

    def _check(self, key: str, data: bytes, sha256: bytes) -> None:
        if hashlib.sha256(data).digest() != sha256:
            raise self._mismatch(key, "SHA-256 of what came is another")

    def _sha256(self, key: str) -> bytes:
        hasher = hashlib.sha256()
        for piece in self.read(key):
            hasher.update(piece)
        return hasher.digest()

    def _meta(self, path: str) -> "ObjectMeta | None":
        client = self._client
        try:
            return self._ask("head", lambda: obstore.head(client, path), *_MISSING)
        except StoreAnswer:
            return None

    def _remove(self, paths: Sequence[str]) -> None:
        client = self._client
        for path in paths:
            with suppress(StoreAnswer):
                self._ask("delete", lambda this=path: obstore.delete(client, this), *_MISSING)  # type: ignore[misc]

    def _list(self, below: str, after: str) -> "Iterator[ObjectMeta]":
        """Objects whose paths begin with ``below``, behind ``after``; what fails is asked for again."""
        client, waiting = self._client, Waiting(self._patience)
        behind, root = below + after, below.rstrip("/") or None
        offset = behind if after else None
        while True:
            try:
                with of_obstore():
                    pages = iter(obstore.list(client, root, offset=offset, chunk_size=1_000))
                while True:
                    with of_obstore():
                        page = next(pages, None)
                    if page is None:
                        return
                    waiting.progress()
                    for one in page:
                        if one["path"].encode() > behind.encode():  # a slash at the end of it goes unheard
                            offset = one["path"]
                            yield one
            except StoreAnswer as answer:
                try:
                    waiting.wait_after(answer)
                except StoreAnswer as last:
                    raise last.error(self.name, "list") from answer

    def _ask(self, what: str, call: Callable[[], T], *known: str) -> T:
        def once() -> T:
            with of_obstore():
                return call()

        try:
            return self._patience.ask(once)
        except StoreAnswer as answer:
            if answer.code in known:
                raise
            raise answer.error(self.name, what) from answer

    def _mismatch(self, key: str, what: str) -> ArtifactstoreError:
        return Refused("digest-mismatch", {"problem": f"{self.name}: {key}: {what}", "store": self.name})

    def _not_there(self, key: str, what: str = "object") -> NotFound:
        told = {"problem": f"{self.name} has no {what} {key}", "store": self.name, "key": key}
        return NotFound("not-found", told)


def _client(given: StoreConfig, patience: Patience) -> "Client":
    options = client_options(given, patience)
    secret = private(given.credentials_file) if given.credentials_file else ""
    container = str(given.bucket)
    if given.type == "gcs":
        place: GCSConfig = {"bucket": container}
        if secret:
            place["service_account_key"] = secret
        if given.endpoint:
            place["base_url"] = given.endpoint
        return GCSStore(config=place, client_options=options, retry_config={"max_retries": 0})
    blobs: AzureConfig = {"container_name": container}
    if secret:
        blobs["account_key"] = secret.strip()
    if given.account:
        blobs["account_name"] = given.account
    if given.endpoint:
        blobs["endpoint"] = given.endpoint
    return AzureStore(config=blobs, client_options=options, retry_config={"max_retries": 0})
