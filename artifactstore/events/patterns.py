"""What the database asks of texts, as far as a pattern of JSON Schema can say it; it says the rest itself."""

_SEGMENT = "(?:[A-Za-z0-9._~:+-]|%[0-9A-F]{2})+"
_VALUE = "(?:[A-Za-z0-9._~:+/,-]|%[0-9A-F]{2})+"
_QUALIFIER = f"[a-z][a-z0-9._-]*={_VALUE}"

PURL = (
    f"^pkg:[a-z][a-z0-9.-]*/(?:{_SEGMENT}/)*{_SEGMENT}(?:@{_SEGMENT})?"
    rf"(?:\?{_QUALIFIER}(?:&{_QUALIFIER})*)?(?:#{_SEGMENT}(?:/{_SEGMENT})*)?$"
)
PATH = r"^[^/\x00-\x1f\x7f]+(?:/[^/\x00-\x1f\x7f]+)*$"
