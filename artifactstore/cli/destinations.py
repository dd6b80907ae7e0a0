"""The stores that a command writes to, and what is told of them."""

from collections.abc import Sequence

from artifactstore.cli.interrupt import finishing
from artifactstore.cli.progress import amount
from artifactstore.cli.session import Session
from artifactstore.errors import BadInput, Refused
from artifactstore.jobs.uploads.destinations import Destination, StoreDestination
from artifactstore.jobs.uploads.keeping import ObjectIds, Stored
from artifactstore.stores import marker
from artifactstore.stores.base import ObjectStore

_AT_ONCE = {"local": 4}
"""Puts on their way at once: a disk has no use for more."""
_OVER_NETWORK = 32


def destination(session: Session, name: str) -> StoreDestination:
    """A store to write to, when it is this log's.

    Raises ``NotFound`` store-unknown, ``Refused`` store-mismatch, store-refused, ``Busy`` store-unavailable.
    """
    given = session.stores.settings(name)
    if given.readonly:
        raise Refused("store-refused", {"problem": f"{name} is read only", "store": name})
    return StoreDestination(
        readable(session, name), dedupe=given.dedupe, at_once=_AT_ONCE.get(given.type, _OVER_NETWORK)
    )


def readable(session: Session, name: str) -> ObjectStore:
    """A store to read from, when it is this log's; raises as ``destination``."""
    from artifactstore.jobs.homes import log_home  # with it the driver, which a client need not have

    store = session.stores[name]
    if not session.stores.settings(name).readonly:
        marker.check(store, log_home(session.database))
    return store


def stored(session: Session, names: str, min_copies: int | None = None) -> Stored:
    """The stores of ``--store``, in their order; raises as ``destination``, and ``BadInput`` usage.

    Over a URL those of the service, which gives a file one copy.
    """
    wanted = names.split(",")
    if len(set(wanted)) != len(wanted) or "" in wanted:
        raise BadInput("usage", {"problem": f"--store: names, each once, with commas between: {names!r}"})
    if session.remote is not None:
        if len(wanted) > 1:
            problem = f"a file gets one copy over HTTP: --store {names}"
            raise BadInput("database-only", {"problem": problem})
        destinations: list[Destination] = [session.remote.destination(wanted[0])]
        objects: ObjectIds = session.remote.objects
        least = 1
    else:
        destinations = [destination(session, name) for name in wanted]
        objects, least = session.database.objects, session.stores.config.min_copies
    if min_copies is not None and min_copies > len(destinations):
        raise BadInput(
            "usage", {"problem": f"--min-copies {min_copies} needs as many stores: --store has {names}"}
        )
    return Stored(objects, destinations, min_copies or min(least, len(destinations)), finishing)


def of_destinations(session: Session, destinations: Sequence[Destination]) -> object:
    """What became of the files in each store."""
    if session.json:
        return {
            one.name: {
                "put": one.objects,
                "bytes": one.bytes,
                "resumed": one.resumed,
                "shared": one.shared,
                "lacking": one.lacking,
                "failure": None if one.failure is None else one.failure.code,
            }
            for one in destinations
        }
    return "; ".join(_told(one) for one in destinations)


def _told(one: Destination) -> str:
    said = [f"{one.objects} put ({amount(one.bytes, 'bytes')})"]
    if one.resumed:
        said.append(f"{amount(one.resumed, 'bytes')} were there")
    if one.shared:
        said.append(f"{one.shared} shared")
    if one.lacking:
        said.append(f"{one.lacking} lacking: artifactstore replicate --to {one.name}")
    return f"{one.name}: {', '.join(said)}"
