"""v1.file.removed: the path is free again and the copies are to go."""

import pytest

from artifactstore.events import FileRemoved, HoldPlaced, PackageDeleted, PackagePurged, new_id
from tests.sql.support import NOBODY, Log

WHY = "wrong bytes"


def test_the_file_is_removed_and_its_locations_retire(log: Log) -> None:
    package = log.package()
    file, other = log.file(package, "a"), log.file(package, "b", "file:///b")
    copies = [log.location(package, file, f"file:///{n}") for n in range(4)]
    log.append(copies[1], log.verified(copies[1]))
    log.append(copies[2], log.failed(copies[2]))
    log.append(copies[3], log.retired(copies[3]))
    assert log.effect(file, FileRemoved(package_id=package, reason=WHY)) == {
        "artifact_files": {
            file: {
                "state": "removed",
                "removed_at": log.time,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        },
        "storage_locations": {
            copy: {"state": "retiring", "retiring_at": log.time, "changed_sequence": log.head}
            for copy in copies[:3]
        },
    }
    assert log.rows("artifact_files")[other]["state"] == "ingested"


def test_a_file_is_removed_once(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    log.append(file, FileRemoved(package_id=package, reason=WHY))
    log.refused("gone", file, FileRemoved(package_id=package, reason=WHY))


def test_several_removals_in_one_append_are_several_events(log: Log) -> None:
    package = log.package()
    files = [log.file(package, path) for path in ("a", "b", "c")]
    before = log.head
    for file in files:
        log.append(file, FileRemoved(package_id=package, reason=WHY))
    rows = log.rows("artifact_files")
    assert [rows[file]["last_sequence"] for file in files] == [before + 1, before + 2, before + 3]


def test_the_file_must_be_of_the_package(log: Log) -> None:
    file, other = log.file(log.package("a")), log.package("b")
    log.refused("wrong-package", file, FileRemoved(package_id=other, reason=WHY))


@pytest.mark.parametrize("unknown", ["file", "package"])
def test_an_unknown_file_or_package_is_refused(log: Log, unknown: str) -> None:
    package = log.package()
    file = log.file(package)
    if unknown == "file":
        log.refused("not-found", NOBODY, FileRemoved(package_id=package, reason=WHY))
    else:
        log.refused("not-found", file, FileRemoved(package_id=NOBODY, reason=WHY))


def test_only_open_packages_lose_files(log: Log) -> None:
    package = log.package()
    file = log.file(package)
    event = FileRemoved(package_id=package, reason=WHY)
    log.append(package, log.manifest(package))
    log.refused("not-open", file, event)
    log.append(package, PackageDeleted(reason=WHY))
    log.refused("not-open", file, event)
    log.append(package, PackagePurged(reason=WHY, file_count=1))
    log.refused("not-open", file, event)


def test_the_state_of_package_and_file_is_judged_before_the_guard(log: Log) -> None:
    package = log.package()
    removed, file = log.file(package, "a"), log.file(package, "b")
    log.append(removed, FileRemoved(package_id=package, reason=WHY))
    log.append(package, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    log.refused("gone", removed, FileRemoved(package_id=package, reason=WHY))
    log.refused("legal-hold", file, FileRemoved(package_id=package, reason=WHY))
