"""Registering directory trees.

ingest        files of 1 MiB, in all 1 GiB, read once for both digests and appended, by what artifactstore
              ingest runs; baseline: b3sum and after it sha256sum of the same files, which are in the page
              cache. Where there is no b3sum, Python's blake3 with one thread takes its place, less its start
ingest_small  files per second of many small ones, the standard library of this Python
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter

from artifactstore import db
from artifactstore.jobs.ingest import Ingested, ingest
from artifactstore.store import Store
from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.plan import Bench, Failed, Say

GOAL = 0.6
MEBIBYTE = 1 << 20
NOT_OURS = ("site-packages", "dist-packages", "test")
"""Parts of a standard library that differ from machine to machine, or have names that no package can have."""

_STAND_IN = """
import sys
from time import perf_counter
from blake3 import blake3
started = perf_counter()
for path in sys.argv[1:]:
    blake3(max_threads=1).update_mmap(path).hexdigest()
print(perf_counter() - started)
"""


@dataclass(frozen=True, slots=True)
class Trees:
    """How many files of 1 MiB there are, and which part of the standard library is read."""

    mebibytes: int
    library: str = "."


def measure(server: Server, size: Trees, say: Say) -> list[Figure]:
    """The figures, for ``size.mebibytes`` files of 1 MiB."""
    library, numbers = Path(sysconfig.get_path("stdlib")) / size.library, count(1)
    with (
        tempfile.TemporaryDirectory(prefix="artifactstore-bench-") as made,
        scratch_database(server.conninfo) as conninfo,
        db.connect(conninfo) as connection,
    ):
        say(f"writing {size.mebibytes:,} MiB")
        paths = _write(Path(made), size.mebibytes)
        take = partial(_ingest, Store(connection), numbers)
        say(f"hashing and ingesting them, {ROUNDS} times in turn")
        hashing, taking = interleaved(
            ROUNDS, lambda: _seconds_to_hash(paths), lambda: take(Path(made)).seconds
        )
        say(f"ingesting {library}, {ROUNDS} times")
        small: list[Ingested] = []

        def take_library() -> float:
            small.append(take(library))
            return small[-1].seconds

        (taking_library,) = interleaved(ROUNDS, take_library)
    return [
        Figure("ingest", size.mebibytes / taking, "MiB/s", size.mebibytes / hashing, GOAL),
        Figure("ingest_small", small[-1].files / taking_library, "files/s"),
    ]


def _write(directory: Path, mebibytes: int) -> list[Path]:
    """Make files of 1 MiB, on disk, so that nothing is written back while they are read."""
    paths = []
    for number in range(mebibytes):
        paths.append(directory / f"{number % 16:02}" / f"{number:06}.bin")
        paths[-1].parent.mkdir(exist_ok=True)
        with paths[-1].open("wb") as file:
            file.write(os.urandom(MEBIBYTE))
            file.flush()
            os.fsync(file.fileno())
    return paths


def _ingest(store: Store, numbers: "count[int]", directory: Path) -> Ingested:
    """Ingest into a package of its own, so that everything is new."""
    purl = f"pkg:generic/bench/tree@{next(numbers)}"
    done = ingest(store, directory, purl, actor="user:bench", exclude=NOT_OURS)
    if done.appended != done.files:
        raise Failed(f"{done.appended} of {done.files} files were appended")
    return done


def _seconds_to_hash(paths: Sequence[Path]) -> float:
    """Seconds of one process for BLAKE3, then one for SHA-256."""
    if shutil.which("b3sum"):
        return _run("b3sum", *paths)[0] + _run("sha256sum", *paths)[0]
    _, told = _run(sys.executable, "-c", _STAND_IN, *paths)
    return float(told) + _run("sha256sum", *paths)[0]


def _run(program: str, *arguments: str | Path) -> tuple[float, str]:
    """Seconds that a program takes, and what it writes."""
    started = perf_counter()
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    seconds = perf_counter() - started
    if done.returncode:
        raise Failed(f"{program} ended with {done.returncode}")
    return seconds, done.stdout


BENCH = Bench(
    __doc__, ("ingest", "ingest_small"), measure, full=Trees(1_024), quick=Trees(64, library="encodings")
)
