"""Which log a process reads, and when that is another one than before: after a restore or a failover."""

import logging
import threading
import time

from artifactstore.store import Position

_log = logging.getLogger("artifactstore")


class History:
    """What this process knows of the log, told by every read and append of it; for all threads.

    Whoever keeps anything read from the log keeps the generation of its reading beside it, and forgets both
    together.

    Attributes:
        head: highest sequence seen of this log.
        generation: counts how often the log was found to be another one than before.
    """

    def __init__(self) -> None:
        self.head = 0
        self.generation = 0
        self._position: Position | None = None
        self._known_at = 0.0
        self._lock = threading.Lock()

    def note(self, position: Position, began: float) -> None:
        """Take in where the log stood, as a snapshot saw it that was taken after ``began`` (monotonic).

        A log never shrinks: that one which began later sees less is proof of another log.
        """
        with self._lock:
            known = self._position
            if known is None or not known.head:
                self._know(position)
            elif _same(known, position) and position.head >= known.head:
                if position.head > known.head:
                    self._know(position)
            elif began > self._known_at:
                self._change(known, position)

    def broke(self, position: Position, generation: int) -> None:
        """The log is another one than in ``generation``, as its events tell; unless that is known already."""
        with self._lock:
            if generation == self.generation and self._position is not None:
                self._change(self._position, position)

    def _know(self, position: Position) -> None:
        self._position, self.head, self._known_at = position, position.head, time.monotonic()

    def _change(self, known: Position, position: Position) -> None:
        self.generation += 1
        self._know(position)
        _log.warning(
            "the log is another one than before: it was restored, or another server answers",
            extra={
                "log_before": known.log_id,
                "epoch_before": known.epoch_name,
                "head_before": known.head,
                "log": position.log_id,
                "epoch": position.epoch_name,
                "head": position.head,
            },
        )


def _same(known: Position, position: Position) -> bool:
    return (known.log_id, known.epoch_id) == (position.log_id, position.epoch_id)
