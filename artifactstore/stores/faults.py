"""Fault points: where tests end a process as a power cut would."""

import os
import signal
from itertools import count

from artifactstore.variables import PREFIX

VARIABLE = f"{PREFIX}FAULT"
"""Not among those that the program reads: it is for tests."""

_passed = count(1)


def fault(name: str) -> None:
    """Die here, if ARTIFACTSTORE_FAULT is ``name``, or ``name:n`` and this is the n-th time."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    point, _, number = wanted.partition(":")
    if point == name and next(_passed) == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
