"""How a function says which event type it proposes."""

from collections.abc import Callable

from tests.property.world import Proposal, World

Proposer = Callable[[World], Proposal | None]
"""Proposes an event of one type; None when no such event is allowed now."""

PROPOSERS: dict[str, Proposer] = {}
"""Filled while the modules of proposers are imported: take ``proposals.PROPOSALS``."""


def proposes(event_type: str) -> Callable[[Proposer], Proposer]:
    """A function proposes events of this type."""

    def register(function: Proposer) -> Proposer:
        PROPOSERS[event_type] = function
        return function

    return register
