"""``artifactstore.json``: whose place a store is; read before anything is written or removed there.

It names the log, the database where that is at home, and the store: two registries in one bucket, two names
for one place, and a staging copy of a database over the bytes of production are found before they do harm.
``acted_through`` is the last event that removals in the place were judged by. A log that was restored to
before it does not know why bytes are gone, and may take for orphans what it forgot: there nothing is removed
until somebody claims the place for the log as it is now.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from artifactstore.errors import Busy, Refused
from artifactstore.stores.base import ObjectStore

FORMAT = 1
_TRIES = 5
"""Others may write the marker at the same time: keepers of several hosts."""


@dataclass(frozen=True, slots=True)
class LogHome:
    """The log that uses a store, and the database where it is at home.

    Attributes:
        system, database: identifier of the server and oid of the database. head: the last event.
        epochs: id of each epoch, the first one first, and the last event that it has of the one before.
    """

    log_id: UUID
    system: int
    database: int
    head: int
    epochs: tuple[tuple[UUID, int], ...]

    @property
    def epoch_id(self) -> UUID:
        """The epoch of now."""
        return self.epochs[-1][0]

    def kept_of(self, epoch_id: UUID) -> int | None:
        """The last event that is still what it was in an epoch; None if the log does not know the epoch."""
        for place, (known, _) in enumerate(self.epochs):
            if known == epoch_id:
                return min([self.head, *(since for _, since in self.epochs[place + 1 :])])
        return None


@dataclass(frozen=True, slots=True)
class Marker:
    """What a marker says; ``store`` is the name by which the log calls the place."""

    log_id: UUID
    system: int
    database: int
    epoch_id: UUID
    store: str
    acted_through: int = 0

    def encode(self) -> bytes:
        """As JSON, for people too."""
        return (
            json.dumps(
                {
                    "format": FORMAT,
                    "log_id": str(self.log_id),
                    # Text: more than 2^53, which JSON readers may round.
                    "home": {"system_identifier": str(self.system), "database_oid": self.database},
                    "epoch_id": str(self.epoch_id),
                    "store": self.store,
                    "acted_through": self.acted_through,
                },
                indent=2,
            )
            + "\n"
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Marker":
        """What bytes say; raises ``ValueError``."""
        told = json.loads(data)
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise ValueError("of another format")
        home = told["home"]
        acted_through, store = told["acted_through"], told["store"]
        if type(acted_through) is not int or type(store) is not str:
            raise ValueError("damaged")
        return cls(
            UUID(told["log_id"]),
            int(home["system_identifier"]),
            int(home["database_oid"]),
            UUID(told["epoch_id"]),
            store,
            acted_through,
        )


def read(store: ObjectStore) -> tuple[Marker, str] | None:
    """What the marker of a store says, and its version; None if there is none.

    Raises ``Refused`` store-mismatch for one that cannot be read.
    """
    found = store.read_marker()
    if found is None:
        return None
    try:
        return Marker.decode(found[0]), found[1]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as failure:
        raise _mismatch(store, "the marker is damaged, or of a newer version of this software") from failure


def init(store: ObjectStore, home: LogHome) -> bool:
    """Make a place a store of a log; False if it is that already.

    Raises ``Refused`` store-mismatch if it is the place of another, or lies in one.
    """
    if read(store) is not None:
        check(store, home)
        return False
    outer = store.outer_marker()
    if outer is not None:
        raise _mismatch(store, f"it lies in another store: {outer}")
    new = Marker(home.log_id, home.system, home.database, home.epoch_id, store.name)
    store.write_marker(new.encode(), None)
    return True


def check(store: ObjectStore, home: LogHome) -> Marker:
    """What the marker says, if the place is of this log, database and store.

    Raises ``Refused`` store-mismatch, ``Busy`` store-unavailable where there is no marker.
    """
    return _checked(store, home)[0]


def check_removals(marker: Marker, store: ObjectStore, home: LogHome) -> None:
    """Raise ``Refused`` store-mismatch if the log lost events by which bytes were removed here."""
    kept = home.kept_of(marker.epoch_id)
    if kept is None:
        problem = "removals were judged by an epoch that this log does not know"
        raise _mismatch(store, problem, {"epoch_id": marker.epoch_id})
    if kept < marker.acted_through:
        problem = (
            f"removals were judged by events to {marker.acted_through}, and the log kept those to {kept}"
        )
        raise _mismatch(store, problem, {"acted_through": marker.acted_through, "kept": kept})


def act_through(store: ObjectStore, home: LogHome) -> None:
    """Note that removals are judged by the log as far as it goes now: to be done before each pass.

    Raises as ``check`` and ``check_removals``.
    """
    for _ in range(_TRIES - 1):
        try:
            return _act(store, home)
        except Refused as failure:
            if not failure.detail.get("raced"):
                raise
    return _act(store, home)


def _act(store: ObjectStore, home: LogHome) -> None:
    marker, version = _checked(store, home)
    check_removals(marker, store, home)
    through = max(home.head, marker.acted_through)
    new = replace(marker, epoch_id=home.epoch_id, acted_through=through)
    if new != marker:
        store.write_marker(new.encode(), version)


def owned(store: ObjectStore, home: LogHome) -> Marker:
    """What the marker says, if the place is of this log and store, wherever that is at home.

    Raises as ``check``.
    """
    return _owned(store, home)[0]


def claim(store: ObjectStore, home: LogHome) -> None:
    """Take the place for the log as it is now; raises as ``owned``."""
    before, version = _owned(store, home)
    new = Marker(home.log_id, home.system, home.database, home.epoch_id, store.name, home.head)
    if new != before:
        store.write_marker(new.encode(), version)


def _checked(store: ObjectStore, home: LogHome) -> tuple[Marker, str]:
    marker, version = _owned(store, home)
    if (marker.system, marker.database) != (home.system, home.database):
        problem = (
            f"it is used from database {marker.database} of server {marker.system}, and this is "
            f"{home.database} of {home.system}: a copy of the log, unless it was moved"
        )
        raise _mismatch(store, problem)
    return marker, version


def _owned(store: ObjectStore, home: LogHome) -> tuple[Marker, str]:
    found = read(store)
    if found is None:
        raise _none(store)
    marker, _ = found
    if marker.log_id != home.log_id:
        problem = f"it belongs to log {marker.log_id}, and this is {home.log_id}"
        raise _mismatch(store, problem, hint="give the store a place of its own")
    if marker.store != store.name:
        problem = f"the log calls this place {marker.store}: two names for one place"
        hint = f"name it {marker.store} in stores.toml, or give it another place"
        raise _mismatch(store, problem, hint=hint)
    return found


def _mismatch(
    store: ObjectStore, problem: str, facts: Mapping[str, object] | None = None, hint: str | None = None
) -> Refused:
    told = {"problem": f"{store.name}: {problem}", "store": store.name, **(facts or {})}
    return Refused("store-mismatch", told, hint)


def _none(store: ObjectStore) -> Busy:
    told = {"problem": f"{store.name} has no artifactstore.json", "store": store.name}
    hint = f"if it is mounted and the right place: artifactstore backend init {store.name}"
    return Busy("store-unavailable", told, hint)
