"""verify reads one snapshot over two connections, and both end when it does."""

import threading
import time
from typing import Any

import psycopg
import pytest

from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.jobs.verify import verify
from artifactstore.store import Store
from tests.databases import Connect, unguarded
from tests.replay.conftest import EVENTS, schemas, tamper


def test_what_is_appended_meanwhile_is_in_no_part_of_it(history: Store, connect: Connect) -> None:
    writer = Store(connect("service"))
    steps: dict[str, int] = {}

    def append(step: str, done: int, total: int, unit: str = "events") -> None:  # noqa: ARG001
        if step not in steps:
            steps[step] = total
            created = PackageCreated(purl=f"pkg:generic/meanwhile@{len(steps)}")
            writer.writes.append([NewEvent(created, new_id(), "user:w")])

    done = verify(history, connect, progress=append)
    assert (done.findings, done.head) == ([], EVENTS)
    assert (steps["checking events"], steps["rebuilding views"]) == (EVENTS, EVENTS)
    assert history.log.head() == EVENTS + len(steps)


def test_findings_in_events_come_first_and_count_towards_the_limit(history: Store, connect: Connect) -> None:
    tamper(history, "UPDATE artifactstore.artifact_packages SET producer = 'user:forged'")
    with unguarded(history.connection):
        history.connection.execute(
            "UPDATE artifactstore.events SET payload_digest = sha256('x') WHERE sequence IN (7, 9)"
        )
    done = verify(history, connect, limit=3)
    found = [(finding.kind, finding.sequence) for finding in done.findings]
    assert found == [("digest", 7), ("digest", 9), ("view", None)]
    assert done.found == 2 + history.rebuilds.view_counts()["artifact_packages"]


@pytest.mark.parametrize("wanted", ["checking events", "comparing views"])
def test_an_interrupted_one_leaves_nothing_behind(history: Store, connect: Connect, wanted: str) -> None:
    def interrupt(step: str, done: int, total: int, unit: str = "events") -> None:  # noqa: ARG001
        if step == wanted:
            raise KeyboardInterrupt

    threads = threading.active_count()
    before = list(schemas(history))
    with pytest.raises(KeyboardInterrupt):
        verify(history, connect, progress=interrupt)
    assert threading.active_count() == threads
    assert list(schemas(history)) == before
    assert history.connection.info.transaction_status.name == "IDLE"


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("slow", ["checking events", "rebuilding views"])
def test_neither_transaction_is_idle_for_long(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """A server that ends idle transactions does not end the one that waits for the other."""
    monkeypatch.setattr("artifactstore.jobs.verify._KEEP_ALIVE", 0.1)

    def impatient() -> psycopg.Connection[Any]:
        connection = connect()
        connection.execute("SET idle_in_transaction_session_timeout = '400ms'")
        return connection

    def pause(step: str, done: int, total: int, unit: str = "events") -> None:  # noqa: ARG001
        if step == slow:
            time.sleep(1)

    mine, other = (impatient, connect) if slow == "checking events" else (connect, impatient)
    assert verify(Store(mine()), other, progress=pause).findings == []
