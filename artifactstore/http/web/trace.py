"""What is noted about a request while it is answered, for its log line and the metrics."""

import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

from artifactstore.store import Position

SCOPE_KEY = "artifactstore.trace"
"""Where the scope of a request has its trace."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Trace:
    """One request.

    Attributes:
        request_id: as the client gave it in X-Request-Id, else a new one.
        path: template of the path, such as ``/packages/{package_id}``; what has none is ``other``.
        actor: who, when known. code, problem: why it was refused, if it was.
        position: where the log stood when it was read for the answer.
        unread: whether a body may come that was not read to its end.
        streams: whether its answer is sent as it is made: it may take as long as the client needs.
        hidden: a part of its path that is as good as a token, which no log has.
    """

    request_id: str
    path: str = "other"
    actor: str | None = None
    code: str | None = None
    problem: str | None = None
    position: Position | None = None
    unread: bool = False
    streams: bool = False
    hidden: str = ""
    started: float = field(default_factory=time.monotonic)


def begin(scope: Scope) -> Trace:
    """The trace of a new request."""
    given = header(scope, b"x-request-id")
    valid = given is not None and _REQUEST_ID.fullmatch(given)
    trace = Trace(given if given and valid else secrets.token_hex(16))
    scope[SCOPE_KEY] = trace
    return trace


def current(scope: Scope) -> Trace:
    """The trace of the request of this scope."""
    trace: Trace = scope[SCOPE_KEY]
    return trace


def told_path(scope: Scope) -> str:
    """The path of the request as logs have it."""
    path: str = scope["path"]
    hidden = current(scope).hidden
    return path.replace(hidden, "…") if hidden else path


def header(scope: Scope, name: bytes) -> str | None:
    """The one value of a header, None when it is absent or there are several that differ."""
    values: set[Any] = {value for key, value in scope["headers"] if key == name}
    return values.pop().decode("latin-1") if len(values) == 1 else None


def position_headers(position: Position | None) -> dict[str, str]:
    """Headers that tell where the log stood; an empty log has only a head."""
    if position is None:
        return {}
    headers = {"Artifactstore-Head": str(position.head)}
    if position.epoch_name is not None:
        headers |= {"Artifactstore-Log": str(position.log_id), "Artifactstore-Epoch": position.epoch_name}
    return headers
