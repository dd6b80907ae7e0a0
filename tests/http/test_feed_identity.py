"""F05: a cursor is the identity of its event, in every page and in every form of the feed."""

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from artifactstore import codec
from artifactstore.client import AsyncClient, Client, Cursor, FeedError
from artifactstore.client.following import Following
from artifactstore.client.messages import FeedPage
from artifactstore.events import NewEvent, PackageLabeled
from artifactstore.store import Store
from tests.http.feeding import Poll, append_packages, fill, page, until_waiting
from tests.http.rewriting import identity, rewrite, unguarded
from tests.http.running import Running
from tests.timing import SOON

CBOR = {"Accept": "application/cbor-seq"}


@pytest.fixture
def client(service: Running) -> httpx.Client:
    """A client that may do everything."""
    return service.client()


@pytest.fixture
def log(service: Running, database: str) -> str:
    """The database of a log of 30 events, the last but one and the last with the same payload."""
    one, two = append_packages(service.settings.database_url, 24)[:2]
    with psycopg.connect(service.settings.database_url, autocommit=True) as connection:
        for package_id in (one, two):
            Store(connection).writes.append(
                [NewEvent(PackageLabeled(set={"a": "b"}), package_id, "test:feed")]
            )
    return database


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"since": 30},
        {"since": "head"},
        {"since": 7, "limit": 3},
        {"until": 9},
        {"since": 9, "until": 5},
        {"actor": "user:nobody"},
        {"actor": "user:nobody", "since": 12, "until": 20},
        {"event_type": "v1.package.labeled", "limit": 1},
        {"event_type": "v1.package.*", "limit": 2, "since": 3},
        {"subject_kind": "file", "since": 29},
    ],
)
@pytest.mark.parametrize("wait", [0, 1])
def test_f05_every_page_tells_the_identity_at_next(
    client: httpx.Client, log: str, query: dict[str, Any], wait: int
) -> None:
    """Filtered or not, empty or not, from memory or from the database, as JSON and as CBOR."""
    for _ in range(2):
        got = page(client, **query, wait=wait)
        assert got["next"] > 0
        assert got["next_digest"] == identity(log, got["next"])
        answer = client.get("/events", params={**query, "wait": wait}, headers=CBOR)
        assert answer.headers["Artifactstore-Next"] == str(got["next"])
        assert answer.headers["Artifactstore-Next-Digest"] == got["next_digest"]
        # It is taken back, whatever the filter.
        cursor = {"since": got["next"], "since_digest": got["next_digest"], "until": 30}
        assert client.get("/events", params={**query, **cursor}).status_code == 200


def test_f05_nothing_was_examined_and_nothing_is_told(client: httpx.Client, log: str) -> None:
    assert log
    for wait in (0, 1):
        got = page(client, until=0, wait=wait)
        assert (got["next"], got["next_digest"]) == (0, None)
        answer = client.get("/events?until=0", headers=CBOR)
        assert "Artifactstore-Next-Digest" not in answer.headers


def test_f05_a_page_that_ends_early_for_its_bytes_tells_where(service: Running, client: httpx.Client) -> None:
    (package_id,) = append_packages(service.settings.database_url, 1)
    labels = {f"{number:03}" + "k" * 100: "v" * 1000 for number in range(55)}
    with psycopg.connect(service.settings.database_url, autocommit=True) as connection:
        for number in range(80):
            event = PackageLabeled(set={**labels, "number": str(number)})
            Store(connection).writes.append([NewEvent(event, package_id, "test:large")])
    for query in ({}, {"actor": "test:large"}):
        got = page(client, limit=1000, **query)
        assert got["has_more"]
        assert got["next_digest"] == identity(service.settings.database_url, got["next"])


def test_f05_the_identity_of_one_event_is_in_a_header(client: httpx.Client, log: str) -> None:
    for headers in ({}, CBOR):
        for sequence in (1, 29, 30):
            answer = client.get(f"/events/{sequence}", headers=headers)
            assert answer.headers["Artifactstore-Digest"] == identity(log, sequence)
    assert client.get("/log").json()["head_digest"] == identity(log, 30)


