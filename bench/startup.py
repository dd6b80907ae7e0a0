"""How long the program takes to say what it can.

help  artifactstore --help, less python -c pass
"""

import subprocess
import sys
from dataclasses import dataclass
from time import perf_counter

from bench.database import Server
from bench.figures import Figure, interleaved
from bench.plan import Bench, Failed, Say

GOAL = 120.0
TIMES = 11
"""More often than other things: it is short, and whatever else the machine does is not."""


@dataclass(frozen=True, slots=True)
class OneSize:
    """There is nothing to choose."""


def measure(server: Server, size: OneSize, say: Say) -> list[Figure]:  # noqa: ARG001 - as of any bench
    """The figure; needs no server."""
    say(f"starting the program {TIMES} times")
    python, program = interleaved(
        TIMES, lambda: _seconds("-c", "pass"), lambda: _seconds("-m", "artifactstore", "--help")
    )
    return [Figure("help", 1000 * (program - python), "ms", goal=GOAL)]


def _seconds(*arguments: str) -> float:
    started = perf_counter()
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=False)
    seconds = perf_counter() - started
    if done.returncode:
        raise Failed(f"{arguments} ended with {done.returncode}")
    return seconds


BENCH = Bench(__doc__, ("help",), measure, full=OneSize(), quick=OneSize())
