"""What a history has made so far, so that its next event can be aimed: allowed, or wrong in one way.

It knows what exists, not what the views look like: rows are compared between two runs of the projectors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar
from uuid import UUID

from artifactstore.events import Event

T = TypeVar("T")

KINDS = ("package", "file", "storage", "hold", "epoch", "token")
GOOD = ("registered", "verified")

PATHS = ("a", "A", "a/b", "a.b/..c", "dir/ı.txt", "dir/İ.txt", "ß", "\u0085x", "\U0001f600")
PURLS = (
    "pkg:generic/n{}@1",
    "pkg:npm/%40scope/n{}@1.0",
    "pkg:deb/debian/n{}@1?arch=amd64",
    "pkg:generic/n{}@1%20b#sub/dir",
    "pkg:pypi/n{}",
)
ACTORS = ("user:ann", "user:Ann")
PLACES = tuple((backend, f"u:{n}") for backend in ("s3", "S3") for n in range(4))
"""Where copies are: so few that files share bytes, within a package and across packages."""
WHY = "because"
_FAR = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Copy:
    """A location of a file."""

    id: UUID
    file: "File"
    backend: str
    uri: str
    state: str = "registered"


@dataclass(slots=True, eq=False)
class File:
    """A file of a package."""

    id: UUID
    package: "Package"
    path: str
    size: int
    blake3: bytes
    last_sequence: int
    live: bool = True
    removed: bool = False
    copies: list[Copy] = field(default_factory=list)

    def good_copies(self) -> int:
        """How many of its locations are registered or verified."""
        return sum(copy.state in GOOD for copy in self.copies)

    def kept_copies(self) -> int:
        """How many of its locations are not retired."""
        return sum(copy.state != "retired" for copy in self.copies)

    def lose(self) -> None:
        """It was removed or purged: what is stored of it is to go."""
        self.live = False
        for copy in self.copies:
            if copy.state != "retired":
                copy.state = "retiring"


@dataclass(slots=True, eq=False)
class Package:
    """A package with its retention."""

    id: UUID
    purl: str
    labels: dict[str, str]
    mode: str = "none"
    until: datetime | None = None
    state: str = "open"
    prior: str = ""
    yanked: bool = False
    holds: dict[UUID, bool] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)

    def live_files(self) -> list[File]:
        """Files that are not removed."""
        return [file for file in self.files if not file.removed]

    def held(self) -> bool:
        """True while a hold is in force."""
        return any(self.holds.values())

    def retained(self, now: datetime) -> bool:
        """True while retention is in force."""
        return self.until is not None and now < self.until


class World:
    """State of a history under construction.

    ``rng`` decides everything. ``lapsing``: times move on and retention ends within the history;
    otherwise every retention ends long after it, whenever its events are appended.
    """

    def __init__(self, rng: Random, *, lapsing: bool = True) -> None:
        self.rng = rng
        self.lapsing = lapsing
        self.sequence = 0
        self.now = datetime(2020, 3, 29, 0, 59, 59, tzinfo=UTC)
        self.log_id: UUID | None = None
        self.epoch = 0
        self.packages: list[Package] = []
        self.request_keys: list[tuple[str, str]] = []
        self.last_type = ""
        self.focus_package: Package | None = None
        self.focus_file: File | None = None
        self._made = dict.fromkeys(KINDS, 0)
        # With one number space for all kinds, a projector that mixes kinds up is found out.
        self._spaces = {kind: n if rng.random() < 0.5 else 0 for n, kind in enumerate(KINDS)}

    def upcoming(self, kind: str) -> UUID:
        """The id that the next thing of this kind will get."""
        return UUID(f"00000000-0000-7000-8000-{self._spaces[kind]:04x}{self._made[kind]:08x}")

    def fresh(self, kind: str) -> UUID:
        """An id that nothing of this kind has had."""
        made = self.upcoming(kind)
        self._made[kind] += 1
        return made

    def burn_ids(self) -> None:
        """See to it that no id that was upcoming is ever used."""
        for kind in KINDS:
            self.fresh(kind)

    def upcoming_purl(self) -> str:
        """A purl that no package has had."""
        number = len(self.packages)
        return PURLS[number % len(PURLS)].format(number)

    def files(self) -> list[File]:
        """All files, removed ones too."""
        return [file for package in self.packages for file in package.files]

    def copies(self) -> list[Copy]:
        """All locations, retired ones too."""
        return [copy for file in self.files() for copy in file.copies]

    def claims(self, copy: Copy) -> list[Copy]:
        """The other locations that name the bytes of this one and are not retired."""
        place = (copy.backend, copy.uri)
        kept = [one for one in self.copies() if one.state != "retired" and one is not copy]
        return [one for one in kept if (one.backend, one.uri) == place]

    def last_protected(self, copy: Copy) -> bool:
        """True if it is the last copy of a live file that hold or retention protects."""
        package = copy.file.package
        protected = package.held() or package.retained(self.now)
        return protected and copy.file.live and copy.file.kept_copies() == 1

    def last_to_stay(self, copy: Copy) -> bool:
        """True if it is the last copy, of those that are not to go, of a file that is protected."""
        package = copy.file.package
        protected = package.held() or package.retained(self.now)
        return protected and sum(one.state not in ("retiring", "retired") for one in copy.file.copies) == 1

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    def pick(self, candidates: Sequence[T]) -> T | None:
        """One of the candidates, rather one near what was touched last; None if there are none."""
        if not candidates:
            return None
        near = [one for one in candidates if self._is_near(one)]
        return self.rng.choice(near if near and self.chance(0.6) else candidates)

    def _is_near(self, thing: object) -> bool:
        if isinstance(thing, Copy):
            return thing.file is self.focus_file
        if isinstance(thing, File):
            return thing is self.focus_file or thing.package is self.focus_package
        return thing is self.focus_package

    def tick(self) -> None:
        """Move on to the next event; often it has the same time, sometimes it is where a retention ends."""
        self.sequence += 1
        if not self.lapsing or self.chance(0.4):
            return
        ends = [one.until for one in self.packages if one.until is not None and one.until > self.now]
        if ends and self.chance(0.3):
            self.now = max(
                self.now, self.rng.choice(ends) - timedelta(microseconds=self.rng.choice((0, 0, 1)))
            )
        else:
            self.now += timedelta(microseconds=self.rng.choice((1, 999_999, 90_000_000)))

    def later(self, than: datetime | None = None) -> datetime:
        """An instant after ``than`` (default: now), for an end of retention."""
        if not self.lapsing:
            return (than or _FAR) + timedelta(days=self.rng.choice((1, 400)))
        return (than or self.now) + timedelta(microseconds=self.rng.choice((1, 1_000_000, 3_600_000_000)))


@dataclass(slots=True)
class Proposal:
    """An event, and what it does to the world when it is accepted."""

    event: Event
    subject_id: UUID
    apply: Callable[[], None]


def bypass_for(world: World, package: Package) -> bool | None:
    """bypass_governance where it is needed, and now and then where it is not."""
    if package.retained(world.now) or world.chance(0.2):
        return True
    return world.rng.choice((None, False))


def destructible(world: World, package: Package) -> bool:
    """True if nothing but governance, which can be bypassed, protects the package."""
    return not package.held() and not (package.retained(world.now) and package.mode == "compliance")
