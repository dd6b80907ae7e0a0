"""What a store does, tried out: with objects of our own, which are removed again.

A store is believed what it does here, not what it says of itself. Nothing else in the place is touched.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, runtime_checkable

from artifactstore.errors import ArtifactstoreError
from artifactstore.events.ids import new_id
from artifactstore.stores import marker
from artifactstore.stores.base import ObjectStore, Part
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.keys import key_of

_AT_ONCE = 16
_PUTS = 20
_SKEW = 60.0
"""Seconds that a store's clock may differ before it is told."""
_SMALL = b"artifactstore backend test\n" * 150


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a trial.

    Attributes:
        trial: what was tried. outcome: ``yes``, ``no`` (it cannot), ``failed`` (it must and does not) or
            ``hazard`` (it can, and something there will do harm). told: what was seen, in words.
    """

    trial: str
    outcome: str
    told: str = ""

    @property
    def bad(self) -> bool:
        """Whether the store is not what the registry needs."""
        return self.outcome in ("failed", "hazard")


@runtime_checkable
class TriesItself(Protocol):
    """A store with trials of its own kind: versions, locks, rules that expire what is there."""

    def own_trials(self, settings: StoreConfig) -> Iterator[Trial]: ...


def try_out(store: ObjectStore, settings: StoreConfig) -> Iterator[Trial]:
    """Try what a store must do, then what is particular to its kind; what was written is removed.

    Nothing is written where there is no marker that can be read.
    """
    reached = _outcome("marker", partial(_marker, store))
    yield reached
    if reached.bad:
        return
    keys: list[str] = []

    def new_key() -> str:
        keys.append(key_of(new_id()))
        return keys[-1]

    try:
        for name, trial in (
            ("write, read back", _round_trip),
            ("durable", _durable),
            ("checksum", _checksum),
            ("written once", _written_once),
            ("parts", _in_parts),
            ("order of listing", _listing),
            ("clock", _clock),
        ):
            yield _outcome(name, partial(trial, store, new_key))
        yield _presigned(store, keys[0])
        yield _room(store, settings)
        if isinstance(store, TriesItself):
            yield from store.own_trials(settings)
    finally:
        with suppress(ArtifactstoreError):
            store.delete(keys)
    yield _outcome("delete", partial(_deleted, store, keys))


def _marker(store: ObjectStore) -> str:
    found = marker.read(store)
    if found is None:
        raise _Failed(f"there is none: artifactstore backend init {store.name}")
    return f"of log {found[0].log_id}, as {found[0].store}"


def _outcome(name: str, run: Callable[[], str]) -> Trial:
    """What came of a trial that returns what was seen, and raises ``AssertionError`` or an error."""
    try:
        return Trial(name, "yes", run())
    except (ArtifactstoreError, _Failed) as failure:
        return Trial(name, "failed", str(failure))


class _Failed(Exception):
    """The store does something else than it must."""


NewKey = Callable[[], str]


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _refuses(code: str, run: Callable[[], object], otherwise: str) -> None:
    """Raise ``_Failed`` unless something is refused by this code."""
    try:
        run()
    except ArtifactstoreError as failure:
        if failure.code != code:
            raise
        return
    raise _Failed(otherwise)


def _round_trip(store: ObjectStore, new_key: NewKey) -> str:
    key = new_key()
    store.put(key, _SMALL, _sha256(_SMALL))
    store.settle([key])
    if b"".join(store.read(key)) != _SMALL:
        raise _Failed("other bytes came back")
    if b"".join(store.read(key, 10, 20)) != _SMALL[10:20]:
        raise _Failed("a range of 10 bytes was another")
    info = store.head(key)
    if info is None or info.size != len(_SMALL):
        raise _Failed(f"its size is told as {info and info.size}, it is {len(_SMALL)}")
    if info.sha256 not in (None, _sha256(_SMALL)):
        raise _Failed("the SHA-256 that it keeps is another")
    return f"{len(_SMALL)} bytes" + (", SHA-256 kept" if info.sha256 else "")


def _durable(store: ObjectStore, new_key: NewKey) -> str:
    keys = [new_key() for _ in range(_PUTS)]
    started = time.perf_counter()
    for key in keys:
        store.put(key, _SMALL, _sha256(_SMALL))
    written = time.perf_counter() - started
    store.settle(keys)
    settled = time.perf_counter() - started - written
    return f"{written / _PUTS * 1e3:.1f} ms for each write, {settled * 1e3:.1f} ms for a batch to settle"


def _checksum(store: ObjectStore, new_key: NewKey) -> str:
    key = new_key()
    _refuses(
        "digest-mismatch",
        lambda: store.put(key, _SMALL, _sha256(b"")),
        "bytes with another SHA-256 were taken",
    )
    if store.head(key) is not None:
        raise _Failed("bytes with another SHA-256 are there, though refused")
    return "another SHA-256 is refused, and nothing stays"


def _written_once(store: ObjectStore, new_key: NewKey) -> str:
    key = new_key()
    contents = [bytes([number]) * 100 for number in range(_AT_ONCE)]

    def write(data: bytes) -> bool:
        try:
            store.put(key, data, _sha256(data))
        except ArtifactstoreError as failure:
            if failure.code != "id-taken":
                raise
            return False
        return True

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        written = [data for data, done in zip(contents, pool.map(write, contents), strict=True) if done]
    if len(written) != 1:
        raise _Failed(f"{len(written)} of {_AT_ONCE} at once were told that they wrote it")
    if b"".join(store.read(key)) != written[0]:
        raise _Failed("the one who was told that he wrote it did not")
    _refuses(
        "id-taken", lambda: store.put(key, _SMALL, _sha256(_SMALL)), "a second object replaced the first"
    )
    return f"of {_AT_ONCE} at once one wrote"


def _in_parts(store: ObjectStore, new_key: NewKey) -> str:
    key = new_key()
    first, last = os.urandom(store.part_size), b"the end"
    upload = store.begin(key, len(first) + len(last))
    try:
        _refuses(
            "digest-mismatch",
            lambda: store.write_part(key, upload, 1, last, _sha256(b"")),
            "a part with another SHA-256 was taken",
        )
        parts = [_part(store, key, upload, number, data) for number, data in ((1, first), (2, last))]
        if [(part.number, part.size) for part in store.parts(key, upload)] != [
            (part.number, part.size) for part in parts
        ]:
            raise _Failed("it lists other parts than were written")
        if store.head(key) is not None:
            raise _Failed("the object is there before it is complete")
        store.complete(key, upload, parts)
        store.complete(key, upload, parts)
    finally:
        store.abort(key, upload)
    digest = hashlib.sha256()
    for piece in store.read(key):
        digest.update(piece)
    if digest.digest() != _sha256(first + last):
        raise _Failed("other bytes came back")
    return f"2 parts, of {store.part_size >> 20} MiB at least"


def _part(store: ObjectStore, key: str, upload: str, number: int, data: bytes) -> Part:
    return store.write_part(key, upload, number, data, _sha256(data))


def _listing(store: ObjectStore, new_key: NewKey) -> str:
    keys = sorted(new_key() for _ in range(5))
    for key in keys:
        store.put(key, _SMALL, _sha256(_SMALL))
    wanted = set(keys[1:])
    seen: list[str] = []
    for info in store.list(keys[0]):
        if info.key in wanted:
            seen.append(info.key)
        if len(seen) == len(wanted):
            break
    if seen != keys[1:]:
        raise _Failed(f"of {len(wanted)} new objects {len(seen)} were listed, in the order {seen}")
    return "all that was written, in the order of bytes"


def _clock(store: ObjectStore, new_key: NewKey) -> str:
    key = new_key()
    store.put(key, _SMALL, _sha256(_SMALL))
    info = store.head(key)
    if info is None or info.modified is None:
        raise _Failed("it does not tell when an object was written")
    ahead = (info.modified - datetime.now(UTC)).total_seconds()
    if abs(ahead) > _SKEW:
        raise _Failed(f"{ahead:+.0f} s from the clock of this machine")
    return f"within {_SKEW:.0f} s of this machine"


def _presigned(store: ObjectStore, key: str) -> Trial:
    url = store.presigned_get(key, 60, "attachment", "application/octet-stream")
    if url is None:
        return Trial("presigned URLs", "no", "content is streamed")
    import httpx

    try:
        answer = httpx.get(url, timeout=10)
    except httpx.HTTPError as failure:
        return Trial("presigned URLs", "failed", f"{type(failure).__name__} at public_endpoint")
    if answer.status_code != 200 or answer.content != _SMALL:
        return Trial(
            "presigned URLs", "failed", f"answered {answer.status_code}, {len(answer.content)} bytes"
        )
    return Trial("presigned URLs", "yes")


def _room(store: ObjectStore, settings: StoreConfig) -> Trial:
    free = store.free()
    if free is None:
        return Trial("room", "no", "it does not tell how much is free")
    told = f"{free:.1%} free, min_free {settings.min_free:.1%}"
    return Trial("room", "yes" if free >= settings.min_free else "failed", told)


def _deleted(store: ObjectStore, keys: Sequence[str]) -> str:
    left = [key for key in keys if store.head(key) is not None]
    if left:
        raise _Failed(f"still there: {', '.join(left)}")
    again = store.delete(keys[:1])
    if again[keys[0]] != "not_found":
        raise _Failed("what is not there is told as deleted")
    return f"{len(keys)} objects, one of them twice"
