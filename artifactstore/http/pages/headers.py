"""Headers that every answer of the explorer has: what a browser may do with it."""

from collections.abc import Mapping

HTML = "text/html"
EXPLORER = "/ui/"
"""The first page; all others are below it."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""Content-Security-Policy: what a name in the log says is text, whatever it looks like."""

_SAFE: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Nothing leaves for other sites. no-referrer would make browsers send Origin: null with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

PAGE_HEADERS: Mapping[str, str] = {**_SAFE, "Cache-Control": "private, no-store", "Vary": "Cookie"}
"""Of pages: who signs out leaves nothing behind."""

STATIC_HEADERS: Mapping[str, str] = {**_SAFE, "Cache-Control": "public, max-age=31536000, immutable"}
"""Of files whose path has their digest."""
