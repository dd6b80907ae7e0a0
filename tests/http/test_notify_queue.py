"""F30: a stranger fills the server's queue of notifications; appends go on, and everybody is told why.

The queue is 8 GB by default and cannot be made smaller before PostgreSQL 17, so these need a newer server.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from artifactstore.errors import Busy, translated
from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.exits import EXIT_RETRY
from artifactstore.http.feed import bell
from artifactstore.jobs.doctor import Advice, examine
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.cli.program import Program
from tests.databases import (
    DEFAULT_SETTINGS,
    TEST_PREFIX,
    create_database,
    programs,
    running_cluster,
    superuser_conninfo,
)
from tests.http.running import Registry, Running, issue, running
from tests.http.test_bell import until_it_says
from tests.timing import within

_PAGES = 64
_LOOK = 0.4


@pytest.fixture(scope="module")
def small(major: int) -> Iterator[str]:
    """A database on a server whose queue of notifications is as small as it can be."""
    if major < 17:
        pytest.skip(f"PostgreSQL {major} has no max_notify_queue_pages: its queue cannot be filled")
    settings = {**DEFAULT_SETTINGS, "max_notify_queue_pages": str(_PAGES)}
    with running_cluster(programs(), settings) as cluster:
        conninfo = create_database(superuser_conninfo(cluster))
        migrate(conninfo, role_prefix=TEST_PREFIX)
        yield conninfo


@pytest.fixture
def admin(small: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection."""
    with psycopg.connect(small, autocommit=True) as connection:
        yield connection


