"""Filling the log past the service, and reading and awaiting its feed."""

import json
import socket
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psycopg

from artifactstore import codec
from artifactstore.events import NewEvent, PackageCreated, TokenIssued, new_id
from artifactstore.store import Store
from tests.http.running import Running
from tests.timing import until


def append_packages(conninfo: str, count: int, name: str = "app", actor: str = "test:feed") -> list[UUID]:
    """Packages pkg:generic/<name>@0…, created in one append."""
    ids = [new_id() for _ in range(count)]
    events = [
        NewEvent(PackageCreated(purl=f"pkg:generic/{name}@{number}"), package_id, actor)
        for number, package_id in enumerate(ids)
    ]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        Store(connection).writes.append(events)
    return ids


def fill(conninfo: str, count: int, actor: str = "test:filler") -> int:
    """Put events into the log past the doors, as a superuser; returns the head.

    All are of one type, and of those that change no view: what is appended behind them finds the views at the
    head.
    """
    payload = NewEvent(TokenIssued(token_id=new_id()), new_id(), actor).payload()
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET LOCAL artifactstore.projecting = 'on'")
        connection.execute(
            """
            INSERT INTO artifactstore.events
            SELECT h.head + n, h.at, 'v1.system.token_issued', 'system', f.subject_id, %s, %s, %s
            FROM (SELECT max(sequence) AS head, max(created_at) AS at FROM artifactstore.events) h,
                generate_series(1, %s) n, artifactstore.events f
            WHERE f.sequence = 1
            """,
            (actor, payload, codec.digest(payload), count),
        )
        row = connection.execute("SELECT artifactstore.log_head()").fetchone()
    assert row is not None
    return int(row[0])


def page(client: httpx.Client, **parameters: Any) -> dict[str, Any]:
    """A page of the feed; asserts that it is one."""
    answer = client.get("/events", params=parameters)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


def walk(client: httpx.Client, since: int = 0, **parameters: Any) -> list[dict[str, Any]]:
    """Every event after ``since``, page by page; asserts that each page goes on where the last ended."""
    events: list[dict[str, Any]] = []
    while True:
        got = page(client, since=since, **parameters)
        assert got["next"] > since or not got["has_more"]
        assert all(since < event["sequence"] <= got["next"] for event in got["events"])
        events += got["events"]
        since = got["next"]
        if not got["has_more"]:
            return events


def sequences(events: list[dict[str, Any]]) -> list[int]:
    """Their sequences."""
    return [event["sequence"] for event in events]


class Poll:
    """A request of the feed on a connection of its own; ``query`` as in the URL."""

    def __init__(self, service: Running, query: str, role: str = "reader") -> None:
        address = urlsplit(service.url)
        self._connection = HTTPConnection(str(address.hostname), address.port, timeout=20)
        headers = {"Authorization": f"Bearer {service.tokens[role]}"}
        self._connection.request("GET", f"/events?{query}", headers=headers)
        sock: socket.socket = self._connection.sock
        self.socket = sock

    def answer(self, timeout: float = 20) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and JSON of the answer; raises ``TimeoutError``."""
        self.socket.settimeout(timeout)
        response = self._connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        value: dict[str, Any] = json.loads(response.read())
        self.close()
        return response.status, headers, value

    def page(self, timeout: float = 20) -> dict[str, Any]:
        """The page that is answered."""
        status, _, value = self.answer(timeout)
        assert status == 200, value
        return value

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def waiting(service: Running) -> int:
    """How many requests wait, as the metrics tell."""
    for line in service.client("operator").get("/metrics").text.splitlines():
        if line.startswith("artifactstore_feed_waiters "):
            return int(float(line.split()[1]))
    raise AssertionError("there is no such metric")


def until_waiting(service: Running, count: int) -> None:
    """Return when exactly so many wait."""
    until(lambda: waiting(service) == count, f"{count} wait")
