"""Many bodies in one: a CBOR sequence (RFC 8742) of byte strings, taken apart as it comes."""

from collections.abc import AsyncGenerator, AsyncIterator

from artifactstore.errors import ArtifactstoreError, error

MEDIA_TYPE = "application/cbor-seq"
_BYTES = 2
"""Major type of a byte string (RFC 8949, 3.1)."""
_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}
"""Additional information of a head → bytes of the length behind it."""


async def byte_strings(pieces: AsyncIterator[bytes], most: int, count: int) -> AsyncGenerator[bytes]:
    """The byte strings of a sequence, each of at most ``most`` bytes, in order.

    Raises ``BadInput``: bad-media for what else it holds, or when it ends in the middle of one; too-large for
    one that is longer, and for more than ``count``.
    """
    waiting, index = bytearray(), 0
    async for piece in pieces:
        waiting += piece
        while (head := _head(waiting, index)) is not None:
            start, size = head
            if size > most:
                raise _too_large(f"item {index} has {size} bytes, {most} are allowed", most)
            if index == count:
                raise _too_large(f"it has more than {count} items: split it", count)
            if len(waiting) < start + size:
                break
            yield bytes(waiting[start : start + size])
            del waiting[: start + size]
            index += 1
    if waiting:
        raise error("bad-media", {"problem": f"the sequence ends in the middle of item {index}"})


def _head(data: bytearray, index: int) -> tuple[int, int] | None:
    """Bytes of the head of the next item, and of the item behind it; None: more has to come."""
    if not data:
        return None
    kind, information = data[0] >> 5, data[0] & 0x1F
    if kind != _BYTES or information > max(_LENGTHS):
        raise error("bad-media", {"problem": f"item {index} is no byte string of a length that is told"})
    more = _LENGTHS.get(information, 0)
    if len(data) < 1 + more:
        return None
    return 1 + more, int.from_bytes(data[1 : 1 + more]) if more else information


def _too_large(problem: str, limit: int) -> ArtifactstoreError:
    return error("too-large", {"problem": problem, "limit": limit})
