"""F38: a follower that is behind waits for nothing and reads pages of 1,000; the next one comes meanwhile."""

import asyncio
import threading
import time
from collections.abc import Callable
from itertools import islice
from urllib.parse import parse_qs

import httpx
import pytest

from artifactstore.client import AsyncClient, Client, RemoteError
from artifactstore.remote.log import RemoteLog
from artifactstore.store import LogQuery
from tests.http.feeding import append_packages
from tests.http.running import Running, running
from tests.timing import until


class Noting(httpx.HTTPTransport):
    """Notes the query of every page, and when it was asked for."""

    def __init__(self) -> None:
        super().__init__(verify=False)
        self.pages: list[dict[str, list[str]]] = []
        self.failing: Callable[[int], bool] = lambda _number: False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.pages.append(parse_qs(request.url.query.decode()))
        if self.failing(len(self.pages)):
            return httpx.Response(503, json={"code": "unavailable"})
        return super().handle_request(request)


class NotingLater(httpx.AsyncHTTPTransport):
    """The same for asyncio."""

    def __init__(self) -> None:
        super().__init__(verify=False)
        self.pages: list[dict[str, list[str]]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.pages.append(parse_qs(request.url.query.decode()))
        return await super().handle_async_request(request)


@pytest.fixture
def filled(service: Running) -> Running:
    """A service with 3,500 events more than its memory holds of them."""
    append_packages(service.settings.database_url, 3_500)
    return service


def test_f38_the_defaults_read_pages_of_1000_and_never_wait_behind(filled: Running) -> None:
    noting = Noting()
    with Client(filled.url, filled.tokens["reader"], transport=noting) as client:
        head = client.get("/log")["head"]
        noting.pages.clear()
        began = time.perf_counter()
        assert [event.sequence for event in client.tail(0, until=head)] == list(range(1, head + 1))
        taken = time.perf_counter() - began
    assert len(noting.pages) == -(-head // 1_000)
    # Only what is asked with nothing known to be there may wait; 20 ms a page are what made it slow.
    assert [page["wait"] for page in noting.pages] == [["25"]] + [["0"]] * (len(noting.pages) - 1)
    assert all("limit" not in page for page in noting.pages)
    assert taken < 5


def test_f38_the_asynchronous_client_is_the_same(filled: Running) -> None:
    async def use() -> tuple[int, list[dict[str, list[str]]]]:
        noting = NotingLater()
        async with AsyncClient(filled.url, filled.tokens["reader"], transport=noting) as client:
            head = (await client.get("/log"))["head"]
            noting.pages.clear()
            found = [event.sequence async for event in client.tail(0, until=head)]
            assert found == list(range(1, head + 1))
            return head, noting.pages

    head, pages = asyncio.run(use())
    assert len(pages) == -(-head // 1_000)
    assert [page["wait"] for page in pages] == [["25"]] + [["0"]] * (len(pages) - 1)


def test_f38_the_program_reads_by_the_same_pages(filled: Running) -> None:
    noting = Noting()
    client = Client(filled.url, filled.tokens["reader"], transport=noting)
    follow = RemoteLog(client).follow(LogQuery(since=0), 3_000)
    assert [row["sequence"] for row in follow] == list(range(1, 3_001))
    assert len(noting.pages) <= 4
    assert [page["wait"] for page in noting.pages] == [["25"]] + [["0"]] * (len(noting.pages) - 1)
    client.close()


def test_f38_the_next_page_is_on_its_way_while_one_is_dealt_with(filled: Running) -> None:
    noting = Noting()
    with Client(filled.url, filled.tokens["reader"], transport=noting) as client:
        tail = client.tail(0)
        next(tail)
        until(lambda: len(noting.pages) >= 2, "the next page is asked for")
        assert [page["since"] for page in noting.pages] == [["0"], ["1000"]]
        # But only one, and the cursor is where the caller is.
        time.sleep(0.1)
        assert len(noting.pages) == 2
        assert tail.cursor.sequence == 1


def test_f38_a_page_ahead_that_fails_is_asked_for_again(filled: Running) -> None:
    noting = Noting()
    noting.failing = lambda number: number == 3
    with Client(filled.url, filled.tokens["reader"], transport=noting) as client:
        found = [event.sequence for event in client.tail(0, until=2_500)]
    assert found == list(range(1, 2_501))
    assert [page["since"] for page in noting.pages] == [["0"], ["1000"], ["2000"], ["2000"]]


def test_f38_a_refusal_of_a_page_ahead_comes_after_the_events_before_it(filled: Running) -> None:
    noting = Noting()
    with Client(filled.url, filled.tokens["reader"], transport=noting) as client:
        noting.failing = lambda number: number >= 2
        tail = client.tail(0, retry_seconds=0)
        assert [event.sequence for event in islice(tail, 1_000)] == list(range(1, 1_001))
        with pytest.raises(RemoteError):
            list(tail)
        assert tail.cursor.sequence == 1_000


def test_f38_a_tail_that_is_left_leaves_no_thread(filled: Running) -> None:
    def readers() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one.name.startswith("artifactstore-tail")]

    with Client(filled.url, filled.tokens["reader"]) as client:
        for _ in range(3):
            assert len(list(islice(client.tail(0), 5))) == 5
        until(lambda: readers() == [], "the threads end")


def test_f38_the_page_of_the_service_has_1000_events_unless_told_otherwise(filled: Running) -> None:
    for query, count in (("", 1_000), ("?limit=7", 7)):
        answer = filled.client("reader").get(f"/events{query}").json()
        assert len(answer["events"]) == count
    openapi = filled.client("reader").get("/openapi.json").json()
    parameters = openapi["paths"]["/events"]["get"]["parameters"]
    limit = next(one for one in parameters if one["name"] == "limit")
    assert limit["schema"]["default"] == limit["schema"]["maximum"] == 1_000


def test_f38_a_service_that_was_restarted_has_nothing_in_memory_and_is_as_fast(filled: Running) -> None:
    with running(filled.settings.database_url, filled.tokens) as fresh:
        client = Client(fresh.url, fresh.tokens["reader"])
        began = time.perf_counter()
        assert sum(1 for _ in client.tail(0, until=3_500)) == 3_500
        assert time.perf_counter() - began < 5
        client.close()
