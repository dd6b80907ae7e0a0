"""A file of a package as a file object: any part of it, and verified where all of it is read in order."""

import io
from collections.abc import Generator
from typing import TYPE_CHECKING

from blake3 import blake3

from artifactstore.client.contents import ContentCalls
from artifactstore.errors import Damaged, error

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_AHEAD = 8 * 1024 * 1024
"""Bytes asked for at once behind the beginning: who jumps about wants no more."""


class ContentReader(io.RawIOBase):
    """The content of a file.

    Every byte that is read for the first time right behind those before it is hashed; with the last one
    the digest has to be that of the log, else ``Damaged`` content-damaged comes in its place. What is
    read in another order is not verified.

    Args:
        path: of the content at the service. name: of the file. blake3: in hex.

    Raises what ``ContentCalls.read`` does.
    """

    def __init__(self, contents: ContentCalls, path: str, name: str, size: int, digest: str) -> None:
        super().__init__()
        self.name = name
        self.size = size
        self._contents = contents
        self._path = path
        self._expected = digest
        self._at = self._hashed = 0
        self._digest = blake3()
        self._pieces: Generator[bytes, None, None] | None = None
        self._waiting = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, by ranges."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; what is behind the end is empty."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"there is nothing at {base + offset}")
        if base + offset != self._at:
            self._drop()
            self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read some bytes, at least one before the end."""
        with memoryview(buffer).cast("B") as room:
            if not len(room) or self._at >= self.size:
                return 0
            piece = self._next()[: len(room)]
            self._verify(piece)
            room[: len(piece)] = piece
        self._waiting = self._waiting[len(piece) :]
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        """Give the connection back."""
        self._drop()
        super().close()

    def _next(self) -> memoryview:
        """What comes at this place."""
        while not self._waiting:
            if self._pieces is None:
                end = min(self._at + _AHEAD, self.size) if self._at else None
                self._pieces = self._contents.read(self._path, self._at, end)
                piece = next(self._pieces, None)
                if piece is None:
                    problem = f"{self.name} ends after {self._at} bytes, not {self.size}"
                    raise error("content-damaged", {"problem": problem, "path": self.name})
            else:
                piece = next(self._pieces, None)
            if piece is None:
                self._pieces = None
            else:
                self._waiting = memoryview(piece)[: self.size - self._at]
        return self._waiting

    def _verify(self, piece: memoryview) -> None:
        if self._at != self._hashed:
            return
        self._digest.update(piece)
        self._hashed += len(piece)
        if self._hashed == self.size and self._digest.hexdigest() != self._expected:
            self._drop()
            problem = f"{self.name}: its BLAKE3 is another one"
            raise Damaged("content-damaged", {"problem": problem, "path": self.name})

    def _drop(self) -> None:
        pieces, self._pieces = self._pieces, None
        self._waiting = memoryview(b"")
        if pieces is not None:
            pieces.close()
