"""A peer that is a program: it reads events on its standard input and prints the seconds that it took."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.plan import Failed


def seconds_of(command: Sequence[str], events: Sequence[str], directory: Path) -> float:
    """What the program measured itself: its start and its connection are left out."""
    given = "[" + ",".join(events) + "]"
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, cwd=directory)
    if done.returncode:
        raise Failed(f"{' '.join(command[:2])}: {done.stderr.strip()[-500:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])
