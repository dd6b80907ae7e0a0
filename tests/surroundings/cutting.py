"""A way to the server that ends when it is told: as a lost line, a restart, an impatient balancer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_READY = b"Z"
_SERVER_SOCKET = ".s.PGSQL.5432"


class Line:
    """Passes connections on from a port of 127.0.0.1 to the socket of a server.

    ``cut_after``: answers of the server (ReadyForQuery, over all connections) after which all are cut;
    None: never. ``answers``: those until now.
    """

    def __init__(self, conninfo: str) -> None:
        parts = conninfo_to_dict(conninfo)
        self._server = f"{parts['host']}/{_SERVER_SOCKET}"
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.conninfo = make_conninfo(
            conninfo, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable"
        )
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.cut_after: int | None = None
        self.answers = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more connections."""
        # A thread that waits in accept is not woken by closing alone.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def begin(self, cut_after: int | None) -> None:
        """Count anew."""
        self.cut()
        with self._lock:
            self.cut_after, self.answers = cut_after, 0

    def cut(self) -> None:
        """End every connection, for both sides."""
        with self._lock:
            ending, self._open = self._open, []
        for one in ending:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            # Each message is sent on its own, and would wait 40 ms until the one before is acknowledged.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.connect(self._server)
            with self._lock:
                self._open += [client, server]
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    @staticmethod
    def _pass_on(client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        """Pass on whole messages, so that it is known where one is cut."""
        with suppress(OSError):
            reader = server.makefile("rb")
            while head := reader.read(5):
                body = reader.read(int.from_bytes(head[1:5]) - 4)
                if head[:1] == _READY and self._last():
                    self.cut()
                    return
                client.sendall(head + body)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    def _last(self) -> bool:
        with self._lock:
            self.answers += 1
            return self.cut_after is not None and self.answers > self.cut_after


@contextmanager
def line_to(conninfo: str) -> Iterator[Line]:
    """A line that is closed with the context."""
    made = Line(conninfo)
    try:
        yield made
    finally:
        made.close()
