"""hold_log: the append lock, kept over rollbacks to savepoints."""

import psycopg
import pytest

from artifactstore.errors import Busy
from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.store import Store
from tests.databases import Connect


def test_a_rollback_to_a_savepoint_keeps_the_lock(connect: Connect) -> None:
    """append takes the lock inside the savepoint and loses it there; held before, it stays."""
    holder, other = Store(connect("service")), Store(connect("service"))
    other.connection.execute("SET lock_timeout = '50ms'")
    event = NewEvent(PackageCreated(purl="pkg:generic/a@1"), new_id(), "user:a")
    for hold in (False, True):
        with holder.connection.transaction(force_rollback=True):
            if hold:
                holder.hold_log()
            with holder.connection.transaction(force_rollback=True):
                holder.append([event])
            if hold:
                with pytest.raises(Busy):
                    other.append([event])
            else:
                with other.connection.transaction(force_rollback=True):
                    other.append([event])


@pytest.mark.parametrize("part", ["reader", "writer", "operator"])
def test_other_roles_may_not(part: str, connect: Connect) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect(part).execute("SELECT artifactstore.hold_log()")
