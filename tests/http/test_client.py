"""The client: commands, pages, and a tail that checks what it gets."""

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import httpx
import psycopg
import pytest

from artifactstore.client import AsyncClient, Client, Cursor, FeedError, FeedEvent, RemoteError
from artifactstore.client.following import Following
from artifactstore.http.feed.encoding import cbor_event
from artifactstore.leaves import columns, identity
from artifactstore.store import Store
from tests.http.feeding import append_packages, fill
from tests.http.running import Running, running


@pytest.fixture
def client(service: Running) -> Iterator[Client]:
    """A client that may do everything."""
    with Client(service.url, service.tokens["operator"]) as opened:
        yield opened


def numbers(events: list[FeedEvent]) -> list[int]:
    """Their sequences."""
    return [event.sequence for event in events]


def test_a_command_is_sent_once_with_its_key(client: Client) -> None:
    body = {"purl": "pkg:generic/client@1"}
    first = client.post("/packages", body, key="only-once")
    assert client.post("/packages", body, key="only-once")["sequence"] == first["sequence"]
    path = f"/packages/{first['subject_id']}"
    assert client.get(path)["purl"] == body["purl"]
    with pytest.raises(RemoteError) as changed:
        client.post(f"{path}/labels", {"set": {"a": "b"}}, expected=1)
    assert (changed.value.status, changed.value.code) == (412, "changed")
    assert changed.value.local().exit_code == 3
    with pytest.raises(RemoteError, match="404 not-found"):
        client.get("/packages/00000000-0000-0000-0000-000000000000")


def test_a_tail_delivers_every_event_with_its_bytes(service: Running, client: Client) -> None:
    append_packages(service.settings.database_url, 30)
    tail = client.tail(0, until=34, limit=7)
    events = list(tail)
    assert numbers(events) == list(range(1, 35))
    assert events[-1].payload == {"purl": "pkg:generic/app@29"}
    log = client.get("/log")
    assert tail.cursor == Cursor(34, log["epoch"], events[-1].identity)
    assert log["head_digest"] == f"sha256:{events[-1].identity.hex()}"
    with psycopg.connect(service.settings.database_url, autocommit=True) as connection:
        stored = list(Store(connection).log.stored_events())
    assert [(e.created_at, e.subject_id, e.payload_bytes) for e in events] == [
        (e.created_at, e.subject_id, e.payload) for e in stored
    ]


def test_a_tail_waits_goes_on_and_begins_at_the_head(service: Running, client: Client) -> None:
    tail = client.tail(None, wait=20)
    seen: list[FeedEvent] = []
    reader = threading.Thread(target=lambda: seen.extend(islice(tail, 3)))
    reader.start()
    time.sleep(0.3)  # the first request has asked for the head
    head = client.get("/log")["head"]
    for number in range(3):
        append_packages(service.settings.database_url, 1, f"waited-{number}")
    reader.join(10)
    assert numbers(seen) == [head + 1, head + 2, head + 3]
    rest = client.tail(Cursor(head + 1, tail.cursor.epoch, seen[0].identity), until=head + 3)
    assert numbers(list(rest)) == [head + 2, head + 3]


def test_a_filtered_tail_moves_past_what_it_leaves_out(service: Running, client: Client) -> None:
    append_packages(service.settings.database_url, 5, "one", actor="user:one")
    append_packages(service.settings.database_url, 5, "two", actor="user:two")
    tail = client.tail(0, until=14, actor=["user:one", "user:nobody"], event_type="v1.package.*", limit=2)
    assert numbers(list(tail)) == list(range(5, 10))
    assert tail.cursor.sequence == 14


def test_the_asynchronous_client_is_the_same(service: Running) -> None:
    append_packages(service.settings.database_url, 5)

    async def use() -> tuple[list[int], Any, Cursor]:
        async with AsyncClient(service.url, service.tokens["operator"]) as client:
            tail = client.tail(0, until=9, limit=2)
            found = [event.sequence async for event in tail]
            await client.post("/packages", {"purl": "pkg:generic/async@1"}, key="a")
            page = await client.events(9, wait=1)
            return found, await client.get("/log"), Cursor(page.events[0].sequence, page.epoch)

    found, log, cursor = asyncio.run(use())
    assert found == list(range(1, 10))
    assert (log["head"], log["epoch"]) == (10, cursor.epoch)
    assert cursor.sequence == 10


def test_a_tail_outlives_a_restart_of_the_service(service_conninfo: str) -> None:
    with running(service_conninfo) as first:
        tokens = first.tokens
        head = int(first.client().get("/log").json()["head"])
        client = Client("http://service", tokens["reader"], transport=(moving := Moving(first.url)))
        tail = client.tail(head, wait=20)
        append_packages(service_conninfo, 1, "before")
        assert next(tail).sequence == head + 1
    reader = threading.Thread(target=lambda: moving.seen.append(next(tail)))
    reader.start()
    time.sleep(0.5)
    with running(service_conninfo, tokens) as second:
        moving.url = second.url
        append_packages(service_conninfo, 1, "after")
        reader.join(15)
        assert numbers(moving.seen) == [head + 2]
        client.close()


class Moving(httpx.HTTPTransport):
    """Sends every request to where the service is now."""

    def __init__(self, url: str) -> None:
        super().__init__(verify=False)
        self.url = url
        self.seen: list[FeedEvent] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = httpx.URL(self.url).join(request.url.raw_path.decode())
        request.headers["Host"] = request.url.netloc.decode()
        return super().handle_request(request)


