"""Trying again: what a store over a network says no to may be right in a moment."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from artifactstore.stores.answers import StoreAnswer

T = TypeVar("T")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
"""Seconds; a pause is twice the one before, up to this, and half of it at least is waited."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store is waited for, in seconds.

    Attributes:
        again: for how long a call is tried again. stall: without a byte, until a connection is given up.
        connect: until a connection is there; as long may the store take no byte of what is sent.
    """

    again: float = 180.0
    stall: float = 60.0
    connect: float = 20.0

    def ask(self, call: Callable[[], T]) -> T:
        """What the call gives; raises the ``StoreAnswer`` that is a no, or the last one when time is over."""
        waiting = Waiting(self)
        while True:
            try:
                return call()
            except StoreAnswer as answer:
                waiting.wait_after(answer)


class Waiting:
    """The waits between the tries of one thing."""

    def __init__(self, patience: Patience) -> None:
        self._again = patience.again
        self._uncertain = False
        self.progress()

    def progress(self) -> None:
        """What follows has all the time there is."""
        self._until = time.monotonic() + self._again
        self._pause = _FIRST_PAUSE

    def wait_after(self, answer: StoreAnswer) -> None:
        """Wait if it is worth it; otherwise raise the answer, uncertain if one of the tries was."""
        self._uncertain |= answer.uncertain
        pause = random.uniform(0.5, 1.0) * self._pause  # noqa: S311 - no secret
        if not answer.passing or time.monotonic() + pause > self._until:
            answer.uncertain = self._uncertain
            raise answer
        time.sleep(pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
