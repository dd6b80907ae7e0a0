"""Not faster than so much a second, all threads together."""

import threading
import time


class Pace:
    """Waits where more was spent than the budget gives, so that others keep the rest of a store.

    Args:
        per_second: what may be spent, in whatever unit; None: all.
        stopping: ends every wait.
    """

    def __init__(self, per_second: float | None, stopping: threading.Event) -> None:
        self._per_second = per_second
        self._stopping = stopping
        self._paid = time.monotonic()
        self._lock = threading.Lock()

    def spend(self, amount: float) -> None:
        """Return when what was spent before is paid for."""
        if self._per_second is None:
            return
        with self._lock:
            now = time.monotonic()
            left = self._paid - now
            self._paid = max(self._paid, now) + amount / self._per_second
        if left > 0:
            self._stopping.wait(left)
