"""Uploads in parts that were begun, on this machine's disk: the next run goes on with them.

A file per upload, named by what is uploaded where: a line of JSON says what was begun, one more for each part
that was written. What cannot be read is an upload that nobody began. The bytes are in the store, and it is
asked which parts it has.
"""

import hashlib
import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from artifactstore.stores.keys import is_key, made_at

LATEST = timedelta(days=6)
"""Age of a key with which an upload is still gone on with: after 7 days no event may name it any more."""


def directory() -> Path:
    """Where they are: ``$XDG_STATE_HOME/artifactstore/uploads``."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "artifactstore" / "uploads"


@dataclass(slots=True)
class Unfinished:
    """An upload of a file into a store.

    Attributes:
        parts: number → ETag and SHA-256 of what was written, as far as this machine knows.
    """

    path: Path
    key: str
    upload_id: str
    part_size: int
    parts: dict[int, tuple[str, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def late(self) -> bool:
        """Whether it is too old to go on with."""
        return datetime.now(UTC) - made_at(self.key) > LATEST

    def note(self, number: int, etag: str, sha256: bytes) -> None:
        """Remember a part that was written, if there is room: without it, it is sent again."""
        with self._lock, suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([number, etag, sha256.hex()]) + "\n")

    def forget(self) -> None:
        """It is complete, or given up."""
        self.path.unlink(missing_ok=True)


def place_of(os_path: bytes, status: os.stat_result, store: str) -> Path:
    """The file about an upload: another one for a file that was changed or replaced."""
    what = [os.fsdecode(os_path), status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev, store]
    return directory() / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]}.jsonl"


def begin(place: Path, key: str, upload_id: str, part_size: int) -> Unfinished:
    """Remember an upload that was begun, if there is room."""
    head = {"key": key, "upload_id": upload_id, "part_size": part_size}
    new = place.with_suffix(".new")
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_text(json.dumps(head) + "\n", encoding="utf-8")
        new.replace(place)
    return Unfinished(place, key, upload_id, part_size)


def find(place: Path) -> Unfinished | None:
    """The upload that was begun there; None if there is none."""
    try:
        head, *lines = place.read_text(encoding="utf-8").splitlines()
        begun = json.loads(head)
        found = Unfinished(place, str(begun["key"]), str(begun["upload_id"]), int(begun["part_size"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not is_key(found.key) or found.part_size < 1:
        return None
    for line in lines:
        with suppress(ValueError, TypeError):  # the last line may be torn
            number, etag, sha256 = json.loads(line)
            found.parts[int(number)] = (str(etag), str(sha256))
    return found
