"""What may be done with a package in words: each command, and why it is not allowed."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from artifactstore.errors import ERRORS
from artifactstore.events import EVENT_TYPES
from artifactstore.events.times import day
from artifactstore.store import Verdict

COMMANDS: Mapping[str, str] = {
    "v1.file.ingested": "Add a file",
    "v1.file.removed": "Remove a file",
    "v1.package.labeled": "Set or unset labels",
    "v1.package.sealed": "Seal",
    "v1.package.yanked": "Yank",
    "v1.package.unyanked": "Take a yank back",
    "v1.package.deleted": "Delete",
    "v1.package.restored": "Restore",
    "v1.package.purged": "Purge",
    "v1.retention.applied": "Apply retention",
    "v1.retention.extended": "Extend retention",
    "v1.retention.escalated": "Make governance compliance",
    "v1.retention.shortened": "Shorten retention",
    "v1.retention.hold_placed": "Place a hold",
    "v1.retention.hold_released": "Release a hold",
}
"""What people call a command, by the type of its event."""


class Told(NamedTuple):
    """A verdict in words.

    Attributes:
        event_type: of the event that the command appends.
        name: of the command.
        code: of the refusal, None if it is allowed.
        why: the refusal in words, with what it depends on.
        operators: whether only operators may.
        bypass: whether operators may bypass the refusal.
    """

    event_type: str
    name: str
    code: str | None
    why: str
    operators: bool
    bypass: bool


def told(verdict: Verdict) -> Told:
    """The verdict in words."""
    refusal = verdict.refusal or {}
    code = refusal.get("code")
    return Told(
        verdict.event_type,
        COMMANDS[verdict.event_type],
        code,
        "" if code is None else _why(code, refusal),
        EVENT_TYPES[verdict.event_type].min_role == "operator",
        verdict.bypass,
    )


def _why(code: str, facts: Mapping[str, Any]) -> str:
    message = _MESSAGES.get(code, ERRORS[code].message)
    more = _FACTS[code](facts) if code in _FACTS else ""
    return f"{message}: {more}" if more else message


def _holds(facts: Mapping[str, Any]) -> str:
    holds = facts.get("holds", ())
    shown = [f"case {hold['case']}, by {hold['placed_by']} since {day(hold['placed_at'])}" for hold in holds]
    left = facts.get("hold_count", 0) - len(shown)
    return "; ".join([*shown, f"and {left} more"] if left > 0 else shown)


def _retention(facts: Mapping[str, Any]) -> str:
    until = facts.get("retain_until")
    return f"{facts.get('mode')}, until {day(until)}" if until else f"{facts.get('mode')}"


def _state(facts: Mapping[str, Any]) -> str:
    return f"it is {facts.get('state')}" + (", yanked" if facts.get("yanked") else "")


# What is tried names the end of retention as it is: no other one can be in the way.
_MESSAGES: Mapping[str, str] = {"retention-changed": "there is no retention whose end could change"}
"""What is said in place of the message of the error."""

_FACTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "legal-hold": _holds,
    "no-such-hold": _holds,
    "retention-active": _retention,
    "wrong-mode": _retention,
    "compliance-locked": _retention,
    "not-open": _state,
    "wrong-state": _state,
    "no-change": _state,
    "purged": lambda facts: f"since {day(facts.get('purged_at'))}",
    "not-found": lambda facts: f"there is no {facts.get('missing')}",
}
"""What a refusal depends on, by its code, from its facts."""
