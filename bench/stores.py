"""What a store makes of the disk below it; both sides write to the same one, TMPDIR says which.

store_small    4 KiB objects put into a local store by 4 threads, both digests taken, a thousand between two
               settles; baseline: a bare loop of open, write, fsync and close by 4 threads
store_large    MB/s of an object that goes into a local store in parts, durably; baseline: one file of the
               same bytes written and synced
store_listing  objects per second of a listing, with the size of each; baseline: os.walk and stat of the same
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from blake3 import blake3

from artifactstore.events import new_id
from artifactstore.stores.base import ObjectStore, part_size
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.keys import key_of
from artifactstore.stores.marker import LogHome, init
from artifactstore.stores.opening import open_store
from bench.database import Server
from bench.figures import Figure, interleaved
from bench.plan import Bench, Failed, Say

SMALL_GOAL = 0.6
_ROUNDS = 5
_THREADS = 4
_BATCH = 1_000
_SMALL = 4_096


@dataclass(frozen=True, slots=True)
class Bytes:
    """How many small objects a round has, and how many bytes the large one."""

    objects: int
    large: int


def measure(server: Server, size: Bytes, say: Say) -> list[Figure]:  # noqa: ARG001 - as of any bench
    """The figures; needs no server."""
    with tempfile.TemporaryDirectory(prefix="as-bench-stores-") as directory:
        store = _store(Path(directory) / "store")
        bare = Path(directory) / "bare"
        for number in range(256):
            (bare / f"{number:02x}").mkdir(parents=True)
        say(f"{size.objects:,} objects of 4 KiB, {_ROUNDS} times in turn with a bare loop")
        put, looped = interleaved(
            _ROUNDS, partial(_seconds_to_put, store, size.objects), partial(_seconds_bare, bare, size.objects)
        )
        say(f"an object of {size.large:,} bytes in parts, {_ROUNDS} times in turn with one file")
        large, file = interleaved(
            _ROUNDS,
            partial(_seconds_in_parts, store, size.large),
            partial(_seconds_of_file, bare, size.large),
        )
        say("listing all of it")
        count = size.objects * _ROUNDS
        listed, walked = interleaved(
            _ROUNDS, partial(_seconds_to_list, store, count), partial(_seconds_to_walk, bare)
        )
    return [
        Figure("store_small", size.objects / put, "objects/s", size.objects / looped, SMALL_GOAL),
        Figure("store_large", size.large / large / 1e6, "MB/s", size.large / file / 1e6),
        Figure("store_listing", count / listed, "objects/s", count / walked),
    ]


def _store(root: Path) -> ObjectStore:
    store = open_store(StoreConfig(name="bench", type="local", root=root, min_free=0.0))
    init(store, LogHome(uuid4(), 1, 1, 1, ((uuid4(), 0),)))
    return store


def _by_threads(
    write: Callable[[str], None], keys: Sequence[str], settle: Callable[[list[str]], None]
) -> float:
    """Seconds to write under these keys, a batch after the other."""
    started = perf_counter()
    with ThreadPoolExecutor(_THREADS) as pool:
        for begin in range(0, len(keys), _BATCH):
            batch = list(keys[begin : begin + _BATCH])
            for _ in pool.map(write, batch):
                pass
            settle(batch)
    return perf_counter() - started


def _seconds_to_put(store: ObjectStore, count: int) -> float:
    data = os.urandom(_SMALL)

    def write(key: str) -> None:
        blake3(data).digest()
        store.put(key, data, hashlib.sha256(data).digest())

    return _by_threads(write, _keys(count), store.settle)


def _seconds_bare(directory: Path, count: int) -> float:
    data = os.urandom(_SMALL)

    def write(key: str) -> None:
        descriptor = os.open(directory / key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        os.write(descriptor, data)
        os.fsync(descriptor)
        os.close(descriptor)

    return _by_threads(write, _keys(count), lambda _: None)


def _keys(count: int) -> list[str]:
    return [key_of(new_id()) for _ in range(count)]


def _seconds_in_parts(store: ObjectStore, size: int) -> float:
    (key,) = _keys(1)
    one = os.urandom(part_size(size))
    started = perf_counter()
    upload = store.begin(key, size)
    parts = []
    for number, begin in enumerate(range(0, size, len(one)), start=1):
        data = one[: size - begin]
        parts.append(store.write_part(key, upload, number, data, hashlib.sha256(data).digest()))
    store.complete(key, upload, parts)
    store.settle([key])
    seconds = perf_counter() - started
    store.delete([key])
    return seconds


def _seconds_of_file(directory: Path, size: int) -> float:
    path = directory / "large"
    one = os.urandom(part_size(size))
    started = perf_counter()
    with path.open("wb", buffering=0) as file:
        for begin in range(0, size, len(one)):
            file.write(one[: size - begin])
        os.fsync(file.fileno())
    seconds = perf_counter() - started
    path.unlink()
    return seconds


def _seconds_to_list(store: ObjectStore, count: int) -> float:
    started = perf_counter()
    listed = sum(1 for info in store.list() if info.size)
    if listed != count:
        raise Failed(f"{listed} of {count} objects were listed")
    return perf_counter() - started


def _seconds_to_walk(directory: Path) -> float:
    started = perf_counter()
    for parent, _, names in os.walk(directory):
        for name in names:
            os.stat(f"{parent}/{name}")  # noqa: PTH116 - as fast as it can be
    return perf_counter() - started


BENCH = Bench(
    __doc__,
    ("store_small", "store_large", "store_listing"),
    measure,
    full=Bytes(10_000, 1 << 30),
    quick=Bytes(1_000, 64 << 20),
)
