"""Case DR05: a body that comes one byte at a time."""

import socket
import time
from urllib.parse import urlsplit

from tests.http.running import Registry, running
from tests.timing import PATIENCE, SLACK


def test_dr05_a_slow_body_is_given_up(service_conninfo: str) -> None:
    with running(service_conninfo, body_timeout=0.6) as service:
        registry = Registry(service.client())
        before = registry.head()
        address = urlsplit(service.url)
        with socket.create_connection((str(address.hostname), address.port or 0), 10) as connection:
            head = (
                "POST /packages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {service.tokens['producer']}\r\nContent-Length: 1000\r\n\r\n"
            )
            connection.sendall(head.encode())
            started = time.monotonic()
            answer = b""
            while not answer and time.monotonic() - started < PATIENCE:
                connection.sendall(b" ")
                connection.settimeout(0.1)
                try:
                    answer = connection.recv(65_536)
                except TimeoutError:
                    assert registry.get("/healthz")
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b'"code":"request-timeout"' in answer
            assert time.monotonic() - started < 0.6 + SLACK
        assert registry.head() == before
