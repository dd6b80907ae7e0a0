"""Histories that are replaced under a running service, as a restore or a failover does it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import psycopg

from artifactstore import codec
from artifactstore.events import NewEvent, PackageLabeled, new_id
from artifactstore.store import Store


@contextmanager
def unguarded(conninfo: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection to a log whose guards are off for good."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER ALL")
        connection.execute("ALTER TABLE artifactstore.log_epochs DISABLE TRIGGER ALL")
        yield connection


def rewrite(
    connection: psycopg.Connection,
    kept: int,
    count: int,
    actor: str,
    *,
    subject_id: UUID | None = None,
    new_epoch: bool = False,
) -> None:
    """End the log after ``kept`` and append ``count`` other events, in one transaction, without a bell.

    All have the same payload, whatever the history; actor and subject tell them apart.

    Args:
        new_epoch: as ``restored`` leaves the log; else nothing tells of it.
    """
    event = NewEvent(PackageLabeled(set={"filled": "yes"}), subject_id or new_id(), actor)
    payload = event.payload()
    with connection.transaction():
        connection.execute("DELETE FROM artifactstore.events WHERE sequence > %s", (kept,))
        connection.execute(
            """
            INSERT INTO artifactstore.events
            SELECT h.head + n, h.at, 'v1.package.labeled', 'package', %s, %s, %s, %s
            FROM (SELECT max(sequence) AS head, max(created_at) AS at FROM artifactstore.events) h,
                generate_series(1, %s) n
            """,
            (event.subject_id, actor, payload, codec.digest(payload), count),
        )
        if new_epoch:
            connection.execute("UPDATE artifactstore.log_epochs SET epoch_id = %s", (new_id(),))


def identity(conninfo: str, sequence: int) -> str:
    """The identity of an event as SQL knows it, in the form of the feed."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute("SELECT artifactstore.event_identity(%s)", (sequence,)).fetchone()
    assert row is not None
    assert row[0] is not None
    return f"sha256:{row[0].hex()}"


def stored(conninfo: str) -> Sequence[tuple[int, str]]:
    """Sequence and actor of each event."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return [(event.sequence, event.actor) for event in Store(connection).log.stored_events()]
