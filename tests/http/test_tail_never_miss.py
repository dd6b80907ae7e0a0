"""Never miss: GAP01, GAP02, GAP08 and TL03 at once, over HTTP.

Sixteen writers over HTTP and four sessions as of psql, with pauses before COMMIT, rollbacks and terminated
backends, append while clients follow: in small and large pages, with and without waiting, with filters, as
JSON, as CBOR and as a stream, with new connections all the time. The listener is killed and the service is
restarted under them. Each must have seen exactly its events of the log, in order, once.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import psycopg
from psycopg import sql

from artifactstore.client import Client, Cursor, RemoteError
from artifactstore.store import LoggedEvent, Store
from tests.http.feeding import append_packages
from tests.http.running import issue, running
from tests.http.streaming import Stream, open_stream

HTTP_WRITERS = 16
SQL_WRITERS = 4
SECONDS = 6.0
RESTARTS = 40
"""Events after which a tail ends and another begins from its cursor."""


@dataclass
class World:
    """What the threads share.

    Attributes:
        url: of the service, which changes when it is restarted.
        writing: unset: the writers stop. head: set when all is written: followers stop there.
    """

    conninfo: str
    tokens: dict[str, str]
    url: str = ""
    writing: threading.Event = field(default_factory=threading.Event)
    head: int | None = None
    failures: list[BaseException] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)

    def thread(self, work: Callable[..., None], *arguments: object) -> threading.Thread:
        """Start a thread whose failure is kept."""

        def run() -> None:
            try:
                work(*arguments)
            except BaseException as failure:
                self.failures.append(failure)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def client(self, token: str) -> Client:
        """A client of the service where it is now."""
        return Client(self.url, self.tokens[token])


def write_over_http(world: World, writer: int) -> None:
    """Create packages; a command whose answer was lost is repeated with its key."""
    number = 0
    client = httpx.Client(headers={"Authorization": f"Bearer {world.tokens['producer']}"}, timeout=20)
    with client:
        while world.writing.is_set():
            body = {"purl": f"pkg:generic/http-{writer}@{number}", "labels": {"writer": str(writer)}}
            if number % 10 == 9:
                body["purl"] = "not a purl"
            with suppress(httpx.TransportError):
                headers = {"Idempotency-Key": f"{writer}-{number}"}
                answer = client.post(f"{world.url}/packages", json=body, headers=headers)
                if answer.status_code == 503:
                    time.sleep(0.05)
                    continue
                assert answer.status_code == (422 if number % 10 == 9 else 201), answer.text
                if answer.status_code == 201:
                    world.acknowledged.append(answer.json()["sequence"])
                number += 1
            time.sleep(0.005 * (number * writer % 11))


def write_in_sql(world: World, database: str, writer: int) -> None:
    """Append in transactions that stay open for a while, and often come to nothing."""
    number = 0
    while world.writing.is_set():
        number += 1
        with suppress(psycopg.OperationalError), psycopg.connect(database) as connection:
            connection.execute("SET lock_timeout = '10s'")
            payload = f'{{"purl": "pkg:generic/sql-{writer}@{number}"}}'
            append = sql.SQL(
                "SELECT artifactstore.append_json('v1.package.created', artifactstore.new_id(), {}::json)"
            ).format(payload)
            (row,) = connection.execute(append).fetchall()
            time.sleep(0.01 * (number * (writer + 1) % 6))
            match (number + writer) % 4:
                case 0:
                    connection.rollback()
                case 1:
                    end_backend(database, connection.info.backend_pid)
                    connection.commit()
                case _:
                    connection.commit()
                    world.acknowledged.append(row[0])
        time.sleep(0.02 * (writer + 1))


def end_backend(database: str, pid: int) -> None:
    """Terminate a session."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


