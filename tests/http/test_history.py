"""F03: the log is replaced under a running service; nothing that it keeps in memory outlives that."""

import asyncio
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from artifactstore.errors import ArtifactstoreError
from artifactstore.http import Settings
from artifactstore.http.feed.encoding import JSON
from artifactstore.http.feed.history import History
from artifactstore.http.feed.live_feed import Ask, LiveFeed
from artifactstore.http.service import Service
from artifactstore.http.web.logs import JsonFormatter
from artifactstore.migrate import migrate
from artifactstore.store import PageQuery, Position
from tests.databases import TEST_PREFIX, create_database, programs, running_cluster, superuser_conninfo
from tests.effort import EXAMPLES
from tests.http.feeding import Poll, append_packages, fill, page, sequences, until_waiting
from tests.http.rewriting import rewrite, unguarded
from tests.http.running import Running, issue, running
from tests.timing import SOON, until, within

CBOR = {"Accept": "application/cbor-seq"}
LOST = ("cursor-ahead", "epoch-mismatch", "diverged")
ROUNDS = EXAMPLES // 5


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[dict[str, Any]] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(json.loads(self.format(record)))

    def changes(self) -> list[dict[str, Any]]:
        """What was told of another log."""
        return [line for line in self.told if line["event"].startswith("the log is another one than before")]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What services log."""
    handler = Lines()
    logging.getLogger("artifactstore").addHandler(handler)
    yield handler
    logging.getLogger("artifactstore").removeHandler(handler)


@pytest.fixture
def talkative(service_conninfo: str) -> Iterator[Running]:
    """A service that warns."""
    with running(service_conninfo, log_level="warning") as started:
        yield started


def remember(service: Running, count: int = 60) -> dict[str, Any]:
    """Fill the log up to ``count`` and let the service hold all of it in memory; the whole log as a page."""
    append_packages(service.settings.database_url, count - 4)
    got = page(service.client(), limit=1000, wait=1)
    assert got["next"] == count
    return got


FORMS: tuple[tuple[dict[str, Any], dict[str, str]], ...] = (
    ({"since": 40, "limit": 5}, {}),
    ({"since": 40, "limit": 5}, CBOR),
    ({"since": 40, "wait": 5}, {}),
    ({"since": 40, "wait": 5}, CBOR),
    ({"since": 40, "actor": "test:feed", "limit": 5}, {}),
    ({"since": 40, "actor": "test:feed", "wait": 5}, {}),
)


@pytest.mark.parametrize("new_epoch", [True, False])
@pytest.mark.parametrize("count", [0, 5, 10, 30])
def test_f03_no_lost_event_is_given_out(
    talkative: Running, database: str, lines: Lines, new_epoch: bool, count: int
) -> None:
    """Whatever is asked, however long the new history is: only its events, or 409; and it is told once."""
    before = remember(talkative)
    client = talkative.client()
    with unguarded(database) as connection:
        rewrite(connection, 50, count, "test:new", new_epoch=new_epoch)
    known = {"since": 60, "epoch": before["epoch"], "since_digest": before["next_digest"]}
    for query, headers in FORMS:
        answer = client.get("/events", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        told = page(client, **{**query, "wait": 0})
        lost = [event for event in told["events"] if event["sequence"] > 50 and event["actor"] != "test:new"]
        assert not lost
        if not headers:
            assert answer.json()["events"] == told["events"]
        refused = client.get("/events", params={**query, **known}, headers=headers, timeout=SOON)
        assert refused.status_code == 409
        assert refused.json()["code"] in LOST
    (change,) = lines.changes()
    assert change["head"] == 50 + count
    # Epochs in memory are those of the row, whichever way they came to be there.
    assert (change["epoch"] != change["epoch_before"]) == new_epoch


@pytest.mark.parametrize("count", [0, 5, 10, 30])
@pytest.mark.parametrize("new_epoch", [True, False])
def test_f03_who_waits_is_told_within_a_second(
    service: Running, database: str, new_epoch: bool, count: int
) -> None:
    """No bell rings; nothing may have been appended at all."""
    before = remember(service)
    known = f"epoch={before['epoch']}&since_digest={before['next_digest']}"
    polls = [
        Poll(service, f"since=60&wait=20&{known}"),
        Poll(service, f"since=60&wait=20&{known}&actor=user:nobody"),
        Poll(service, "since=60&wait=20"),
        Poll(service, "since=60&wait=20&until=90&subject_kind=file"),
    ]
    until_waiting(service, len(polls))
    with unguarded(database) as connection:
        rewrite(connection, 50, count, "test:new", new_epoch=new_epoch)
    with within(1):
        for poll in polls:
            status, _, problem = poll.answer()
            assert (status, problem["code"] in LOST) == (409, True), problem


def test_f03_without_the_database_memory_answers_nobody() -> None:
    with running_cluster(programs()) as cluster:
        conninfo = create_database(superuser_conninfo(cluster))
        migrate(conninfo, role_prefix=TEST_PREFIX)
        with running(conninfo, issue(conninfo), pool_timeout=1) as service:
            remember(service)
            client = service.client()
            cluster.stop()
            for query, headers in FORMS:
                answer = client.get("/events", params=query, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            cluster.start()
            until(lambda: client.get("/events", params=FORMS[0][0]).status_code == 200, "it answers again")


def test_f03_the_head_in_metrics_goes_down(talkative: Running, database: str, lines: Lines) -> None:
    """Nobody reads the feed: any read tells of it, though the epoch is the same."""
    remember(talkative)
    client = talkative.client()

    def head() -> str:
        (line,) = (x for x in client.get("/metrics").text.splitlines() if x.startswith("artifactstore_log_h"))
        return line

    assert head() == "artifactstore_log_head 60.0"
    with unguarded(database) as connection:
        rewrite(connection, 50, 0, "")
    assert client.get("/packages").status_code == 200
    assert head() == "artifactstore_log_head 50.0"
    assert len(lines.changes()) == 1


def test_f03_a_token_of_the_log_before_is_read_again(service_conninfo: str, database: str) -> None:
    """What was read of tokens is believed for ten minutes here, but not longer than the log is the same."""
    with running(service_conninfo, token_seconds=600) as service:
        remember(service)
        client, other = service.client("reader"), service.client("operator")
        assert client.get("/log").status_code == 200
        with unguarded(database) as connection:
            connection.execute("DELETE FROM artifactstore.tokens WHERE actor = 'user:reader'")
            assert client.get("/log").status_code == 200
            rewrite(connection, 50, 0, "")
        assert other.get("/log").json()["head"] == 50
        assert client.get("/log").status_code == 401


def test_f03_an_older_snapshot_that_ends_later_is_no_other_log() -> None:
    history, log_id = History(), None
    at = Position(log_id, 1, None, 10)
    history.note(at, began=time.monotonic())
    before = time.monotonic()
    history.note(at._replace(head=20), began=before)
    history.note(at._replace(head=15), began=before - 1)
    assert (history.head, history.generation) == (20, 0)
    history.note(at._replace(head=15), began=time.monotonic())
    assert (history.head, history.generation) == (15, 1)
    history.broke(at._replace(head=15), generation=0)
    assert history.generation == 1


class CountedService(Service):
    """Counts its reads, and how many are under way at most."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.reads = self.under_way = self.most = 0

    async def read(self, *arguments: Any, **keywords: Any) -> Any:
        self.reads += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await super().read(*arguments, **keywords)
        finally:
            self.under_way -= 1


