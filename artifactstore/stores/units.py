"""Durations, amounts and shares as stores.toml writes them: ``7d``, ``20MB/s``, ``5%``.

Each function takes what TOML gave and raises ``ValueError`` with what it should have been.
"""

import re
from datetime import timedelta

_DURATION = re.compile(r"([1-9][0-9]{0,8})(w|d|h|min|s)", re.ASCII)
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "min": 60, "s": 1}
_LONGEST = timedelta(days=36_525)

_AMOUNT = re.compile(r"([1-9][0-9]{0,8}) ?(B|kB|KiB|MB|MiB|GB|GiB)/s", re.ASCII)
_BYTES = {"B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}

_COUNT = re.compile(r"([1-9][0-9]{0,5})/s", re.ASCII)
_SHARE = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,3})?) ?%", re.ASCII)


def duration(value: object) -> timedelta:
    """A time such as ``180d``, ``12h`` or ``30min``: up to a hundred years."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        given = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        if given <= _LONGEST:
            return given
    raise ValueError('a time such as "7d", "12h", "30min" or "10s"')


def text_of(value: timedelta) -> str:
    """A duration as it may be written, in the largest unit that leaves no rest."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit in ("d", "h", "min", "s") if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def bytes_a_second(value: object) -> int:
    """An amount such as ``20MB/s``, in bytes a second."""
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('an amount such as "20MB/s" (B, kB, KiB, MB, MiB, GB, GiB)')
    return int(match[1]) * _BYTES[match[2]]


def times_a_second(value: object) -> int:
    """How often, such as ``20/s``."""
    match = _COUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('how often, such as "20/s"')
    return int(match[1])


def share(value: object) -> float:
    """A share such as ``5%``, from 0 to less than 1."""
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a share such as "5%", less than 100 %')
    return float(match[1]) / 100
