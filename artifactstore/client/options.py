"""What both clients send alike."""

import httpx

from artifactstore import __version__
from artifactstore.client.following import Cursor

MAX_WAIT = 55
"""Seconds that the service lets a request wait."""

TIMEOUT = httpx.Timeout(10.0, read=MAX_WAIT + 10.0)


def headers(token: str) -> dict[str, str]:
    """Headers of every request."""
    return {"Authorization": f"Bearer {token}", "User-Agent": f"artifactstore/{__version__}"}


def post_headers(key: str | None, expected: int | None) -> dict[str, str]:
    """Headers of a command."""
    told = {} if key is None else {"Idempotency-Key": key}
    return told if expected is None else told | {"If-Match": f'"{expected}"'}


def cursor_of(since: int | Cursor | None) -> Cursor | None:
    """A cursor from what a caller gives."""
    return Cursor(since) if isinstance(since, int) else since
