"""Servers that replicate one another."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from artifactstore import server
from tests.databases import programs, running_cluster, superuser_conninfo
from tests.timing import until


@contextmanager
def replicable() -> Iterator[server.Cluster]:
    """A server of its own that others may replicate, physically or logically."""
    with running_cluster(programs()) as cluster:
        with (cluster.data / "pg_hba.conf").open("a") as access:
            access.write("local replication all trust\n")
        with psycopg.connect(superuser_conninfo(cluster), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET wal_level = 'logical'")
        cluster.stop()
        cluster.start()
        yield cluster


@contextmanager
def standby_of(primary: server.Cluster) -> Iterator[server.Cluster]:
    """An asynchronous standby that runs."""
    home = primary.sockets.parent
    standby = replace(primary, data=home / "standby", sockets=home / "run2", log=home / "run2" / "log")
    standby.sockets.mkdir()
    standby.hand_over(standby.sockets)
    # The parent belongs to the account, so that the program can make the directory.
    primary.run(
        "pg_basebackup", "--dbname", superuser_conninfo(primary), "--pgdata", str(standby.data),
        "--checkpoint", "fast", "--write-recovery-conf",
    )  # fmt: skip
    standby.start()
    try:
        yield standby
    finally:
        standby.stop()
        shutil.rmtree(standby.data, ignore_errors=True)


def part(standby: server.Cluster) -> None:
    """Let a standby receive nothing any more: what is appended from now on is lost with the primary."""
    with psycopg.connect(superuser_conninfo(standby), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
        until(
            lambda: not connection.execute("SELECT FROM pg_stat_wal_receiver").fetchall(),
            "nothing is received",
        )