@pytest.mark.parametrize("wait", [0, 1])
def test_f05_the_forms_of_since_digest(client: httpx.Client, log: str, wait: int) -> None:
    """An identity, in full or bare; a digest of the payload, which is weaker; never one for the other."""
    whole = identity(log, 30).removeprefix("sha256:")
    payload = client.get("/events/30").json()["payload_digest"].removeprefix("blake3:")
    assert payload == client.get("/events/29").json()["payload_digest"].removeprefix("blake3:")
    page(client, wait=wait)
    for good in (f"sha256:{whole}", f"sha256:{whole.upper()}", whole, f"blake3:{payload}", payload):
        got = page(client, since=30, since_digest=good, wait=wait)
        assert got["next_digest"] == f"sha256:{whole}"
    other = identity(log, 29).removeprefix("sha256:")
    for bad in (f"sha256:{payload}", f"blake3:{whole}", f"sha256:{other}", other, f"blake3:{other}"):
        answer = client.get("/events", params={"since": 30, "since_digest": bad, "wait": wait})
        assert answer.status_code == 409, bad
        told = answer.json()
        assert (told["code"], told["sequence"]) == ("diverged", 30)
        assert (told["digest"], told["payload_digest"]) == (f"sha256:{whole}", f"blake3:{payload}")
        assert told["epochs"]


def test_f05_a_waiter_is_told_when_its_event_was_replaced(
    service: Running, log: str, client: httpx.Client
) -> None:
    """Nobody named a digest or an epoch: what the service showed at the cursor must stay."""
    page(client, wait=1)
    polls = [
        Poll(service, "since=30&wait=20"),
        Poll(service, "since=30&wait=20&actor=user:nobody"),
        Poll(service, "since=5&wait=20&actor=user:nobody"),
    ]
    until_waiting(service, 3)
    with unguarded(log) as connection:
        rewrite(connection, 20, 11, "test:other")
    for poll in polls:
        status, _, problem = poll.answer(timeout=SOON)
        assert (status, problem["code"], problem["sequence"]) == (409, "diverged", 30)


@pytest.mark.parametrize("wait", [0, 5])
@pytest.mark.parametrize("query", [{}, {"actor": ["user:reader", "test:feed"], "limit": 7}])
def test_f05_a_follower_stops_where_the_history_was_replaced(
    service: Running, log: str, query: dict[str, Any], wait: int
) -> None:
    """No epoch tells of it, and the event at the cursor has the payload that it had before."""
    with Client(service.url, service.tokens["reader"]) as client:
        tail = client.tail(0, until=30, wait=wait, **query)
        assert list(tail)
        cursor = tail.cursor
        assert (cursor.sequence, cursor.digest) == (30, bytes.fromhex(identity(log, 30)[7:]))
        with unguarded(log) as connection:
            labeled = client.get("/events/30")
            rewrite(connection, 29, 1, labeled["actor"])
            payload, digest = codec.encode({"set": {"a": "b"}}), labeled["payload_digest"]
            connection.execute(
                "UPDATE artifactstore.events SET payload = %s, payload_digest = %s WHERE sequence = 30",
                (payload, codec.digest(payload)),
            )
        assert client.get("/events/30")["payload_digest"] == digest
        fill(log, 5)
        with pytest.raises(FeedError) as stopped:
            next(client.tail(cursor, wait=wait, **query))
        assert (stopped.value.code, stopped.value.cursor) == ("diverged", cursor)

    async def follow() -> None:
        async with AsyncClient(service.url, service.tokens["reader"]) as other:
            await anext(other.tail(cursor, wait=wait, **query))

    with pytest.raises(FeedError, match="diverged"):
        asyncio.run(follow())


def test_f05_a_cursor_within_a_page_is_as_good(service: Running, log: str) -> None:
    with Client(service.url, service.tokens["reader"]) as client:
        tail = client.tail(0)
        for _ in range(17):
            event = next(tail)
        assert tail.cursor == Cursor(17, client.get("/log")["epoch"], event.identity)
        assert identity(log, 17) == f"sha256:{event.identity.hex()}"
        assert next(client.tail(tail.cursor)).sequence == 18


def test_f05_a_page_that_names_another_event_stops_the_tail(service: Running, log: str) -> None:
    assert log
    with Client(service.url, service.tokens["reader"]) as client:
        events = client.events(0, limit=2).events
    following = Following(Cursor(), {}, 1, None)
    with pytest.raises(FeedError, match="bad-digest"):
        following.check(FeedPage("1-00000000", 9, 2, bytes(32), False, None, events))
    following = Following(Cursor(2, "1-00000000", events[-1].identity), {}, 1, None)
    following.check(FeedPage("1-00000000", 2, 2, events[-1].identity, False, None, ()))
    with pytest.raises(FeedError, match="diverged"):
        following.check(FeedPage("1-00000000", 2, 2, bytes(32), False, None, ()))
