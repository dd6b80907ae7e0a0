"""What a mistyped name may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_SIMILAR = 0.6
_SUGGESTED = 3


def suggestion(given: str, known: Iterable[str]) -> str:
    """``; did you mean a, b?`` for the names that are close to ``given``, nothing if none is."""
    names = list(known)
    close = get_close_matches(given.lower(), names, _SUGGESTED, _SIMILAR)
    holding = [name for name in names if len(given) > 2 and given.lower() in name]
    found = list(dict.fromkeys([*close, *holding]))[:_SUGGESTED]
    return f"; did you mean {', '.join(found)}?" if found else ""
