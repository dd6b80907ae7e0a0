"""Uploads in parts below ``uploads/``: each part is a file named by its number and SHA-256.

Parts are not synced one by one: completing reads each again and compares, which finds what a power cut
spoiled.
"""

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from artifactstore.errors import NotFound, Refused
from artifactstore.stores.base import PIECE, Part
from artifactstore.stores.faults import fault
from artifactstore.stores.local.directories import DIRECTORY, UPLOADS, remove, sync, write
from artifactstore.stores.local.place import Place, split

_DIRECTORY, _PART = 0o750, 0o640
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_UPLOAD = re.compile(r"([0-9a-f]{32})-[0-9a-f]{16}", re.ASCII)
_PART_NAME = re.compile(r"([0-9]{5})\.([0-9a-f]{64})", re.ASCII)


def begin(place: Place, key: str, size: int) -> str:
    """The id of a new upload."""
    upload_id = f"{split(key)[1]}-{secrets.token_hex(8)}"
    with place.told():
        place.need_room(size)
        with place.made(UPLOADS) as uploads:
            os.mkdir(upload_id, _DIRECTORY, dir_fd=uploads)
    return upload_id


def write_part(place: Place, key: str, upload_id: str, number: int, data: bytes, sha256: bytes) -> Part:
    """Write a part, in place of one of this number."""
    place.check(key, data, sha256)
    part = Part(number, len(data), sha256.hex(), sha256)
    scratch = f"new-{secrets.token_hex(8)}"
    with _opened(place, key, upload_id) as upload:
        place.need_room(len(data))
        descriptor = os.open(scratch, _NEW, _PART, dir_fd=upload)
        try:
            write(descriptor, data)
            fault("local.part.written")
            os.rename(scratch, _name(part), src_dir_fd=upload, dst_dir_fd=upload)
        except BaseException:
            remove(scratch, upload)
            raise
        finally:
            os.close(descriptor)
        for name in os.listdir(upload):  # noqa: PTH208 - of a descriptor
            if name.startswith(f"{number:05}.") and name != _name(part):
                remove(name, upload)
    return part


def parts(place: Place, key: str, upload_id: str) -> list[Part]:
    """The parts that are there, ascending."""
    found = []
    with _opened(place, key, upload_id) as upload:
        for name in sorted(os.listdir(upload)):  # noqa: PTH208 - of a descriptor
            if match := _PART_NAME.fullmatch(name):
                with suppress(FileNotFoundError):  # another of its number came meanwhile
                    size = os.lstat(name, dir_fd=upload).st_size
                    found.append(Part(int(match[1]), size, match[2], bytes.fromhex(match[2])))
    return found


def complete(place: Place, key: str, upload_id: str, given: Sequence[Part]) -> None:
    """Make an object of parts; the upload stays until it is aborted."""
    whole = f"whole-{secrets.token_hex(8)}"
    with _opened(place, key, upload_id) as upload:
        place.need_room(sum(part.size for part in given))
        with place.new_object(key, upload, whole) as descriptor:
            for part in given:
                _append(place, key, upload, part, descriptor)
            fault("local.complete.written")
            sync(descriptor)
            fault("local.complete.synced")
            with place.made(split(key)[0]) as home:
                try:
                    place.link(key, upload, whole, home)
                except Refused:  # perhaps this upload was completed before, and it was not told
                    if not _equal(home, split(key)[1], upload, whole):
                        raise
            fault("local.complete.linked")


def abort(place: Place, key: str, upload_id: str) -> None:
    """Remove an upload, if there is one."""
    with suppress(NotFound), _opened(place, key, upload_id) as upload, place.there(UPLOADS) as uploads:
        while True:
            for name in os.listdir(upload):  # noqa: PTH208 - of a descriptor
                remove(name, upload)
            try:
                return os.rmdir(upload_id, dir_fd=uploads)
            except OSError as failure:
                if failure.errno != errno.ENOTEMPTY:  # a part came meanwhile
                    raise


def ids(uploads: int) -> Iterator[tuple[str, str]]:
    """Object id and upload id of each upload in a directory."""
    for name in os.listdir(uploads):
        if match := _UPLOAD.fullmatch(name):
            yield match[1], name


@contextmanager
def _opened(place: Place, key: str, upload_id: str) -> Iterator[int]:
    """A descriptor of an upload; raises ``NotFound`` if it is none of this key."""
    match = _UPLOAD.fullmatch(upload_id)
    if match is None or match[1] != split(key)[1]:
        raise place.not_there(key, "upload of")
    with place.told():
        try:
            with place.there(UPLOADS) as uploads:
                descriptor = os.open(upload_id, DIRECTORY, dir_fd=uploads)
        except FileNotFoundError:
            place.need_marker()
            raise place.not_there(key, "upload of") from None
        try:
            yield descriptor
        except FileNotFoundError:  # aborted meanwhile
            place.need_marker()
            raise place.not_there(key, "upload of") from None
        finally:
            os.close(descriptor)


def _append(place: Place, key: str, upload: int, part: Part, whole: int) -> None:
    """Copy a part, comparing it; one that is spoiled is removed, so that it is sent again."""
    try:
        descriptor = os.open(_name(part), _OLD, dir_fd=upload)
    except FileNotFoundError:
        raise place.not_there(key, f"part {part.number} of the upload of") from None
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            write(whole, piece)
    if digest.hexdigest() != part.etag:
        remove(_name(part), upload)
        raise place.mismatch(key, f"part {part.number}")


def _equal(directory: int, name: str, other_directory: int, other: str) -> bool:
    """Whether two files have the same bytes."""
    with (
        os.fdopen(os.open(name, _OLD, dir_fd=directory), "rb") as one,
        os.fdopen(os.open(other, _OLD, dir_fd=other_directory), "rb") as two,
    ):
        while piece := one.read(PIECE):
            if piece != two.read(PIECE):
                return False
        return not two.read(1)


def _name(part: Part) -> str:
    return f"{part.number:05}.{part.etag}"
