"""Which service commands work on: named by URL, or by name in a file of the user.

The file is registries.toml in the user's directory for configuration::

    [ours]
    url = "https://registry.example"
    token = "ast_…"
"""

import os
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from artifactstore import access
from artifactstore.errors import BadInput
from artifactstore.suggest import suggestion

_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class NamedService:
    """A service, and the token for it."""

    url: str
    token: str


def named(
    url: str | None, registry: str | None, database_url: str | None, token: str | None
) -> NamedService | None:
    """The service that was named; options come before variables. None: no service was.

    Args: as they were given with ``--url``, ``--registry``, ``--database-url``, ``--token``.

    Raises ``BadInput``: usage for a name that the file does not have, a token that is lacking or that is for
    no service, file for a file that cannot be read or that others may read.
    """
    if url is None and registry is None and database_url is None:
        url = os.environ.get("ARTIFACTSTORE_URL") or None
        registry = None if url else os.environ.get("ARTIFACTSTORE_REGISTRY") or None
    elif url is not None and registry is not None:
        raise BadInput("usage", {"problem": "give either --url or --registry"})
    if registry is not None:
        url, own = _of_file(registry)
        token = token or own
    if url is None:
        if token is not None:
            raise BadInput("usage", {"problem": "--token is for a service: give --url or --registry too"})
        return None
    token = token or os.environ.get("ARTIFACTSTORE_TOKEN") or _embedded_token(url)
    if not token:
        raise BadInput("usage", {"problem": "no token: give --token or set ARTIFACTSTORE_TOKEN"})
    return NamedService(url, token)


def path() -> Path:
    """The file with the named registries of this user."""
    from platformdirs import user_config_path

    return user_config_path("artifactstore") / "registries.toml"


def _of_file(name: str) -> tuple[str, str | None]:
    """URL and token of a registry by its name."""
    file = path()
    registries = _read(file)
    if name not in registries:
        close = suggestion(name, sorted(registries))
        problem = f"{file} names no registry {name!r}{close}"
        raise BadInput("usage", {"problem": problem, "registries": sorted(registries)})
    entry = registries[name]
    url, token = (entry.get("url"), entry.get("token")) if isinstance(entry, dict) else (None, None)
    if not isinstance(url, str) or not isinstance(token, str | None):
        raise BadInput("file", {"problem": f"{file}: [{name}] is not url and token, both text"})
    return url, token


def _read(file: Path) -> dict[str, Any]:
    from artifactstore import system

    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            text = stream.read()
    except OSError as failure:
        raise system.refused(failure, file) from failure
    if mode & _OTHERS:
        raise BadInput(
            "file", {"problem": f"{file}: others may read it", "path": str(file)}, f"chmod 600 {file}"
        )
    return system.parse_toml(text, file)


def _embedded_token(url: str) -> str | None:
    """The token of the embedded service of this user, for a service of this machine and no other."""
    if not _is_here(url):
        return None
    known = access.read_token(access.token_path())
    return None if known is None else known.text


def _is_here(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
