"""Only READ COMMITTED sees the head behind the lock; every other isolation level is refused by name."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.databases import Connect
from tests.log.door import append, append_json, created, id_of, refused, scalar

DOORS: dict[str, tuple[str, Callable[[psycopg.Connection], object]]] = {
    "append": ("service", lambda connection: append(connection, created())),
    "append_json": (
        "writer",
        lambda connection: append_json(
            connection, "v1.package.created", id_of(created()), {"purl": "pkg:generic/a@1"}
        ),
    ),
    "replay": (
        "operator",
        lambda connection: scalar(connection, "SELECT head FROM artifactstore.replay()"),
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_other_levels_are_refused(connect: Connect, door: str) -> None:
    append(connect("service"), created())
    role, walk = DOORS[door]
    observer, connection = connect(), connect(role, autocommit=False)
    others = [level for level in IsolationLevel if level is not IsolationLevel.READ_COMMITTED]
    for level in others:
        connection.isolation_level = level
        with refused(observer, "wrong-isolation") as refusal:
            walk(connection)
        assert refusal.detail["problem"] == f"it is {level.name.replace('_', ' ').lower()}"
        connection.rollback()
    connection.isolation_level = IsolationLevel.READ_COMMITTED
    walk(connection)
    connection.commit()


def test_default_of_the_login_counts(connect: Connect) -> None:
    service = connect("service", options="-c default_transaction_isolation=serializable")
    with refused(connect(), "wrong-isolation"):
        append(service, created())


def test_read_only_transactions_append_nothing(connect: Connect) -> None:
    service, observer = connect("service", options="-c default_transaction_read_only=on"), connect()
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        append(service, created())
    assert scalar(observer, "SELECT artifactstore.log_head()") == 0
