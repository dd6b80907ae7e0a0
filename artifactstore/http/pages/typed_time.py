"""Times as people type them."""

import re

from artifactstore.codec import Value
from artifactstore.events.kinds import Time

_TYPED = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?)?(?: ?UTC)?", re.ASCII)


class TypedTime(Time):
    """A time as programs write it, or a day with or without a clock, which is UTC then."""

    def read(self, value: Value) -> object:
        match = _TYPED.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return Time.read(self, value)
        date, clock, seconds = match.groups()
        return Time.read(self, f"{date}T{clock or '00:00'}{seconds or ':00'}Z")
