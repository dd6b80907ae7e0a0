"""The directory of a local store: what may be done in it, and what its failures mean."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from artifactstore import system
from artifactstore.errors import ArtifactstoreError, BadInput, Busy, NotFound, Refused, error
from artifactstore.stores.keys import is_key
from artifactstore.stores.local.directories import DIRECTORY, MARKER, opened, remove

_MODE, _OBJECT = 0o750, 0o440
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_AWAY = frozenset(
    {
        errno.EIO, errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT,
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET,
        errno.ENETDOWN, errno.ENETUNREACH,
    }
)  # fmt: skip
_AWAY_HINT = "is it mounted there? a new store is made by artifactstore backend init"


def split(key: str) -> tuple[str, str]:
    """Directory and name of an object; raises ``BadInput`` bad-uri for what is no key of ours."""
    if not is_key(key):
        raise BadInput("bad-uri", {"problem": f"{key!r} is no key"})
    return key[:2], key[3:]


class Place:
    """A root, opened anew for each use, so that it may be mounted again under a running process.

    Args:
        store: name of the store, for errors. min_free: the share that has to stay free.
    """

    def __init__(self, store: str, root: str, min_free: float) -> None:
        self.store = store
        self.root = root
        self._min_free = min_free

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise what the system refuses inside as store-full, -unavailable, -refused or exhausted."""
        try:
            yield
        except OSError as failure:
            raise self._meaning(failure) from failure

    def _meaning(self, failure: OSError) -> ArtifactstoreError:
        code = system.code_of(failure)
        if code == "exhausted":
            return system.refused(failure, self.root)
        if code == "disk-full":
            code = "store-full"
        else:
            code = "store-unavailable" if failure.errno in _AWAY else "store-refused"
        named = failure.filename if isinstance(failure.filename, str | bytes) else ""
        path = os.path.join(self.root, os.fsdecode(named))  # noqa: PTH118 - as the system named it
        name = errno.errorcode.get(failure.errno or 0, "")
        problem = f"{self.store}: {path}: {failure.strerror or failure}" + (f" ({name})" if name else "")
        told = {"problem": problem, "store": self.store, "path": path, "errno": name}
        if code == "store-unavailable":
            return Busy(code, told, _AWAY_HINT)
        return error(code, told)

    @contextmanager
    def open(self) -> Iterator[int]:
        """A descriptor of the root; failures are told."""
        with self.told(), opened(self.root, follow=True) as root:
            yield root

    def there(self, name: str) -> AbstractContextManager[int]:
        """A descriptor of a directory in the root; raises ``FileNotFoundError``."""
        return opened(f"{self.root}/{name}")

    @contextmanager
    def made(self, name: str) -> Iterator[int]:
        """A descriptor of a directory in the root, made if need be, and if the root is there."""
        path = f"{self.root}/{name}"
        try:
            descriptor = os.open(path, DIRECTORY)
        except FileNotFoundError:
            self.need_marker()
            with suppress(FileExistsError):
                os.mkdir(path, _MODE)  # noqa: PTH102 - the root is text: it is used for each object
            descriptor = os.open(path, DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def need_marker(self) -> None:
        """Raise ``Busy`` store-unavailable where there is no marker: it is not mounted, or no store yet."""
        try:
            os.lstat(f"{self.root}/{MARKER}")
        except FileNotFoundError:
            problem = f"{self.store}: {self.root} has no {MARKER}"
            told = {"problem": problem, "store": self.store, "path": self.root}
            raise Busy("store-unavailable", told, _AWAY_HINT) from None

    def need_room(self, size: int) -> None:
        """Raise ``Busy`` store-full if less than the share would be free behind ``size`` more bytes."""
        room = os.statvfs(self.root)
        left = room.f_bavail * room.f_frsize - size
        least = int(room.f_blocks * room.f_frsize * self._min_free)
        if left < least:
            problem = f"{self.store}: {max(left, 0)} bytes would stay free, min_free asks for {least}"
            told = {"problem": problem, "store": self.store, "path": self.root, "size": size}
            raise error("store-full", told)

    @contextmanager
    def new_object(self, key: str, directory: int, name: str) -> Iterator[int]:
        """A descriptor of a new file that is to become an object; at the end only links of it stay."""
        try:
            descriptor = os.open(name, _NEW, _OBJECT, dir_fd=directory)
        except FileExistsError:
            raise self.taken(key) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)
            remove(name, directory)

    def link(self, key: str, directory: int, name: str, home: int) -> None:
        """Let a file that is whole appear under its key; raises ``Refused`` id-taken."""
        try:
            os.link(name, split(key)[1], src_dir_fd=directory, dst_dir_fd=home, follow_symlinks=False)
        except FileExistsError:
            raise self.taken(key) from None

    def check(self, key: str, data: bytes | memoryview, sha256: bytes) -> None:
        """Raise ``Refused`` digest-mismatch if the bytes are not those that were said."""
        if hashlib.sha256(data).digest() != sha256:
            raise self.mismatch(key, "what came")

    def mismatch(self, key: str, what: str) -> Refused:
        """The error that bytes are not those that were said."""
        told = {
            "problem": f"{self.store}: {key}: SHA-256 of {what} is another",
            "store": self.store,
            "key": key,
        }
        return Refused("digest-mismatch", told)

    def taken(self, key: str) -> Refused:
        """The error that a key was used."""
        return Refused("id-taken", {"problem": f"{self.store}: {key}", "store": self.store, "key": key})

    def not_there(self, key: str, what: str = "object") -> NotFound:
        """The error that there is no such object or upload."""
        told = {"problem": f"{self.store} has no {what} {key}", "store": self.store, "key": key}
        return NotFound("not-found", told)
