"""New identities: UUIDv7, ascending within the process."""

import os
import threading
import time
from uuid import UUID

_RANDOM_BITS = 74
_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7), greater than every one made before in this process.

    Within one millisecond, or when the clock steps back, the 74 random bits of the last one are
    increased by a random step instead of drawn anew (§6.2, method 2).
    """
    global _last
    draw = int.from_bytes(os.urandom(10))
    with _lock:
        fresh = time.time_ns() // 1_000_000 << _RANDOM_BITS | draw >> 80 - _RANDOM_BITS
        if fresh >> _RANDOM_BITS > _last >> _RANDOM_BITS:
            _last = fresh
        else:
            _last += 1 + (draw >> 48)
        value = _last
    milliseconds, random = divmod(value, 1 << _RANDOM_BITS)
    high, low = divmod(random, 1 << 62)
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)
