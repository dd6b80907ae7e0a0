"""What of a directory will do harm to the bytes in it, as far as the system tells."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from artifactstore.stores.trial import Trial

_IN_MEMORY = ("tmpfs", "ramfs")
_MOUNTS = Path("/proc/self/mountinfo")


def hazards(root: str) -> Iterator[Trial]:
    """Whether a disk is below it, and whether strangers may write there."""
    found = os.stat(root)  # noqa: PTH116 - as text, like all of a local store
    kind = _file_system(found.st_dev)
    if kind in _IN_MEMORY:
        yield Trial("disk", "hazard", f"{kind}: a restart of the machine takes all")
    else:
        yield Trial("disk", "yes", kind or "")
    mode = stat.S_IMODE(found.st_mode)
    if mode & stat.S_IWOTH:
        yield Trial("closed to others", "hazard", f"everybody may write there (mode {mode:04o})")
    else:
        yield Trial("closed to others", "yes", f"mode {mode:04o}")


def _file_system(device: int) -> str | None:
    """The type of a mounted file system; None where the system does not tell."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        mount, _, system = line.partition(" - ")
        if mount.split(" ")[2] == wanted:
            return system.split(" ")[0]
    return None
