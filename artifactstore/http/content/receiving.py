"""Content on its way in: hashed as it comes, into memory if it is small, else into parts in the store.

Nothing is kept on a disk of the service. What came is no object yet, and no event names it: first its digests
are known, and compared with what the client said of them.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from hashlib import sha256
from typing import Any, Self

from anyio import to_thread
from blake3 import blake3

from artifactstore.errors import ArtifactstoreError, error
from artifactstore.http.content.depot import Depot
from artifactstore.http.endpoint import Call
from artifactstore.http.web.request import ClientLeftError
from artifactstore.http.web.trace import header
from artifactstore.stores.base import SMALL, ObjectStore, Part

_AT_ONCE = 64 * 1024
"""Bytes that are hashed in less time than a thread takes to begin."""


def length_of(call: Call, most: int) -> int | None:
    """The length that the body is said to have; raises ``BadInput`` too-large, bad-media.

    Before anything of it is read: whoever asks (Expect: 100-continue) need not send it.
    """
    encoding = header(call.scope, b"content-encoding")
    if encoding not in (None, "identity"):
        problem = f"Content-Encoding {encoding[:100]}: bytes are kept as they are sent"
        raise error("bad-media", {"problem": problem})
    text = header(call.scope, b"content-length")
    length = int(text[:20]) if text is not None and text.isdecimal() else None
    if length is not None and length > most:
        raise too_large(most)
    return length


def too_large(most: int) -> ArtifactstoreError:
    """That a body has more bytes than it may."""
    return error("too-large", {"problem": f"it has at most {most} bytes", "limit": most})


async def body(call: Call, most: int) -> AsyncGenerator[bytes]:
    """The body, in pieces as they come.

    Raises ``BadInput`` too-large, slow-upload; ``ClientLeftError``. Only the time in which the client is
    waited for counts.
    """
    settings, loop = call.service.settings, asyncio.get_running_loop()
    waited, size, more = 0.0, 0, True
    while more:
        began = loop.time()
        try:
            async with asyncio.timeout(settings.upload_seconds):
                message = await call.receive()
        except TimeoutError:
            raise _slow(f"nothing came for {settings.upload_seconds:g} s", size) from None
        waited += loop.time() - began
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        if size > most:
            raise too_large(most)
        if more and waited > settings.upload_seconds and size < waited * settings.upload_rate:
            raise _slow(f"less than {settings.upload_rate} bytes a second came", size)
        if piece:
            yield piece
    call.trace.unread = False


def _slow(problem: str, size: int) -> ArtifactstoreError:
    return error("slow-upload", {"problem": problem, "received": size})


class Hashes:
    """Number and digests of bytes, as they come."""

    def __init__(self) -> None:
        self.size = 0
        self._blake3, self._sha256 = blake3(), sha256()

    def update(self, data: bytes) -> None:
        """These come next."""
        self.size += len(data)
        self._blake3.update(data)
        self._sha256.update(data)

    @property
    def blake3(self) -> bytes:
        """BLAKE3 of what came."""
        return self._blake3.digest()

    @property
    def sha256(self) -> bytes:
        """SHA-256 of what came."""
        return self._sha256.digest()


class Arrived:
    """Bytes that came whole, in memory or as parts in a store; an object when they were ``kept``.

    Attributes:
        hashes: what came. small: whether they are in memory.
    """

    def __init__(self, depot: Depot, store: ObjectStore, key: str) -> None:
        self.hashes = Hashes()
        self._depot, self._store, self._key = depot, store, key
        self._data: bytes | None = None
        self._upload: str | None = None
        self._parts: list[Part] = []
        self._writing: asyncio.Task[None] | None = None
        self._taken = 0

    @property
    def small(self) -> bool:
        """Whether the bytes are in memory."""
        return self._data is not None

    async def receive(self, pieces: AsyncIterator[bytes], length: int | None) -> Self:
        """Take a body, of ``length`` bytes if that is known."""
        part = self._depot.part_size(self._store)
        room = part if length is None or length > SMALL else length
        self._taken = await self._depot.memory.take(room)
        waiting: list[bytes] = []
        size = 0
        async for piece in pieces:
            rest = piece
            while size + len(rest) > part:
                # More than a part comes: then there are several.
                waiting.append(rest[: part - size])
                rest = rest[part - size :]
                await self._write(waiting, length)
                waiting, size = [], 0
                self._taken = await self._depot.memory.take(part)
            waiting.append(rest)
            size += len(rest)
        data = b"".join(waiting)
        del waiting
        if self._upload is None and size <= SMALL:
            await self._hash(data)
            self._data = data
        else:
            await self._write([data], length)
            await self._written()
        return self

    async def keep(self, key: str | None = None) -> str:
        """Make it an object that is durable; its key. ``key``: another one, for what is in memory."""
        key, store = key or self._key, self._store
        if self._data is not None:
            await self._depot.write(partial(store.put, key, self._data, self.hashes.sha256))
        elif self._upload is not None:
            await self._depot.write(partial(store.complete, key, self._upload, self._parts))
            self._upload = None
        await self._depot.write(partial(store.settle, [key]))
        return key

    async def close(self) -> None:
        """Give back what it has: memory, and parts that became no object."""
        if self._writing is not None:
            with suppress(ArtifactstoreError):
                await self._writing
        self._data = None
        self._depot.memory.give(self._taken)
        self._taken = 0
        if self._upload is not None:
            with suppress(ArtifactstoreError):  # the keeper aborts what is left after some days
                await self._depot.write(partial(self._store.abort, self._key, self._upload))

    async def _write(self, pieces: list[bytes], length: int | None) -> None:
        """Begin to write a part, when the one before is written."""
        data = b"".join(pieces)
        pieces.clear()
        digest = await self._hash(data)
        if self._upload is None:
            self._upload = await self._depot.write(partial(self._store.begin, self._key, length or len(data)))
        await self._written()
        number, taken, self._taken = len(self._parts) + 1, self._taken, 0
        self._writing = asyncio.create_task(self._write_part(self._upload, number, data, digest, taken))

    async def _write_part(self, upload: str, number: int, data: bytes, digest: bytes, taken: int) -> None:
        try:
            write = partial(self._store.write_part, self._key, upload, number, data, digest)
            self._parts.append(await self._depot.write(write))
        finally:
            self._depot.memory.give(taken)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _hash(self, data: bytes) -> bytes:
        """Hash what comes next; its own SHA-256."""
        if len(data) <= _AT_ONCE:
            return _update(self.hashes, data)
        return await to_thread.run_sync(_update, self.hashes, data)


def _update(hashes: Hashes, data: bytes) -> bytes:
    hashes.update(data)
    return sha256(data).digest()


@asynccontextmanager
async def arriving(
    call: Call, depot: Depot, store: ObjectStore, key: str, most: int, length: int | None
) -> AsyncIterator[Arrived]:
    """The body of a request as it came whole; what it has is given back at the end."""
    arrived = Arrived(depot, store, key)
    pieces: Any = body(call, most)
    try:
        yield await arrived.receive(pieces, length)
    finally:
        await pieces.aclose()
        await arrived.close()