def answers(service: Running, *pages: tuple[list[int], dict[str, str]]) -> httpx.MockTransport:
    """A service that answers these pages of the real log, with these headers changed."""
    with psycopg.connect(service.settings.database_url, autocommit=True) as connection:
        store = Store(connection)
        stored = {event.sequence: event for event in store.log.stored_events()}
        epoch = str(store.identity.position().epoch_name)
    rest = iter(pages)

    def answer(_request: httpx.Request) -> httpx.Response:
        sequences, changed = next(rest)
        events = [columns(stored[sequence]) for sequence in sequences]
        if changed.get("X-Bytes") == "wrong":
            events[-1] = events[-1]._replace(payload=b"\xa0")
        headers = {
            "Content-Type": "application/cbor-seq",
            "Artifactstore-Epoch": epoch,
            "Artifactstore-Head": str(max(stored)),
            "Artifactstore-Next": str(sequences[-1]),
            "Artifactstore-Has-More": "true",
        }
        return httpx.Response(200, headers=headers | changed, content=b"".join(map(cbor_event, events)))

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (([4, 5], {}), "hole"),
        (([3, 5], {}), "hole"),
        (([2, 3], {}), "out-of-order"),
        (([3, 4], {"Artifactstore-Next": "6"}), "hole"),
        (([3, 4], {"X-Bytes": "wrong"}), "bad-digest"),
        (([3, 4], {"Artifactstore-Epoch": "2-00000000"}), "epoch-mismatch"),
    ],
)
def test_what_cannot_be_right_stops_the_tail(
    service: Running, second: tuple[list[int], dict[str, str]], code: str
) -> None:
    append_packages(service.settings.database_url, 3)
    transport = answers(service, ([1, 2], {}), second)
    with Client(service.url, "", transport=transport) as client:
        tail = client.tail(0)
        assert numbers(list(islice(tail, 2))) == [1, 2]
        with pytest.raises(FeedError) as stopped:
            next(tail)
    assert (stopped.value.code, stopped.value.cursor.sequence) == (code, 2)


def test_a_page_is_asked_for_before_the_one_before_it_is_read_and_dropped_if_that_is_wrong(
    service: Running,
) -> None:
    append_packages(service.settings.database_url, 3)
    with psycopg.connect(service.settings.database_url, autocommit=True) as connection:
        known = [identity(event) for event in Store(connection).log.stored_events()]
    told = [{"Artifactstore-Next-Digest": f"sha256:{one.hex()}"} for one in known]
    wrong = {**told[3], "X-Bytes": "wrong"}
    transport = answers(service, ([1, 2], told[1]), ([3, 4], wrong), ([5, 6], told[5]), ([7], told[6]))
    with Client(service.url, "", transport=transport) as client:
        tail = client.tail(0)
        assert numbers(list(islice(tail, 2))) == [1, 2]
        with pytest.raises(FeedError, match="bad-digest"):
            next(tail)
        assert tail.cursor == Cursor(2, tail.cursor.epoch, known[1])
        assert list(tail) == []


def test_what_the_service_says_is_lost_stops_the_tail(client: Client, database: str) -> None:
    head = fill(database, 5)
    for cursor, code in (
        (Cursor(head + 10), "cursor-ahead"),
        (Cursor(2, "9-00000000"), "epoch-mismatch"),
        (Cursor(2, None, bytes(32)), "diverged"),
    ):
        with pytest.raises(FeedError) as stopped:
            next(client.tail(cursor))
        assert stopped.value.code == code


def test_a_hole_in_the_log_stops_the_tail(client: Client, database: str) -> None:
    head = fill(database, 5)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM artifactstore.events WHERE sequence = %s", (head - 2,))
    tail = client.tail(0, until=head, limit=2)
    with pytest.raises(FeedError, match=f"event {head - 2} is missing"):
        list(tail)
    assert 0 < tail.cursor.sequence < head - 2


def test_other_refusals_are_not_tried_again(service: Running) -> None:
    with Client(service.url, "ast_wrong") as client, pytest.raises(RemoteError, match="unauthorized"):
        next(client.tail(0))


def test_pauses_grow_are_bounded_and_end() -> None:
    following = Following(Cursor(1), {}, 1, retry_seconds=60)
    failure = httpx.ConnectError("refused")
    pauses = [following.pause_after(failure, now=float(number)) for number in range(20)]
    assert pauses[0] <= 0.15
    assert all(5 <= pause <= 15 for pause in pauses[10:])
    busy = RemoteError(503, {"code": "overloaded"}, retry_after=30)
    assert following.pause_after(busy, now=20) >= 15
    with pytest.raises(httpx.ConnectError):
        following.pause_after(failure, now=61)


def test_an_answer_of_something_else_is_no_page(service: Running) -> None:
    def proxy(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, html="<h1>login</h1>")

    with (
        Client(service.url, "", transport=httpx.MockTransport(proxy)) as client,
        pytest.raises(RemoteError, match="text/html"),
    ):
        client.events(0)

    def gateway(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, html="<h1>bad gateway</h1>")

    with Client(service.url, "", transport=httpx.MockTransport(gateway)) as client:
        with pytest.raises(RemoteError) as refused:
            client.events(0)
        assert refused.value.passing
