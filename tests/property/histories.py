"""Random histories: logs of all event types, allowed or not, made to meet every rule.

``histories()`` gives three kinds in turn: allowed throughout; spoiled, with events that must be refused
with a known code; and shuffled, an allowed one with events exchanged, repeated or left out, of which
nobody knows what must come of it but all ways of folding must agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from uuid import UUID

from hypothesis import strategies as st

from artifactstore import codec
from artifactstore.events import Event, FileIngested, NewEvent, Request
from tests.property.proposals import PROPOSALS
from tests.property.propose_files import may_retire, retire_of
from tests.property.propose_packages import seal_of
from tests.property.spoil_files import FILE_SPOILERS
from tests.property.spoil_packages import PACKAGE_SPOILERS
from tests.property.spoil_retention import RETENTION_SPOILERS
from tests.property.spoilers import Maker, common_spoilers
from tests.property.world import ACTORS, Proposal, World

SPOILERS: Mapping[str, Maker] = {
    **common_spoilers(),
    **PACKAGE_SPOILERS,
    **FILE_SPOILERS,
    **RETENTION_SPOILERS,
}
"""Makers of refused events by name: event type, code, variant."""

REFUSALS = (*SPOILERS, "damaged", "misused key", "hole", "seal too early", "bytes deleted too early")
"""Names of all refused events that a history can hold."""

_COMMON = ("v1.package.created", "v1.file.ingested", "v1.storage.verified", "v1.storage.registered")


@dataclass(frozen=True, slots=True)
class Row:
    """An event as the log holds it, but for sequence and digest."""

    event_type: str
    subject_kind: str
    subject_id: UUID
    actor: str
    payload: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """Events 1 … n.

    ``refusal``: sequence and code of the first event that must be refused, None if all are allowed.
    ``known``: False if nobody knows what must be refused. ``missing``: events that the log lost.
    """

    rows: tuple[Row, ...]
    refusal: tuple[int, str] | None = None
    known: bool = True
    missing: frozenset[int] = frozenset()


class Writer:
    """Writes a history event by event; ``rng`` decides everything.

    ``alone``: what a refused event names is not used again, so that it does not make others refused.
    ``live``: for the append door, which begins the log itself if need be, takes the time from the clock and
    counts the events of a request. So the first event begins the log, no retention lapses, and requests have
    one event.
    """

    def __init__(self, rng: Random, *, live: bool = False, alone: bool = False) -> None:
        self.rng = rng
        self.alone = alone
        self.world = World(rng, lapsing=not live)
        self.live = live
        self.rows: list[Row] = []
        self.refusal: tuple[int, str] | None = None
        self.missing: set[int] = set()
        self._packages = rng.choice((1, 2, 3, 5))
        # Each history favours some types and has others seldom: else long runs of a type never come up.
        weights = {name: rng.choice((0.05, 1, 1, 4)) for name in PROPOSALS}
        weights |= {name: max(weights[name], 2) for name in _COMMON}
        self._weights = {name: n / 4 if ".system." in name else n for name, n in weights.items()}

    def allowed(self) -> None:
        """Append an event that is allowed."""
        proposal = self._propose()
        proposal.apply()
        actor = self.rng.choice(ACTORS)
        self._write(proposal.event, proposal.subject_id, actor, self._new_request(actor))

    def refused(self, name: str) -> bool:
        """Append the refused event of this name; False if this is not possible now."""
        if name == "damaged":
            return self._damaged()
        if name == "misused key":
            return self._misused_key()
        if name == "hole":
            return self._hole()
        if name == "seal too early":
            return self._seal_too_early()
        if name == "bytes deleted too early":
            return self._delete_too_early()
        spoiler = SPOILERS[name](self._tick())
        if spoiler is None:
            self.world.sequence -= 1
            return False
        self._note(spoiler.code)
        self._write(spoiler.event, spoiler.subject_id, self.rng.choice(ACTORS), None)
        if self.alone or self.rng.random() < 0.5:
            self.world.burn_ids()
        return True

    def _misused_key(self) -> bool:
        if not self.world.request_keys:
            return False
        proposal = self._propose()
        actor, key = self.rng.choice(self.world.request_keys)
        self._note("request-mismatch")
        self._write(proposal.event, proposal.subject_id, actor, Request(key=key, digest=b"\1" * 32, events=1))
        return True

    def _hole(self) -> bool:
        proposal = self._propose()
        self._note("log-damaged")
        self._write(proposal.event, proposal.subject_id, self.rng.choice(ACTORS), None)
        self.missing.add(len(self.rows))
        return True

    def _seal_too_early(self) -> bool:
        # A seal that counts the file ingested after it: right only for who folds them in the wrong order.
        packages = [one for one in self.world.packages if one.state == "open" and one.live_files()]
        package = self.world.pick(packages)
        file = None if package is None else PROPOSALS["v1.file.ingested"](self.world)
        if package is None or file is None:
            return False
        event = file.event
        if not isinstance(event, FileIngested) or event.package_id != package.id:
            return False
        self._tick()
        self._note("manifest-changed")
        seal = seal_of(package)
        counted = replace(
            seal,
            file_count=seal.file_count + 1,
            total_bytes=seal.total_bytes + event.size,
            as_of=self.world.sequence + 1,
        )
        self._write(counted, package.id, ACTORS[0], None)
        self._tick()
        file.apply()
        self._write(event, file.subject_id, ACTORS[0], None)
        return True

    def _delete_too_early(self) -> bool:
        # Before the only other location that names the bytes is retired: right only for who looks at the end.
        for copy in self.world.copies():
            others = self.world.claims(copy)
            if not may_retire(copy) or self.world.last_protected(copy) or len(others) != 1:
                continue
            (other,) = others
            if other.file is copy.file or not may_retire(other) or self.world.last_protected(other):
                continue
            self._tick()
            self._note("bytes-needed")
            self._write(retire_of(copy), copy.id, ACTORS[0], None)
            self._tick()
            self._write(retire_of(other, "not_found"), other.id, ACTORS[0], None)
            other.state = "retired"
            return True
        return False

    def _damaged(self) -> bool:
        proposal = self._propose()
        self._write(proposal.event, proposal.subject_id, self.rng.choice(ACTORS), None)
        row = self.rows.pop()
        if self.rng.random() < 0.3:
            self._note("unknown-event-type")
            row = replace(row, event_type="v9.package.created", subject_kind="package")
        else:
            self._note("bad-payload")
            row = replace(row, payload=codec.encode(codec.decode(row.payload) | {"surprise": 1}))
        self.rows.append(row)
        return True

    def history(self) -> History:
        """What was written."""
        return History(tuple(self.rows), self.refusal, missing=frozenset(self.missing))

    def _note(self, code: str) -> None:
        if self.refusal is None:
            self.refusal = (len(self.rows) + 1, code)

    def _tick(self) -> World:
        self.world.tick()
        return self.world

    def _propose(self) -> Proposal:
        self._tick()
        while True:
            event_type = self._choose_type()
            proposal = PROPOSALS[event_type](self.world)
            if proposal is not None:
                self.world.last_type = event_type
                return proposal
            self.world.last_type = ""

    def _choose_type(self) -> str:
        if self.world.sequence == 1 and (self.live or self.rng.random() < 0.9):
            return "v1.system.initialized"
        if self.world.last_type and self.rng.random() < 0.4:
            return self.world.last_type
        if len(self.world.packages) < self._packages and self.rng.random() < 0.2:
            return "v1.package.created"
        event_type = self.rng.choices(list(self._weights), list(self._weights.values()))[0]
        if event_type == "v1.package.created" and self.world.packages and self.rng.random() < 0.9:
            return "v1.file.ingested"
        return event_type

    def _new_request(self, actor: str) -> Request | None:
        if self.rng.random() > 0.1:
            return None
        keys = [(actor, key) for _, key in self.world.request_keys] + [(actor, f"k{len(self.rows)}")]
        fresh = [key for key in keys if key not in self.world.request_keys]
        self.world.request_keys.append(self.rng.choice(fresh))
        return Request(key=self.world.request_keys[-1][1], digest=bytes(32), events=1 if self.live else 9)

    def _write(self, event: Event, subject_id: UUID, actor: str, request: Request | None) -> None:
        new = NewEvent(event, subject_id, actor, request=request)
        self.rows.append(
            Row(event.event_type, event.subject_kind, subject_id, actor, new.payload(), self.world.now)
        )


def allowed_history(rng: Random, length: int, *, live: bool = False) -> History:
    """A history of which every event is allowed; ``live`` as in ``Writer``."""
    writer = Writer(rng, live=live)
    for _ in range(length):
        writer.allowed()
    return writer.history()


def spoiled_history(
    rng: Random, length: int, aim: str | None = None, *, live: bool = False, alone: bool = False
) -> History:
    """A history with refused events, the first one that of ``aim`` (default: any), if it ever fits.

    ``live`` and ``alone`` as in ``Writer``; there is but one refused event then.
    """
    aim = aim or rng.choice(REFUSALS)
    start = 0 if aim.startswith("system.initialized") else rng.randrange(length)
    rate = 0 if live or alone else rng.choice((0, 0.1, 0.4))
    writer = Writer(rng, live=live, alone=alone)
    while len(writer.rows) < length:
        if writer.refusal is None:
            if len(writer.rows) < start or not writer.refused(aim):
                writer.allowed()
        elif rng.random() >= rate or not writer.refused(rng.choice(REFUSALS)):
            writer.allowed()
    return writer.history()


def shuffled_history(rng: Random, length: int) -> History:
    """An allowed history with some of its events exchanged, repeated or left out; times stay in order."""
    rows = list(allowed_history(rng, length).rows)
    times = [row.created_at for row in rows]
    for _ in range(rng.choice((1, 1, 2, 5))):
        here = rng.randrange(len(rows))
        there = rng.choice((min(here + 1, len(rows) - 1), rng.randrange(len(rows))))
        way = rng.random()
        if way < 0.6:
            rows[here], rows[there] = rows[there], rows[here]
        elif way < 0.8:
            rows.insert(there, rows[here])
        elif len(rows) > 1:
            del rows[here]
    times += [times[-1]] * len(rows)
    in_order = (replace(row, created_at=time) for row, time in zip(rows, times, strict=False))
    return History(tuple(in_order), known=False)


@st.composite
def histories(draw: st.DrawFn, max_length: int = 50) -> History:
    """Histories of the three kinds; a failing one shrinks in length."""
    length = draw(st.integers(1, max_length), label="length")
    kind = draw(st.sampled_from(("allowed", "spoiled", "shuffled")), label="kind")
    rng = make_random(draw(st.integers(0, 2**32 - 1), label="seed"))
    if kind == "allowed":
        return allowed_history(rng, length)
    if kind == "spoiled":
        return spoiled_history(rng, length)
    return shuffled_history(rng, length)


def cut(rng: Random, length: int) -> list[int]:
    """Ends of ranges that cover 1 … length, cut at random: one range, few or many."""
    pieces = min(rng.choice((0, 1, 2, 5, 20)), length - 1)
    return sorted({*rng.sample(range(1, length), pieces), length})


def make_random(seed: int) -> Random:
    """A generator of the same numbers each time."""
    return Random(seed)  # noqa: S311 - reproducible, no secret
