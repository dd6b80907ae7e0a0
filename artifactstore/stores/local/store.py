"""``LocalStore``: objects as files."""

import fcntl
import hashlib
import os
import stat
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from artifactstore.errors import NotFound, Refused
from artifactstore.stores.base import PIECE, ObjectInfo, Part, Removed, UnfinishedUpload, part_size
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.faults import fault
from artifactstore.stores.keys import is_key, made_at
from artifactstore.stores.local import uploads
from artifactstore.stores.local.directories import MARKER, SCRATCH, UPLOADS, opened, remove, sync, walk, write
from artifactstore.stores.local.hazards import hazards
from artifactstore.stores.local.place import Place, split
from artifactstore.stores.trial import Trial

_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PUT = "put"
"""Upload id of what a crash left of an object that went in one piece."""
_LARGEST_MARKER = 65_536


class LocalStore:
    """See ``ObjectStore``."""

    def __init__(self, config: StoreConfig) -> None:
        assert config.root is not None  # noqa: S101 - a local store has one
        self.name = config.name
        self.part_size = part_size(0)
        self._place = Place(config.name, str(config.root), config.min_free)

    def put(self, key: str, data: bytes, sha256: bytes) -> None:
        """See ``ObjectStore``."""
        directory, name = split(key)
        place = self._place
        place.check(key, data, sha256)
        with place.told():
            place.need_room(len(data))
            with place.made(SCRATCH) as scratch, place.new_object(key, scratch, name) as descriptor:
                write(descriptor, data)
                fault("local.put.written")
                sync(descriptor)
                fault("local.put.synced")
                with place.made(directory) as home:
                    place.link(key, scratch, name, home)
                fault("local.put.linked")

    def settle(self, keys: Sequence[str]) -> None:
        """See ``ObjectStore``."""
        with self._place.open() as root:
            for directory in sorted({split(key)[0] for key in keys}):
                with self._place.there(directory) as home:
                    sync(home)
            sync(root)

    def begin(self, key: str, size: int) -> str:
        """See ``ObjectStore``."""
        return uploads.begin(self._place, key, size)

    def write_part(self, key: str, upload_id: str, number: int, data: bytes, sha256: bytes) -> Part:
        """See ``ObjectStore``."""
        return uploads.write_part(self._place, key, upload_id, number, data, sha256)

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """See ``ObjectStore``."""
        return uploads.parts(self._place, key, upload_id)

    def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """See ``ObjectStore``."""
        try:
            uploads.complete(self._place, key, upload_id, parts)
        except NotFound:  # no such upload: perhaps it was completed before, and it was not told
            there = self.head(key)
            if there is None or there.size != sum(part.size for part in parts):
                raise
        self.abort(key, upload_id)

    def abort(self, key: str, upload_id: str) -> None:
        """See ``ObjectStore``."""
        if upload_id != _PUT:
            uploads.abort(self._place, key, upload_id)
            return
        _, name = split(key)
        with self._place.told(), self._place.made(SCRATCH) as scratch:
            remove(name, scratch)

    def unfinished(self) -> Iterator[UnfinishedUpload]:
        """See ``ObjectStore``."""
        with self._place.told():
            self._place.need_marker()
            found: list[tuple[str, str]] = []
            with suppress(FileNotFoundError), self._place.there(SCRATCH) as scratch:
                found += ((name, _PUT) for name in os.listdir(scratch))  # noqa: PTH208 - of a descriptor
            with suppress(FileNotFoundError), self._place.there(UPLOADS) as begun:
                found += uploads.ids(begun)
        for object_id, upload_id in found:
            key = f"{object_id[-2:]}/{object_id}"
            if is_key(key):
                yield UnfinishedUpload(key, upload_id, made_at(key))

    def head(self, key: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        directory, name = split(key)
        with self._place.told():
            try:
                with self._place.there(directory) as home:
                    return _info(key, os.lstat(name, dir_fd=home))
            except FileNotFoundError:
                self._place.need_marker()
                return None

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See ``ObjectStore``."""
        directory, name = split(key)
        with self._place.told():
            try:
                with self._place.there(directory) as home:
                    descriptor = os.open(name, _OLD, dir_fd=home)
            except FileNotFoundError:
                self._place.need_marker()
                raise self._place.not_there(key) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._place.not_there(key)
        pieces = self._pieces(os.fdopen(descriptor, "rb", buffering=0), start, end)
        next(pieces)
        return pieces

    def _pieces(self, file: BinaryIO, start: int, end: int | None) -> Generator[bytes, None, None]:
        """Nothing, when the first piece was read; then the pieces."""
        with file, self._place.told():
            size = os.fstat(file.fileno()).st_size
            left = (size if end is None else min(end, size)) - start
            file.seek(start)
            piece = file.read(min(PIECE, max(left, 0)))
            yield b""
            while piece:
                yield piece
                left -= len(piece)
                piece = file.read(min(PIECE, left))

    def delete(self, keys: Sequence[str]) -> Mapping[str, Removed]:
        """See ``ObjectStore``."""
        names: dict[str, list[str]] = {}
        for key in keys:
            names.setdefault(split(key)[0], []).append(key)
        outcome: dict[str, Removed] = dict.fromkeys(keys, "not_found")
        with self._place.told():
            self._place.need_marker()
            for directory, inside in names.items():
                with suppress(FileNotFoundError), self._place.there(directory) as home:
                    for key in inside:
                        if remove(split(key)[1], home):
                            outcome[key] = "deleted"
                    fault("local.delete.unlinked")
                    sync(home)
        return outcome

    def list(self, after: str = "") -> Iterator[ObjectInfo]:
        """See ``ObjectStore``."""
        with self._place.told():
            self._place.need_marker()
            for key, found in walk(self._place.root, after):
                yield _told(key, found)
            self._place.need_marker()  # was it away meanwhile, what was not told may be there

    def free(self) -> float | None:
        """See ``ObjectStore``."""
        with self._place.told():
            room = os.statvfs(self._place.root)
        return room.f_bavail / room.f_blocks if room.f_blocks else None

    def read_marker(self) -> tuple[bytes, str] | None:
        """See ``ObjectStore``; None too where there is no root, which ``write_marker`` makes."""
        with self._place.told():
            try:
                with opened(self._place.root, follow=True) as root:
                    return _marker(root)
            except FileNotFoundError:
                return None

    def write_marker(self, data: bytes, version: str | None) -> str:
        """See ``ObjectStore``."""
        with self._place.told():
            if version is None:
                self._make_root()
            with self._place.open() as root:
                with suppress(FileExistsError):
                    os.mkdir(SCRATCH, 0o750, dir_fd=root)
                with opened(SCRATCH, root) as scratch:
                    self._replace_marker(root, scratch, data, version)
        return _version(data)

    def _make_root(self) -> None:
        root = Path(self._place.root)
        with suppress(FileExistsError):
            root.mkdir(0o750)
            with opened(str(root.parent), follow=True) as parent:
                sync(parent)

    def _replace_marker(self, root: int, scratch: int, data: bytes, version: str | None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open("marker.lock", flags, 0o640, dir_fd=scratch)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = _marker(root)
            if (before and before[1]) != version:
                problem = f"{self.name}: somebody else wrote {MARKER} meanwhile"
                raise Refused("store-mismatch", {"problem": problem, "store": self.name, "raced": True})
            new = os.open("marker.new", flags | os.O_TRUNC, 0o640, dir_fd=scratch)
            try:
                write(new, data)
                sync(new)
            finally:
                os.close(new)
            fault("local.marker.written")
            os.rename("marker.new", MARKER, src_dir_fd=scratch, dst_dir_fd=root)
            sync(root)
        finally:
            os.close(lock)

    def outer_marker(self) -> str | None:
        """See ``ObjectStore``."""
        for parent in Path(self._place.root).resolve().parents:
            with suppress(OSError):
                if (parent / MARKER).exists():
                    return str(parent)
        return None

    def presigned_get(self, key: str, seconds: int, disposition: str, media_type: str) -> str | None:  # noqa: ARG002
        """See ``ObjectStore``: files have no URL."""
        return None

    def own_trials(self, settings: StoreConfig) -> Iterator[Trial]:  # noqa: ARG002 - as of any store
        """See ``TriesItself``."""
        with self._place.told():
            yield from hazards(self._place.root)

    def close(self) -> None:
        """See ``ObjectStore``: nothing stays open."""


def _info(key: str, found: os.stat_result) -> ObjectInfo | None:
    """What a file is as an object; None for a link, a directory or a device, which is none."""
    return _told(key, found) if stat.S_ISREG(found.st_mode) else None


def _told(key: str, found: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _marker(root: int) -> tuple[bytes, str] | None:
    try:
        descriptor = os.open(MARKER, _OLD, dir_fd=root)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(_LARGEST_MARKER)
    return data, _version(data)


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
