"""Instants: aware datetimes in Python, integer microseconds since the epoch in payloads."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from artifactstore.codec import MAX_INTEGER, Problem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def to_micros(instant: object) -> int:
    """Microseconds since 1970-01-01T00:00Z; raises ``Problem`` unless it is an aware datetime in range.

    Exactly ``datetime``: subclasses of other libraries hide digits below the microsecond.
    """
    if type(instant) is not datetime:
        raise Problem(f"a time is a datetime, not {type(instant).__name__}")
    if instant.tzinfo is None:
        raise Problem("a time needs a zone")
    micros = (instant - _EPOCH) // _MICROSECOND
    if not -MAX_INTEGER <= micros <= MAX_INTEGER:
        raise Problem("a time is within ±(2^53 - 1) µs of 1970: years 1684 to 2255")
    return micros


def from_micros(micros: int) -> datetime:
    """The instant, in UTC; ``micros`` within ±(2^53 - 1)."""
    return _EPOCH + micros * _MICROSECOND


def time_text(instant: datetime) -> str:
    """An instant as RFC 3339 in UTC with microseconds: ``2030-01-31T12:00:00.000000Z``."""
    at = instant.astimezone(UTC)
    # Twice as fast as isoformat, and every answer is full of times.
    parts = (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % parts  # noqa: UP031


def micros_text(micros: int) -> str:
    """As ``time_text``, of µs since 1970 within the years 1 to 9999."""
    hours, micros = divmod(micros, 3_600_000_000)
    seconds, micros = divmod(micros, 1_000_000)
    # A third faster than an f-string, and every page is full of times.
    return "%s%02d:%02d.%06dZ" % (_hour_text(hours), seconds // 60, seconds % 60, micros)  # noqa: UP031


@lru_cache(1_000)
def _hour_text(hours: int) -> str:
    return f"{date.fromordinal(_FIRST_DAY + hours // 24)}T{hours % 24:02}:"


def parse_time(text: str) -> datetime:
    """An instant written as RFC 3339, such as ``2030-01-31T12:00:00.5Z`` or ``…+01:00``.

    Raises ``BadInput`` bad-payload for a time without zone, with more than 6 digits of a second (which
    others round or cut, each in its way), with second 60, or outside the range of payloads.
    """
    try:
        instant = _parse(text)
        to_micros(instant)
    except Problem as problem:
        problem.refuse()
    return instant


def _parse(text: str) -> datetime:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise Problem("a time is written as RFC 3339, such as 2030-01-31T12:00:00Z")
    day, clock, fraction, zone = match.groups()
    if zone is None:
        raise Problem("a time needs a zone: Z or an offset such as +01:00")
    if fraction is not None and len(fraction) > 6:
        raise Problem("a time has at most 6 digits below the second")
    if zone[0] in "+-" and int(zone[4:]) > 59:
        raise Problem("an offset has at most 59 minutes")
    try:
        return datetime.fromisoformat(f"{day}T{clock}.{fraction or '0':0<6}{zone.upper()}")
    except ValueError as error:
        raise Problem(f"no such time: {error}") from None


def day(text: object) -> str:
    """A time of a payload as people say it: the day, with hours and minutes unless it is midnight."""
    value = str(text)
    date, _, clock = value.partition("T")
    return date if clock.startswith("00:00:00") or not clock else f"{date} {clock[:5]}"
