"""How a client reaches its one service: proxy and certificates, as the environment says.

httpx makes patterns of NO_PROXY and cannot read some that are usual, such as networks of IPv6. A client has
one address, so what applies to that is decided here, once.
"""

import os
import re
import ssl
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.request import getproxies

import httpx

from artifactstore.errors import BadInput

_SCHEMES = ("http", "https")


def network(url: str, transport: object | None) -> dict[str, Any]:
    """Arguments of ``httpx.Client`` and ``AsyncClient`` for the service at ``url``.

    Args:
        transport: of httpx, if the caller has one: then no proxy is asked.

    Raises:
        BadInput: usage, for a URL that is none of a service, a proxy or certificates that cannot be used.
    """
    try:
        service = httpx.URL(url)
    except httpx.InvalidURL as failure:
        raise _unusable(f"the URL of the service: {failure}") from None
    # What no name of a host can hold is escaped by httpx; in an address it begins the zone.
    named = service.host and ("%" not in service.host or ":" in service.host)
    named = named and (service.port or 1) < 65_536
    if service.scheme not in _SCHEMES or not named:
        raise _unusable(f"{url!r} is no URL of a service, such as http://127.0.0.1:8321")
    chosen: dict[str, Any] = {"base_url": service, "trust_env": False}
    if transport is not None:
        return {**chosen, "transport": transport}
    # A context takes a while to load, and without certificates it trusts nobody.
    tls = service.scheme == "https"
    verify = _certificates() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return {**chosen, "verify": verify, "proxy": _proxy(service)}


def _proxy(service: httpx.URL) -> httpx.Proxy | None:
    told = getproxies()
    scheme = service.scheme if told.get(service.scheme) else "all"
    text = told.get(scheme)
    if not text or bypassed(service, told.get("no", "")):
        return None
    name = next((name for name in os.environ if name.lower() == f"{scheme}_proxy"), f"{scheme}_proxy")
    # Never the value: it may hold a password.
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL as failure:
        raise _unusable(f"{name} is no URL of a proxy: {failure}") from None
    if url.scheme in ("socks5", "socks5h") and find_spec("socksio") is not None:
        return httpx.Proxy(url)
    if url.scheme not in _SCHEMES:
        raise _unusable(f"{name} names a proxy of {url.scheme}, which is not spoken here")
    if not url.host:
        raise _unusable(f"{name} names no host")
    return httpx.Proxy(url, ssl_context=_certificates() if url.scheme == "https" else None)


def bypassed(service: httpx.URL, no_proxy: str) -> bool:
    """Whether NO_PROXY says that this service is reached without a proxy.

    It lists hosts and domains (with those below them), addresses, networks such as ``fd07::/64``, all of them
    also with a port; ``*`` is everything. What cannot be read is passed over, as curl does.
    """
    port = service.port or {"http": 80, "https": 443}[service.scheme]
    return any(_names(entry, service.host, port) for entry in re.split(r"[,\s]+", no_proxy) if entry)


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    entry = entry.rpartition("://")[2]
    with_port = re.fullmatch(r"(\[[^]]*\]|[^:]*):(\d+)", entry)
    if with_port is not None:
        if with_port[2] != str(port):
            return False
        entry = with_port[1]
    entry = entry.strip("[]")
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        domain = entry.lower().lstrip("*").lstrip(".")
        return bool(domain) and f".{host.lower()}".endswith(f".{domain}")


def _certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as failure:
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
        raise _unusable(f"{name}: {failure.strerror or failure}") from None


def _unusable(problem: str) -> BadInput:
    return BadInput("usage", {"problem": problem})