def in_a_loop(conninfo: str, work: Callable[[CountedService, LiveFeed], Coroutine[Any, Any, None]]) -> None:
    """Run ``work`` with a feed of its own, which has read the log once."""

    async def run() -> None:
        service = CountedService(Settings(database_url=conninfo))
        live_feed = LiveFeed(service)
        await service.open()
        live_feed.open()
        try:
            await live_feed.head()
            while live_feed.bell.state != "heard":  # it reads once to find out
                await asyncio.sleep(0.01)
            service.most = 0
            await work(service, live_feed)
        finally:
            await live_feed.close()
            await service.close()

    asyncio.run(run())


async def stays() -> None:
    """A client that does not leave."""
    await asyncio.Event().wait()


def test_f03_those_who_ask_at_once_share_a_confirmation(service_conninfo: str) -> None:
    append_packages(service_conninfo, 50)

    async def work(service: CountedService, live_feed: LiveFeed) -> None:
        service.reads = 0
        asks = [Ask(PageQuery(since, limit=3), JSON, wait=wait) for since in range(5, 45) for wait in (0, 5)]
        pages = await asyncio.gather(*(live_feed.page(ask, stays) for ask in asks))
        assert all(page.source == "memory" and page.count == 3 for page in pages)
        assert (service.reads, service.most) == (1, 1)

        # Who comes while that read is under way shares the next.
        service.reads = 0
        first = asyncio.create_task(live_feed.page(asks[0], stays))
        while not service.under_way:
            await asyncio.sleep(0)
        await asyncio.gather(first, *(live_feed.page(ask, stays) for ask in asks))
        assert (service.reads, service.most) == (2, 1)

    in_a_loop(service_conninfo, work)


