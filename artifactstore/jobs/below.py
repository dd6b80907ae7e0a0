"""Making files below one directory, by paths that somebody else chose.

Every step goes through a descriptor of the directory before it, and follows no symbolic link: what is there
already, or is put there meanwhile, leads nowhere else.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from artifactstore import system

PARTS = ".artifactstore-parts"
"""Below the root: where files are until they are whole; no file of a package goes there."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_REASONS = {
    errno.ELOOP: "a symbolic link is in the way",
    errno.ENOTDIR: "a file or a symbolic link is in the way",
    errno.EISDIR: "a directory is in the way",
    errno.ENAMETOOLONG: "the name is too long for this file system",
}


class Unfit(Exception):
    """A file cannot be made; says why in words."""


def segments_of(path: str) -> list[bytes]:
    """The names of a path of the log; raises ``Unfit`` for one that could lead elsewhere."""
    try:
        names = path.encode().split(b"/")
    except UnicodeEncodeError:
        raise Unfit("the path is no text") from None
    if any(name in (b"", b".", b"..") or b"\0" in name for name in names):
        raise Unfit("the path leads elsewhere")
    if names[0] == os.fsencode(PARTS):
        raise Unfit(f"{PARTS} is where files are until they are whole")
    return names


@contextmanager
def _explained() -> Iterator[None]:
    """Raise ``Unfit`` for what is particular to one path, and as ``system.refused`` what concerns all."""
    try:
        yield
    except OSError as failure:
        if system.code_of(failure) != "file":
            raise system.refused(failure) from failure
        raise Unfit(_REASONS.get(failure.errno or 0, failure.strerror or str(failure))) from failure


class Below:
    """A directory, made if there is none; raises as ``system.refused``."""

    def __init__(self, root: Path) -> None:
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as failure:
            raise system.refused(failure, root) from failure
        try:
            with suppress(FileExistsError):
                os.mkdir(PARTS, 0o700, dir_fd=self._root)
            self._parts = os.open(PARTS, _DIRECTORY, dir_fd=self._root)
        except OSError as failure:
            os.close(self._root)
            raise system.refused(failure, root / PARTS) from failure
        self._changed: set[bytes] = set()

    def read(self, path: str) -> int | None:
        """A descriptor of the regular file that is there; None if there is nothing.

        Raises ``Unfit`` for anything else.
        """
        *directories, name = segments_of(path)
        with _explained(), self._directory(directories, make=False) as parent:
            if parent is None:
                return None
            try:
                descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=parent)
            except FileNotFoundError:
                return None
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise Unfit("something that is no regular file is in the way")
            return descriptor

    @contextmanager
    def part(self, name: str) -> Iterator[int]:
        """A descriptor to read and write a part of a file, which another run may have begun.

        Raises ``Unfit`` while another one writes it.
        """
        with _explained():
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | _FILE, 0o666, dir_fd=self._parts)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unfit("another fetch writes it") from None
            with _explained():
                yield descriptor
        finally:
            os.close(descriptor)

    def place(self, part: str, path: str) -> None:
        """Make a part that is whole the file of a path, in place of a file that is there."""
        *directories, name = segments_of(path)
        with _explained(), self._directory(directories, make=True) as parent:
            os.rename(part, name, src_dir_fd=self._parts, dst_dir_fd=parent)
        self._changed.add(b"/".join(directories))

    def drop(self, part: str) -> None:
        """Forget a part."""
        with suppress(OSError):
            os.unlink(part, dir_fd=self._parts)

    def settle(self) -> None:
        """Make the names durable."""
        directories = {
            self._below(path, depth) for path in self._changed for depth in range(path.count(b"/") + 2)
        }
        for path in directories:
            with _explained(), self._directory(path.split(b"/") if path else [], make=False) as directory:
                if directory is not None:
                    os.fsync(directory)

    @staticmethod
    def _below(path: bytes, depth: int) -> bytes:
        return b"/".join(path.split(b"/")[:depth])

    @contextmanager
    def _directory(self, names: list[bytes], *, make: bool) -> Iterator[int | None]:
        """A descriptor of a directory; None if it is not there and not to be made."""
        here = os.dup(self._root)
        try:
            for name in names:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=here)
                try:
                    below = os.open(name, _DIRECTORY, dir_fd=here)
                except FileNotFoundError:
                    if make:
                        raise
                    yield None
                    return
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    def close(self) -> None:
        """Remove the directory of parts, if none is left."""
        os.close(self._parts)
        with suppress(OSError):
            os.rmdir(PARTS, dir_fd=self._root)
        os.close(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
