"""F29: a service that does not hear notifications knows it, says so and mends it; nobody waits longer."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from artifactstore.http.feed import bell
from tests.databases import Connect
from tests.http.faults import Proxy, frozen_proxy
from tests.http.running import Registry, Running, issue, running
from tests.log.door import append, created
from tests.timing import PATIENCE, SLACK, until, within

pytest_plugins = ("tests.http.test_pooler",)

_LOOK = 0.6
_PROOF = 0.8


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "LOOK_SECONDS", _LOOK)
    monkeypatch.setattr(bell, "PROOF_SECONDS", _PROOF)
    monkeypatch.setattr(bell, "ANSWER_SECONDS", 0.5)


@pytest.fixture
def proxy(service_conninfo: str) -> Iterator[Proxy]:
    """A proxy before the database of the test."""
    with frozen_proxy(service_conninfo) as made:
        yield made


def _listener(admin: psycopg.Connection[Any]) -> int | None:
    row = admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'artifactstore listener' ORDER BY backend_start DESC LIMIT 1"
    ).fetchone()
    return None if row is None else int(row[0])


def _state(registry: Registry) -> str:
    """What /readyz says; the metric must say the same."""
    told = registry.get("/readyz")["notifications"]
    heard = "artifactstore_feed_listening 1.0" in registry.client.get("/metrics").text
    return str(told) if heard == (told == "heard") else "being changed"


def until_it_says(registry: Registry, wanted: str, seconds: float = PATIENCE) -> None:
    """Return when /readyz says this of the notifications."""
    until(lambda: _state(registry) == wanted, f"notifications are {wanted}", seconds)


def test_f29_notifications_that_get_lost_from_the_beginning_on(proxy: Proxy, service_conninfo: str) -> None:
    """It listens, and never says that it hears; as soon as it hears, it says so."""
    proxy.muted = True
    with running(proxy.conninfo, issue(service_conninfo), check_seconds=0) as service:
        registry = Registry(service.client())
        end = time.monotonic() + 2 * _PROOF
        while time.monotonic() < end:
            assert _state(registry) == "deaf"
        proxy.muted = False
        until_it_says(registry, "heard")


def test_f29_notifications_that_get_lost_later(
    proxy: Proxy, service_conninfo: str, admin: psycopg.Connection[Any], connect: Connect
) -> None:
    """The next append that rings unheard is noticed within two looks, and the connection is replaced."""
    with running(proxy.conninfo, issue(service_conninfo), check_seconds=0) as service:
        registry = Registry(service.client())
        until_it_says(registry, "heard")
        before = _listener(admin)
        proxy.muted = True
        append(connect("service"), created())
        until_it_says(registry, "deaf", 3 * _LOOK + SLACK)
        proxy.muted = False
        until_it_says(registry, "heard")
        assert _listener(admin) != before


def test_f29_a_link_that_is_dead(
    proxy: Proxy, service_conninfo: str, admin: psycopg.Connection[Any], record_property: Any
) -> None:
    """What nothing comes through is noticed without an append."""
    with running(
        proxy.conninfo, issue(service_conninfo), check_seconds=0, connect_timeout=2, token_seconds=5
    ) as service:
        registry = Registry(service.client())
        until_it_says(registry, "heard")
        before = _listener(admin)
        proxy.cut()
        metrics = registry.client
        told = lambda: "artifactstore_feed_listening 0.0" in metrics.get("/metrics").text  # noqa: E731
        record_property("noticed", until(told, "the dead link is told", _LOOK + 0.5 + SLACK))
        proxy.mend()
        until_it_says(registry, "heard")
        assert _listener(admin) != before


def test_f29_who_waits_hears_within_a_second_all_the_same(
    proxy: Proxy, service_conninfo: str, connect: Connect
) -> None:
    proxy.muted = True
    with running(proxy.conninfo, issue(service_conninfo), check_seconds=0) as service:
        registry = Registry(service.client())
        with ThreadPoolExecutor(1) as threads:
            since = registry.head()
            waiting = threads.submit(registry.get, "/events", since=since, wait=20)
            time.sleep(0.3)
            append(connect("service"), created())
            with within(1):
                assert len(waiting.result()["events"]) == 1


def test_f29_a_quiet_log_is_not_taken_for_a_deaf_bell(
    service: Running, admin: psycopg.Connection[Any]
) -> None:
    """Neither are refusals, appends of this service, of others, and of many at once."""
    registry = Registry(service.client())
    until_it_says(registry, "heard")
    before = _listener(admin)
    time.sleep(3 * _LOOK)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: registry.package(), range(60)))
    registry.refused("/packages", {"purl": "pkg:generic/package-1@1"}, 409, "name-taken")
    time.sleep(3 * _LOOK)
    assert _listener(admin) == before
    assert _state(registry) == "heard"


def test_f29_a_pooler_that_pools_by_transaction_is_told_by_name(
    pooled: str, service_conninfo: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running(
        pooled, issue(service_conninfo), prepare_threshold=0, check_seconds=0, log_level="warning"
    ) as service:
        registry = Registry(service.client())
        logger = logging.getLogger("artifactstore.feed")
        logger.addHandler(caplog.handler)
        try:
            until(lambda: any("pooler" in str(vars(one)) for one in caplog.records), "the pooler is told")
        finally:
            logger.removeHandler(caplog.handler)
        assert _state(registry) == "deaf"
        assert registry.get("/readyz")["status"] == "ready"
