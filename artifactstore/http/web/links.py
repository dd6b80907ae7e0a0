"""Links to the database that may be dead: a server that was stopped, packets that get lost, a frozen proxy.

None of these closes a connection, and what libpq waits for then never comes. So nothing here asks the other
end for anything: what takes too long loses its socket, which whoever waits on it sees at once.
"""

import os
import select
import socket
import time
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import BaseConnection, Connection

from artifactstore.errors import ArtifactstoreError, error

GRACE_SECONDS = 0.5
"""What a thread may need to see that its connection was given up; then it is left alone."""


def give_up(connection: BaseConnection[Any]) -> None:
    """Shut the socket of a connection, whatever waits on it, in whatever thread; never blocks."""
    try:
        number = connection.fileno()
        copy = os.dup(number)
    except (psycopg.Error, OSError):
        return  # it is closed
    # Its thread may have closed it meanwhile, and the number may be somebody else's by now.
    with socket.socket(fileno=copy) as shared, suppress(psycopg.Error, OSError):
        if connection.fileno() == number:
            shared.shutdown(socket.SHUT_RDWR)


def check(connection: Connection[Any], seconds: float) -> None:
    """Raise ``psycopg.OperationalError`` unless the other end answers in time; for idle connections."""
    end = time.monotonic() + seconds
    link = connection.pgconn
    link.send_query(b"")
    waiting = select.poll()
    waiting.register(link.socket, select.POLLIN)
    while link.flush() or link.is_busy():
        if not waiting.poll(max(0.0, end - time.monotonic()) * 1000):
            raise psycopg.OperationalError("the connection does not answer")
        link.consume_input()
    while link.get_result() is not None:
        pass


def no_answer(seconds: float) -> ArtifactstoreError:
    """The refusal of what took too long, of which nothing was committed."""
    return error("unavailable", {"problem": f"no answer from the database within {seconds:g} s"})


def stopping() -> ArtifactstoreError:
    """The refusal of what is not done when the service stops."""
    return error("unavailable", {"problem": "the service is stopping"})
