"""What a client says of the bytes that it sends: their digests are compared before anything is kept."""

import re
from base64 import b64decode
from dataclasses import dataclass
from unicodedata import is_normalized

from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError, error
from artifactstore.events.kinds import Hash, Text
from artifactstore.http.content.receiving import Hashes
from artifactstore.http.endpoint import Call
from artifactstore.http.web.request import Parameter, bad_request
from artifactstore.http.web.trace import header

_SHA256 = re.compile(r"(?:^|,)[ \t]*sha-256=:([A-Za-z0-9+/=]{0,100}):[ \t]*(?:;[^,]*)?(?=,|$)")
_NO_PATH = re.compile(r"^/|/$|//|(?:^|/)\.\.?(?:/|$)|[\x00-\x1f\x7f]")


DIGESTS = (
    Parameter("Repr-Digest", Text(max=1024), "sha-256=:…: of what is sent (RFC 9530)"),
    Parameter("Artifactstore-Blake3", Text(max=100), "BLAKE3 of what is sent, in hex"),
)
"""Headers of requests that bring bytes."""


@dataclass(frozen=True, slots=True)
class Said:
    """Digests of what is sent; None: nothing was said."""

    blake3: bytes | None = None
    sha256: bytes | None = None

    def fits(self, blake3: bytes, sha256: bytes | None) -> bool:
        """Whether it may be said of bytes with these digests."""
        return self.blake3 in (None, blake3) and (sha256 is None or self.sha256 in (None, sha256))

    def check(self, came: Hashes) -> None:
        """Raise ``Refused`` digest-mismatch if other bytes came."""
        for name, told, found in (("blake3", self.blake3, came.blake3), ("sha256", self.sha256, came.sha256)):
            if told not in (None, found):
                problem = f"{name} of what came is {found.hex()}"
                raise error("digest-mismatch", {"problem": problem, "size": came.size, name: found.hex()})


def told_digests(call: Call) -> Said:
    """What Repr-Digest (RFC 9530) and Artifactstore-Blake3 say; raises ``BadInput`` bad-request."""
    blake3, sha256 = header(call.scope, b"artifactstore-blake3"), header(call.scope, b"repr-digest")
    return Said(
        None if blake3 is None else _read(blake3, "Artifactstore-Blake3"),
        None if sha256 is None or "sha-256" not in sha256 else _sha256(sha256),
    )


def check_name(path: str) -> None:
    """Raise ``BadInput`` bad-path for what the log will not take for the path of a file."""
    if _NO_PATH.search(path) is not None or not is_normalized("NFC", path):
        raise error("bad-path", {"problem": path[:200], "path": path[:200]})


def _read(text: str, name: str) -> bytes:
    try:
        digest: bytes = Hash().read(text)
    except Problem as problem:
        raise bad_request(f"{name} {problem.text}", header=name) from None
    return digest


def _sha256(text: str) -> bytes:
    match = _SHA256.search(text)
    try:
        digest = b64decode(match[1], validate=True) if match is not None else b""
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise _bad_digest()
    return digest


def _bad_digest() -> ArtifactstoreError:
    return bad_request("Repr-Digest is sha-256=:…: with the base64 of 32 bytes", header="Repr-Digest")
