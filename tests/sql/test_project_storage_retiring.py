"""v1.storage.retiring: a copy is to go, but never the last good one of a live file."""

from dataclasses import replace
from datetime import timedelta

import pytest

from artifactstore.events import (
    FileRemoved,
    HoldPlaced,
    HoldReleased,
    NewEvent,
    PackageDeleted,
    PackagePurged,
    RetentionApplied,
    StorageRetiring,
    new_id,
)
from tests.sql.support import ANN, FAR, NOBODY, Log
from tests.sql.test_project_storage_retired import PROTECTIONS, protect

WHY = "moved"


@pytest.mark.parametrize("state", ["registered", "verified", "failed"])
def test_a_copy_is_to_go_while_another_good_one_exists(log: Log, state: str) -> None:
    package = log.package()
    copy = log.location(package, log.file(package, "a", "file:///other"))
    if state != "registered":
        log.append(copy, log.verified(copy) if state == "verified" else log.failed(copy))
    changed = log.effect(copy, log.retiring(copy))
    assert changed["storage_locations"] == {
        copy: {
            "state": "retiring",
            "retiring_at": log.time,
            "last_sequence": log.head,
            "changed_sequence": log.head,
        }
    }
    # A file whose verified copy is to go has none.
    assert set(changed) == {"storage_locations"} | ({"artifact_files"} if state == "verified" else set())


def test_the_file_is_what_the_copies_that_stay_are(log: Log) -> None:
    package = log.package()
    file = log.file(package, "a", "file:///other")
    copy = log.location(package, file)
    log.append(copy, log.verified(copy))
    changes = log.effect(copy, log.retiring(copy))
    assert changes["artifact_files"] == {file: {"state": "ingested", "changed_sequence": log.head}}
    # It is looked at again: that says nothing of the file.
    assert list(log.effect(copy, log.verified(copy))) == ["storage_locations"]
    assert log.rows("storage_locations")[copy]["state"] == "retiring"
    assert list(log.effect(copy, log.failed(copy))) == ["storage_locations"]


def test_a_file_is_corrupted_when_all_that_failed_are_to_go(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    copies = [log.location(package, file, f"file:///{n}") for n in range(2)]
    for copy in copies:
        log.append(copy, log.failed(copy))
    for copy in copies:
        log.append(copy, log.retiring(copy))
    assert log.rows("artifact_files")[file]["state"] == "corrupted"
    assert log.location(package, file, "file:///new")
    assert log.rows("artifact_files")[file]["state"] == "ingested"


@pytest.mark.parametrize("state", ["registered", "verified"])
@pytest.mark.parametrize("other", ["none", "failed", "retiring", "retired"])
def test_the_last_good_copy_stays(log: Log, state: str, other: str) -> None:
    package = log.package()
    file = log.file(package)
    copy = log.location(package, file, "file:///1")
    if state == "verified":
        log.append(copy, log.verified(copy))
    if other != "none":
        second = log.location(package, file, "file:///2")
        events = {"failed": log.failed(second), "retiring": log.retiring(second)}
        log.append(second, events.get(other) or log.retired(second))
    log.refused("last-good-copy", copy, log.retiring(copy))


@pytest.mark.parametrize("how", PROTECTIONS)
@pytest.mark.parametrize("state", ["open", "deleted"])
def test_f61_the_last_copy_of_a_protected_file_that_is_not_to_go_stays(
    log: Log, how: str, state: str
) -> None:
    """Also when another one is there still, but is to go."""
    package = log.package()
    file = log.file(package)
    first, second = (log.location(package, file, f"file:///{n}") for n in range(2))
    for copy in (first, second):
        log.append(copy, log.failed(copy, "unreachable"))
    if state == "deleted":
        log.append(package, PackageDeleted(reason="old"))
    facts = protect(log, package, how)
    log.append(first, log.retiring(first))
    code = "legal-hold" if how == "hold" else "retention-active"
    detail = log.refused(code, second, log.retiring(second))
    named = {"file_id": str(file), "package_id": str(package)}
    assert {name: detail[name] for name in (*facts, *named)} == facts | named


def test_f61_retention_that_ended_and_holds_that_were_released_protect_nothing(log: Log) -> None:
    package = log.package()
    hold = new_id()
    log.append(package, HoldPlaced(hold_id=hold, case="C-1", reason="r"))
    log.append(package, RetentionApplied(mode="compliance", until=FAR))
    copy = log.location(package, log.file(package))
    log.append(copy, log.failed(copy))
    event = log.retiring(copy)
    log.refused_by_projector("legal-hold", copy, event, FAR)
    log.append(package, HoldReleased(hold_id=hold, reason="r"))
    log.refused_by_projector("retention-active", copy, event, FAR - timedelta(microseconds=1))
    log.append_at(FAR, copy, event)
    assert log.rows("storage_locations")[copy]["state"] == "retiring"


@pytest.mark.parametrize("how", PROTECTIONS)
def test_f61_what_is_told_in_one_append_is_judged_in_its_order(log: Log, how: str) -> None:
    package = log.package()
    copy = log.location(package, log.file(package))
    log.append(copy, log.failed(copy))
    protection = HoldPlaced(hold_id=new_id(), case="C-1", reason="r")
    first = NewEvent(protection if how == "hold" else RetentionApplied(mode=how, until=FAR), package, ANN)
    second = NewEvent(log.retiring(copy), copy, ANN)
    with log.unchanged():
        code = "legal-hold" if how == "hold" else "retention-active"
        assert log.failure(code, lambda: log.append_all([first, second]))["position"] == 2
    log.append_all([second, first])


def test_nothing_leads_back_and_it_is_said_once(log: Log) -> None:
    package = log.package()
    file = log.file(package, "a", "file:///other")
    copy = log.location(package, file)
    log.append(copy, log.retiring(copy))
    assert log.refused("no-change", copy, log.retiring(copy))["state"] == "retiring"
    log.append(copy, log.retired(copy))
    log.refused("retired", copy, log.retiring(copy))


def test_when_it_began_to_go_is_kept(log: Log) -> None:
    """A file that is removed, and a package that is purged, after one of its copies was to go."""
    package = log.package()
    removed, purged = log.file(package, "a", "file:///1"), log.file(package, "b", "file:///2")
    copies = [log.location(package, file, f"file:///{file}") for file in (removed, purged)]
    began = []
    for copy in copies:
        log.append(copy, log.retiring(copy))
        began.append(log.time)
    log.append(removed, FileRemoved(package_id=package, reason="old"))
    log.append(package, PackageDeleted(reason="old"))
    log.append(package, PackagePurged(reason="old", file_count=1))
    rows = log.rows("storage_locations")
    assert [rows[copy]["retiring_at"] for copy in copies] == began
    for copy in copies:
        log.append(copy, log.retired(copy))
    assert [log.rows("storage_locations")[copy]["retiring_at"] for copy in copies] == began


def test_an_unknown_location_is_refused(log: Log) -> None:
    package = log.package()
    log.refused(
        "not-found", NOBODY, StorageRetiring(package_id=package, file_id=log.file(package), reason=WHY)
    )


def test_the_event_must_name_the_file_and_package_of_the_location(log: Log) -> None:
    package, other = log.package("a"), log.package("b")
    copy, file = log.location(package, log.file(package, "a", "file:///other")), log.file(other)
    event = log.retiring(copy)
    log.refused("wrong-package", copy, replace(event, package_id=other))
    log.refused("wrong-package", copy, replace(event, file_id=file))
