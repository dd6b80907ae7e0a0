"""The doorbell: one notification per append, with the head, and none when nothing was appended."""

from collections.abc import Callable

import psycopg
import pytest

from artifactstore.events import PackageLabeled, RetentionEscalated
from tests.databases import Connect
from tests.log.door import about, append, append_json, created, id_of, ingested, request, scalar
from tests.timing import PATIENCE


@pytest.fixture
def heard(connect: Connect) -> Callable[[], list[str]]:
    """What the doorbell said since the last call, up to everything that is committed now."""
    listener, ringer = connect(), connect()
    listener.execute("LISTEN artifactstore_events")
    listener.execute("LISTEN done")

    def collect() -> list[str]:
        ringer.execute("NOTIFY done")
        payloads: list[str] = []
        # Notifications come in the order of commits, so all others are before this one.
        for notification in listener.notifies(timeout=PATIENCE):
            if notification.channel == "done":
                return payloads
            payloads.append(notification.payload)
        raise AssertionError("the last notification never came")

    return collect


def test_each_append_rings_once_with_the_head(connect: Connect, heard: Callable[[], list[str]]) -> None:
    """TL06."""
    service = connect("service")
    package = created()
    append(service, package)
    assert heard() == ["2"], "the beginning of the log and its first event are one append"
    append(service, *(ingested(id_of(package), f"{n}") for n in range(100)))
    assert heard() == ["102"]
    append_json(connect("writer"), "v1.package.labeled", id_of(package), {"set": {"a": "1"}})
    assert heard() == ["103"]


def test_nothing_rings_before_commit_or_after_rollback(
    connect: Connect, heard: Callable[[], list[str]]
) -> None:
    service = connect("service", autocommit=False)
    append(service, created())
    assert heard() == []
    service.rollback()
    assert heard() == []
    append(service, created())
    service.commit()
    assert heard() == ["2"]


def test_refusals_do_not_ring(connect: Connect, heard: Callable[[], list[str]]) -> None:
    service = connect("service")
    package = created()
    append(service, package)
    assert heard() == ["2"]
    with pytest.raises(psycopg.Error):
        append(service, about(package, RetentionEscalated()))
    with pytest.raises(psycopg.Error):
        append(service, created(), about(package, PackageLabeled(unset=("a",))))
    assert heard() == []


def test_known_requests_do_not_ring(connect: Connect, heard: Callable[[], list[str]]) -> None:
    service = connect("service")
    package = created(request=request("key"))
    append(service, package)
    assert heard() == ["2"]
    append(service, package)
    assert heard() == []
    append(service, package, created())
    assert heard() == ["3"]


def test_replay_does_not_ring(connect: Connect, heard: Callable[[], list[str]]) -> None:
    """RPL18: a replay repeats no side effect."""
    append(connect("service"), created(), created())
    assert heard() == ["3"]
    assert scalar(connect("operator"), "SELECT head FROM artifactstore.replay()") == 3
    assert heard() == []
