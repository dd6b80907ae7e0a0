"""How an object is locked in a store, and which steps lead from one lock to another.

A store that keeps what is locked knows two things of an object: retention, in a mode and up to a second, and
a legal hold. Governance can be shortened and made compliance by who may bypass it; compliance can only be
extended, by nobody else than time is it ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias, runtime_checkable

ENDING = timedelta(seconds=90)
"""How soon retention ends that is taken back: stores know no end but one to come, by their own clock."""
_NEAR = 2 * ENDING
"""Governance that ends so soon is left to end by itself."""


@dataclass(frozen=True, slots=True)
class Lock:
    """How an object is locked; ``until`` belongs to ``mode``: governance, compliance or None."""

    mode: str | None = None
    until: datetime | None = None
    hold: bool = False

    def at(self, now: datetime) -> "Lock":
        """What is left of it at a time: retention ends by itself."""
        return Lock(hold=self.hold) if self.until is None or self.until <= now else self

    def over(self, other: "Lock") -> bool:
        """Whether nobody can take it back to what ``other`` is: compliance that is more."""
        if self.mode != "compliance" or self.until is None:
            return False
        return other.mode != "compliance" or other.until is None or self.until > other.until

    def under(self, other: "Lock") -> bool:
        """Whether it keeps an object less well than ``other`` in any respect."""
        shorter = other.until is not None and (self.until is None or self.until < other.until)
        weaker = other.mode == "compliance" and self.mode != "compliance"
        return shorter or weaker or (other.hold and not self.hold)


@dataclass(frozen=True, slots=True)
class SetHold:
    """Place or release the legal hold."""

    on: bool

    @property
    def raises(self) -> bool:
        """Whether the object is kept better by it."""
        return self.on


@dataclass(frozen=True, slots=True)
class SetRetention:
    """Set retention; ``bypass``: of governance that is in force."""

    mode: str
    until: datetime
    raises: bool
    bypass: bool


Step: TypeAlias = SetHold | SetRetention


def steps(wanted: Lock, has: Lock, now: datetime) -> Iterator[Step]:
    """What leads from one lock to another, what raises first; nothing where nobody can.

    In this order an object is at no time kept less well than by the weaker of both.
    """
    has = has.at(now)
    hold = wanted.hold or _bridged(wanted, has)
    if hold and not has.hold:
        yield SetHold(True)
    if (retention := _retention(wanted, has, now)) is not None:
        yield retention
    if has.hold and not hold:
        yield SetHold(False)


def _bridged(wanted: Lock, has: Lock) -> bool:
    """Whether compliance is in the way of governance that outlasts it: that can be set when it ended."""
    in_the_way = has.mode == "compliance" and wanted.mode == "governance"
    return in_the_way and (has.until is None or wanted.until is None or wanted.until > has.until)


def _retention(wanted: Lock, has: Lock, now: datetime) -> SetRetention | None:
    if (wanted.mode, wanted.until) == (has.mode, has.until) or has.over(wanted):
        return None
    if wanted.mode is None or wanted.until is None:
        if has.mode is None or has.until is None or has.until <= now + _NEAR:
            return None
        soon = (now + ENDING).replace(microsecond=0)
        return SetRetention("governance", soon, raises=False, bypass=True)
    governed = has.mode == "governance" and has.until is not None
    if governed and wanted.mode == "governance":
        longer = has.until is not None and wanted.until > has.until
        return SetRetention("governance", wanted.until, raises=longer, bypass=not longer)
    return SetRetention(wanted.mode, wanted.until, raises=True, bypass=governed)


@runtime_checkable
class KeepsLocked(Protocol):
    """A store that can lock objects. Raises as ``ObjectStore``; store-refused where the store says no."""

    def check_locks(self) -> None:
        """Raise ``Refused`` store-refused if nothing can be locked in it."""
        ...

    def lock_of(self, key: str) -> Lock | None:
        """How an object is locked; None if there is none."""
        ...

    def change_lock(self, key: str, step: Step) -> bool:
        """Do a step; False if there is no such object."""
        ...