def end_listener(database: str) -> None:
    """Terminate the session of the service that listens."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'artifactstore listener'"
        )


WAYS: tuple[tuple[int, Literal["pages", "tail", "stream"]], ...] = (
    (1, "pages"), (0, "pages"), (1, "tail"), (5, "tail"), (0, "stream"),
)  # fmt: skip
"""Seconds to wait, and how a follower reads."""


@dataclass
class Follower:
    """A client of the feed, and what it saw: sequence and digest of each event.

    Attributes:
        query: filters and limit. wait: seconds of each request.
        how: page by page as JSON; with ``Client.tail``; as a stream of Server-Sent Events.
    """

    query: Mapping[str, Any]
    wait: int
    how: Literal["pages", "tail", "stream"]
    seen: list[tuple[int, str]] = field(default_factory=list)

    def follow(self, world: World) -> None:
        """Read until the head at which all is written."""
        ways = {"pages": self._follow_pages, "tail": self._follow_tail, "stream": self._follow_stream}
        ways[self.how](world)

    def _follow_pages(self, world: World) -> None:
        since, digest = 0, None
        headers = {"Authorization": f"Bearer {world.tokens['reader']}"}
        while world.head is None or since < world.head:
            parameters = {**self.query, "since": since, "wait": self.wait}
            if digest is not None:
                parameters["since_digest"] = digest
            try:
                answer = httpx.get(f"{world.url}/events", params=parameters, headers=headers, timeout=20)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.status_code == 503:
                time.sleep(0.05)
                continue
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert since <= page["next"] <= page["head"]
            for event in page["events"]:
                self.seen.append((event["sequence"], event["payload_digest"]))
            since, digest = page["next"], page["next_digest"]
            if not self.wait and not page["has_more"]:
                time.sleep(0.02)

    def _follow_tail(self, world: World) -> None:
        cursor = Cursor()
        while world.head is None or cursor.sequence < world.head:
            with world.client("reader") as client:
                until = world.head or cursor.sequence + RESTARTS
                tail = client.tail(cursor, until=until, wait=self.wait, retry_seconds=0.2, **self.query)
                try:
                    for event in tail:
                        self.seen.append((event.sequence, f"blake3:{event.payload_digest.hex()}"))
                except (httpx.TransportError, RemoteError) as failure:
                    if isinstance(failure, RemoteError) and not failure.passing:
                        raise
                cursor = tail.cursor

    def _follow_stream(self, world: World) -> None:
        last: str | None = None
        headers = {"Authorization": f"Bearer {world.tokens['reader']}"}
        while world.head is None or last is None or int(last.partition("-")[0]) < world.head:
            with (
                suppress(httpx.TransportError),
                httpx.Client(base_url=world.url, headers=headers, timeout=2) as client,
                open_stream(client, last, **self.query) as answer,
            ):
                if answer.status_code == 503:
                    time.sleep(0.05)
                    continue
                last = self._take(Stream(answer, last), last)

    def _take(self, stream: Stream, last: str | None) -> str | None:
        """Read some events, or until there is a pause; returns the cursor of what was seen."""
        count = 0
        with suppress(httpx.TransportError, StopIteration):
            while count < RESTARTS:
                block = stream.next()
                if block.name is not None:
                    assert block.name == "message", block.fields
                    self.seen.append((block.data["sequence"], block.data["payload_digest"]))
                    count += 1
                last = block.id or last
        return last


def followers() -> list[tuple[Follower, Callable[[LoggedEvent], bool]]]:
    """Followers of every kind, and which events each must see."""
    kinds: list[tuple[dict[str, Any], Callable[[LoggedEvent], bool]]] = [
        ({}, lambda _: True),
        ({"limit": 1000}, lambda _: True),
        ({"limit": 3}, lambda _: True),
        ({"actor": "user:producer"}, lambda event: event.actor == "user:producer"),
        ({"subject_kind": "system", "limit": 1}, lambda event: event.subject_kind == "system"),
    ]
    return [(Follower(query, wait, how), chosen) for query, chosen in kinds for wait, how in WAYS]


def test_nobody_misses_an_event(service_conninfo: str, database: str) -> None:
    """GAP01."""
    world = World(service_conninfo, issue(service_conninfo))
    world.writing.set()
    following = followers()
    assert len(following) == 25
    with running(service_conninfo, world.tokens, stop_seconds=5) as first:
        world.url = first.url
        readers = [world.thread(follower.follow, world) for follower, _ in following]
        writers = [world.thread(write_over_http, world, number) for number in range(HTTP_WRITERS)]
        writers += [world.thread(write_in_sql, world, database, number) for number in range(SQL_WRITERS)]
        for _ in range(3):
            time.sleep(SECONDS / 6)
            end_listener(database)
    with running(service_conninfo, world.tokens, stop_seconds=5) as second:
        world.url = second.url
        time.sleep(SECONDS / 2)
        world.writing.clear()
        for thread in writers:
            thread.join(20)
        assert not world.failures
        # What ends the tails, which each wait for some more events.
        world.head = int(second.client().get("/log").json()["head"]) + RESTARTS
        append_packages(service_conninfo, RESTARTS, "last")
        with psycopg.connect(database, autocommit=True) as connection:
            log = list(Store(connection).log.stored_events())
        for thread in readers:
            thread.join(60)
        assert not world.failures
        assert not any(thread.is_alive() for thread in (*readers, *writers))

    assert [event.sequence for event in log] == list(range(1, world.head + 1))
    assert len(set(world.acknowledged)) == len(world.acknowledged)
    assert set(world.acknowledged) <= {event.sequence for event in log}
    assert len(log) > 100
    stored = [(event, (event.sequence, f"blake3:{event.payload_digest.hex()}")) for event in log]
    for follower, chosen in following:
        assert follower.seen == [seen for event, seen in stored if chosen(event)], follower.query
