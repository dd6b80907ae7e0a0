"""Trying again: what a store over a network says no to may be right in a moment."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from artifactstore.stores.answers import StoreAnswer

T = TypeVar("T")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
"""Seconds; a pause is twice the one before, up to this, and a random share of it is waited."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store is waited for, in seconds.

    Attributes:
        again: for how long a call is tried again. stall: without a byte, after which a connection is given up.
        connect: until a connection is there; as long may the store take no byte of what is sent.
    """

    again: float = 180.0
    stall: float = 60.0
    connect: float = 20.0

    def ask(self, call: Callable[[], T]) -> T:
        """What the call gives; raises the ``StoreAnswer`` that is no, or the last one when time is over.

        Its ``tries`` tells how often was asked: an earlier call may have been done and its answer lost.
        """
        waiting = Waiting(self)
        while True:
            try:
                return call()
            except StoreAnswer as answer:
                waiting.wait_after(answer)


class Waiting:
    """The waits between the tries of one thing; ``progress`` begins them anew."""

    def __init__(self, patience: Patience) -> None:
        self._again = patience.again
        self.progress()

    def progress(self) -> None:
        """What follows has all the time there is."""
        self._until = time.monotonic() + self._again
        self._tries = count(1)

    def wait_after(self, answer: StoreAnswer) -> None:
        """Wait if it is worth it; otherwise raise the answer, with the number of tries."""
        tries = next(self._tries)
        pause = random.uniform(0.5, 1.0) * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (tries - 1))  # noqa: S311
        if not answer.passing or time.monotonic() + pause > self._until:
            answer.tries = tries
            raise answer
        time.sleep(pause)