def test_f38_catching_up_never_waits(service_conninfo: str, database: str) -> None:
    """What memory does not hold is one read; what it holds is confirmed without a rest between reads."""
    append_packages(service_conninfo, 1)
    head = fill(database, 3_000)

    async def work(service: CountedService, live_feed: LiveFeed) -> None:
        service.reads = 0
        for since in range(0, 900, 100):
            page = await live_feed.page(Ask(PageQuery(since, limit=100), JSON, wait=25), stays)
            assert (page.source, page.next) == ("database", since + 100)
        assert service.reads == 9
        seconds = []
        for since in range(head - 500, head - 100, 20):
            started = time.monotonic()
            page = await live_feed.page(Ask(PageQuery(since, limit=20), JSON, wait=25), stays)
            assert page.source == "memory"
            seconds.append(time.monotonic() - started)
        assert min(seconds) < 0.015

    in_a_loop(service_conninfo, work)


def test_f03_a_confirmation_that_fails_is_told_to_all_who_share_it(service_conninfo: str) -> None:
    append_packages(service_conninfo, 50)

    async def work(service: CountedService, live_feed: LiveFeed) -> None:
        await service.close()
        asks = [Ask(PageQuery(since, limit=3), JSON, wait=5) for since in range(5, 45)]
        told = await asyncio.gather(*(live_feed.page(ask, stays) for ask in asks), return_exceptions=True)
        assert {one.code for one in told if isinstance(one, ArtifactstoreError)} == {"unavailable"}
        assert len(told) == len(asks)

    in_a_loop(service_conninfo, work)


@dataclass
class Histories:
    """Every history that the log had, and which of them a request may have seen.

    Attributes:
        actors: of the events of each history, by sequence - 1. committed: histories that are past; the last
            of them is the present one.
    """

    actors: list[list[str]] = field(default_factory=list)
    committed: int = 0
    over: bool = False
    failures: list[BaseException] = field(default_factory=list)
    answered: int = 0
    from_memory: int = 0


def check(histories: Histories, oldest: int, since: int, got: dict[str, Any]) -> None:
    """The page is of one history, which was not past when the request began."""
    candidates = histories.actors[oldest:]
    seen = [(event["sequence"], event["actor"]) for event in got["events"]]
    for actors in candidates:
        chosen = [(n, actors[n - 1]) for n in range(since + 1, got["next"] + 1) if n <= len(actors)]
        if seen == chosen and got["head"] == len(actors):
            return
    raise AssertionError(f"after {since}: {seen[-1:]}, head {got['head']} is none of {len(candidates)}")


def ask(service: Running, histories: Histories, number: int) -> None:
    """Ask for the feed in every way until all is over."""
    chance = random.Random(number)  # noqa: S311
    client = service.client("reader")
    try:
        while not histories.over:
            since = chance.randrange(40, 70)
            query: dict[str, Any] = {"since": since, "limit": chance.choice([1, 3, 1000])}
            query |= {"wait": 1} if number % 2 else {}
            oldest = max(0, histories.committed - 1)
            answer = client.get("/events", params=query)
            if answer.status_code == 409:
                assert answer.json()["code"] in LOST
            else:
                assert answer.status_code == 200, answer.text
                check(histories, oldest, since, answer.json())
                histories.answered += 1
    except BaseException as failure:
        histories.failures.append(failure)


def test_f03_requests_that_race_with_restores_see_no_past_one(service: Running, database: str) -> None:
    """Random forks, longer, shorter and as long as before, with a new epoch or not; readers meanwhile."""
    remember(service)
    histories = Histories()
    chance = random.Random(8)  # noqa: S311
    with unguarded(database) as connection:
        rows = connection.execute("SELECT actor FROM artifactstore.events ORDER BY sequence").fetchall()
        histories.actors.append([row[0] for row in rows])
        histories.committed = 1
        threads = [threading.Thread(target=ask, args=(service, histories, n)) for n in range(8)]
        for thread in threads:
            thread.start()
        for number in range(ROUNDS):
            time.sleep(chance.random() * 0.1)
            kept = chance.randrange(40, min(60, len(histories.actors[-1])))
            count = chance.choice([len(histories.actors[-1]) - kept, chance.randrange(0, 25)])
            actor = f"test:history-{number}"
            histories.actors.append(histories.actors[-1][:kept] + [actor] * count)
            rewrite(connection, kept, count, actor, new_epoch=chance.random() < 0.3)
            histories.committed += 1
        histories.over = True
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
    assert not histories.failures
    assert histories.answered > ROUNDS
    assert 'pages_total{source="memory"}' in service.client().get("/metrics").text


def test_f03_since_head_is_the_head_of_the_new_history(service: Running, database: str) -> None:
    remember(service)
    with unguarded(database) as connection:
        rewrite(connection, 50, 3, "test:new")
        for wait in (0, 1):
            got = page(service.client(), since="head", wait=wait)
            assert (sequences(got["events"]), got["next"], got["head"]) == ([], 53, 53)
