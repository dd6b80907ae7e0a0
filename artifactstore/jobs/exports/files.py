"""The files of exports: a new one appears whole or not at all, a pipe is kept until it was read."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from artifactstore import system
from artifactstore.errors import BadInput

_CHUNK = 1 << 20


@contextmanager
def replacing(path: Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """A stream into a new file, which is at ``path`` when the body ended, synced to disk, or not at all.

    A pipe or device at ``path`` is written to as it is. A crash leaves a hidden file ``.NAME.….part``.

    Raises:
        BadInput: file, when there is one already, unless ``force``.
    """
    path = Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for a loop of links
    if path.exists() and not path.is_file():
        with system.named(path), path.open("wb") as stream:
            yield stream
        return
    if path.exists() and not force:
        _refuse(path)
    # As the umask has it, not as mkstemp would: who may read the log decides about its exports.
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        with system.named(path), part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if force:
            part.replace(path)
        else:
            _link(part, path)
        _sync_directory(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _link(part: Path, path: Path) -> None:
    """Give the file its name unless it is taken, in one step where the file system can."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        _refuse(path)
    except OSError:
        if path.exists():
            _refuse(path)
        part.replace(path)


def _refuse(path: Path) -> None:
    reason = "there is a file already"
    told = {"problem": f"{path}: {reason}", "path": str(path), "reason": reason, "end": "client"}
    raise BadInput("file", told, "--force replaces it")


def _sync_directory(path: Path) -> None:
    # Some file systems cannot; the file itself is on disk.
    with suppress(OSError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream as one that can be read twice: itself if it is a file, else a copy in a temporary file."""
    if _is_file(stream):
        yield stream
        return
    with tempfile.TemporaryFile(prefix="artifactstore-import-") as copy:
        while chunk := stream.read(_CHUNK):
            with system.named(tempfile.gettempdir()):
                copy.write(chunk)
        with system.named(tempfile.gettempdir()):
            copy.seek(0)
        yield copy


def _is_file(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode) and stream.seekable()
    except OSError:
        return False
