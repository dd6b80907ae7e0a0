"""v1.package.purged: the end of a package, its files and their copies."""

import pytest

from artifactstore.events import (
    Event,
    FileRemoved,
    HoldPlaced,
    PackageDeleted,
    PackagePurged,
    PackageRestored,
    new_id,
)
from tests.sql.support import NOBODY, Log

WHY = "old"
DELETE = PackageDeleted(reason=WHY)


def test_files_are_purged_and_live_locations_retiring(log: Log) -> None:
    package, other = log.package("a"), log.package("b")
    kept = log.file(other, "a", "file:///other")
    removed, live = log.file(package, "removed", "file:///removed"), log.file(package, "live")
    copies = [log.location(package, live, f"file:///{n}") for n in range(4)]
    log.append(copies[1], log.verified(copies[1]))
    log.append(copies[2], log.failed(copies[2]))
    log.append(copies[3], log.retired(copies[3]))
    log.append(removed, FileRemoved(package_id=package, reason=WHY))
    log.append(package, DELETE)
    assert log.effect(package, PackagePurged(reason=WHY, file_count=1)) == {
        "artifact_packages": {
            package: {
                "state": "purged",
                "prior_state": None,
                "purged_at": log.time,
                "last_sequence": log.head,
            }
        },
        "artifact_files": {live: {"state": "purged", "changed_sequence": log.head}},
        "storage_locations": {
            copy: {"state": "retiring", "retiring_at": log.time, "changed_sequence": log.head}
            for copy in copies[:3]
        },
    }
    assert log.rows("artifact_files")[removed]["state"] == "removed"
    assert log.rows("artifact_files")[kept]["state"] == "ingested"
    assert log.rows("artifact_packages")[package]["deleted_at"] is not None


def test_a_sealed_package_keeps_its_manifest(log: Log) -> None:
    package = log.sealed()
    manifest = log.rows("artifact_packages")[package]["manifest_digest"]
    log.append(package, DELETE)
    log.append(package, PackagePurged(reason=WHY, file_count=1))
    row = log.rows("artifact_packages")[package]
    assert (row["state"], row["file_count"], row["manifest_digest"]) == ("purged", 1, manifest)


@pytest.mark.parametrize("count", [0, 2])
def test_a_wrong_number_of_files_is_refused(log: Log, count: int) -> None:
    package = log.sealed()
    log.append(package, DELETE)
    log.refused("manifest-changed", package, PackagePurged(reason=WHY, file_count=count))


def test_only_deleted_packages_are_purged(log: Log) -> None:
    purge = PackagePurged(reason=WHY, file_count=0)
    log.refused("wrong-state", log.package("open"), purge)
    log.refused("wrong-state", log.sealed("sealed"), purge)
    log.refused("wrong-state", log.purged("purged"), purge)
    restored = log.package("restored")
    log.append(restored, DELETE)
    log.append(restored, PackageRestored(reason=WHY))
    log.refused("wrong-state", restored, purge)


def test_the_state_is_judged_before_the_count_and_the_count_before_the_guard(log: Log) -> None:
    package = log.package()
    log.append(package, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    log.refused("wrong-state", package, PackagePurged(reason=WHY, file_count=7))
    deleted = log.package("deleted")
    log.append(deleted, DELETE)
    log.append(deleted, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    log.refused("manifest-changed", deleted, PackagePurged(reason=WHY, file_count=7))
    log.refused("legal-hold", deleted, PackagePurged(reason=WHY, file_count=0))


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, PackagePurged(reason=WHY, file_count=0))


@pytest.mark.parametrize(
    "event", [DELETE, PackageRestored(reason=WHY), PackagePurged(reason=WHY, file_count=0)]
)
def test_nothing_follows_a_purge(log: Log, event: Event) -> None:
    log.refused("wrong-state", log.purged(), event)
