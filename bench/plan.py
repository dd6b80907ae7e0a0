"""What a bench is: what it measures, at which sizes, and how it fails."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeAlias, TypeVar

from bench.database import Server
from bench.figures import Figure

S = TypeVar("S")

Say: TypeAlias = Callable[[str], None]
"""Tells what is going on, for whoever waits."""


class Failed(Exception):
    """What was measured did not do what it should: its figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Events:
    """A size: how many events the log has, or are appended."""

    events: int


@dataclass(frozen=True, slots=True)
class Bench(Generic[S]):
    """Figures that are measured together.

    Attributes:
        about: what each figure is, for people.
        figures: their names, in order; one that needs more than the server gives may be missing.
        measure: measures them at a size; raises ``Failed``.
        full: the size that the goals are for. quick: one that takes seconds.
    """

    about: str
    figures: tuple[str, ...]
    measure: Callable[[Server, S, Say], list[Figure]]
    full: S
    quick: S

    @property
    def by_events(self) -> bool:
        """Whether its size has a number of events that can be chosen."""
        size: Any = self.full
        return any(field.name == "events" for field in fields(size))

    def size(self, *, quick: bool, events: int | None = None) -> S:
        """The size to measure at; ``events`` instead of its own number if it is given."""
        size: Any = self.quick if quick else self.full
        chosen: S = size if events is None else replace(size, events=events)
        return chosen
