"""v1.storage.failed: a bad check counts, and the file is judged by what is left."""

from dataclasses import replace

import pytest

from artifactstore.events import FileRemoved, StorageFailed
from tests.sql.support import CONTENT, NOBODY, Log


@pytest.mark.parametrize("failure", ["missing", "size_mismatch", "digest_mismatch", "unreachable"])
def test_the_location_has_failed_and_the_file_is_corrupted(log: Log, failure: str) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    event = replace(log.failed(location, failure), observed_size=4, observed_blake3=CONTENT)
    assert log.effect(location, event) == {
        "storage_locations": {
            location: {
                "state": "failed",
                "failure": failure,
                "checks": 1,
                "failures": 1,
                "last_checked_at": log.time,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        },
        "artifact_files": {file: {"state": "corrupted", "changed_sequence": log.head}},
    }


def test_a_file_with_another_good_copy_is_not_touched(log: Log) -> None:
    package = log.package()
    location = log.location(package, log.file(package, "a", "file:///other"))
    assert list(log.effect(location, log.failed(location))) == ["storage_locations"]


def test_the_last_good_check_is_remembered(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    log.append(location, log.verified(location))
    verified_at = log.time
    log.append(location, log.failed(location))
    row = log.rows("storage_locations")[location]
    assert (row["checks"], row["failures"], row["last_verified_at"]) == (2, 1, verified_at)
    assert log.rows("artifact_files")[file]["last_verified_at"] == verified_at


def test_a_second_failure_replaces_the_first(log: Log) -> None:
    package = log.package()
    location = log.location(package, log.file(package))
    log.append(location, log.failed(location, "missing"))
    assert log.effect(location, log.failed(location, "unreachable")) == {
        "storage_locations": {
            location: {
                "failure": "unreachable",
                "checks": 2,
                "failures": 2,
                "last_checked_at": log.time,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        }
    }


def test_a_retiring_location_stays_retiring_and_the_check_is_counted(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    log.append(file, FileRemoved(package_id=package, reason="old"))
    assert log.effect(location, log.failed(location)) == {
        "storage_locations": {
            location: {
                "failure": "missing",
                "checks": 1,
                "failures": 1,
                "last_checked_at": log.time,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        }
    }


def test_a_retired_location_does_not_fail(log: Log) -> None:
    package = log.package()
    location = log.location(package, log.file(package, "a", "file:///other"))
    event = log.failed(location)
    log.append(location, log.retired(location))
    log.refused("retired", location, event)


def test_an_unknown_location_is_refused(log: Log) -> None:
    package = log.package()
    event = StorageFailed(package_id=package, file_id=log.file(package), failure="missing")
    log.refused("not-found", NOBODY, event)


def test_the_event_must_name_the_file_and_package_of_the_location(log: Log) -> None:
    package, other = log.package("a"), log.package("b")
    location, file = log.location(package, log.file(package)), log.file(other)
    event = log.failed(location)
    log.refused("wrong-package", location, replace(event, package_id=other))
    log.refused("wrong-package", location, replace(event, file_id=file))
