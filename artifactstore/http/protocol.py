"""HTTP that cannot be parsed is answered with a problem too, not with uvicorn's line of text."""

import uuid
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from artifactstore.http import problems
from artifactstore.http.request import bad_request


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol; the parser below it takes URLs of up to 64 KiB and refuses control characters."""

    def shutdown(self) -> None:
        """The server stops: requests that wait for events are answered now."""
        super().shutdown()
        scope: dict[str, Any] | None = self.scope  # type: ignore[assignment]
        if scope is not None and "app" in scope:
            scope["app"].state.tail.stop()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request, and close the connection."""
        request_id = uuid.uuid4().hex
        response = problems.response(bad_request(msg.rstrip("."), max_url=65_535), request_id)
        headers: list[tuple[bytes, bytes]] = [
            *response.raw_headers,
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        lines: list[Any] = [b"HTTP/1.1 400 Bad Request", *(b"%s: %s" % header for header in headers)]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(response.body))
        self.transport.close()
