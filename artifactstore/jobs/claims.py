"""Before a place is claimed: what the log as it is now has there, and what is there without it."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from artifactstore.errors import Refused
from artifactstore.events import NewEvent, models, new_id
from artifactstore.jobs.homes import log_home
from artifactstore.store import Row, Store
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.keys import is_key, key_in
from artifactstore.stores.marker import LogHome


class Unshared(NamedTuple):
    """An object that only one of both knows.

    Attributes:
        problem: ``missing``, when the log has a live location and the store nothing; ``orphan``, when no
            location that is not retired names it.
        size: in bytes. purl: of a package that misses it.
    """

    problem: str
    key: str
    size: int
    purl: str | None


def begun(store: Store, actor: str) -> LogHome:
    """The log, which begins now if it has no event yet."""
    if store.log.head() == 0:
        begin = models.SystemInitialized(
            log_id=(log_id := new_id()), epoch=1, epoch_id=new_id(), payload_profile="AS-CBOR/1"
        )
        try:
            store.writes.append([NewEvent(begin, log_id, actor)])
        except Refused as failure:
            if failure.code != "already-initialized":  # somebody else began it meanwhile
                raise
    return log_home(store)


def differences(store: Store, place: ObjectStore) -> Iterator[Unshared]:
    """What the log and a store do not both have, by key; both are read once, in the same order."""
    known = _objects(store.placed.of_backend(place.name))
    there = (info for info in place.list() if is_key(info.key))
    row, info = next(known, None), next(there, None)
    while row is not None or info is not None:
        if info is None or (row is not None and row[0] < info.key):
            assert row is not None  # noqa: S101 - one of both there is
            yield from _missing(row)
            row = next(known, None)
        elif row is None or info.key < row[0]:
            yield Unshared("orphan", info.key, info.size, None)
            info = next(there, None)
        else:
            row, info = next(known, None), next(there, None)


def _objects(rows: Iterator[Row]) -> Iterator[tuple[str, list[Row]]]:
    for uri, named in groupby(rows, key=lambda row: str(row["uri"])):
        key = key_in(uri)
        if key is not None:
            yield key, list(named)


def _missing(known: tuple[str, list[Row]]) -> Iterator[Unshared]:
    key, rows = known
    for row in rows:
        if row["state"] != "retiring":
            yield Unshared("missing", key, row["size"], row["purl"])
            return
