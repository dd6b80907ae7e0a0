"""From files of a tree to objects of stores: each is read once, for both hashes and for all stores.

Small files go through memory, a chunk of them at a time: while one is read, the one before it is put, and
the one before that is appended by whoever takes the results. Large ones go beside them, in parts. What is
given out is durable.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from artifactstore.jobs.tree import CHANGED, Hashed, Reader, Tree, TreeFile
from artifactstore.jobs.uploads.budget import MemoryBudget
from artifactstore.jobs.uploads.destinations import Destination, SmallObject
from artifactstore.jobs.uploads.large import LargeFile, LargeKept
from artifactstore.stores.base import SMALL
from artifactstore.stores.faults import fault

CHUNK_FILES = 1_000
"""Files for which the log is asked once what it knows, and which are appended together."""
CHUNK_BYTES = 48 * 1024 * 1024
"""Bytes of small files in memory together; two chunks are at a time."""
PARTS_BYTES = 160 * 1024 * 1024
"""Bytes of parts in memory: with those of two chunks, 256 MiB."""
GRACE = 5.0
"""Seconds that what is on its way has when the work is to stop."""

_READ_TOGETHER = 64
_LARGE_AT_ONCE = 2
_LARGE_WAITING = 4
_TICK = 0.5
_PARTS_AT_ONCE = 8


class ObjectIds(Protocol):
    """What the log is asked about objects: ``registry.objects``; contents are BLAKE3, size and SHA-256."""

    def new_keys(self, n: int, /) -> list[str]: ...
    def known(self, backend: str, contents: Sequence[tuple[bytes, int, bytes]], /) -> list[str | None]: ...
    def sizes(self, backend: str, sizes: Sequence[int], /) -> set[int]: ...


class Kept(NamedTuple):
    """A file and its durable copies, as backend and URI; none if ``file`` has a problem."""

    file: Hashed
    copies: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Plan:
    """A small file on its way: copies that the log knows, and puts, by destination."""

    file: Hashed
    known: list[tuple[Destination, str]] = field(default_factory=list)
    puts: list[tuple[Destination, str, Future[None]]] = field(default_factory=list)


@dataclass(slots=True)
class _Large:
    """A large file on its way: hashed first, if a store may have it, and sent where it is not known."""

    entry: TreeFile
    hashing: Future[Hashed] | None = None
    sending: Future[LargeKept] | None = None
    known: dict[Destination, str] = field(default_factory=dict)

    @property
    def work(self) -> Future[Any]:
        """What is being done."""
        work = self.sending or self.hashing
        assert work is not None  # noqa: S101 - one of both is begun at once
        return work


class _Chunk(NamedTuple):
    small: list[TreeFile]
    large: list[TreeFile]


class _Content:
    """The bytes of a small file, as they are read."""

    def __init__(self) -> None:
        self.data = bytearray()

    def take(self, piece: memoryview) -> None:
        """Keep a piece; of a file that became large the rest is not kept."""
        if len(self.data) <= SMALL:
            self.data += piece


@dataclass(frozen=True, slots=True)
class Stored:
    """Stores that files are put into.

    Attributes:
        objects: the log's, asked in the thread that takes the results.
        destinations: the stores. needed: copies without which a file has failed.
        finishing: around the work; when what it gives is set, what is on its way is finished, and no more is
            begun.
    """

    objects: ObjectIds
    destinations: Sequence[Destination]
    needed: int
    finishing: Callable[[], AbstractContextManager[threading.Event]]


@dataclass(slots=True)
class Keeping:
    """Puts files of a tree into stores.

    Attributes:
        tree: that has the files. workers: threads that read. stopping: set, it ends the work; see ``Stored``.
        tick: gets the bytes read so far.
    """

    tree: Tree
    stores: Stored
    workers: int
    stopping: threading.Event
    tick: Callable[[int], None]
    _reader: Reader = field(default_factory=Reader)
    _budget: MemoryBudget = field(default_factory=lambda: MemoryBudget(PARTS_BYTES))
    _large: list[_Large] = field(default_factory=list)
    _pools: dict[str, ThreadPoolExecutor] = field(default_factory=dict)
    _ends: float | None = None

    def keep(self, entries: Iterable[TreeFile], *, anew: bool = False) -> Iterator[list[Kept]]:
        """Put files, and give them out when they are durable, some together.

        Args:
            anew: nothing that the log knows is shared, and nothing that was begun is gone on with.

        Raises what a store refused when too few stores are left, after what is durable was given out; and
        ``KeyboardInterrupt`` when it was to stop.
        """
        with self._opened():
            chunks = _chunks(entries)
            chunk = self._next(chunks)
            reading = self._read(chunk)
            durable: list[Kept] = []
            while chunk is not None:
                plans = self._plan(reading, anew)
                following = self._next(chunks)
                reading = self._read(following)
                if durable:
                    yield durable
                likely = self._likely(chunk.large, anew)
                for entry in chunk.large:
                    while len(self._large) >= _LARGE_WAITING:
                        yield from self._of_large()
                    self._begin_large(entry, likely, anew)
                chunk, durable = following, self._durable(plans)
            if durable:
                yield durable
            while self._large and not self._late():
                yield from self._of_large()
        if self.stopping.is_set():
            raise KeyboardInterrupt
        self._check()

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """With the threads; those that nobody waits for any more are left alone."""
        most = sum(destination.at_once for destination in self.stores.destinations)
        sizes = {
            "read": self.workers,
            "put": most,
            "large": _LARGE_AT_ONCE,
            "parts": _PARTS_AT_ONCE * len(self.stores.destinations),
        }
        with ExitStack() as stack:
            for name, size in sizes.items():
                self._pools[name] = pool = ThreadPoolExecutor(size, thread_name_prefix=name)
                stack.callback(pool.shutdown, wait=False, cancel_futures=True)
            self._reader.stopping = False
            try:
                yield
            finally:
                self._reader.stopping = True

    def _next(self, chunks: Iterator[_Chunk]) -> _Chunk | None:
        """The next chunk, unless no more is to be begun."""
        enough = self.stopping.is_set() or self._left() < self.stores.needed
        return None if enough else next(chunks, None)

    def _left(self) -> int:
        return sum(destination.failure is None for destination in self.stores.destinations)

    def _check(self) -> None:
        """Raise why too few stores are left."""
        if self._left() < self.stores.needed:
            raise next(
                destination.failure
                for destination in self.stores.destinations
                if destination.failure is not None
            )

    def _late(self) -> bool:
        """Whether it was to stop, and what is on its way had its time."""
        if not self.stopping.is_set():
            return False
        self._reader.stopping = True  # of large files; they go on with the next run
        self._ends = self._ends or time.monotonic() + GRACE
        return time.monotonic() >= self._ends

    def _wait(self, futures: Sequence[Future[Any]]) -> bool:
        """Wait for all; False if they had their time."""
        while wait(futures, _TICK).not_done:
            self.tick(self._reader.read)
            if self._late():
                return False
        self.tick(self._reader.read)
        return True

    # Small files.

    def _read(self, chunk: _Chunk | None) -> list[Future[list[tuple[Hashed, bytes]]]]:
        """Begin to read the small files of a chunk."""
        small = [] if chunk is None else chunk.small
        together = [small[start : start + _READ_TOGETHER] for start in range(0, len(small), _READ_TOGETHER)]
        return [self._pools["read"].submit(self._read_some, entries) for entries in together]

    def _read_some(self, entries: Sequence[TreeFile]) -> list[tuple[Hashed, bytes]]:
        found = []
        for entry in entries:
            content = _Content()
            file = self._reader.hash(entry.path, self.tree.os_path(entry.path), take=content.take)
            if self._reader.stopping:
                break
            if len(content.data) > SMALL:
                file = Hashed(entry.path, problem=CHANGED)
            found.append((file, b"" if file.problem else bytes(content.data)))
        return found

    def _plan(self, reading: list[Future[list[tuple[Hashed, bytes]]]], anew: bool) -> list[_Plan]:
        """Begin to put what was read, and what is not known."""
        if not self._wait(reading):
            return []
        read = [found for one in reading for found in one.result()]
        reading.clear()
        plans = [_Plan(file) for file, _ in read]
        good = [(plan, data) for plan, (_, data) in zip(plans, read, strict=True) if not plan.file.problem]
        if good and not self.stopping.is_set():
            for destination in self.stores.destinations:
                if destination.failure is None:
                    self._put(destination, good, anew)
        return plans

    def _put(self, destination: Destination, good: Sequence[tuple[_Plan, bytes]], anew: bool) -> None:
        contents = [(plan.file.blake3, plan.file.size, plan.file.sha256) for plan, _ in good]
        share = destination.dedupe and not anew
        known = self.stores.objects.known(destination.name, contents) if share else [None] * len(good)
        wanted = len({content for content, uri in zip(contents, known, strict=True) if uri is None})
        count = wanted if share else len(good)
        keys = iter(self.stores.objects.new_keys(count) if count else ())
        begun: dict[tuple[bytes, int, bytes], str] = {}
        new: list[SmallObject] = []
        waiting: list[tuple[_Plan, str]] = []
        for (plan, data), content, uri in zip(good, contents, known, strict=True):
            if uri is not None:
                plan.known.append((destination, uri))
                destination.shared += 1
            elif share and content in begun:
                waiting.append((plan, begun[content]))
                destination.shared += 1
            else:
                key = begun[content] = next(keys)
                new.append(SmallObject(key, data, plan.file.sha256))
                waiting.append((plan, key))
        puts: dict[str, Future[None]] = {}
        for batch in destination.batches(new):
            sent = self._pools["put"].submit(destination.put, batch)
            puts.update((one.key, sent) for one in batch)
        for plan, key in waiting:
            plan.puts.append((destination, key, puts[key]))

    def _durable(self, plans: Sequence[_Plan]) -> list[Kept]:
        """Wait for the puts, and make them durable."""
        if not self._wait([put for plan in plans for _, _, put in plan.puts]):
            plans = [plan for plan in plans if all(put.done() for _, _, put in plan.puts)]
        fault("ingest.put")
        for destination in self.stores.destinations:
            destination.settle(
                [
                    key
                    for plan in plans
                    for of, key, put in plan.puts
                    if of is destination and not put.exception()
                ]
            )
        fault("ingest.settled")
        told = [self._told(plan) for plan in plans]
        return [kept for kept in told if kept is not None]

    def _told(self, plan: _Plan) -> Kept | None:
        """A file with its copies; None if it was not tried: too few stores are left, or it is to stop."""
        if plan.file.problem:
            return Kept(plan.file)
        if not plan.known and not plan.puts:
            return None
        copies, failures = dict[Destination, str](), list[str]()
        for destination, uri in plan.known:
            copies[destination] = uri
        for destination, key, put in plan.puts:
            failure = put.exception() or destination.unsettled
            if failure is None:
                copies[destination] = destination.uri(key)
            else:
                failures.append(f"{destination.name}: {destination.note(failure)}")
        return self._judge(plan.file, copies, failures)

    def _judge(self, file: Hashed, copies: dict[Destination, str], failures: Sequence[str]) -> Kept | None:
        """A file that has copies enough, or why it has not."""
        if len(copies) >= self.stores.needed:
            for destination in self.stores.destinations:
                if destination not in copies:
                    destination.lacking += 1
            ordered = [
                (destination.name, copies[destination])
                for destination in self.stores.destinations
                if destination in copies
            ]
            return Kept(file, tuple(ordered))
        if self._left() < self.stores.needed:
            return None
        return Kept(Hashed(file.path, problem="; ".join(failures)))

    # Large files.

    def _likely(self, entries: Sequence[TreeFile], anew: bool) -> set[int]:
        """Sizes of large files whose content a store may have: these are hashed before they are sent."""
        if anew or not entries:
            return set()
        sizes = [entry.size for entry in entries]
        asked = [one.name for one in self.stores.destinations if one.dedupe and one.failure is None]
        return {size for name in asked for size in self.stores.objects.sizes(name, sizes)}

    def _begin_large(self, entry: TreeFile, likely: Collection[int], anew: bool) -> None:
        if self.stopping.is_set() or self._left() < self.stores.needed:
            return
        one = _Large(entry)
        if entry.size in likely:
            os_path = self.tree.os_path(entry.path)
            one.hashing = self._pools["large"].submit(self._reader.hash, entry.path, os_path)
        else:
            self._send(one, anew)
        self._large.append(one)

    def _send(self, one: _Large, anew: bool) -> None:
        """Begin to send a large file to the stores that do not have it."""
        lacking = [to for to in self.stores.destinations if to.failure is None and to not in one.known]
        keys = dict(zip(lacking, self.stores.objects.new_keys(len(lacking)), strict=True))
        file = LargeFile(self.tree, one.entry, keys, self._reader, self._pools["parts"], self._budget, anew)
        one.sending = self._pools["large"].submit(file.keep, self.stores.needed - len(one.known))

    def _of_large(self) -> Iterator[list[Kept]]:
        """Wait for some large files, and give out those that are done."""
        wait([one.work for one in self._large], _TICK, FIRST_COMPLETED)
        self.tick(self._reader.read)
        kept = []
        for one in [one for one in self._large if one.work.done()]:
            if one.sending is None and self._shared(one):
                continue
            self._large.remove(one)
            told = self._told_large(one)
            if told is not None:
                kept.append(told)
        if kept:
            yield kept

    def _shared(self, one: _Large) -> bool:
        """Ask which stores have a large file that was hashed; whether it is to be sent to another one."""
        assert one.hashing is not None  # noqa: S101 - else it is being sent
        file = one.hashing.result()
        if file.problem:
            return False
        for to in self.stores.destinations:
            if to.dedupe and to.failure is None:
                (uri,) = self.stores.objects.known(to.name, [(file.blake3, file.size, file.sha256)])
                if uri is not None:
                    one.known[to] = uri
                    to.shared += 1
        if len(one.known) >= self._left() or self.stopping.is_set():
            return False
        self._send(one, anew=False)
        return True

    def _told_large(self, one: _Large) -> Kept | None:
        """A large file with its copies; None if it was left for the next run."""
        before = None if one.hashing is None else one.hashing.result()
        file, uris, failures = (before, {}, {}) if one.sending is None else one.sending.result()
        assert file is not None  # noqa: S101 - it was hashed, or sent
        if file.problem:
            return None if self._reader.stopping else Kept(file)
        if one.known and before is not None and before.blake3 != file.blake3:
            return Kept(Hashed(file.path, problem=CHANGED))
        told = [f"{to.name}: {to.note(why)}" for to, why in failures.items()]
        return self._judge(file, {**one.known, **uris}, told)


def _chunks(entries: Iterable[TreeFile]) -> Iterator[_Chunk]:
    """Consecutive files; the small ones of a chunk fit into memory, the large ones are few."""
    chunk, size = _Chunk([], []), 0
    for entry in entries:
        if entry.size > SMALL:
            chunk.large.append(entry)
        else:
            chunk.small.append(entry)
            size += entry.size
        if len(chunk.small) == CHUNK_FILES or size >= CHUNK_BYTES or len(chunk.large) == _LARGE_WAITING:
            yield chunk
            chunk, size = _Chunk([], []), 0
    if chunk.small or chunk.large:
        yield chunk
