"""Events that are wrong in one way, each with the refusal that it must meet.

A spoiler is made for a world and does not change it. Where it can, it names what comes next (an id, a
copy) rather than nonsense: a fold that takes events out of order would then accept it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from artifactstore.events import Event
from tests.property.proposals import PROPOSALS
from tests.property.world import Package, World


@dataclass(frozen=True, slots=True)
class Spoiler:
    """An event that is refused with ``code``."""

    event: Event
    subject_id: UUID
    code: str


Fields = dict[str, Any]
Maker = Callable[[World], Spoiler | None]

_PACKAGE_SUBJECTS = tuple(
    event_type
    for event_type in PROPOSALS
    if event_type.startswith(("v1.package.", "v1.retention.")) and event_type != "v1.package.created"
)
_LOG_SUBJECTS = tuple(
    event_type
    for event_type in PROPOSALS
    if event_type.startswith("v1.system.") and event_type != "v1.system.initialized"
)
_STORAGE_SUBJECTS = ("v1.storage.verified", "v1.storage.failed", "v1.storage.retired")


def tweak(event_type: str, code: str, change: Callable[[World, Any], Fields | None]) -> Maker:
    """An allowed event of this type with other fields: ``change`` gives them, None when it cannot."""

    def make(world: World) -> Spoiler | None:
        proposal = PROPOSALS[event_type](world)
        if proposal is None:
            return None
        fields = change(world, proposal.event)
        return (
            None if fields is None else Spoiler(replace(proposal.event, **fields), proposal.subject_id, code)
        )

    return make


def redirect(event_type: str, code: str, subject: Callable[[World], UUID | None]) -> Maker:
    """An allowed event of this type about another subject; ``subject`` gives it, None when it cannot."""

    def make(world: World) -> Spoiler | None:
        proposal = PROPOSALS[event_type](world)
        other = subject(world)
        return None if proposal is None or other is None else Spoiler(proposal.event, other, code)

    return make


def about_package(
    code: str, fits: Callable[[World, Package], bool], event: Callable[[World, Package], Event]
) -> Maker:
    """An event about some package that ``fits``."""

    def make(world: World) -> Spoiler | None:
        package = world.pick([one for one in world.packages if fits(world, one)])
        return None if package is None else Spoiler(event(world, package), package.id, code)

    return make


def upcoming(kind: str) -> Callable[[World], UUID]:
    """The id that the next thing of this kind will get."""
    return lambda world: world.upcoming(kind)


def other_package(world: World, package_id: UUID) -> UUID | None:
    """The id of another package that exists."""
    other = world.pick([one for one in world.packages if one.id != package_id])
    return None if other is None else other.id


def _wrong_package(world: World, event: Any) -> Fields | None:
    other = other_package(world, event.package_id) or world.upcoming("package")
    return {"package_id": other}


def _wrong_file(world: World, event: Any) -> Fields | None:
    other = world.pick([file for file in world.files() if file.id != event.file_id])
    return {"file_id": world.upcoming("file") if other is None else other.id}


def common_spoilers() -> Mapping[str, Maker]:
    """What many event types have in common: an unknown subject, another package."""
    found: dict[str, Maker] = {}
    for event_type in _PACKAGE_SUBJECTS:
        found[f"{event_type[3:]} not-found"] = redirect(event_type, "not-found", upcoming("package"))
    for event_type in _STORAGE_SUBJECTS:
        found[f"{event_type[3:]} not-found"] = redirect(event_type, "not-found", upcoming("storage"))
        found[f"{event_type[3:]} wrong-package"] = tweak(event_type, "wrong-package", _wrong_package)
        found[f"{event_type[3:]} wrong-package, file"] = tweak(event_type, "wrong-package", _wrong_file)
    for event_type in _LOG_SUBJECTS:
        found[f"{event_type[3:]} bad-subject"] = redirect(event_type, "bad-subject", lambda _: UUID(int=8))
    return found
