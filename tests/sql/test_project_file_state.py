"""The state of a file from its locations: verified, ingested or corrupted."""

from collections.abc import Callable
from uuid import UUID

import pytest

from artifactstore.events import Event, FileRemoved, PackageDeleted, PackagePurged
from tests.sql.support import Log

STATES = [
    (["registered"], "ingested"),
    (["verified"], "verified"),
    (["failed"], "corrupted"),
    (["verified", "failed"], "verified"),
    (["registered", "failed"], "ingested"),
    (["failed", "failed"], "corrupted"),
    (["registered", "verified"], "verified"),
    (["verified then failed"], "corrupted"),
    (["failed then verified"], "verified"),
    (["verified then failed", "registered"], "ingested"),
    (["retired", "failed"], "corrupted"),
    (["retired", "verified"], "verified"),
    (["retired", "registered"], "ingested"),
    ([], "ingested"),
    (["failed then retired"], "corrupted"),
    (["failed then retired", "failed then retired"], "corrupted"),
    (["failed then retired", "registered"], "ingested"),
    (["failed then retired", "verified"], "verified"),
    (["failed then retired", "failed"], "corrupted"),
]


@pytest.mark.parametrize(("locations", "state"), STATES)
def test_the_state_follows_from_the_locations(log: Log, locations: list[str], state: str) -> None:
    package = log.package()
    file = log.file(package)
    copies = [log.location(package, file, f"file:///{n}") for n in range(len(locations))]
    # Retired ones first: later they might be the last good copy, which cannot be.
    stories = sorted(zip(copies, locations, strict=True), key=lambda pair: "retired" not in pair[1])
    for copy, story in stories:
        for step in story.split(" then "):
            tell(log, copy, step)
    assert log.rows("artifact_files")[file]["state"] == state


def tell(log: Log, copy: UUID, step: str) -> None:
    """Append what makes a location verified, failed or retired; it is registered already."""
    events: dict[str, Callable[[UUID], Event]] = {
        "verified": log.verified,
        "failed": log.failed,
        "retired": log.retired,
    }
    if step in events:
        log.append(copy, events[step](copy))


def test_a_new_location_of_a_corrupted_file_makes_it_ingested(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    copy = log.location(package, file, "file:///1")
    log.append(copy, log.failed(copy))
    log.location(package, file, "file:///2")
    assert log.rows("artifact_files")[file]["state"] == "ingested"


def test_f61_a_file_whose_every_copy_is_retired_is_corrupted_until_it_has_one_again(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    assert log.rows("artifact_files")[file]["state"] == "ingested"
    copy = log.location(package, file)
    log.append(copy, log.failed(copy))
    log.append(copy, log.retired(copy, "not_found"))
    assert log.rows("artifact_files")[file]["state"] == "corrupted"
    again = log.location(package, file)
    assert log.rows("artifact_files")[file]["state"] == "ingested"
    log.append(again, log.verified(again))
    assert log.rows("artifact_files")[file]["state"] == "verified"


def test_files_that_are_gone_keep_their_state(log: Log) -> None:
    package = log.package()
    removed, purged = log.file(package, "a"), log.file(package, "b")
    copies = [log.location(package, file, f"file:///{file}") for file in (removed, purged)]
    log.append(removed, FileRemoved(package_id=package, reason="old"))
    log.append(package, PackageDeleted(reason="old"))
    log.append(package, PackagePurged(reason="old", file_count=1))
    files = log.rows("artifact_files")
    for copy in copies:
        for event in (log.verified, log.failed, log.retired):
            log.append(copy, event(copy))
            assert log.rows("artifact_files") == files
