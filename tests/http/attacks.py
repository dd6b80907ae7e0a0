"""Clients that want to do harm, as a program: ``python -m tests.http.attacks KIND PORT SECONDS [TOKEN]``.

A process of its own, so that what it costs is not taken for slowness of the service. It prints ``begun``
once the first round is over.
"""

import contextlib
import resource
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

MANY = 1_200
_BLANKS = b" " * 60_000


def _connect(port: int) -> socket.socket | None:
    try:
        connection = socket.create_connection(("127.0.0.1", port), 2)
    except OSError:
        return None
    connection.settimeout(2)
    return connection


def _send(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def _leave(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def _closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return not connection.recv(4096)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        try:
            connection.settimeout(2)
        except OSError:
            return True


class Attack:
    """What one kind does, until the time is over."""

    def __init__(self, port: int, seconds: float, token: str | None) -> None:
        self.port = port
        self.end = time.monotonic() + seconds
        self.authorization = f"Authorization: Bearer {token}\r\n".encode() if token else b""

    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.end

    def head(self, line: str, *more: bytes) -> bytes:
        """A head, without the empty line at its end."""
        return f"{line} HTTP/1.1\r\nHost: a\r\n".encode() + self.authorization + b"".join(more)

    def idle(self) -> None:
        """Connections that ask for nothing."""
        self._hold(b"", b"")

    def half_heads(self) -> None:
        """Heads that never end, a byte a second."""
        self._hold(self.head("GET /packages") + b"X: ", b"x")

    def huge_headers(self) -> None:
        """Headers of 150 MB."""

        def send() -> None:
            while self.goes_on():
                connection = _connect(self.port)
                if connection is None or not _send(connection, self.head("GET /packages") + b"X: "):
                    continue
                sent = 0
                while sent < 150_000_000 and _send(connection, b"x" * 65_536):
                    sent += 65_536
                connection.close()
                time.sleep(0.02)

        _together(send, 4)

    def aborted_lists(self) -> None:
        """Lists of which nobody reads a byte: 400, each left while the next 50 ask, and again."""
        head = self.head("GET /packages?limit=1000") + b"\r\n"
        while self.goes_on():
            asking: deque[socket.socket] = deque()
            for _ in range(400):
                connection = _connect(self.port)
                if connection is not None and _send(connection, head):
                    asking.append(connection)
                if len(asking) > 50:
                    _leave(asking.popleft())
            while asking:
                _leave(asking.popleft())
            _begun()
            time.sleep(0.5)

    def content_types(self) -> None:
        """Content types that are long to read."""
        more = (b"Content-Type: application/json", _BLANKS, b"x\r\nContent-Length: 2\r\n")
        request = self.head("POST /packages", *more) + b"\r\n{}"

        def send() -> None:
            while self.goes_on():
                connection = _connect(self.port)
                if connection is not None and _send(connection, request):
                    with contextlib.suppress(OSError):
                        connection.recv(4096)
                    connection.close()
                time.sleep(0.02)

        _together(send, 8)

    def _hold(self, first: bytes, again: bytes) -> None:
        """Keep so many connections; those that are closed come back."""
        held: list[socket.socket] = []
        while self.goes_on():
            while len(held) < MANY and self.goes_on():
                connection = _connect(self.port)
                if connection is not None and (not first or _send(connection, first)):
                    held.append(connection)
            _begun()
            time.sleep(1)
            held = [one for one in held if not _closed(one) and (not again or _send(one, again))]


def _together(send: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    _begun()
    for thread in threads:
        thread.join()


_told = threading.Event()


def _begun() -> None:
    if not _told.is_set():
        _told.set()
        sys.stdout.write("begun\n")
        sys.stdout.flush()


KINDS = ("idle", "half_heads", "huge_headers", "aborted_lists", "content_types")


def main() -> None:
    """Carry out one attack."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    kind, port, seconds, *token = sys.argv[1:]
    getattr(Attack(int(port), float(seconds), token[0] if token else None), kind)()


if __name__ == "__main__":
    main()
