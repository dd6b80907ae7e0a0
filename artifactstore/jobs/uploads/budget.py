"""Bytes in memory that many share."""

import threading


class MemoryBudget:
    """Lets so many bytes be taken at once; one who asks for more than all waits until all are there."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._changed = threading.Condition()

    def take(self, count: int) -> None:
        """Wait until ``count`` bytes are free, and take them."""
        wanted = min(count, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted

    def give(self, count: int) -> None:
        """Give back what was taken as ``count``."""
        with self._changed:
            self._free += min(count, self._size)
            self._changed.notify_all()
