"""Links between the service and its database that stop working without being closed."""

import ctypes
import os
import signal
import socket
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.needs import needs_program

_NEW_NETWORK = 0x40000000
_CLIENTS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'artifactstore %' AND pid <> pg_backend_pid()
    """


class Fault(ABC):
    """A way to the database, ``conninfo``, that can be cut and mended."""

    conninfo: str

    @abstractmethod
    def cut(self) -> None:
        """From now on nothing comes back, and nothing is closed."""

    @abstractmethod
    def mend(self) -> None:
        """Go on."""


class StoppedBackends(Fault):
    """The processes of the server that work for the service are stopped (SIGSTOP); new ones are not."""

    def __init__(self, conninfo: str, admin: psycopg.Connection[Any]) -> None:
        self.conninfo = conninfo
        self._admin = admin
        self._stopped: list[int] = []

    def cut(self) -> None:
        self._stopped = [pid for (pid,) in self._admin.execute(_CLIENTS).fetchall()]
        assert self._stopped
        for pid in self._stopped:
            os.kill(pid, signal.SIGSTOP)

    def mend(self) -> None:
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped = []


class Proxy(Fault):
    """A proxy before the server's socket that can be frozen: connections are taken, and nothing is passed on.

    Args:
        listening: where it listens; None: a port of 127.0.0.1.

    Attributes:
        muted: it passes everything but notifications.
        marked: set when it was cut by ``cut_at``.
    """

    def __init__(self, conninfo: str, listening: socket.socket | None = None) -> None:
        parts = conninfo_to_dict(conninfo)
        self._target = f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"
        self._listening = listening or socket.create_server(("127.0.0.1", 0))
        host, port = self._listening.getsockname()
        self.conninfo = make_conninfo(conninfo, host=host, port=port, sslmode="disable", gssencmode="disable")
        self._flows, self._answers = threading.Event(), threading.Event()
        self._flows.set()
        self._answers.set()
        self._marker: bytes | None = None
        self._passes = True
        self.muted = False
        self.marked = threading.Event()
        self._left: int | None = None
        self._open: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._flows.clear()

    def mend(self) -> None:
        self._marker = self._left = None
        self._flows.set()
        self._answers.set()

    def cut_at(self, marker: bytes, *, passes: bool) -> None:
        """Be cut when the service sends this: ``passes``: the server gets it, and its answer is lost."""
        self._passes, self._marker = passes, marker
        self.marked.clear()

    def cut_after(self, size: int) -> None:
        """Be cut when so many more bytes of answers have passed."""
        self._left = size

    def close(self) -> None:
        """End it with all that is open."""
        self.mend()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._open += [client, server]
                for source, sink, asks in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=(source, sink, asks), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, asks: bool) -> None:
        rest = b""
        with suppress(OSError):
            while True:
                data = source.recv(65_536)
                if asks and self._marker is not None and self._marker in data:
                    (self._answers if self._passes else self._flows).clear()
                    self.marked.set()
                if not asks and self._left is not None:
                    self._left -= len(data)
                    if self._left < 0:
                        self._flows.clear()
                self._flows.wait()
                if not asks:
                    self._answers.wait()
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                if not asks:
                    messages, rest = _messages(rest + data)
                    data = b"".join(one for one in messages if one[:1] != b"A" or not self.muted)
                sink.sendall(data)


class DeadLink(Proxy):
    """A proxy in a network namespace, to which packets get lost."""

    def __init__(self, conninfo: str, namespace: str, address: str) -> None:
        self._namespace, self._address = namespace, address
        super().__init__(conninfo, _listen_in(namespace, address))

    def cut(self) -> None:
        _ip("-n", self._namespace, "addr", "del", f"{self._address}/30", "dev", "eth0")

    def mend(self) -> None:
        super().mend()
        with suppress(subprocess.CalledProcessError):  # it was not cut
            _ip("-n", self._namespace, "addr", "add", f"{self._address}/30", "dev", "eth0")


FAULTS = ("stopped backends", "frozen proxy", "dead link")


def faulty(name: str, conninfo: str, admin: psycopg.Connection[Any]) -> AbstractContextManager[Fault]:
    """The fault of that name, one of FAULTS; ``admin`` is not behind it."""
    if name == "stopped backends":
        return stopped_backends(conninfo, admin)
    return frozen_proxy(conninfo) if name == "frozen proxy" else dead_link(conninfo)


@contextmanager
def stopped_backends(conninfo: str, admin: psycopg.Connection[Any]) -> Iterator[Fault]:
    """See ``StoppedBackends``; they go on when the context ends."""
    fault = StoppedBackends(conninfo, admin)
    try:
        yield fault
    finally:
        fault.mend()


@contextmanager
def frozen_proxy(conninfo: str) -> Iterator[Proxy]:
    """See ``Proxy``."""
    fault = Proxy(conninfo)
    try:
        yield fault
    finally:
        fault.close()


@contextmanager
def dead_link(conninfo: str) -> Iterator[Fault]:
    """See ``DeadLink``; skips the test where network namespaces cannot be made."""
    needs_program("ip")
    name = f"art{os.getpid()}"
    network = f"10.{213 + os.getpid() % 32}.{os.getpid() // 32 % 256}"
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as failure:
        pytest.skip(f"a dead link needs network namespaces: {failure.stderr.decode().strip()}")
    try:
        try:
            _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        except subprocess.CalledProcessError as failure:
            pytest.skip(f"a dead link needs virtual network devices: {failure.stderr.decode().strip()}")
        _ip("addr", "add", f"{network}.1/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "addr", "add", f"{network}.2/30", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        # Nobody is told that there is no such neighbour: that would end connections.
        shown = _ip("-n", name, "-o", "link", "show", "eth0").split()
        hardware = shown[shown.index("link/ether") + 1]
        _ip("neigh", "replace", f"{network}.2", "lladdr", hardware, "dev", name, "nud", "permanent")
        fault = DeadLink(conninfo, name, f"{network}.2")
        try:
            yield fault
        finally:
            fault.close()
    finally:
        _ip("netns", "del", name)


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True)
    return done.stdout.decode()


def _listen_in(namespace: str, address: str) -> socket.socket:
    """A socket that listens in a network namespace; a thread of its own enters that."""
    made: list[socket.socket] = []

    def enter() -> None:
        with Path(f"/run/netns/{namespace}").open("rb") as file:
            assert ctypes.CDLL(None).setns(file.fileno(), _NEW_NETWORK) == 0
        made.append(socket.create_server((address, 0)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return made[0]


def _messages(data: bytes) -> tuple[list[bytes], bytes]:
    """What a server sent, by messages (a letter and 4 bytes of length before each), and what is not whole."""
    found = []
    while len(data) >= 5 and len(data) > (size := int.from_bytes(data[1:5])):
        found.append(data[: size + 1])
        data = data[size + 1 :]
    return found, data
