"""The digest that a sealed package vouches for."""

from collections.abc import Iterable

from artifactstore.codec import digest, encode_item


def manifest_digest(files: Iterable[tuple[str, int, bytes]]) -> bytes:
    """BLAKE3 of canonical CBOR ``[[path, size, blake3], …]``, ascending by path bytes (EVENTS.md).

    ``files``: the live files of a package in any order: path, size in bytes, BLAKE3 (32 bytes).
    Raises ``BadInput`` bad-payload for a path that is no Unicode text.
    """
    rows = sorted(files, key=lambda file: file[0].encode("utf-8", "surrogatepass"))
    return digest(encode_item([[path, size, blake3] for path, size, blake3 in rows]))
