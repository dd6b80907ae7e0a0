"""What the service says of itself to whoever comes by: what it is, what it offers, for programs and people.

The page of /docs is Swagger UI, of ``artifactstore/http/viewer``: of the viewers tried it is the one that a
strict Content-Security-Policy does not break. ``scripts/swagger-ui`` brings another version of it.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from artifactstore import __version__
from artifactstore.codec import digest
from artifactstore.events.kinds import Text
from artifactstore.http.endpoint import JSON, Answer, Call, Endpoint
from artifactstore.http.web.answers import TEXT, record
from artifactstore.http.web.negotiation import wants_html
from artifactstore.http.web.request import Parameter

_HTML = "text/html"
_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "contrast.css": "text/css",
    "start.js": "text/javascript",
}
"""What the page is made of."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_SAFE: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_LINKS = {"docs": "/docs", "openapi": "/openapi.json", "ui": "/ui/"}


async def _root(call: Call) -> Answer:
    vary = {"Vary": "Accept"}
    if wants_html(call.scope):
        return Answer(b"", 303, {"Location": _LINKS["ui"], **vary}, _HTML)
    return Answer({"name": "artifactstore", "version": __version__, "links": _LINKS}, headers=vary)


async def _openapi(call: Call) -> Answer:
    return _lasting(call.scope["app"].state.openapi)


async def _page(_call: Call) -> Answer:
    return _viewer("index.html", _HTML)


async def _file(call: Call) -> Answer:
    name: str = call.path["name"]
    return _viewer(name, _MEDIA_TYPES[name])


def _viewer(name: str, media_type: str) -> Answer:
    answer = _lasting(_content(name), media_type)
    answer.headers |= _SAFE
    return answer


def _lasting(body: bytes, media_type: str = JSON) -> Answer:
    """What stays as it is until another version is installed."""
    headers = {"ETag": f'"{digest(body).hex()[:32]}"', "Cache-Control": "no-cache"}
    return Answer(body, headers=headers, media_type=media_type)


@cache
def _content(name: str) -> bytes:
    return files("artifactstore.http").joinpath("viewer", name).read_bytes()


def closed(endpoint: Endpoint) -> bool:
    """Whether it is for readers alone where ``public_docs`` is off."""
    return endpoint.tag == "documents" and endpoint.path != "/"


def _read(path: str, summary: str, **more: Any) -> Endpoint:
    return Endpoint(method="GET", path=path, role=None, tag="documents", summary=summary, **more)


ENDPOINTS = (
    _read(
        "/",
        "What this is, and where to read on",
        doc="Who asks for text/html first, as browsers do, is led to the explorer (303).",
        handle=_root,
        answer=record(
            "The service.",
            name={"const": "artifactstore"},
            version=TEXT,
            links=record("Paths.", **dict.fromkeys(_LINKS, TEXT)),
        ),
        may_have=("Vary",),
    ),
    _read(
        "/openapi.json",
        "This document",
        handle=_openapi,
        answer={"type": "object"},
        etag=True,
        may_have=("Cache-Control",),
    ),
    _read(
        "/docs",
        "This document as a page, on which requests can be tried out",
        handle=_page,
        media_type=_HTML,
        etag=True,
        may_have=("Cache-Control",),
    ),
    _read(
        "/docs/{name}",
        "What that page is made of",
        handle=_file,
        media_type="text/javascript",
        also={"text/css": TEXT},
        path_parameters=(
            Parameter("name", Text(enum=tuple(_MEDIA_TYPES)), "name of the file", required=True),
        ),
        etag=True,
        may_have=("Cache-Control",),
    ),
)
