"""Who took the processor time while something was measured."""

import subprocess
import sys

import psutil
import pytest

from bench.noise import Watch, taken
from tests.timing import until

BUSY = "import time; e = time.process_time() + 1.5\nwhile time.process_time() < e: pass"


def test_ours_are_the_roots_and_all_that_they_started() -> None:
    processes = {1: (0, 100), 2: (1, 10), 3: (2, 5), 4: (1, 1), 5: (4, 7)}
    assert taken([2], processes) == 15
    assert taken([2, 3], processes) == 15
    assert taken([2, 4], processes) == 23
    assert taken([9], processes) == 0


@pytest.mark.parametrize("waited_for", [True, False])
def test_what_a_child_takes_is_ours_while_it_lives_and_afterwards(waited_for: bool) -> None:
    """A child that computes adds the same to what is busy and to what is ours."""
    watch = Watch()
    before = watch._now()
    with subprocess.Popen([sys.executable, "-c", BUSY]) as child:
        if waited_for:
            child.wait()
        else:
            computing = psutil.Process(child.pid)
            until(lambda: computing.cpu_times().user > 0.3, "the child computes")
        after = watch._now()
    assert before is not None
    assert after is not None
    assert after.ours - before.ours > 0.1
    assert after.busy - before.busy >= after.ours - before.ours - 0.1
    share = watch.share()
    assert share is not None
    assert 0 <= share <= 1


def test_what_others_take_is_theirs() -> None:
    """Seen from a process that did nothing, the one beside it is somebody else."""
    look = "import time; from bench.noise import Watch; w = Watch(); time.sleep(1.0); print(w.share())"
    with subprocess.Popen([sys.executable, "-c", BUSY]):
        done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0
