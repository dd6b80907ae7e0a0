"""Values on the command line: packages, ids, types, digests, times; each raises ``BadInput`` usage."""

import calendar
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import click

from artifactstore.errors import BadInput
from artifactstore.events import EVENT_TYPES, parse_time, types_of

_DURATION = re.compile(
    r"(?:(\d{1,5})y)?(?:(\d{1,6})mo)?(?:(\d{1,6})w)?(?:(\d{1,7})d)?(?:(\d{1,8})h)?(?:(\d{1,9})min)?", re.ASCII
)
_SHOWN = 100
_DIGITS = 20
_LAST = 2**53 - 1
"""The last number that a log can have."""


def now() -> datetime:
    """The instant from which durations count."""
    return datetime.now(UTC)


def add_duration(start: datetime, duration: str, sign: int = 1) -> datetime:
    """Calendar arithmetic in UTC: years and months first (the last day of a shorter month), then the rest.

    ``duration``: such as ``30d``, ``1y6mo``, ``12h``; units y, mo, w, d (24 hours), h, min, in this order.
    Raises ``BadInput`` usage for any other text or a result outside the years 1 to 9999.
    """
    match = _DURATION.fullmatch(duration)
    if match is None or not duration:
        raise _unusable(duration, "no duration such as 30d, 1y6mo or 12h")
    years, months, weeks, days, hours, minutes = (sign * int(part or 0) for part in match.groups())
    start = start.astimezone(UTC)
    year, month0 = divmod(start.year * 12 + start.month - 1 + years * 12 + months, 12)
    try:
        day = min(start.day, calendar.monthrange(year, month0 + 1)[1])
        moved = start.replace(year=year, month=month0 + 1, day=day)
        return moved + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    except (ValueError, OverflowError):
        raise _unusable(duration, "too long: it leads out of the calendar") from None


def package(text: str) -> UUID | str:
    """A package by its id or its purl, in any spelling: the database knows which are valid."""
    return (
        text
        if text[:4].lower() == "pkg:"
        else _uuid(text, "neither a purl (pkg:type/name@version) nor an id")
    )


def identity(text: str) -> UUID:
    """The id of a file, location, hold or event subject."""
    return _uuid(text, "no id: a UUID")


def digest(text: str) -> bytes:
    """BLAKE3 as 64 hex digits, also with ``blake3:`` before them; 32 bytes."""
    digits = text.removeprefix("blake3:")
    if re.fullmatch(r"[0-9A-Fa-f]{64}", digits, re.ASCII) is None:
        raise _unusable(text, "no BLAKE3: 64 hex digits, blake3: may stand before them")
    return bytes.fromhex(digits)


def content_digest(text: str) -> tuple[str | None, bytes]:
    """A digest of a content and by which algorithm, None: not said."""
    return _any_digest(text, "no digest of a file: 64 hex digits, blake3: or sha256: may stand before them")


def event_digest(text: str) -> tuple[str | None, bytes]:
    """A digest of an event and what it is: sha256 its identity, blake3 of its payload, None: not said."""
    return _any_digest(text, "no digest of an event: sha256: (its identity) or blake3: and 64 hex digits")


def _any_digest(text: str, problem: str) -> tuple[str | None, bytes]:
    match = re.fullmatch(r"(?:(sha256|blake3):)?([0-9A-Fa-f]{64})", text, re.ASCII)
    if match is None:
        raise _unusable(text, problem)
    return match[1], bytes.fromhex(match[2])


def instant(text: str) -> datetime:
    """A time as RFC 3339 with zone, or a duration from now."""
    return parse_time(text) if "-" in text or ":" in text else add_duration(now(), text)


def past(text: str) -> datetime:
    """A time as RFC 3339 with zone, or how long ago."""
    return parse_time(text) if "-" in text or ":" in text else add_duration(now(), text, -1)


def event_types(text: str) -> str:
    """An event type, or a group of them such as ``v1.retention.*``."""
    types_of(text)
    return text


def complete_event_type(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The event types that begin like this, for the completion of a shell."""
    return [name for name in EVENT_TYPES if name.startswith(begun)]


def label(text: str) -> tuple[str, str]:
    """``key=value``; the value may be empty."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise _unusable(text, "not key=value")
    return key, value


def position(text: str) -> int | str | datetime:
    """A place in the log: a sequence, ``head``, a time as RFC 3339, or how long ago."""
    if text == "head":
        return text
    if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        if len(text) > _DIGITS or not 0 <= int(text) <= _LAST:
            raise _unusable(text, f"no number of an event: from 0 to {_LAST}")
        return int(text)
    return past(text)


def _uuid(text: str, problem: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _unusable(text, problem) from None


def _unusable(text: str, problem: str) -> BadInput:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return BadInput("usage", {"problem": f"{shown!r} is {problem}"})
