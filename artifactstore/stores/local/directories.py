"""Directories of a local store: opened without following links, made durable, walked in byte order."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

MARKER = "artifactstore.json"
SCRATCH, UPLOADS = "tmp", "uploads"
NOT_LISTED = frozenset(os.fsencode(name) for name in (MARKER, f"{SCRATCH}/", f"{UPLOADS}/", "lost+found/"))
"""What lies beside the objects and is none, nor foreign."""

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags that open a directory, and no link to one."""
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
"""macOS: fsync alone leaves the bytes in the cache of the disk."""


@contextmanager
def opened(path: str, within: int | None = None, *, follow: bool = False) -> Iterator[int]:
    """A descriptor of a directory; its last name is no link, unless one may be followed."""
    descriptor = os.open(path, DIRECTORY & ~os.O_NOFOLLOW if follow else DIRECTORY, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Return when a file or directory is on the disk."""
    if _FULL_SYNC is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, _FULL_SYNC)


def write(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it: the system may take less at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def remove(name: str, within: int) -> bool:
    """Remove a file; whether there was one."""
    try:
        os.unlink(name, dir_fd=within)
    except FileNotFoundError:
        return False
    return True


def walk(root: str, after: str) -> Iterator[tuple[str, os.stat_result]]:
    """All files below ``root`` whose path from there is behind ``after``, in the order of bytes.

    Links are told and not followed. What goes away meanwhile may be told or not. Memory is that of the
    largest directory.
    """
    behind = os.fsencode(after)
    top = os.fsencode(root)
    stack = [iter(_entries(top, b"", behind))]
    while stack:
        path = next(stack[-1], None)
        if path is None:
            stack.pop()
        elif path.endswith(b"/"):
            stack.append(iter(_entries(top, path, behind)))
        else:
            try:
                yield os.fsdecode(path), os.lstat(top + b"/" + path)
            except FileNotFoundError:
                continue


def _entries(top: bytes, below: bytes, behind: bytes) -> list[bytes]:
    """Paths from ``top`` of what is in a directory, sorted; directories end with a slash."""
    try:
        with os.scandir(top + b"/" + below) as entries:
            found = [below + entry.name + b"/" * entry.is_dir(follow_symlinks=False) for entry in entries]
    except FileNotFoundError:
        if not below:
            raise
        return []
    return sorted(
        path
        for path in found
        if path not in NOT_LISTED and (path > behind or (path.endswith(b"/") and behind.startswith(path)))
    )
