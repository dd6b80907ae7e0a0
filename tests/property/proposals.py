"""Which function proposes which event type."""

from collections.abc import Mapping

from artifactstore.events import EVENT_TYPES
from tests.property import propose_files, propose_packages, propose_retention, propose_system  # noqa: F401
from tests.property.proposing import PROPOSERS, Proposer

PROPOSALS: Mapping[str, Proposer] = {event_type: PROPOSERS[event_type] for event_type in EVENT_TYPES}
"""How to propose an event of each type of the catalogue."""
