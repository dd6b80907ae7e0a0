"""v1.storage.retired: a copy is given up, but never the last good one of a live file."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from artifactstore.events import (
    Event,
    FileRemoved,
    HoldPlaced,
    HoldReleased,
    NewEvent,
    PackageDeleted,
    PackagePurged,
    RetentionApplied,
    StorageRetired,
    new_id,
)
from tests.sql.support import ANN, FAR, NOBODY, Log, Row


@pytest.mark.parametrize("outcome", ["deleted", "not_found", "detached"])
def test_a_location_is_retired_while_another_good_one_exists(log: Log, outcome: str) -> None:
    package = log.package()
    location = log.location(package, log.file(package, "a", "file:///other"))
    assert log.effect(location, log.retired(location, outcome)) == {
        "storage_locations": {
            location: {
                "state": "retired",
                "retired_at": log.time,
                "retire_outcome": outcome,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        }
    }


def test_the_file_is_no_longer_verified_when_its_verified_copy_goes(log: Log) -> None:
    package = log.package()
    file = log.file(package, "a", "file:///other")
    location = log.location(package, file)
    log.append(location, log.verified(location))
    changes = log.effect(location, log.retired(location))
    assert changes["artifact_files"] == {file: {"state": "ingested", "changed_sequence": log.head}}


@pytest.mark.parametrize("state", ["registered", "verified"])
@pytest.mark.parametrize("other", ["none", "failed", "retired"])
def test_the_last_good_copy_is_kept(log: Log, state: str, other: str) -> None:
    package = log.package()
    file = log.file(package)
    log.file(package, "another file", "file:///1")
    location = log.location(package, file, "file:///1")
    if state == "verified":
        log.append(location, log.verified(location))
    if other != "none":
        second = log.location(package, file, "file:///2")
        log.append(second, log.failed(second) if other == "failed" else log.retired(second))
    log.refused("last-good-copy", location, log.retired(location))


def test_a_failed_location_is_retired_though_no_good_one_exists(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    log.append(location, log.failed(location))
    changes = log.effect(location, log.retired(location, "not_found"))
    assert changes["storage_locations"][location]["state"] == "retired"
    assert log.rows("storage_locations")[location]["failure"] == "missing"


def test_retiring_locations_are_retired_to_the_last(log: Log) -> None:
    package = log.package()
    removed, purged = log.file(package, "a"), log.file(package, "b")
    copies = [log.location(package, file, f"file:///{file}") for file in (removed, purged)]
    log.append(removed, FileRemoved(package_id=package, reason="old"))
    log.append(package, PackageDeleted(reason="old"))
    log.append(package, PackagePurged(reason="old", file_count=1))
    for copy in copies:
        assert list(log.effect(copy, log.retired(copy))) == ["storage_locations"]


def test_a_deleted_package_can_be_restored_so_its_last_good_copies_are_kept(log: Log) -> None:
    package = log.package()
    location = log.location(package, log.file(package))
    log.append(package, PackageDeleted(reason="old"))
    log.refused("last-good-copy", location, log.retired(location))


def protect(log: Log, package: UUID, how: str) -> Row:
    """Put a package under hold or retention; what a refusal says of it."""
    if how == "hold":
        hold = new_id()
        log.append(package, HoldPlaced(hold_id=hold, case="C-1", reason="r"))
        placed_at = log.value("SELECT artifactstore.show_time(placed_at) FROM artifactstore.retention_holds")
        shown = {"hold_id": str(hold), "case": "C-1", "placed_by": ANN, "placed_at": placed_at}
        return {"hold_count": 1, "holds": [shown]}
    log.append(package, RetentionApplied(mode=how, until=FAR))
    return {"mode": how, "retain_until": "2100-01-01T00:00:00.000000Z"}


PROTECTIONS = ["hold", "governance", "compliance"]


@pytest.mark.parametrize("how", PROTECTIONS)
@pytest.mark.parametrize("outcome", ["deleted", "detached"])
@pytest.mark.parametrize("state", ["open", "deleted"])
def test_f61_the_last_copy_of_a_protected_file_is_only_told_as_not_found(
    log: Log, how: str, outcome: str, state: str
) -> None:
    package = log.package()
    file = log.file(package, "a", "file:///1")
    second = log.location(package, file, "file:///2")
    first = next(key for key in log.rows("storage_locations") if key != second)
    for copy in (first, second):
        log.append(copy, log.failed(copy, "unreachable"))
    if state == "deleted":
        log.append(package, PackageDeleted(reason="old"))
    facts = protect(log, package, how)
    log.append(first, log.retired(first, outcome))
    code = "legal-hold" if how == "hold" else "retention-active"
    detail = log.refused(code, second, log.retired(second, outcome))
    named = {"file_id": str(file), "package_id": str(package)}
    assert {name: detail[name] for name in (*facts, *named)} == facts | named
    assert "not_found" in detail["problem"]
    log.append(second, log.retired(second, "not_found"))
    assert log.rows("artifact_files")[file]["state"] == "corrupted"


def test_f61_retention_that_ended_and_holds_that_were_released_protect_nothing(log: Log) -> None:
    package = log.package()
    hold = new_id()
    log.append(package, HoldPlaced(hold_id=hold, case="C-1", reason="r"))
    log.append(package, RetentionApplied(mode="compliance", until=FAR))
    copy = log.location(package, log.file(package))
    log.append(copy, log.failed(copy))
    event = log.retired(copy)
    log.refused_by_projector("legal-hold", copy, event, FAR)
    log.append(package, HoldReleased(hold_id=hold, reason="r"))
    log.refused_by_projector("retention-active", copy, event, FAR - timedelta(microseconds=1))
    log.append_at(FAR, copy, event)
    assert log.rows("storage_locations")[copy]["state"] == "retired"


@pytest.mark.parametrize("how", PROTECTIONS)
def test_f61_what_is_told_in_one_append_is_judged_in_its_order(log: Log, how: str) -> None:
    """Protection comes in another lane than the copies of a file, and yet before or after them."""
    package = log.package()
    copy = log.location(package, log.file(package))
    log.append(copy, log.failed(copy))
    protection: Event = HoldPlaced(hold_id=new_id(), case="C-1", reason="r")
    if how != "hold":
        protection = RetentionApplied(mode=how, until=FAR)
    both = [NewEvent(protection, package, ANN), NewEvent(log.retired(copy, "detached"), copy, ANN)]
    with log.unchanged():
        code = "legal-hold" if how == "hold" else "retention-active"
        detail = log.failure(code, lambda: log.append_all(both))
    assert (detail["position"], detail["subject_id"]) == (2, str(copy))
    assert "sequence" not in detail
    log.append_all(both[::-1])


def test_f61_copies_of_what_is_gone_are_retired_under_protection(log: Log) -> None:
    """A file that was removed before the hold came."""
    package = log.package()
    file = log.file(package)
    copy = log.location(package, file)
    log.append(file, FileRemoved(package_id=package, reason="old"))
    protect(log, package, "hold")
    log.append(copy, log.retired(copy, "deleted"))


def test_the_last_good_copy_is_named_before_its_protection(log: Log) -> None:
    package = log.package()
    copy = log.location(package, log.file(package))
    protect(log, package, "hold")
    for outcome in ("deleted", "detached", "not_found"):
        log.refused("last-good-copy", copy, log.retired(copy, outcome))


def test_a_location_is_retired_once(log: Log) -> None:
    package = log.package()
    location = log.location(package, log.file(package, "a", "file:///other"))
    event = log.retired(location)
    log.append(location, event)
    log.refused("retired", location, event)


def test_an_unknown_location_is_refused(log: Log) -> None:
    package = log.package()
    event = StorageRetired(package_id=package, file_id=log.file(package), outcome="deleted", reason="r")
    log.refused("not-found", NOBODY, event)


def test_the_event_must_name_the_file_and_package_of_the_location(log: Log) -> None:
    package, other = log.package("a"), log.package("b")
    location, file = log.location(package, log.file(package, "a", "file:///other")), log.file(other)
    event = log.retired(location)
    log.refused("wrong-package", location, replace(event, package_id=other))
    log.refused("wrong-package", location, replace(event, file_id=file))
