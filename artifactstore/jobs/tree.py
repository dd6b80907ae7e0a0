"""Walking a directory tree, and hashing its files on all cores."""

import errno
import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple
from unicodedata import is_normalized
from urllib.parse import quote

from blake3 import blake3
from pathspec import GitIgnoreSpec

from artifactstore.errors import BadInput

MAX_PATH = 1024
MAX_URI = 2048
"""Bytes of one payload, as the profile has it (docs/explanation/payloads.md)."""

_READ = 256 * 1024
"""Bytes per read: small enough that the second hash finds them in the cache of the core."""
_CHUNK_FILES = 64
_CHUNK_BYTES = 8 * 1024 * 1024
_CHUNKS_AHEAD = 16
"""Per worker: enough to go on with while the results of 1,000 files are appended."""
_TICK = 0.5
CHANGED = "changed while it was read"
Take = Callable[[memoryview], object]
_MISSING = (errno.ENOENT, errno.ENOTDIR)
"""Errors that say that there is no such file, or no directory that could have it."""


class TreeFile(NamedTuple):
    """A file of a tree; ``problem`` says why it cannot be taken, ``skip`` why it is none of our files.

    ``path`` is relative to the root, with ``/``; bytes that are not UTF-8 are surrogates in it.
    ``unreadable``: the problem is not its name.
    """

    path: str
    size: int = 0
    problem: str | None = None
    unreadable: bool = False
    skip: str | None = None


class Hashed(NamedTuple):
    """A file that was read: size in bytes, BLAKE3 and SHA-256 of the content (32 bytes each).

    With a ``problem`` the file could not be read, or changed meanwhile, and the rest means nothing;
    ``missing``: because there is none. A digest that was not asked for is empty.
    """

    path: str
    size: int = 0
    blake3: bytes = b""
    sha256: bytes = b""
    problem: str | None = None
    missing: bool = False


class Tree:
    """The regular files below a directory, or a single file; that has the directory it is in as its root.

    Symbolic links are not followed: they could lead out of it. Only what is given itself may be one, and
    stands for what it leads to.

    Args:
        exclude: what is left out, as patterns of a ``.gitignore`` in the root.

    Raises:
        OSError: there is no such directory or file.
        BadInput: usage, for a pattern that is none.
    """

    def __init__(self, given: Path, exclude: Iterable[str] = ()) -> None:
        real = os.fsencode(os.path.realpath(given, strict=True))
        self.root, self._single = (real, b"") if given.is_dir() else os.path.split(real)
        try:
            self._exclude = GitIgnoreSpec.from_lines(exclude)
        except ValueError as failure:
            raise BadInput("usage", {"problem": f"--exclude: {failure}"}) from failure

    def os_path(self, path: str) -> bytes:
        """The absolute path of a file of the tree, for the operating system."""
        return self.root.rstrip(b"/") + b"/" + os.fsencode(path)

    def uri(self, path: str) -> str:
        """The ``file://`` URI (RFC 8089) of a file of the tree, everything but unreserved bytes escaped."""
        return "file://" + quote(self.os_path(path))

    def walk(self) -> Iterator[TreeFile]:
        """Everything below the root but directories, ascending by path bytes.

        Memory as of the directories on the way to one file. One whose own path is longer than ``MAX_PATH``
        is told as a problem: no file in it could be taken.
        """
        # No recursion: names decide how deep this goes, and whoever gives the files gives those.
        open_lists = [self._list(b"") if not self._single else self._judged(self._single)]
        while open_lists:
            found = next(open_lists[-1], None)
            if found is None:
                open_lists.pop()
            elif isinstance(found, TreeFile):
                yield found
            elif len(found) > MAX_PATH:
                told = os.fsdecode(found.rstrip(b"/"))
                yield TreeFile(told, problem=f"the directory's own path has more than {MAX_PATH} bytes")
            else:
                open_lists.append(self._list(found))

    def _list(self, directory: bytes) -> Iterator[TreeFile | bytes]:
        """What is in a directory, ascending; directories as their path, which ends with a slash."""
        try:
            with os.scandir(self.root + b"/" + directory) as listing:
                # A directory sorts as its files do: with the slash.
                found = sorted(e.name + b"/" * e.is_dir(follow_symlinks=False) for e in listing)
        except OSError as error:
            yield _unreadable(directory or b".", error)
            return
        for name in found:
            yield from self._judged(directory + name)

    def _judged(self, found: bytes) -> Iterator[TreeFile | bytes]:
        """A path, unless it is excluded: a directory as it is, anything else looked at."""
        if self._exclude.patterns and self._exclude.match_file(os.fsdecode(found)):
            yield TreeFile(os.fsdecode(found.rstrip(b"/")), skip="excluded")
        else:
            yield found if found.endswith(b"/") else self._entry(os.fsdecode(found))

    def _entry(self, path: str) -> TreeFile:
        try:
            status = os.lstat(self.os_path(path))
        except OSError as error:
            return _unreadable(os.fsencode(path), error)
        if not stat.S_ISREG(status.st_mode):
            return TreeFile(path, skip=_kind(status.st_mode))
        problem = self._problem(path)
        if problem is None and not os.access(self.os_path(path), os.R_OK):
            return TreeFile(path, problem=os.strerror(errno.EACCES), unreadable=True)
        return TreeFile(path, status.st_size, problem)

    def _problem(self, path: str) -> str | None:
        try:
            length = len(path.encode())
        except UnicodeEncodeError:
            return "the name is not UTF-8"
        if length > MAX_PATH:
            return f"the path has {length} bytes, {MAX_PATH} are allowed"
        if any(character < " " or character == "\x7f" for character in path):
            return "control characters are not allowed in a path"
        if not is_normalized("NFC", path):
            return "the name is not in Unicode normalization form C"
        length = len(self.uri(path))
        return f"its URI has {length} bytes, {MAX_URI} are allowed" if length > MAX_URI else None


