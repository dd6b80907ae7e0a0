"""The log of a database, as the markers of stores name it."""

from artifactstore.errors import Refused
from artifactstore.store import Store
from artifactstore.stores.marker import LogHome


def log_home(store: Store) -> LogHome:
    """The log, and this database; raises ``Refused`` empty for one that has not begun."""
    position = store.identity.position()
    if position.log_id is None:
        raise Refused("empty", {"problem": "the log has no event yet"}, "the first event begins it")
    here = store.identity.here()
    epochs = tuple((one.epoch_id, one.from_sequence or 0) for one in store.identity.epochs())
    return LogHome(position.log_id, here.system_identifier, here.database_oid, position.head, epochs)
