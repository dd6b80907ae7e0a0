"""The digest that a sealed package vouches for."""

from collections.abc import Iterable

from blake3 import blake3

from artifactstore.codec import encode_item


def manifest_digest(files: Iterable[tuple[str, int, bytes]]) -> bytes:
    """BLAKE3 of canonical CBOR ``[[path, size, blake3], …]``, ascending by path bytes.

    ``files``: the live files of a package in any order: path, size in bytes, BLAKE3 (32 bytes).
    Raises ``BadInput`` bad-payload for a path that is no Unicode text.
    """
    ascending = sorted(files, key=lambda file: file[0].encode("utf-8", "surrogatepass"))
    return ordered_manifest_digest(ascending, len(ascending))


def ordered_manifest_digest(files: Iterable[tuple[str, int, bytes]], count: int) -> bytes:
    """As ``manifest_digest``, of ``count`` files that come in their order, without holding them."""
    manifest = RunningManifest(count)
    for path, size, content in files:
        manifest.add(path, size, content)
    return manifest.digest()


class RunningManifest:
    """The digest of ``count`` files that come one by one, ascending by path bytes."""

    def __init__(self, count: int) -> None:
        self._hasher = blake3(_array_head(count))

    def add(self, path: str, size: int, content: bytes) -> None:
        """The next file: path, size in bytes, BLAKE3."""
        self._hasher.update(encode_item([path, size, content]))

    def digest(self) -> bytes:
        """The digest of all that were added."""
        return self._hasher.digest()


def _array_head(count: int) -> bytes:
    """Head of a CBOR array (RFC 8949 §3, major type 4), its length in the shortest form."""
    if count < 24:
        return bytes([0x80 | count])
    length = next(length for length in (1, 2, 4, 8) if count < 1 << 8 * length)
    return bytes([0x98 | length.bit_length() - 1]) + count.to_bytes(length)
