"""Allowed events about the log itself."""

from uuid import UUID

from artifactstore.events import models
from tests.property.proposing import proposes
from tests.property.world import WHY, Proposal, World


@proposes("v1.system.initialized")
def initialized(world: World) -> Proposal | None:
    if world.sequence != 1:
        return None
    # Sometimes the id of the first package too: kinds have identities of their own.
    log_id = UUID(f"00000000-0000-7000-8000-{world.rng.choice((0, 9)):012x}")

    def apply() -> None:
        world.log_id, world.epoch = log_id, 1

    event = models.SystemInitialized(
        log_id=log_id, epoch=1, epoch_id=world.fresh("epoch"), payload_profile="AS-CBOR/1"
    )
    return Proposal(event, log_id, apply)


@proposes("v1.system.restored")
def log_restored(world: World) -> Proposal | None:
    if world.log_id is None:
        return None

    def apply() -> None:
        world.epoch += 1

    event = models.SystemRestored(
        epoch=world.epoch + 1,
        epoch_id=world.fresh("epoch"),
        from_sequence=world.rng.randrange(world.sequence),
        reason=WHY,
    )
    return Proposal(event, world.log_id, apply)


@proposes("v1.system.token_issued")
def token_issued(world: World) -> Proposal | None:
    if world.log_id is None:
        return None
    event = models.TokenIssued(token_id=world.fresh("token"), roles=("reader",), expires=world.later())
    return Proposal(event, world.log_id, lambda: None)


@proposes("v1.system.token_revoked")
def token_revoked(world: World) -> Proposal | None:
    if world.log_id is None:
        return None
    return Proposal(models.TokenRevoked(token_id=world.upcoming("token")), world.log_id, lambda: None)


@proposes("v1.system.policies_set")
def policies_set(world: World) -> Proposal | None:
    if world.log_id is None:
        return None
    # Packages of a history are of another name: what rules give, tests/log/test_policies.py has.
    rules = tuple(
        models.PolicyRule(
            name=f"rule {place}",
            mode=world.rng.choice(("governance", "compliance")),
            days=place + 1,
            purl_prefix=f"pkg:generic/ruled/{place}",
            labels=world.rng.choice((None, {"audit": str(place)})),
        )
        for place in range(world.rng.choice((1, 2, 2, 0)))
    )
    return Proposal(models.PoliciesSet(rules=rules), world.log_id, lambda: None)
