"""Bytes to the service and bytes back: what no client library would send."""

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.http.running import Running


@dataclass(frozen=True)
class Answered:
    """An answer: status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> Any:
        """The code of the problem that it is, if it is one."""
        if self.headers.get("content-type") != "application/problem+json":
            return None
        return json.loads(self.body)["code"]


class Raw:
    """One connection."""

    def __init__(self, service: Running, timeout: float = 10) -> None:
        address = urlsplit(service.url)
        self.socket = socket.create_connection((str(address.hostname), address.port or 0), timeout)
        self._bytes = b""

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes | str) -> None:
        """Send all of it."""
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def answer(self) -> Answered | None:
        """The next answer, with its body; None when the connection was closed instead."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = int(headers.get("content-length", "0"))
        while len(self._bytes) < size and self._more():
            pass
        body, self._bytes = self._bytes[:size], self._bytes[size:]
        return Answered(int(first.split(" ")[1]), headers, body)

    def answers(self) -> list[Answered]:
        """All answers until the connection is closed."""
        found = []
        while (one := self.answer()) is not None:
            found.append(one)
        return found

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._bytes:
            if not self._more():
                assert not self._bytes, self._bytes
                return None
        found, _, self._bytes = self._bytes.partition(mark)
        return found

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65_536)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self._bytes += data
        return bool(data)


def head(service: Running, line: str, *headers: str, role: str | None = "producer", host: str = "a") -> str:
    """A head with Host and the token of a role, and its empty line."""
    lines = [f"{line} HTTP/1.1", f"Host: {host}", *headers]
    if role is not None:
        lines.append(f"Authorization: Bearer {service.tokens[role]}")
    return "\r\n".join([*lines, "", ""])
