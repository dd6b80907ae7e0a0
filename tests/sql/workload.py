"""A random history of allowed events, the same for the same seed."""

from collections.abc import Iterator
from random import Random

from artifactstore.codec import digest
from artifactstore.events import NewEvent, Request
from tests.property.proposals import PROPOSALS
from tests.property.world import ACTORS, World

_WEIGHTS = {
    "v1.file.ingested": 16,
    "v1.storage.verified": 8,
    "v1.package.created": 4,
    "v1.package.purged": 1,
    "v1.system.restored": 0.3,
    "v1.system.token_issued": 0.3,
    "v1.system.token_revoked": 0.3,
    "v1.system.policies_set": 0.3,
}
_WEIGHT = 3


def workload(events: int, seed: int) -> Iterator[NewEvent]:
    """``events`` allowed events of every type, some of them requests; retention ends after all of them."""
    rng = Random(seed)  # noqa: S311
    world = World(rng, lapsing=False)
    types = list(PROPOSALS)
    weights = [_WEIGHTS.get(event_type, _WEIGHT) for event_type in types]
    while world.sequence < events:
        world.tick()
        proposal = None
        while proposal is None:
            [event_type] = rng.choices(types, weights) if world.log_id else ["v1.system.initialized"]
            proposal = PROPOSALS[event_type](world)
        proposal.apply()
        request = None
        if rng.random() < 0.1:
            request = Request(key=f"k{world.sequence}", digest=digest(event_type.encode()), events=1)
        yield NewEvent(proposal.event, proposal.subject_id, rng.choice(ACTORS), request=request)
