"""Which event types people mean: by slug, or as a group."""

from artifactstore.errors import BadInput
from artifactstore.events.models import EVENT_TYPES
from artifactstore.suggest import suggestion

GROUPS = {
    f"{prefix}.*": tuple(name for name in EVENT_TYPES if name.startswith(f"{prefix}."))
    for prefix in sorted({".".join(name.split(".")[:parts]) for name in EVENT_TYPES for parts in (1, 2)})
}
"""Group of event types, such as ``v1.retention.*`` or ``v1.*``: its types."""


def types_of(given: str) -> tuple[str, ...]:
    """The event types that a slug or a group means; raises ``BadInput`` usage naming those that are close."""
    if given in EVENT_TYPES:
        return (given,)
    if given not in GROUPS:
        named = suggestion(given, (*GROUPS, *EVENT_TYPES)) or f"; there are {', '.join(GROUPS)}"
        problem = f"there is no event type {given!r}{named}"
        raise BadInput("usage", {"problem": problem, "event_types": list(EVENT_TYPES)})
    return GROUPS[given]