def hash_files(
    tree: Tree, entries: Iterable[TreeFile], workers: int, tick: Callable[[int], None], *, check: bool = False
) -> Iterator[Hashed]:
    """Read files and hash them in threads (the hashes release the GIL); results in the order of entries.

    Only so many files are ahead of the consumer. ``tick`` gets the bytes read so far, at least twice a
    second while the consumer waits. Leaving the iterator ends the threads, in the middle of a file too.

    Args:
        check: only compare with what is known: no SHA-256, and no BLAKE3 of a file whose size is not
            that of its entry.
    """
    reader = Reader(check=check)
    pending: deque[Future[list[Hashed]]] = deque()

    def first() -> list[Hashed]:
        while not wait([pending[0]], _TICK).done:
            tick(reader.read)
        tick(reader.read)
        return pending.popleft().result()

    with ThreadPoolExecutor(workers, thread_name_prefix="hash") as pool:
        try:
            for chunk in _chunks(entries):
                pending.append(pool.submit(reader.hash_all, tree, chunk))
                if len(pending) > workers * _CHUNKS_AHEAD:
                    yield from first()
            while pending:
                yield from first()
        finally:
            reader.stopping = True
            pool.shutdown(cancel_futures=True)


def hash_file(path: bytes) -> Hashed:
    """Read and hash one file that is not in a tree; its ``path`` is as given."""
    return Reader().hash(os.fsdecode(path), path)


class Reader:
    """Reads files and hashes them; shared by threads.

    Attributes:
        read: bytes so far. check: as of ``hash_files``.
        stopping: set it to end reading in the middle of a file.
    """

    def __init__(self, *, check: bool = False) -> None:
        self.read = 0
        self.check = check
        self.stopping = False
        self._lock = threading.Lock()
        self._buffers = threading.local()

    def hash_all(self, tree: Tree, entries: list[TreeFile]) -> list[Hashed]:
        """Read files of a tree, until it is to stop."""
        return [
            self.hash(entry.path, tree.os_path(entry.path), entry.size if self.check else None)
            for entry in entries
            if not self.stopping
        ]

    def hash(
        self, path: str, os_path: bytes, expected: int | None = None, take: Take | None = None
    ) -> Hashed:
        """Read a file.

        Args:
            expected: a file of another size is not read.
            take: gets every piece, which is overwritten after it; what it raises ends the reading.
        """
        # O_NONBLOCK: a FIFO that took the place of the file must not block us.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(os_path, flags)
        except OSError as error:
            return Hashed(path, problem=error.strerror, missing=error.errno in _MISSING)
        try:
            return self._hash_open(path, descriptor, expected, take)
        except OSError as error:
            return Hashed(path, problem=error.strerror)
        finally:
            os.close(descriptor)

    def _hash_open(self, path: str, descriptor: int, expected: int | None, take: Take | None) -> Hashed:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return Hashed(path, problem="is no regular file any more")
        if expected is not None and before.st_size != expected:
            return Hashed(path, before.st_size)
        strong, common, size = blake3(), hashlib.sha256(), 0
        buffer = self._buffer()
        while not self.stopping and (count := os.readv(descriptor, [buffer])):
            piece = buffer[:count]
            strong.update(piece)
            if not self.check:
                common.update(piece)
            if take is not None:
                take(piece)
            size += count
            with self._lock:
                self.read += count
            # At the expected end a short read needs no second one; beyond it, the file grows meanwhile.
            if size > before.st_size or (count < _READ and size == before.st_size):
                break
        after = os.fstat(descriptor)
        if size != before.st_size or _version(before) != _version(after):
            return Hashed(path, problem=CHANGED)
        return Hashed(path, size, strong.digest(), b"" if self.check else common.digest())

    def _buffer(self) -> memoryview:
        buffer: memoryview | None = getattr(self._buffers, "buffer", None)
        if buffer is None:
            buffer = self._buffers.buffer = memoryview(bytearray(_READ))
        return buffer


def _unreadable(path: bytes, error: OSError) -> TreeFile:
    return TreeFile(os.fsdecode(path), problem=error.strerror, unreadable=True)


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISLNK, "symbolic link"),
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "block device"),
        (stat.S_ISCHR, "character device"),
    )
    return next((kind for is_kind, kind in kinds if is_kind(mode)), "special file")


def _chunks(entries: Iterable[TreeFile]) -> Iterator[list[TreeFile]]:
    """Consecutive files, few enough that the threads share them evenly."""
    chunk: list[TreeFile] = []
    size = 0
    for entry in entries:
        chunk.append(entry)
        size += entry.size
        if len(chunk) == _CHUNK_FILES or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
