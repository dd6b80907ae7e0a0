"""Allowed events about retention and holds."""

from datetime import timedelta

from artifactstore.events import models
from tests.property.proposing import proposes
from tests.property.world import WHY, Proposal, World


@proposes("v1.retention.applied")
def applied(world: World) -> Proposal | None:
    package = world.pick(
        [one for one in world.packages if one.state != "purged" and not one.retained(world.now)]
    )
    if package is None:
        return None
    mode, until = world.rng.choice(("governance", "compliance")), world.later()

    def apply() -> None:
        package.mode, package.until = mode, until

    event = models.RetentionApplied(mode=mode, until=until, policy=world.rng.choice((None, "tax")))
    return Proposal(event, package.id, apply)


@proposes("v1.retention.extended")
def extended(world: World) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.until is not None])
    if package is None or package.until is None:
        return None
    until = world.later(package.until)

    def apply() -> None:
        package.until = until

    return Proposal(models.RetentionExtended(from_=package.until, to=until), package.id, apply)


@proposes("v1.retention.escalated")
def escalated(world: World) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.mode == "governance"])
    if package is None:
        return None

    def apply() -> None:
        package.mode = "compliance"

    return Proposal(models.RetentionEscalated(), package.id, apply)


@proposes("v1.retention.shortened")
def shortened(world: World) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.mode == "governance"])
    if package is None or package.until is None:
        return None
    until = package.until - timedelta(microseconds=world.rng.choice((1, 500_000)))

    def apply() -> None:
        package.until = until

    event = models.RetentionShortened(from_=package.until, to=until, reason=WHY, bypass_governance=True)
    return Proposal(event, package.id, apply)


@proposes("v1.retention.hold_placed")
def hold_placed(world: World) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.state != "purged"])
    if package is None:
        return None
    # Packages may have holds of the same id: it is unique in a package only.
    known = [hold for one in world.packages for hold in one.holds if hold not in package.holds]
    hold = world.rng.choice(known) if known and world.chance(0.5) else world.fresh("hold")

    def apply() -> None:
        package.holds[hold] = True

    return Proposal(models.HoldPlaced(hold_id=hold, case="ß v. İ", reason=WHY), package.id, apply)


@proposes("v1.retention.hold_released")
def hold_released(world: World) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.held()])
    if package is None:
        return None
    hold = world.rng.choice([hold for hold, held in package.holds.items() if held])

    def apply() -> None:
        package.holds[hold] = False

    return Proposal(models.HoldReleased(hold_id=hold, reason=WHY), package.id, apply)
