"""Who signed in: the token is in a cookie, and is asked about with each request as that of a program is."""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.types import Scope

from artifactstore.errors import Forbidden
from artifactstore.http.pages.headers import EXPLORER
from artifactstore.http.web.trace import header

COOKIE = "artifactstore_token"
_ATTRIBUTES = f"; Path={EXPLORER.rstrip('/')}; HttpOnly; SameSite=Strict"


def token_of(scope: Scope) -> str | None:
    """The token of the cookie, None if there is none."""
    try:
        cookies = SimpleCookie(header(scope, b"cookie") or "")
    except CookieError:
        return None
    return cookies[COOKIE].value if COOKIE in cookies else None


def authorized(scope: Scope) -> Scope:
    """The request with the token of the cookie as its Authorization, and without parameters that are empty.

    A header of that name counts for nothing here: nobody is signed in who could not sign out. Forms send
    every field, also those that nobody filled in.
    """
    headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    token = token_of(scope)
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode("latin-1", "replace")))
    return {**scope, "headers": headers, "query_string": _filled_in(scope["query_string"])}


def _filled_in(query: bytes) -> bytes:
    return b"&".join(pair for pair in query.split(b"&") if not pair or pair.partition(b"=")[2])


def kept(token: str, *, secure: bool) -> str:
    """The Set-Cookie that signs in, until the browser is closed."""
    return f"{COOKIE}={token}{_ATTRIBUTES}{'; Secure' if secure else ''}"


def forgotten() -> str:
    """The Set-Cookie that signs out."""
    return f"{COOKIE}={_ATTRIBUTES}; Max-Age=0"


def by_https(scope: Scope) -> bool:
    """Whether the browser came by https: the origin of its form says so, also from behind a proxy."""
    return scope["scheme"] == "https" or (header(scope, b"origin") or "").startswith("https:")


def check_own_form(scope: Scope) -> None:
    """Raise ``Forbidden`` forbidden for a form of another site, which could sign somebody in as another."""
    site, origin = header(scope, b"sec-fetch-site"), header(scope, b"origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or urlsplit(origin).netloc == header(scope, b"host")
    if not own:
        raise Forbidden("forbidden", {"problem": "the form was sent by another site"})


def own_path(text: str | None) -> str:
    """A page of the explorer that was asked for, or the first one: no other place is ever led to."""
    if text is None or not text.startswith(EXPLORER) or not text.isprintable() or "\\" in text:
        return EXPLORER
    parts = urlsplit(text)
    if ".." in parts.path.split("/"):
        return EXPLORER
    query = urlencode(parse_qsl(parts.query))
    return parts._replace(query=query).geturl()
