"""Access tokens: their text, and the file with the one that the embedded service makes for its owner."""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from artifactstore.codec import digest
from artifactstore.errors import BadInput

ROLES = ("reader", "producer", "operator")
"""What a token can allow; each role may do what those before it may."""

_TOKEN = re.compile(r"ast_([0-9a-f]{32})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token: ``text`` is for its holder alone, ``secret_hash`` (32 bytes) is what is stored."""

    token_id: UUID
    text: str
    secret_hash: bytes


def new_token(token_id: UUID) -> AccessToken:
    """A token with a secret of 256 random bits, so that one BLAKE3 of it is hash enough."""
    return _token(token_id, secrets.token_urlsafe(32))


def parse_token(text: str) -> AccessToken | None:
    """The token of a text ``ast_<32 hex>_<43 characters>``, None for any other text."""
    match = _TOKEN.fullmatch(text)
    return None if match is None else _token(UUID(match[1]), match[2])


def token_path(data_directory: Path | None = None) -> Path:
    """The file with the token of the embedded service, see ``embedded.data_directory``."""
    from artifactstore import embedded  # with it the driver, which a client need not have

    return embedded.data_directory(data_directory) / "token"


def read_token(path: Path) -> AccessToken | None:
    """The token in a file, None if there is no such file or no token in it.

    Raises ``BadInput`` file when others may read it.
    """
    try:
        if path.stat().st_mode & 0o077:
            told = {"problem": f"{path}: others may read it", "path": str(path)}
            raise BadInput("file", told, f"chmod 600 {path}")
        return parse_token(path.read_text(encoding="utf-8", errors="replace").strip())
    except FileNotFoundError:
        return None


def write_token(path: Path, token: AccessToken) -> None:
    """Keep a token in a file that only its owner can read; never half written."""
    scratch = path.with_name(f".{path.name}-{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)  # a umask may take rights from the owner too
        file.write(token.text + "\n")
    scratch.replace(path)


def _token(token_id: UUID, secret: str) -> AccessToken:
    return AccessToken(token_id, f"ast_{token_id.hex}_{secret}", digest(secret.encode()))
