"""Logs to measure with, the same ones each time: what a busy registry appends, and the worst case."""

from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from uuid import UUID

from artifactstore import events as ev

SEED = 20260101
OPEN_PACKAGES = 1000
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=5)
"""Between two events of a log."""
_WHY = "benchmark"


@dataclass(frozen=True, slots=True)
class LogRow:
    """An event as the log holds it; its digest is that of ``payload``."""

    sequence: int
    created_at: datetime
    event_type: str
    subject_kind: str
    subject_id: UUID
    actor: str
    payload: bytes


@dataclass(slots=True, eq=False)
class _Copy:
    id: UUID
    good: bool = True


@dataclass(slots=True, eq=False)
class _File:
    id: UUID
    path: str
    size: int
    blake3: bytes
    copies: list[_Copy]


@dataclass(slots=True, eq=False)
class _Package:
    id: UUID
    files: list[_File] = field(default_factory=list)
    as_of: int = 0
    mode: str = "none"
    until: datetime = BEGINNING
    hold: UUID | None = None
    state: str = "open"

    def destructible(self) -> bool:
        return self.hold is None and self.mode != "compliance"

    def bypass(self) -> bool | None:
        return True if self.mode == "governance" else None


class Log:
    """Numbers events and dates them, one every 5 ms; ids are UUIDv7 of that time."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.sequence = 1
        self.now = BEGINNING
        self.log_id = self.new_id()

    def new_id(self) -> UUID:
        """A UUIDv7 of now."""
        milliseconds = int(self.now.timestamp() * 1000)
        random = self.rng.getrandbits(74)
        return UUID(int=milliseconds << 80 | 7 << 76 | random >> 62 << 64 | 2 << 62 | random & (1 << 62) - 1)

    def row(self, event: ev.Event, subject_id: UUID, actor: str = "user:ci") -> LogRow:
        """The next row of the log."""
        payload = ev.NewEvent(event, subject_id, actor).payload()
        row = LogRow(
            self.sequence, self.now, event.event_type, event.subject_kind, subject_id, actor, payload
        )
        self.sequence += 1
        self.now += STEP
        return row

    def beginning(self) -> LogRow:
        """The first event of every log."""
        event = ev.SystemInitialized(
            log_id=self.log_id, epoch=1, epoch_id=self.new_id(), payload_profile="AS-CBOR/1"
        )
        return self.row(event, self.log_id, "system:artifactstore")

    def created(self, number: int) -> tuple[_Package, LogRow]:
        """A new package."""
        package = _Package(self.new_id())
        event = ev.PackageCreated(
            purl=f"pkg:generic/project-{number % 997}/build@{number}", labels={"team": "core"}
        )
        return package, self.row(event, package.id)

    def ingested(self, package: _Package) -> LogRow:
        """A new file of a package, stored in one place."""
        number = len(package.files) + self.sequence
        file = _File(
            self.new_id(),
            f"lib/component_{number % 89}/module_{number}.py",
            self.rng.randrange(1 << 20),
            self.rng.randbytes(32),
            [_Copy(self.new_id())],
        )
        event = ev.FileIngested(
            package_id=package.id,
            path=file.path,
            size=file.size,
            blake3=file.blake3,
            sha256=self.rng.randbytes(32),
            locations=(ev.Location(location_id=file.copies[0].id, backend="s3-main", uri=self._uri(file)),),
        )
        package.files.append(file)
        package.as_of = self.sequence
        return self.row(event, file.id)

    def removed(self, package: _Package, file: _File) -> LogRow:
        """A file of a package is taken out."""
        package.files.remove(file)
        package.as_of = self.sequence
        event = ev.FileRemoved(package_id=package.id, reason=_WHY, bypass_governance=package.bypass())
        return self.row(event, file.id)

    def registered(self, package: _Package, file: _File) -> LogRow:
        """Another copy of a file."""
        file.copies.append(_Copy(self.new_id()))
        event = ev.StorageRegistered(
            package_id=package.id,
            file_id=file.id,
            backend="mirror",
            uri=f"{self._uri(file)}/{self.sequence}",
            size=file.size,
            blake3=file.blake3,
        )
        return self.row(event, file.copies[-1].id)

    @staticmethod
    def _uri(file: _File) -> str:
        name = file.blake3.hex()
        return f"s3://artifacts/{name[:2]}/{name[2:4]}/{name}"


class Registry(Log):
    """A registry at work: packages open side by side, the busiest as busy as the next two together."""

    def __init__(self, rng: Random, open_packages: int) -> None:
        super().__init__(rng)
        self._slots: list[_Package | None] = [None] * open_packages
        self._empty = deque(range(open_packages))
        self._weights = list(accumulate(1 / rank for rank in range(1, open_packages + 1)))
        self._made = 0
        self._sealed: deque[_Package] = deque(maxlen=open_packages)

    def open(self) -> LogRow:
        """A new package in an empty slot."""
        self._made += 1
        slot = self._empty.popleft()
        self._slots[slot], row = self.created(self._made)
        return row

    def has_room(self) -> bool:
        """True if fewer packages are open than there should be."""
        return bool(self._empty)

    def has_files(self) -> bool:
        """True if there is something that any event can be about: in a short log, all may be sealed."""
        return any(package is not None and package.files for package in self._slots)

    def fill(self) -> LogRow:
        """What must happen before anything else can: a package, or a file in one."""
        return self.open() if len(self._empty) == len(self._slots) else self.ingest()

    def _pick(self, fits: Callable[[_Package], bool] = lambda _: True) -> tuple[int, _Package]:
        """An open package that fits, by its weight; one of the busiest if few fit."""
        slot, package = 0, None
        for _ in range(50):
            slot = bisect(self._weights, self.rng.random() * self._weights[-1])
            package = self._slots[slot]
            if package is not None and fits(package):
                return slot, package
        return next((n, one) for n, one in enumerate(self._slots) if one is not None and fits(one))

    def _pick_file(self) -> tuple[_Package, _File]:
        _, package = self._pick(lambda one: one.files != [])
        return package, self.rng.choice(package.files)

    def ingest(self) -> LogRow:
        """A file with one inline location."""
        return self.ingested(self._pick()[1])

    def verify(self) -> LogRow:
        """A copy was checked and is good."""
        package, file = self._pick_file()
        copy = self.rng.choice(file.copies)
        copy.good = True
        return self.row(
            ev.StorageVerified(package_id=package.id, file_id=file.id, method="full_read"), copy.id
        )

    def package(self) -> LogRow:
        """A package is created, sealed, or something happens to a sealed one."""
        if self.has_room():
            return self.open()
        if self._sealed and self.rng.random() < 0.1:
            return self._after_sealing(self._sealed.popleft())
        slot, package = self._pick(lambda one: one.files != [])
        self._slots[slot] = None
        self._empty.append(slot)
        self._sealed.append(package)
        package.state = "sealed"
        event = ev.PackageSealed(
            manifest_digest=ev.manifest_digest((file.path, file.size, file.blake3) for file in package.files),
            file_count=len(package.files),
            total_bytes=sum(file.size for file in package.files),
            as_of=package.as_of,
        )
        return self.row(event, package.id)

    def _after_sealing(self, package: _Package) -> LogRow:
        event: ev.Event
        if package.state == "deleted" and package.destructible() and self.rng.random() < 0.5:
            event = ev.PackagePurged(
                reason=_WHY, file_count=len(package.files), bypass_governance=package.bypass()
            )
            return self.row(event, package.id)
        if package.state == "deleted":
            package.state, event = "sealed", ev.PackageRestored(reason=_WHY)
        elif package.state == "yanked":
            package.state, event = "sealed", ev.PackageUnyanked(reason=_WHY)
        elif package.destructible() and self.rng.random() < 0.5:
            package.state = "deleted"
            event = ev.PackageDeleted(reason=_WHY, bypass_governance=package.bypass())
        else:
            package.state, event = "yanked", ev.PackageYanked(reason=_WHY)
        self._sealed.append(package)
        return self.row(event, package.id)

    def govern(self) -> LogRow:
        """Labels, retention or a hold of an open package."""
        _, package = self._pick()
        if self.rng.random() < 0.5:
            return self.row(ev.PackageLabeled(set={"build": str(self.sequence)}), package.id)
        return self.row(self._retain(package), package.id)

    def _retain(self, package: _Package) -> ev.Event:
        if package.hold is not None and self.rng.random() < 0.5:
            hold, package.hold = package.hold, None
            return ev.HoldReleased(hold_id=hold, reason=_WHY)
        if package.hold is None and self.rng.random() < 0.15:
            package.hold = self.new_id()
            return ev.HoldPlaced(hold_id=package.hold, case="audit", reason=_WHY)
        until, package.until = package.until, self.now + timedelta(days=365)
        if package.mode == "none":
            package.mode = "governance"
            return ev.RetentionApplied(mode="governance", until=package.until, policy="one year")
        if package.mode == "governance" and self.rng.random() < 0.1:
            package.mode, package.until = "compliance", until
            return ev.RetentionEscalated()
        if package.mode == "governance" and self.rng.random() < 0.1:
            package.until = until - timedelta(hours=1)
            return ev.RetentionShortened(from_=until, to=package.until, reason=_WHY, bypass_governance=True)
        return ev.RetentionExtended(from_=until, to=package.until)

    def other(self) -> LogRow:
        """What else happens: copies come, fail and go, files are removed, tokens issued."""
        package, file = self._pick_file()
        kind = self.rng.random()
        if kind < 0.1:
            return self.row(ev.TokenIssued(token_id=self.new_id(), roles=("reader",)), self.log_id)
        if kind < 0.3 and package.destructible():
            return self.removed(package, file)
        if kind < 0.5:
            copy = self.rng.choice(file.copies)
            copy.good = False
            failed = ev.StorageFailed(package_id=package.id, file_id=file.id, failure="unreachable")
            return self.row(failed, copy.id)
        if kind < 0.7 and len(file.copies) > 1 and sum(copy.good for copy in file.copies) > 1:
            copy = file.copies.pop()
            retired = ev.StorageRetired(
                package_id=package.id, file_id=file.id, outcome="deleted", reason=_WHY
            )
            return self.row(retired, copy.id)
        return self.registered(package, file)


def realistic(events: int, seed: int = SEED) -> Iterator[LogRow]:
    """The log of a busy registry.

    1,000 packages (fewer in a log of less than 20,000 events) are open at a time, all interleaved, with an
    activity of 1/rank. 50 % of the events ingest a file with one inline location, 25 % verify a copy, 10 %
    are about packages, 10 % about retention and labels, 5 % all the rest.
    """
    registry = Registry(Random(seed), min(OPEN_PACKAGES, max(events // 20, 1)))  # noqa: S311 - reproducible
    kinds = (registry.ingest, registry.verify, registry.package, registry.govern, registry.other)
    shares = list(accumulate((0.5, 0.25, 0.1, 0.1, 0.05)))
    yield registry.beginning()
    filled = False
    while registry.sequence <= events:
        if not filled and registry.has_room():
            yield registry.open()
        elif not filled:
            # Nothing but an ingest is possible before the first one.
            filled = True
            yield registry.ingest()
        else:
            kind = kinds[min(bisect(shares, registry.rng.random()), 4)]
            yield kind() if registry.has_files() else registry.fill()


def worst_case(events: int, seed: int = SEED) -> Iterator[LogRow]:
    """One package, whose files are added and removed in turn: every event must wait for the one before it."""
    log = Log(Random(seed))  # noqa: S311 - reproducible
    yield log.beginning()
    package, row = log.created(1)
    yield row
    while log.sequence <= events:
        yield log.removed(package, package.files[0]) if package.files else log.ingested(package)
