"""Several sessions at once: races from a barrier, and sessions that wait for each other."""

import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import psycopg

from tests.timing import PATIENCE

T = TypeVar("T")


def race(
    connections: list[psycopg.Connection], act: Callable[[psycopg.Connection, int], T]
) -> list[T | psycopg.Error]:
    """Call ``act(connection, n)`` for all connections at the same moment; results or database errors."""
    barrier = Barrier(len(connections))

    def run(number: int) -> T | psycopg.Error:
        barrier.wait(PATIENCE)
        try:
            return act(connections[number], number)
        except psycopg.Error as failure:
            return failure

    with ThreadPoolExecutor(len(connections)) as pool:
        return list(pool.map(run, range(len(connections))))


def blocked(observer: psycopg.Connection, waiting: int, holder: int) -> bool:
    """True while the backend ``waiting`` waits for a lock of the backend ``holder``."""
    row = observer.execute("SELECT %s = ANY (pg_blocking_pids(%s))", (holder, waiting)).fetchone()
    return row == (True,)


def alive(observer: psycopg.Connection, backend: int) -> bool:
    """True while the server has this backend."""
    return bool(observer.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchall())


def cut(connection: psycopg.Connection) -> None:
    """Break the connection without a word, as when the client dies or the network does."""
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
