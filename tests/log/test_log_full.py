"""F22: the log says that it is full before it gives a number that its own interfaces do not take."""

from collections.abc import Sequence

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.events import NewEvent
from artifactstore.store import Store
from tests.databases import Connect
from tests.log.door import created

LAST = 2**53 - 1


def move_head(connection: psycopg.Connection, sequence: int) -> None:
    """Give event 2, the head, another number, in the log and in all views, as a superuser can."""
    with connection.transaction():
        columns: Sequence[tuple[str, str]] = connection.execute(
            """
            SELECT c.table_name, c.column_name FROM information_schema.columns c
            JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE c.table_schema = 'artifactstore' AND t.table_type = 'BASE TABLE'
                AND c.data_type = 'bigint' AND c.column_name ~ 'sequence$'
            """
        ).fetchall()
        for table, column in columns:
            connection.execute(f'ALTER TABLE artifactstore."{table}" DISABLE TRIGGER USER'.encode())
            connection.execute(
                f'UPDATE artifactstore."{table}" SET "{column}" = %s WHERE "{column}" = 2'.encode(),
                (sequence,),
            )


@pytest.fixture
def almost_full(connect: Connect) -> Store:
    """A log in which two numbers are left."""
    connection = connect()
    store = Store(connection)
    store.writes.append([created()])
    move_head(connection, LAST - 2)
    assert store.log.head() == LAST - 2
    return store


def test_f22_the_last_numbers_are_given_and_then_the_log_is_full(almost_full: Store) -> None:
    store = almost_full
    assert store.writes.append([created()])[0].sequence == LAST - 1
    both: list[NewEvent] = [created(), created()]
    with pytest.raises(Refused) as refused:
        store.writes.append(both)
    assert refused.value.code == "log-full"
    assert refused.value.sqlstate == "ST064"
    assert refused.value.detail["position"] == 2
    assert store.log.head() == LAST - 1
    assert store.writes.append([created()])[0].sequence == LAST
    for _ in range(2):
        with pytest.raises(ArtifactstoreError, match="log-full"):
            store.writes.append([created()])
    assert store.log.head() == LAST


def test_f22_what_the_log_gave_its_interfaces_take(almost_full: Store) -> None:
    store = almost_full
    appended = [store.writes.append([created()])[0].sequence for _ in range(2)]
    assert [event["sequence"] for event in store.log.newest_events(limit=2)] == appended
    row = store.packages.package(store.log.newest_events(limit=1)[0]["subject_id"])
    assert row["last_sequence"] == LAST
