"""F12: replays of both kinds, verify and pg_dump side by side, and readers meanwhile."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import db, server
from artifactstore.errors import Busy
from artifactstore.jobs.replay import replay, replay_online
from artifactstore.jobs.verify import verify
from artifactstore.store import PackageQuery, Store
from tests.effort import ROUNDS_SIDE_BY_SIDE
from tests.http.running import running
from tests.replay.conftest import differences
from tests.sql.workload import workload

_EVENTS = 60
_LIMIT = 0.2
"""Seconds that a lock is waited for here."""
_HANGS = 60.0
_ALL = 1_000


class _Side:
    """What each of those that run at once needs; each has connections of its own."""

    def __init__(self, conninfo: str, cluster: server.Cluster) -> None:
        self._conninfo = conninfo
        self._cluster = cluster

    def connect(self) -> psycopg.Connection[Any]:
        connection = db.connect(self._conninfo, purpose="side by side")
        connection.execute(f"SET TimeZone = 'UTC'; SET lock_timeout = '{_LIMIT:g}s'".encode())
        return connection

    def online(self) -> None:
        with self.connect() as connection:
            replay_online(Store(connection), self.connect)

    def truncating(self) -> None:
        with self.connect() as connection:
            replay(Store(connection), self.connect)

    def verify(self) -> None:
        with self.connect() as connection:
            assert verify(Store(connection), self.connect).findings == []

    def dump(self) -> None:
        """As the how-to says; it never fails, and its views are whole or known not to be."""
        text = self._cluster.run(
            "pg_dump", "--exclude-schema=artifactstore_*", "--data-only", "--dbname", self._conninfo
        )
        assert _rows(text, "events") >= _EVENTS
        if _rows(text, "artifact_packages") == 0:
            (software,) = _lines(text, "software")
            assert "\\N" in software.split("\t"), "migrate will fill the views where this is restored"

    def actors(self) -> dict[str, Callable[[], None]]:
        return {
            "online": self.online,
            "truncating": self.truncating,
            "verify": self.verify,
            "dump": self.dump,
        }


def _lines(dump: str, table: str) -> list[str]:
    _, _, rest = dump.partition(f"COPY artifactstore.{table} (")
    rows, _, _ = rest.partition("\\.\n")
    return rows.splitlines()[1:]


def _rows(dump: str, table: str) -> int:
    return len(_lines(dump, table))


@pytest.fixture
def small(database: str) -> Iterator[Store]:
    """A store of a small log with events of most types."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        store = Store(connection)
        store.writes.append(list(islice(workload(_EVENTS, seed=40), _EVENTS)))
        yield store


def test_f12_side_by_side_none_fails_or_hangs_or_the_loser_is_told_and_can_be_repeated(
    small: Store,
    database: str,
    cluster: server.Cluster,
    login_names: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("artifactstore.db.LOCK_SECONDS", _LIMIT)
    monkeypatch.setattr("artifactstore.jobs.replay._LEAVING", _LIMIT)
    packages = small.rebuilds.view_counts()["artifact_packages"]
    assert packages > 5
    side = _Side(database, cluster)
    chance = random.Random(12)  # noqa: S311 - a test that can be repeated
    lost: dict[str, int] = dict.fromkeys(side.actors(), 0)
    with (
        running(make_conninfo(database, user=login_names["service"]), lock_timeout=_LIMIT) as service,
        _reading(service.client("reader"), side, packages) as looks,
        ThreadPoolExecutor(len(lost)) as pool,
    ):
        for _ in range(ROUNDS_SIDE_BY_SIDE):
            delays = {name: chance.uniform(0, 0.3) for name in lost}
            at_once = {name: pool.submit(_after, delays[name], run) for name, run in side.actors().items()}
            losers = [name for name, future in at_once.items() if _lost(future)]
            for name in losers:
                lost[name] += 1
                side.actors()[name]()
    assert lost["dump"] == 0
    assert differences(small) == []
    assert not small.health.views_are_stale()
    assert min(looks.values()) > 0, looks


def _lost(running: "Future[None]") -> bool:
    """Whether it was told to try again; whatever else it ran into is raised, and so is a hang."""
    try:
        running.result(_HANGS)
    except Busy:
        return True
    return False


def _after(seconds: float, run: Callable[[], None]) -> None:
    time.sleep(seconds)
    run()


@contextmanager
def _reading(client: httpx.Client, side: _Side, packages: int) -> Iterator[dict[str, int]]:
    """Readers over HTTP and over a store, who must see all packages or be told busy; counts what they saw."""
    stop = threading.Event()
    looks = {"http": 0, "store": 0}

    def over_http() -> None:
        while not stop.wait(0.02):
            answer = client.get("/packages", params={"limit": _ALL})
            if answer.status_code == 503:
                assert answer.json()["code"] == "busy", answer.text
                continue
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["packages"]) == packages, "an empty or half registry was shown"
            looks["http"] += 1

    def over_store() -> None:
        with side.connect() as connection:
            store = Store(connection)
            while not stop.wait(0.02):
                try:
                    with db.one_snapshot(connection):
                        assert store.identity.position().head >= _EVENTS
                        found = list(store.pages.package_page(PackageQuery(), None, _ALL))
                except Busy:
                    continue
                assert len(found) == packages
                looks["store"] += 1

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(over_http), pool.submit(over_store)]
        try:
            yield looks
        finally:
            stop.set()
            for reader in readers:
                reader.result(_HANGS)
