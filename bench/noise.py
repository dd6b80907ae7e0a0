"""What others did on this machine while something was measured: figures of a busy machine say so."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import getpid, sysconf
from pathlib import Path

LIMIT = 0.05
"""Share of the machine's processor time; a figure that was measured while others took more is noisy."""

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class _Times:
    """Seconds of processor time so far: of all processors, of those what was busy or stolen, of that ours."""

    whole: float
    busy: float
    ours: float


class Watch:
    """Begins to watch when it is made.

    Ours are the processes of ``roots`` and of this one, with all that they started, also those that ended.
    """

    def __init__(self, roots: Iterable[int] = ()) -> None:
        self._roots = {getpid(), *roots}
        self._before = self._now()

    def share(self) -> float | None:
        """Share of all processor time since then that others took, 0 to 1; None where it is not told."""
        now, before = self._now(), self._before
        if now is None or before is None or now.whole == before.whole:
            return None
        others = (now.busy - before.busy) - (now.ours - before.ours)
        return round(min(1.0, max(0.0, others / (now.whole - before.whole))), 3)

    def _now(self) -> _Times | None:
        try:
            line = (_PROC / "stat").read_text().partition("\n")[0]
        except OSError:
            return None
        # user, nice, system, idle, iowait, irq, softirq, steal; what guests took is in user.
        ticks = [int(part) for part in line.split()[1:9]]
        whole, idle = sum(ticks), ticks[3] + ticks[4]
        second = sysconf("SC_CLK_TCK")
        return _Times(whole / second, (whole - idle) / second, taken(self._roots, _processes()) / second)


def taken(roots: Iterable[int], processes: Mapping[int, tuple[int, int]]) -> int:
    """Sum of the ticks of the roots and their descendants, of ``processes``: number → (parent, ticks)."""
    children = defaultdict(list)
    for process, (parent, _) in processes.items():
        children[parent].append(process)
    left, seen = [root for root in roots if root in processes], set[int]()
    while left:
        process = left.pop()
        if process not in seen:
            seen.add(process)
            left += children[process]
    return sum(processes[process][1] for process in seen)


def _processes() -> dict[int, tuple[int, int]]:
    """By number: the parent, and ticks of the process and of its children that ended and were waited for."""
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            found[int(entry.name)] = int(fields[1]), sum(int(field) for field in fields[11:15])
    return found
