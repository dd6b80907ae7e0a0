"""v1.storage.verified: a good check counts, forgives a failure and verifies the file."""

from dataclasses import replace

from artifactstore.events import FileRemoved, StorageVerified
from tests.sql.support import NOBODY, Log


def test_location_and_file_are_verified(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    location, other = log.location(package, file, "file:///1"), log.location(package, file, "file:///2")
    assert log.effect(location, log.verified(location)) == {
        "storage_locations": {
            location: {
                "state": "verified",
                "checks": 1,
                "last_checked_at": log.time,
                "last_verified_at": log.time,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        },
        "artifact_files": {
            file: {"state": "verified", "last_verified_at": log.time, "changed_sequence": log.head}
        },
    }
    assert log.rows("storage_locations")[other]["state"] == "registered"


def test_a_second_check_only_counts(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    log.append(location, log.verified(location))
    assert log.effect(location, replace(log.verified(location), method="backend_checksum")) == {
        "storage_locations": {
            location: {
                "checks": 2,
                "last_checked_at": log.time,
                "last_verified_at": log.time,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        },
        "artifact_files": {file: {"last_verified_at": log.time, "changed_sequence": log.head}},
    }


def test_a_failure_is_forgiven_but_stays_counted(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    log.append(location, log.failed(location))
    changes = log.effect(location, log.verified(location))
    assert changes["storage_locations"][location] == {
        "state": "verified",
        "failure": None,
        "checks": 2,
        "last_checked_at": log.time,
        "last_verified_at": log.time,
        "last_sequence": log.head,
        "changed_sequence": log.head,
    }
    assert changes["artifact_files"][file] == {
        "state": "verified",
        "last_verified_at": log.time,
        "changed_sequence": log.head,
    }
    assert log.rows("storage_locations")[location]["failures"] == 1


def test_a_retiring_location_stays_retiring_and_the_check_is_counted(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    log.append(file, FileRemoved(package_id=package, reason="old"))
    assert log.effect(location, log.verified(location)) == {
        "storage_locations": {
            location: {
                "checks": 1,
                "last_checked_at": log.time,
                "last_verified_at": log.time,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        }
    }


def test_a_retired_location_is_not_checked(log: Log) -> None:
    package = log.package()
    file = log.file(package, "a", "file:///other")
    location = log.location(package, file)
    event = log.verified(location)
    log.append(location, log.retired(location))
    log.refused("retired", location, event)


def test_an_unknown_location_is_refused(log: Log) -> None:
    package = log.package()
    event = StorageVerified(package_id=package, file_id=log.file(package), method="full_read")
    log.refused("not-found", NOBODY, event)


def test_the_event_must_name_the_file_and_package_of_the_location(log: Log) -> None:
    package, other = log.package("a"), log.package("b")
    location, file = log.location(package, log.file(package)), log.file(other)
    event = log.verified(location)
    log.refused("wrong-package", location, replace(event, package_id=other))
    log.refused("wrong-package", location, replace(event, file_id=file))
