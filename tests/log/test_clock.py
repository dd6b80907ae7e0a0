"""created_at never decreases along the log, and nothing is destroyed by a clock that cannot be right."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from artifactstore.events import (
    Event,
    FileRemoved,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    Retention,
    new_id,
)
from tests.databases import Connect, unguarded
from tests.log.door import about, append, append_json, created, id_of, ingested, refused, request, scalar


def date_head(superuser: psycopg.Connection, ahead: timedelta) -> datetime:
    """Give the newest event a time so far ahead of the clock: as if the clock was set back since."""
    with unguarded(superuser):
        time = scalar(
            superuser,
            "UPDATE artifactstore.events SET created_at = clock_timestamp() + %s "
            "WHERE sequence = artifactstore.log_head() RETURNING created_at",
            [ahead],
        )
    assert isinstance(time, datetime)
    return time


def test_times_are_those_of_the_append(connect: Connect) -> None:
    service, observer = connect("service", autocommit=False), connect()
    before = datetime.now(UTC)
    rows = append(service, created()) + append(service, created()) + append(service, created(), created())
    service.commit()
    after = datetime.now(UTC)
    times = [
        time for (time,) in observer.execute("SELECT created_at FROM artifactstore.events ORDER BY sequence")
    ]
    assert before <= times[0] <= times[1], "the beginning of the log is not after its first event"
    assert times[0] == times[1]
    assert times[1:] == [row.created_at for row in rows]
    assert times == sorted(times)
    assert times[1] < times[2] < times[3] <= after, "the clock, not the start of the transaction"


def test_time_never_decreases(connect: Connect) -> None:
    """GAP09."""
    service, superuser = connect("service"), connect()
    append(service, created())
    head_time = date_head(superuser, timedelta(seconds=30))
    rows = append(service, created(), created()) + append(service, created())
    assert [row.created_at for row in rows] == [head_time] * 3
    package = scalar(
        superuser, "SELECT created_at FROM artifactstore.artifact_packages ORDER BY 1 DESC LIMIT 1"
    )
    assert package == head_time


def test_time_moves_on_when_the_clock_has_caught_up(connect: Connect) -> None:
    service = connect("service")
    append(service, created())
    head_time = date_head(connect(), timedelta(seconds=-3600))
    (row,) = append(service, created())
    assert row.created_at > head_time + timedelta(seconds=3590)


def destruction(service: psycopg.Connection) -> dict[str, NewEvent]:
    """An event of each destructive type that would be accepted, by type."""
    open_package, deleted = created(), created()
    file = ingested(id_of(open_package), "a")
    append(service, open_package, file, deleted, about(deleted, PackageDeleted(reason="r")))
    events: dict[UUID, Event] = {
        id_of(file): FileRemoved(package_id=id_of(open_package), reason="r"),
        id_of(deleted): PackagePurged(reason="r", file_count=0),
        id_of(open_package): PackageDeleted(reason="r"),
    }
    return {event.event_type: about(subject, event) for subject, event in events.items()}


def test_clock_behind_destroys_nothing(connect: Connect) -> None:
    service, superuser = connect("service"), connect()
    events = destruction(service)
    types = superuser.execute("SELECT event_type FROM artifactstore.event_types WHERE destructive").fetchall()
    assert {event_type for (event_type,) in types} == events.keys()
    head_time = date_head(superuser, timedelta(seconds=62))
    for event in events.values():
        with refused(superuser, "clock-behind") as refusal:
            append(service, created(), event)
        assert refusal.detail["event_type"] == event.event.event_type
        assert refusal.detail["position"] == 2
        assert datetime.fromisoformat(refusal.detail["head_created_at"]) == head_time
    package = created()
    rows = append(service, package, ingested(id_of(package), "a"))
    assert [row.created_at for row in rows] == [head_time, head_time], "all other events go on"
    with refused(superuser, "clock-behind"):
        append_json(connect("operator"), "v1.package.deleted", id_of(package), {"reason": "r"})


def test_clock_a_little_behind_is_no_reason(connect: Connect) -> None:
    service, superuser = connect("service"), connect()
    events = destruction(service)
    date_head(superuser, timedelta(seconds=50))
    for event in events.values():
        assert append(service, event)[0].appended


def test_retry_of_a_destruction_is_answered_whatever_the_clock_says(connect: Connect) -> None:
    service, superuser = connect("service"), connect()
    package = created()
    deletion = about(package, PackageDeleted(reason="r"), request=request("key"))
    append(service, package)
    (first,) = append(service, deletion)
    append(service, created())
    date_head(superuser, timedelta(days=1))
    (row,) = append(service, deletion)
    assert row == first._replace(appended=False)


def test_retention_is_judged_at_the_time_of_the_event(connect: Connect) -> None:
    """RG05: the decision uses the time that the event carries, which is in the log for every replay."""
    service, superuser = connect("service"), connect()
    append(service, created())
    head_time = date_head(superuser, timedelta(seconds=30))
    kept = Retention(mode="compliance", until=head_time + timedelta(microseconds=1))
    package = NewEvent(PackageCreated(purl="pkg:generic/kept@1", retention=kept), new_id(), "user:ann")
    append(service, package)
    with refused(superuser, "retention-active"):
        append(service, about(package, PackageDeleted(reason="r")))
    late = Retention(mode="compliance", until=head_time)
    with refused(superuser, "not-future"):
        append(
            service, NewEvent(PackageCreated(purl="pkg:generic/late@1", retention=late), new_id(), "user:ann")
        )


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_zone_of_the_session_does_not_matter(connect: Connect, zone: str) -> None:
    """RG04, RPL08: times are instants."""
    service = connect("service", options=f"-c timezone={zone}")
    (row,) = append(service, created())
    assert abs(row.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    stored = scalar(connect(), "SELECT created_at FROM artifactstore.events WHERE sequence = 2")
    assert stored == row.created_at
