"""Keys of objects: made by the database, used once.

An object's id is a UUIDv7 as 32 hex digits; its key is ``<xx>/<id>``, xx the id's last two digits, which
spread the objects over 256 directories. The log names it ``store:<key>``.
"""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

SCHEME = "store:"

_KEY = re.compile(r"([0-9a-f]{2})/([0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{13}([0-9a-f]{2}))", re.ASCII)


def key_of(object_id: UUID) -> str:
    """The key of an object."""
    return f"{object_id.hex[-2:]}/{object_id.hex}"


def uri_of(key: str) -> str:
    """What the log calls the object of a key."""
    return SCHEME + key


def is_key(text: str) -> bool:
    """Whether ``text`` has the form of our keys: others in the same place are not ours."""
    match = _KEY.fullmatch(text)
    return match is not None and match[1] == match[3]


def key_in(uri: str) -> str | None:
    """The key that a URI of the log names; None if it names no object of a store."""
    key = uri.removeprefix(SCHEME)
    return key if uri.startswith(SCHEME) and is_key(key) else None


def made_at(key: str) -> datetime:
    """When the id of a key was made, by the clock of the database, to the millisecond; UTC."""
    milliseconds = int(key[3:15], 16)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
