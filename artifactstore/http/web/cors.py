"""Pages of other origins: which of them may ask, and read what is answered (Fetch, 3.2).

A page that may has to show a token as everybody else: nothing is asked for that a browser sends by itself.
"""

from collections.abc import Collection
from typing import Final, TypeAlias

from starlette.responses import Response
from starlette.types import Scope

from artifactstore.http.web.trace import header

Headers: TypeAlias = list[tuple[bytes, bytes]]

ANY: Final = "*"
"""In place of an origin: every one."""

HEARD: Final = (
    "Artifactstore-Blake3", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match",
    "If-Range", "Last-Event-ID", "Range", "Repr-Digest", "X-Request-Id",
)  # fmt: skip
"""Headers of requests that a page may set, besides those that every page may."""

TOLD: Final = (
    "Accept-Ranges", "Artifactstore-Blake3", "Artifactstore-Digest", "Artifactstore-Epoch",
    "Artifactstore-Has-More", "Artifactstore-Head", "Artifactstore-Log", "Artifactstore-Next",
    "Artifactstore-Next-Digest", "Artifactstore-Warning", "Content-Disposition", "Content-Range", "ETag",
    "Idempotent-Replayed", "Link", "Location", "Repr-Digest", "Retry-After", "WWW-Authenticate",
    "X-Request-Id",
)  # fmt: skip
"""Headers of answers that a page may read, besides those that every page may."""

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": ", ".join(HEARD),
    "Access-Control-Max-Age": "7200",
    "Cache-Control": "no-store",
}


class Cors:
    """What is told to browsers, for these origins; of none, nothing."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, scope: Scope) -> Headers:
        """What every answer has for this request."""
        if not self._origins:
            return []
        told = (b"access-control-expose-headers", ", ".join(TOLD).encode())
        if ANY.encode() in self._origins:
            return [(b"access-control-allow-origin", b"*"), told]
        # Also where it is not allowed: a cache must not give that answer to somebody who is.
        vary = (b"vary", b"Origin")
        origin = (header(scope, b"origin") or "").encode("latin-1")
        if origin not in self._origins:
            return [vary]
        return [(b"access-control-allow-origin", origin), told, vary]

    def preflight(self, scope: Scope) -> Response | None:
        """The answer for a browser that asks whether its page may ask; None for every other request.

        Whether the token may is not known here: browsers ask without it.
        """
        asked = header(scope, b"access-control-request-method")
        if not self._origins or scope["method"] != "OPTIONS" or asked is None:
            return None
        return Response(None, 204, _PREFLIGHT)
