"""v1.storage.registered: a further copy of a live file, at a place that it has not yet."""

from dataclasses import replace
from uuid import UUID

import pytest

from artifactstore.events import FileRemoved, PackageDeleted, PackagePurged, StorageRegistered, new_id
from tests.sql.support import CONTENT, NOBODY, Log


def registered(package: UUID, file: UUID, uri: str = "file:///a") -> StorageRegistered:
    """A copy of a file made by ``Log.file``."""
    return StorageRegistered(
        package_id=package, file_id=file, backend="file", uri=uri, size=3, blake3=CONTENT
    )


def test_a_location_is_made_and_nothing_else_changes(log: Log) -> None:
    package, location = log.package(), new_id()
    file = log.file(package)
    assert log.effect(location, registered(package, file)) == {
        "storage_locations": {
            location: {
                "location_id": location,
                "file_id": file,
                "package_id": package,
                "backend": "file",
                "uri": "file:///a",
                "state": "registered",
                "failure": None,
                "checks": 0,
                "failures": 0,
                "registered_at": log.time,
                "last_checked_at": None,
                "last_verified_at": None,
                "retiring_at": None,
                "retired_at": None,
                "retire_outcome": None,
                "created_sequence": log.head,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        }
    }


def test_a_verified_file_stays_verified(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    copy = log.location(package, file, "file:///1")
    log.append(copy, log.verified(copy))
    log.location(package, file, "file:///2")
    assert log.rows("artifact_files")[file]["state"] == "verified"


@pytest.mark.parametrize("state", ["sealed", "deleted"])
def test_files_of_sealed_and_deleted_packages_get_copies(log: Log, state: str) -> None:
    package = log.sealed()
    [file] = log.rows("artifact_files")
    if state == "deleted":
        log.append(package, PackageDeleted(reason="old"))
    location = log.location(package, file)
    assert log.rows("storage_locations")[location]["state"] == "registered"


def test_a_file_that_is_gone_gets_no_copy(log: Log) -> None:
    package = log.package()
    removed, purged = log.file(package, "a"), log.file(package, "b")
    log.append(removed, FileRemoved(package_id=package, reason="old"))
    log.refused("gone", new_id(), registered(package, removed))
    log.append(package, PackageDeleted(reason="old"))
    log.append(package, PackagePurged(reason="old", file_count=1))
    log.refused("gone", new_id(), registered(package, purged))


def test_other_bytes_are_no_copy(log: Log) -> None:
    package = log.package()
    event = registered(package, log.file(package))
    log.refused("digest-mismatch", new_id(), replace(event, size=4))
    log.refused("digest-mismatch", new_id(), replace(event, blake3=bytes(32)))


def test_an_unknown_file_is_refused(log: Log) -> None:
    log.refused("not-found", new_id(), registered(log.package(), NOBODY))


def test_the_file_must_be_of_the_package(log: Log) -> None:
    file = log.file(log.package("a"))
    log.refused("wrong-package", new_id(), registered(log.package("b"), file))
    log.refused("wrong-package", new_id(), registered(NOBODY, file))


def test_a_location_id_is_used_once_whatever_the_file(log: Log) -> None:
    package = log.package()
    first, second = log.file(package, "a"), log.file(package, "b")
    location = log.location(package, first, "file:///1")
    log.refused("id-taken", location, registered(package, first, "file:///2"))
    log.refused("id-taken", location, registered(package, second, "file:///1"))


@pytest.mark.parametrize("state", ["registered", "verified", "failed"])
def test_rg09_a_place_is_taken_while_its_location_lives(log: Log, state: str) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file, "file:///a")
    if state != "registered":
        log.append(location, log.verified(location) if state == "verified" else log.failed(location))
    log.refused("location-taken", new_id(), registered(package, file, "file:///a"))


def test_rg09_a_place_is_free_after_its_location_is_retired(log: Log) -> None:
    package = log.package()
    file = log.file(package, "a", "file:///other")
    location = log.location(package, file, "file:///a")
    log.append(location, log.retired(location))
    again = log.location(package, file, "file:///a")
    states = {key: row["state"] for key, row in log.rows("storage_locations").items()}
    assert (states[location], states[again]) == ("retired", "registered")


def test_rg09_uris_are_compared_byte_by_byte(log: Log) -> None:
    """Each backend has its own rules for what is one place, so spellings are rows of their own."""
    package = log.package()
    file = log.file(package)
    uris = ["s3://b/k", "s3://b//k", "s3://B/k", "s3://b/./k", "s3://b/k/", "s3://b/%6b", "s3://b/K"]
    for uri in uris:
        log.location(package, file, uri)
    assert sorted(row["uri"] for row in log.rows("storage_locations").values()) == sorted(uris)


def test_rg09_one_place_may_hold_two_files_and_one_uri_two_backends(log: Log) -> None:
    package = log.package()
    first, second = log.file(package, "a"), log.file(package, "b")
    log.location(package, first, "file:///a")
    log.location(package, second, "file:///a")
    log.append(new_id(), replace(registered(package, first, "file:///a"), backend="nfs"))
    assert len(log.rows("storage_locations")) == 3


def test_the_file_is_judged_before_the_place(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    log.refused("digest-mismatch", location, replace(registered(package, file), size=4))
    log.refused("id-taken", location, registered(package, file))
