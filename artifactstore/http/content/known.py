"""What a client has and asks for: whether a store has it, too."""

from dataclasses import dataclass
from typing import Annotated

from artifactstore.events.kinds import Hash, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownContent:
    """A content, by what is known of it."""

    size: Annotated[int, Int("size in bytes")]
    blake3: Annotated[bytes, Hash("BLAKE3 of the content")]
    sha256: Annotated[bytes | None, Hash("SHA-256 of the content", algorithm="sha256")] = None
