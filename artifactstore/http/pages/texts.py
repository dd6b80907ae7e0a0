"""Words of the log as a page may show them: nothing in a name acts, hides, or turns what stands beside it."""

import re
from datetime import UTC, datetime
from unicodedata import category, name

from markupsafe import Markup, escape

from artifactstore.events.times import time_text

_SHORT = 12
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
"""Categories of Unicode that cannot be seen, or change how others are."""

_IDENTIFIER = re.compile("[0-9a-f-]{32,}")
_UNITS = ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def visible(text: str) -> Markup:
    """The text as HTML, in a direction of its own, each character that cannot be seen as its number."""
    if text.isascii() and text.isprintable():
        return Markup("<bdi>{}</bdi>").format(text)
    return Markup("<bdi>{}</bdi>").format(Markup("").join(map(_shown, text)))


def _shown(character: str) -> Markup:
    if category(character) not in _HIDDEN:
        return escape(character)
    point = f"U+{ord(character):04X}"
    return Markup('<span class="hidden-char" title="{}">{}</span>').format(name(character, "no name"), point)


def is_identifier(value: object) -> bool:
    """Whether it is the text of an id or a digest."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def short(identifier: str) -> Markup:
    """The beginning of an id or digest (behind the name of its algorithm), the whole of it on demand."""
    shown = identifier.find(":") + 1 + _SHORT
    if len(identifier) <= shown + 1:
        return Markup('<code class="id">{}</code>').format(identifier)
    return Markup('<code class="id" title="{0}" data-full="{0}">{1}…</code>').format(
        identifier, identifier[:shown]
    )


def moment(at: datetime) -> Markup:
    """An instant in UTC to the second, with how long ago that is."""
    return Markup('<time datetime="{}" title="{}">{}</time> <span class="ago">{}</span>').format(
        time_text(at), time_text(at), f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", ago(at)
    )


def exact(at: datetime) -> Markup:
    """An instant in UTC to the microsecond, as programs write it."""
    return Markup('<time datetime="{0}">{0}</time>').format(time_text(at))


def ago(at: datetime) -> Markup:
    """How long ago an instant was when the page was made; the browser keeps it up to date."""
    return Markup('<time datetime="{}" data-ago>{}</time>').format(
        time_text(at), relative(at, datetime.now(UTC))
    )


def relative(at: datetime, now: datetime) -> str:
    """How long ago an instant is, or how far ahead: ``3 hours ago``, ``in 2 days``."""
    seconds = int((now - at).total_seconds())
    for size, unit in _UNITS:
        count = abs(seconds) // size
        if count:
            told = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return "just now" if abs(seconds) < 10 else (f"{seconds} s ago" if seconds > 0 else f"in {-seconds} s")


def byte_size(count: object) -> str:
    """Bytes in units of people: ``3.4 MB``; what is no number, as it is."""
    if type(count) is not int:
        return str(count)
    if count < 1000:
        return f"{count} B"
    size, units = float(count), iter("kMGTPE")
    unit = ""
    while size >= 999.95:
        size, unit = size / 1000, next(units)
    return f"{size:.1f} {unit}B"
