"""v1.storage.retired: a copy is given up, but never the last good one of a live file."""

from dataclasses import replace

import pytest

from artifactstore.events import FileRemoved, PackageDeleted, PackagePurged, StorageRetired
from tests.sql.support import NOBODY, Log


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
    copies = [log.location(package, file) for file in (removed, purged)]
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
