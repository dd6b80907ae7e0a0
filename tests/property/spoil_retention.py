"""Refused events about retention, holds and the log itself."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from artifactstore import events as ev
from tests.property.spoilers import Fields, Maker, Spoiler, about_package, redirect, tweak
from tests.property.world import WHY, Package, World

_MICROSECOND = timedelta(microseconds=1)


def _apply(world: World, _: Package) -> ev.Event:
    return ev.RetentionApplied(mode="compliance", until=world.later())


def _other_from(world: World, event: Any) -> Fields:
    step = world.rng.choice((-1, 1)) * _MICROSECOND
    return {"from_": event.from_ + step, "to": event.to + step}


def _extend_nothing(world: World, _: Package) -> ev.Event:
    return ev.RetentionExtended(from_=world.now, to=world.later())


def _shorten(world: World, package: Package) -> ev.Event:
    until = package.until or world.later()
    return ev.RetentionShortened(from_=until, to=until - _MICROSECOND, reason=WHY, bypass_governance=True)


def _used_hold(_: World, package: Package) -> ev.Event:
    return ev.HoldPlaced(hold_id=max(package.holds), case="c", reason=WHY)


def _place(world: World, _: Package) -> ev.Event:
    return ev.HoldPlaced(hold_id=world.upcoming("hold"), case="c", reason=WHY)


def _hold_of_others(world: World, package: Package) -> ev.Event:
    others = {hold for one in world.packages for hold, held in one.holds.items() if held}
    free = sorted(others - {hold for hold, held in package.holds.items() if held}) or [world.upcoming("hold")]
    return ev.HoldReleased(hold_id=world.rng.choice(free), reason=WHY)


def _released_hold(_: World, package: Package) -> ev.Event:
    return ev.HoldReleased(hold_id=next(hold for hold, held in package.holds.items() if not held), reason=WHY)


def _initialized_again(world: World) -> Spoiler | None:
    if world.sequence == 1:
        return None
    log_id = world.log_id or UUID(int=9)
    event = ev.SystemInitialized(log_id=log_id, epoch=1, epoch_id=UUID(int=7), payload_profile="AS-CBOR/1")
    return Spoiler(event, log_id, "already-initialized")


def _restored_before_beginning(world: World) -> Spoiler | None:
    if world.log_id is not None:
        return None
    event = ev.SystemRestored(epoch=2, epoch_id=UUID(int=7), from_sequence=0, reason=WHY)
    return Spoiler(event, UUID(int=9), "not-found")


def _other_epoch(world: World, event: Any) -> Fields:
    return {"epoch": event.epoch + (world.rng.choice((-1, 1)) if event.epoch > 2 else 1)}


RETENTION_SPOILERS: Mapping[str, Maker] = {
    "retention.applied purged": about_package("purged", lambda _, one: one.state == "purged", _apply),
    "retention.applied retention-active": about_package(
        "retention-active", lambda world, one: one.state != "purged" and one.retained(world.now), _apply
    ),
    "retention.applied not-future": tweak(
        "v1.retention.applied",
        "not-future",
        lambda world, _: {"until": world.now},
    ),
    "retention.extended retention-changed": tweak("v1.retention.extended", "retention-changed", _other_from),
    "retention.extended retention-changed, none": about_package(
        "retention-changed", lambda _, one: one.mode == "none", _extend_nothing
    ),
    "retention.extended not-later": tweak(
        "v1.retention.extended",
        "not-later",
        lambda _, event: {"to": event.from_},
    ),
    "retention.escalated wrong-mode": about_package(
        "wrong-mode", lambda _, one: one.mode != "governance", lambda *_: ev.RetentionEscalated()
    ),
    "retention.shortened compliance-locked": about_package(
        "compliance-locked", lambda _, one: one.mode == "compliance", _shorten
    ),
    "retention.shortened retention-changed": tweak(
        "v1.retention.shortened", "retention-changed", _other_from
    ),
    "retention.shortened retention-changed, none": about_package(
        "retention-changed", lambda _, one: one.mode == "none", _shorten
    ),
    "retention.shortened not-earlier": tweak(
        "v1.retention.shortened",
        "not-earlier",
        lambda _, event: {"to": event.from_},
    ),
    "retention.hold_placed purged": about_package("purged", lambda _, one: one.state == "purged", _place),
    "retention.hold_placed hold-exists": about_package(
        "hold-exists", lambda _, one: one.state != "purged" and len(one.holds) > 0, _used_hold
    ),
    "retention.hold_released no-such-hold": about_package("no-such-hold", lambda *_: True, _hold_of_others),
    "retention.hold_released no-such-hold, again": about_package(
        "no-such-hold", lambda _, one: not all(one.holds.values()), _released_hold
    ),
    "system.initialized already-initialized": _initialized_again,
    "system.initialized bad-subject": redirect("v1.system.initialized", "bad-subject", lambda _: UUID(int=8)),
    "system.restored not-found": _restored_before_beginning,
    "system.restored wrong-epoch": tweak("v1.system.restored", "wrong-epoch", _other_epoch),
    "system.restored wrong-epoch, from itself": tweak(
        "v1.system.restored", "wrong-epoch", lambda world, _: {"from_sequence": world.sequence}
    ),
}
