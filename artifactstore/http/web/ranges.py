"""Parts of an answer (RFC 9110, 14): which bytes of a representation a request asks for."""

import re

from starlette.types import Scope

from artifactstore.errors import error
from artifactstore.http.web.trace import header

_ONE = re.compile(r"bytes=[ \t]*([0-9]{0,4000})-([0-9]{0,4000})[ \t]*", re.ASCII | re.IGNORECASE)


def wanted_range(scope: Scope, size: int, etag: str) -> tuple[int, int] | None:
    """The bytes from .. up to .. that a GET asks for; None: all of them.

    What is not understood is ignored, as it must be, several ranges among it; so is a range behind an
    If-Range that names another state than ``etag``. A date there names none: nothing here has one.

    Raises ``BadInput`` range when there are no such bytes.
    """
    text, condition = header(scope, b"range"), header(scope, b"if-range")
    match = _ONE.fullmatch(text) if text is not None and scope["method"] == "GET" else None
    if match is None or (condition is not None and condition.strip(" \t") != etag):
        return None
    if any(name == b"if-range" for name, _ in scope["headers"]) and condition is None:
        return None
    first, last = match[1], match[2]
    if not first:
        return _suffix(last, size)
    start, end = int(first), int(last) + 1 if last else size
    if end <= start and last:
        return None  # it is none: the last byte is before the first
    if start >= size:
        raise _unsatisfiable(text or "", size)
    return start, min(end, size)


def _suffix(length: str, size: int) -> tuple[int, int] | None:
    if not length:
        return None
    if int(length) == 0:
        raise _unsatisfiable("bytes=-0", size)
    return (max(0, size - int(length)), size) if size else None


def content_range(start: int, end: int, size: int) -> str:
    """The header that says which bytes an answer has."""
    return f"bytes {start}-{end - 1}/{size}"


def _unsatisfiable(text: str, size: int) -> Exception:
    return error("range", {"problem": f"{text[:100]} of {size} bytes", "size": size})