@pytest.fixture
def stranger(small: str, admin: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Listens, stays in a transaction, and the queue is full behind it."""
    connection = psycopg.connect(small, application_name="stranger")
    connection.execute("LISTEN anything")
    connection.commit()
    connection.execute("SELECT 1")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        _fill(admin)
    yield connection
    connection.close()


@pytest.fixture
def service(small: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """The service there, which looks often."""
    monkeypatch.setattr(bell, "LOOK_SECONDS", _LOOK)
    monkeypatch.setattr(bell, "PROOF_SECONDS", _LOOK)
    with running(small, issue(small), check_seconds=0) as service:
        yield service


def _fill(admin: psycopg.Connection[Any]) -> None:
    for n in range(10 * _PAGES):
        admin.execute("SELECT pg_notify('anything', %s)", (f"{n} {'x' * 7000}",))


@contextmanager
def _bell_always_rings(admin: psycopg.Connection[Any]) -> Iterator[None]:
    """As if the queue had filled between the question and the commit."""
    row = admin.execute("SELECT pg_get_functiondef('artifactstore.bell_rings()'::regprocedure)").fetchone()
    assert row is not None
    admin.execute(
        "CREATE OR REPLACE FUNCTION artifactstore.bell_rings() RETURNS boolean LANGUAGE sql AS 'SELECT true'"
    )
    try:
        yield
    finally:
        admin.execute(row[0])


def _usage(admin: psycopg.Connection[Any]) -> float:
    row = admin.execute("SELECT pg_notification_queue_usage()").fetchone()
    assert row is not None
    return float(row[0])


def _state(registry: Registry) -> object:
    return registry.get("/readyz")["notifications"]


def _findings(admin: psycopg.Connection[Any]) -> list[Advice]:
    return [one for one in examine(Store(admin)) if one.check == "notifications"]


def test_f30_appends_go_on_and_everybody_is_told(
    stranger: psycopg.Connection[Any], service: Running, admin: psycopg.Connection[Any]
) -> None:
    """Doctor names the backend; ending it, as it says, is all that is needed."""
    registry = Registry(service.client())
    until_it_says(registry, "full")
    assert registry.get("/readyz")["status"] == "ready"
    usage = next(
        float(line.split()[1])
        for line in registry.client.get("/metrics").text.splitlines()
        if line.startswith("artifactstore_notify_queue_usage")
    )
    assert usage > 0.9
    package = registry.package()
    registry.post("/tokens", {"actor": "user:new", "roles": ["reader"]}, 201)
    admin.execute(
        "SELECT artifactstore.append_json('v1.package.labeled', %s, %s)",
        (package.rpartition("/")[2], json.dumps({"set": {"a": "1"}})),
    )
    Store(admin).writes.append([NewEvent(PackageCreated(purl="pkg:generic/cli@1"), new_id(), "user:a")])

    found = _findings(admin)
    assert {one.severity for one in found} == {"error"}
    assert any(
        f"backend {stranger.info.backend_pid} " in one.what and "stranger" in one.what for one in found
    )
    fixes = [one.fix for one in found]
    assert f"SELECT pg_terminate_backend({stranger.info.backend_pid});" in fixes
    admin.execute(f"SELECT pg_terminate_backend({stranger.info.backend_pid})")
    until_it_says(registry, "heard")
    assert _findings(admin) == []


def test_f30_who_waits_hears_within_a_second_all_the_same(
    stranger: psycopg.Connection[Any], service: Running
) -> None:
    registry = Registry(service.client())
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(registry.get, "/events", since=registry.head(), wait=20)
        time.sleep(0.3)
        registry.package(purl="pkg:generic/waited@1")
        with within(1):
            assert len(waiting.result()["events"]) == 1
    assert not stranger.closed


def test_f30_the_next_append_frees_the_queue_when_the_stranger_has_left(
    small: str, stranger: psycopg.Connection[Any], admin: psycopg.Connection[Any]
) -> None:
    """Without a service, and without anybody who asks how full it is."""
    stranger.close()
    with psycopg.connect(small, autocommit=True) as connection:
        connection.execute("LISTEN artifactstore_events")
        for n in range(2):
            event = PackageCreated(purl=f"pkg:generic/freed{n}@1")
            Store(admin).writes.append([NewEvent(event, new_id(), "user:a")])
        assert len(list(connection.notifies(timeout=1))) >= 1
    assert _usage(admin) < 0.1


def test_f30_a_commit_that_fails_for_it_is_told_by_name_at_every_door(
    small: str, stranger: psycopg.Connection[Any], service: Running, admin: psycopg.Connection[Any]
) -> None:
    """It was not too large, and nothing is unknown: the server rolled it back."""
    registry = Registry(service.client())
    before = registry.head()
    with _bell_always_rings(admin):
        for path, body in (
            ("/packages", {"purl": "pkg:generic/door@1"}),
            ("/tokens", {"actor": "user:new", "roles": ["reader"]}),
        ):
            problem = registry.refused(path, body, 503, "notify-queue-full")
            assert "nothing was appended" in problem["hint"]
            assert "doctor" in problem["hint"]
        store = Store(admin)
        with pytest.raises(Busy) as raised:
            store.writes.append([NewEvent(PackageCreated(purl="pkg:generic/door@2"), new_id(), "user:a")])
        assert (raised.value.code, raised.value.exit_code) == ("notify-queue-full", EXIT_RETRY)
        told = Program(small, admin).run("--json", "package", "create", "pkg:generic/door@3")
        assert (told.code, told.error["code"]) == (EXIT_RETRY, "notify-queue-full")
    with pytest.raises(Busy, match="notify-queue-full"), translated():
        admin.execute("NOTIFY anything, 'y'")
    assert registry.head() == before
    registry.post("/packages", {"purl": "pkg:generic/door@1"}, 201)
    assert not stranger.closed


def test_f30_only_one_function_rings(admin: psycopg.Connection[Any]) -> None:
    """What appends asks first whether there is room."""
    rows = admin.execute(
        "SELECT proname::text FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace "
        "AND prosrc ~* 'pg_notify|\\mNOTIFY\\M.*;'"
    ).fetchall()
    assert rows == [("ring_bell",)]
