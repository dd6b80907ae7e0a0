"""Errors as problem details (RFC 9457): the code of ``artifactstore.errors``, what was wrong, what to do."""

from collections.abc import Mapping

from starlette.responses import Response

from artifactstore.errors import ERRORS, ArtifactstoreError
from artifactstore.hints import hint_of
from artifactstore.http.web.json import render

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
"""Retry-After of answers that a later try may better."""

_OWN_MEMBERS = frozenset(
    {"type", "title", "status", "detail", "hint", "code", "instance", "request_id", "given"}
)


def members(failure: ArtifactstoreError, request_id: str) -> dict[str, object]:
    """The members of the problem; facts of the error stand beside those of RFC 9457."""
    title = ERRORS[failure.code].message
    problem = failure.detail.get("problem")
    told: dict[str, object] = {
        "type": f"urn:artifactstore:error:{failure.code}",
        "title": title,
        "status": failure.status,
        "code": failure.code,
        "detail": str(problem) if problem else title,
        "hint": hint_of(failure, "http"),
        "request_id": request_id,
    }
    facts = {key: value for key, value in failure.detail.items() if key not in _OWN_MEMBERS}
    facts.pop("problem", None)
    return told | facts


def body(failure: ArtifactstoreError, request_id: str) -> bytes:
    """The problem as JSON."""
    return render(_unicode(members(failure, request_id)))


def _unicode(value: object) -> object:
    """The same with lone surrogates written as escapes: names that a client gave may hold them."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_unicode(name): _unicode(item) for name, item in value.items()}
    return [_unicode(item) for item in value] if isinstance(value, (list, tuple)) else value


def response(
    failure: ArtifactstoreError, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for a failure."""
    more = dict(headers or {})
    if failure.status == 503:
        more["Retry-After"] = str(RETRY_SECONDS)
    elif failure.status == 401:
        given = ', error="invalid_token"' if failure.detail.get("given") else ""
        more["WWW-Authenticate"] = f'Bearer realm="artifactstore"{given}'
    elif failure.status in (408, 413):
        # The rest of the body is not read: the connection cannot be used again.
        more["Connection"] = "close"
    elif failure.status == 416:
        more["Content-Range"] = f"bytes */{failure.detail['size']}"
    more["Cache-Control"] = "no-store"
    return Response(body(failure, request_id), failure.status, more, media_type=MEDIA_TYPE)
