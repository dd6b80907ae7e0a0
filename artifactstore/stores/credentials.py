"""Files of credentials, which nobody but their owner may read."""

from pathlib import Path

from artifactstore import system
from artifactstore.errors import BadInput

_OTHERS = 0o077


def private(path: Path) -> str:
    """What such a file says; raises ``BadInput`` file if others may read it, or nobody can."""
    try:
        if path.stat().st_mode & _OTHERS:
            told = {"problem": f"{path}: others may read it", "path": str(path)}
            raise BadInput("file", told, f"chmod 600 {path}")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as failure:
        raise system.refused(failure, path) from failure
