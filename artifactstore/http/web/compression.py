"""Answers in gzip, for those who prefer it (RFC 9110, 8.4.1 and 12.5.3).

Only what is read is compressed, and nothing that is sent as it is made: a stream would have to be flushed for
each event, and what an event has to share with those before it is little.

Sizes tell no secrets (BREACH): whoever asks shows a token in a header, which no browser adds by itself for
somebody else's page, and the one answer that has a secret, that of a new token, is none to a GET.
"""

import zlib
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.types import Scope

from artifactstore.http.web.negotiation import weights
from artifactstore.http.web.trace import header

SUFFIX: Final = "-gzip"
"""What the tag of a compressed answer has behind that of the same answer as it is: its bytes are others."""

_LEVEL = 1
"""The quickest: 4 MiB of events take 25 ms and become 1.2 MiB; the usual level, 6, takes 60 for 1.1 MiB."""
_AT_ONCE = 16 * 1024
"""Bytes that are compressed in less time than a thread takes to begin."""
_GZIP = 16 + zlib.MAX_WBITS


def take_gzip(scope: Scope, headers: dict[str, str]) -> bool:
    """Whether the client takes gzip, and likes it no less than the bytes as they are.

    The headers of the answer tell then what depends on that: Vary, and the tag.
    """
    headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), "Accept-Encoding")))
    asked = weights(header(scope, b"accept-encoding"))
    gzip = max(asked.get("gzip", asked.get("*", 0.0)), asked.get("x-gzip", 0.0))
    if not 0 < gzip >= asked.get("identity", 0.0):
        return False
    if (tag := headers.get("ETag")) is not None:
        headers["ETag"] = f'{tag[:-1]}{SUFFIX}"'
    return True


def plain_tag(opaque: str) -> str:
    """The text of a tag as it is without compression."""
    return opaque.removesuffix(SUFFIX)


async def compressed(body: bytes, threads: CapacityLimiter) -> bytes:
    """The body in gzip; a large one in a thread, so that others need not wait for it."""
    if len(body) <= _AT_ONCE:
        return _compress(body)
    return await to_thread.run_sync(_compress, body, limiter=threads)


def _compress(body: bytes) -> bytes:
    coder = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return coder.compress(body) + coder.flush()
