"""Headers of content: what a browser may do with bytes that somebody else made, and what they are called."""

import re
import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

OCTETS: Final = "application/octet-stream"

_INERT: Final = frozenset(
    {
        "application/gzip", "application/json", "application/vnd.cyclonedx+json", "application/spdx+json",
        "application/x-tar", "application/zip", "application/zstd", "image/gif", "image/jpeg", "image/png",
        "image/webp", "text/csv", "text/plain",
    }
)  # fmt: skip
"""Media types that no browser runs, whatever the bytes are; the others are told as ``OCTETS``."""

_DOWNLOAD: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Accept-Ranges": "bytes",
}

_REPORT_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css", "csv": "text/csv", "gif": "image/gif", "htm": "text/html", "html": "text/html",
    "ico": "image/x-icon", "jpeg": "image/jpeg", "jpg": "image/jpeg", "js": "text/javascript",
    "json": "application/json", "log": "text/plain", "map": "application/json", "mjs": "text/javascript",
    "mp4": "video/mp4", "otf": "font/otf", "png": "image/png", "svg": "image/svg+xml", "ttf": "font/ttf",
    "txt": "text/plain", "wasm": "application/wasm", "webm": "video/webm", "webp": "image/webp",
    "woff": "font/woff", "woff2": "font/woff2", "xml": "application/xml",
}  # fmt: skip
"""What a report is made of: by the ends of paths, since few tell a media type where they add a file."""

_REPORT: Final[Mapping[str, str]] = {
    # A sandbox without allow-same-origin: no cookies, no storage, and foreign to every origin, its own too.
    "Content-Security-Policy": "sandbox allow-scripts; "
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; base-uri 'self'; form-action 'none'",
    # To a page without an origin its own style sheets and data come from another one.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    # Its address is all that is needed to read it.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Accept-Ranges": "bytes",
}

NO_REPORT: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Access-Control-Allow-Origin": "*",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of a refusal on the origin of reports."""

_REPLACED = re.compile(r'[\\/:*?"<>|%]')
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories of characters that are not seen, those that turn the direction of text among them."""
_ATTRIBUTE = "!#$&+-.^_`|~"
"""Beside letters and digits, what a value of an extended parameter has as it is (RFC 8187, 3.2.1)."""


def download(path: str) -> dict[str, str]:
    """Headers of bytes that are to be kept, not looked at: they can do nothing on this origin."""
    return {**_DOWNLOAD, "Content-Disposition": attachment(path)}


def report(path: str, media_type: str | None) -> tuple[str, dict[str, str]]:
    """The media type of a file of a report as it is told, and its headers: what is no part of one is kept."""
    told = report_type(path, media_type)
    if told is None:
        return OCTETS, {**_REPORT, "Content-Disposition": attachment(path)}
    return told, dict(_REPORT)


def report_type(path: str, media_type: str | None) -> str | None:
    """The media type with which a file is looked at: what the log says, else by its path; None: it is not."""
    said = _essence(media_type)
    if said not in ("", OCTETS):
        return said if said in _REPORT_TYPES.values() else None
    return _REPORT_TYPES.get(path.rpartition("/")[2].rpartition(".")[2].lower())


def inert(media_type: str | None) -> str:
    """The media type as it is told: what could run is octets."""
    told = _essence(media_type)
    return told if told in _INERT else OCTETS


def attachment(path: str) -> str:
    """The Content-Disposition of a file (RFC 6266), with its name in ASCII and, if that is another, as it is.

    The name is the last segment of its path, with _ for characters that are not seen, and for those that
    mean something in paths.
    """
    name = "".join("_" if _odd(one) else one for one in path.rpartition("/")[2])
    plain = "".join(one if one.isascii() else "_" for one in name)
    told = f'attachment; filename="{plain}"'
    return told if plain == name else f"{told}; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE)}"


def state(blake3: bytes, sha256: bytes | None) -> dict[str, str]:
    """Headers that name the bytes: the tag, and the digests that are known."""
    told = {"ETag": tag(blake3), "Artifactstore-Blake3": blake3.hex()}
    return told if sha256 is None else {**told, "Repr-Digest": repr_digest(sha256)}


def tag(blake3: bytes) -> str:
    """The entity tag of these bytes."""
    return f'"b3-{blake3.hex()}"'


def repr_digest(sha256: bytes) -> str:
    """The digest of bytes as RFC 9530 writes it."""
    return f"sha-256=:{b64encode(sha256).decode()}:"


def _essence(media_type: str | None) -> str:
    """A media type without its parameters, in lower case."""
    return (media_type or "").partition(";")[0].strip().lower()


def _odd(character: str) -> bool:
    return _REPLACED.match(character) is not None or unicodedata.category(character) in _UNSEEN
