"""Content on its way out: from the first copy that can be read, and never whole if it is not what it must be.

Of a whole answer BLAKE3 is computed as it leaves; its last bytes are held back until the digest fits, and
else the connection is cut: a length that is not met is an error in every client. What is found wrong with a
copy is recorded, so that the next request gets another one.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

from blake3 import blake3

from artifactstore.errors import ArtifactstoreError, NotFound, Refused, error
from artifactstore.events import NewEvent, StorageFailed
from artifactstore.http.content.depot import Depot
from artifactstore.http.endpoint import Call
from artifactstore.http.web.request import AnswerCutError
from artifactstore.http.write.group_append import Work
from artifactstore.store import Row, prepare
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.keys import key_in

ACTOR = "system:service"
"""Who tells the log what was found wrong with a copy while it was read for somebody."""
HELD_BACK = 64 * 1024
"""Bytes that leave only when all of them are known to be right."""

_log = logging.getLogger("artifactstore.http")


class ReadableCopy(NamedTuple):
    """A copy that may be given: the row of its location, the store and the key there."""

    location: Row
    store: ObjectStore
    key: str


@dataclass(frozen=True, slots=True)
class ServedContent:
    """What is asked for, as the log knows it; ``copies`` in the order in which they are tried."""

    row: Row
    copies: Sequence[ReadableCopy]

    @classmethod
    def of(cls, row: Row, depot: Depot) -> Self:
        """Of a row of ``store.contents``: verified copies first, then in the order of stores.toml."""
        order = {name: place for place, name in enumerate(depot.stores)}
        found = [
            ReadableCopy(location, store, key)
            for location in row["copies"]
            if (store := depot.find(location["backend"])) is not None
            and (key := key_in(location["uri"])) is not None
        ]
        found.sort(key=lambda copy: (copy.location["state"] != "verified", order[copy.store.name]))
        return cls(row, found)

    @property
    def size(self) -> int:
        """Its bytes."""
        size: int = self.row["size"]
        return size

    @property
    def blake3(self) -> bytes:
        """Its digest."""
        digest: bytes = self.row["blake3"]
        return digest


class UnfitCopyError(Exception):
    """A copy is not what it must be: a failure of ``CHECK_FAILURES`` and what was found instead."""

    def __init__(self, failure: str, **observed: Any) -> None:
        super().__init__(failure)
        self.failure = failure
        self.observed: Mapping[str, Any] = observed


async def opened(
    call: Call, depot: Depot, content: ServedContent, part: tuple[int, int] | None
) -> AsyncGenerator[bytes]:
    """The bytes, or those from .. up to .., of the first copy of which the first ones can be given.

    Raises ``Busy`` content-unavailable when there is none.
    """
    problems: list[str] = []
    for copy in _in_time(depot, content, problems):
        pieces = _whole(depot, content, copy) if part is None else _part(depot, copy, *part)
        try:
            first = await anext(pieces, b"")
        except UnfitCopyError as bad:
            problems.append(f"{copy.store.name}: {bad.failure}")
            _record(call, depot, copy, bad)
        except ArtifactstoreError as failure:
            problems.append(f"{copy.store.name}: {failure.code}")
            if isinstance(failure, NotFound):
                _look_again(call, depot, copy)
        else:
            return _rest(call, depot, copy, first, pieces)
    raise unavailable(content, problems)


async def check_readable(call: Call, depot: Depot, content: ServedContent) -> None:
    """See that there is a copy; raises ``Busy`` content-unavailable."""
    problems: list[str] = []
    for copy in _in_time(depot, content, problems):
        try:
            known = await depot.read(partial(copy.store.head, copy.key))
        except ArtifactstoreError as failure:
            problems.append(f"{copy.store.name}: {failure.code}")
            continue
        if known is not None:
            return
        problems.append(f"{copy.store.name}: missing")
        _look_again(call, depot, copy)
    raise unavailable(content, problems)


def _in_time(depot: Depot, content: ServedContent, problems: list[str]) -> Iterator[ReadableCopy]:
    """The copies, as long as there is time to try one more; those that are not tried are problems."""
    ends = time.monotonic() + depot.begin_seconds
    for copy in content.copies:
        if problems and time.monotonic() > ends:
            problems.append(f"{copy.store.name}: not tried, the time is over")
        else:
            yield copy


async def nothing() -> AsyncGenerator[bytes]:
    """The bytes of an answer that has none: that of HEAD."""
    none: Sequence[bytes] = ()
    for piece in none:
        yield piece


def unavailable(content: ServedContent, problems: Sequence[str]) -> ArtifactstoreError:
    """That none of its copies can be read, and why each."""
    row = content.row
    problem = "; ".join(problems) or "no copy is in a store that is configured here"
    told = {
        "problem": f"{row['path']}: {problem}"[:1000],
        "file_id": row["file_id"],
        "blake3": row["blake3"].hex(),
    }
    return error("content-unavailable", told)


async def _rest(
    call: Call, depot: Depot, copy: ReadableCopy, first: bytes, pieces: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    """What was begun, to its end; a client that left is noticed."""
    leaving = asyncio.create_task(call.client_left())
    try:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                if leaving.done():
                    return
                yield piece
    except UnfitCopyError as bad:
        _record(call, depot, copy, bad)
        raise AnswerCutError(
            error("content-unavailable", {"problem": f"{copy.store.name}: {bad.failure}"})
        ) from bad
    except ArtifactstoreError as failure:
        raise AnswerCutError(failure) from failure
    finally:
        leaving.cancel()


async def _whole(depot: Depot, content: ServedContent, copy: ReadableCopy) -> AsyncGenerator[bytes]:
    """All bytes, the last of them when the digest of all fits; raises ``UnfitCopyError``."""
    size, hasher, held, received = content.size, blake3(), b"", 0
    source = await depot.read(partial(copy.store.read, copy.key))
    try:
        while (piece := await depot.read(partial(_next, source, hasher))) is not None:
            received += len(piece)
            if received > size:
                raise UnfitCopyError("size_mismatch")
            if received == size:
                # Whether there is more is asked before the last bytes leave.
                held += piece
                continue
            held += piece
            if len(held) > HELD_BACK:
                yield held[:-HELD_BACK]
                held = held[-HELD_BACK:]
    finally:
        await depot.read(partial(_close, source))
    if received != size:
        raise UnfitCopyError("size_mismatch", observed_size=received)
    digest = hasher.digest()
    if digest != content.blake3:
        raise UnfitCopyError("digest_mismatch", observed_size=received, observed_blake3=digest)
    yield held


async def _part(depot: Depot, copy: ReadableCopy, start: int, end: int) -> AsyncGenerator[bytes]:
    """Some of the bytes, which nothing can verify but their number."""
    source, left = await depot.read(partial(copy.store.read, copy.key, start, end)), end - start
    try:
        while (piece := await depot.read(partial(_next, source, None))) is not None:
            left -= len(piece)
            if left < 0:
                raise UnfitCopyError("size_mismatch")
            yield piece
    finally:
        await depot.read(partial(_close, source))
    if left:
        raise UnfitCopyError("size_mismatch")


def _next(source: Iterator[bytes], hasher: Any) -> bytes | None:
    piece = next(source, None)
    if hasher is not None and piece:
        hasher.update(piece)
    return piece


def _close(source: Iterator[bytes]) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()


def _look_again(call: Call, depot: Depot, copy: ReadableCopy) -> None:
    """Record a copy as missing, if it still is when it is looked for once more."""

    async def look() -> None:
        with suppress(ArtifactstoreError):
            if await depot.read(partial(copy.store.head, copy.key)) is None:
                await _append(call, copy, UnfitCopyError("missing"))

    depot.beside(asyncio.create_task(look()))


def _record(call: Call, depot: Depot, copy: ReadableCopy, bad: UnfitCopyError) -> None:
    """Record what was found, beside the answer."""
    depot.beside(asyncio.create_task(_append(call, copy, bad)))


async def _never() -> None:
    """Nobody waits for what is recorded, so nobody leaves."""
    await asyncio.Event().wait()


async def _append(call: Call, copy: ReadableCopy, bad: UnfitCopyError) -> None:
    location = copy.location
    event = StorageFailed(
        package_id=location["package_id"],
        file_id=location["file_id"],
        failure=bad.failure,
        reason="found when it was read for a request",
        **bad.observed,
    )
    new = NewEvent(event, location["location_id"], ACTOR, expected=location["changed_sequence"])
    try:
        outcome, _ = await call.service.write(Work([prepare(new)]), _never)
    except ArtifactstoreError as failure:
        outcome = failure
    if isinstance(outcome, ArtifactstoreError) and not isinstance(outcome, Refused):
        # The next request finds it again; a refusal says that somebody else recorded something.
        _log.warning("a bad copy was not recorded", extra={"copy": copy.key, "problem": outcome.message})
