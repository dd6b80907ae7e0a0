"""v1.package.sealed: counts and manifest are stored, and refused when the files are not those counted."""

from dataclasses import replace
from typing import Any

import pytest

from artifactstore.events import FileRemoved, PackageDeleted, PackageSealed
from tests.sql.support import NOBODY, Log

WHY = "no longer needed"


def test_the_package_is_sealed_with_its_counts(log: Log) -> None:
    package = log.package()
    log.file(package, "a")
    log.file(package, "b")
    event = log.manifest(package)
    assert log.effect(package, event) == {
        "artifact_packages": {
            package: {
                "state": "sealed",
                "manifest_digest": event.manifest_digest,
                "file_count": 2,
                "total_bytes": 6,
                "sealed_at": log.time,
                "last_sequence": log.head,
            }
        }
    }


def test_removed_files_are_not_counted_but_their_removal_is_seen(log: Log) -> None:
    package = log.package()
    removed = log.file(package, "a")
    log.file(package, "b")
    stale = log.manifest(package)
    log.append(removed, FileRemoved(package_id=package, reason=WHY))
    log.refused("manifest-changed", package, stale)
    event = log.manifest(package)
    assert (event.file_count, event.total_bytes, event.as_of) == (1, 3, log.head)
    log.append(package, event)
    row = log.rows("artifact_packages")[package]
    assert (row["state"], row["file_count"], row["total_bytes"]) == ("sealed", 1, 3)


def test_files_of_other_packages_are_not_counted(log: Log) -> None:
    package, other = log.package("a"), log.package("b")
    log.file(package)
    event = log.manifest(package)
    log.file(other)
    log.append(package, event)
    assert log.rows("artifact_packages")[package]["file_count"] == 1


def test_a_replaced_file_is_seen_though_the_counts_are_equal(log: Log) -> None:
    package = log.package()
    file = log.file(package, "a")
    event = log.manifest(package)
    log.append(file, FileRemoved(package_id=package, reason=WHY))
    log.file(package, "a")
    log.refused("manifest-changed", package, event)


@pytest.mark.parametrize(
    "wrong", [{"file_count": 2}, {"file_count": 0}, {"total_bytes": 4}, {"as_of": 2}, {"as_of": 4}]
)
def test_a_wrong_count_is_refused(log: Log, wrong: dict[str, Any]) -> None:
    package = log.package()
    log.file(package)
    event = log.manifest(package)
    assert (event.file_count, event.total_bytes, event.as_of) == (1, 3, 3)
    log.refused("manifest-changed", package, replace(event, **wrong))


def test_a_package_without_files_is_refused(log: Log) -> None:
    package = log.package()
    log.refused("empty", package, log.manifest(package))
    log.append(log.file(package), FileRemoved(package_id=package, reason=WHY))
    log.refused("empty", package, log.manifest(package))


def test_only_open_packages_are_sealed(log: Log) -> None:
    package = log.sealed()
    log.refused("not-open", package, log.manifest(package))
    log.append(package, PackageDeleted(reason=WHY))
    log.refused("not-open", package, log.manifest(package))
    log.refused("not-open", log.purged("other"), _EMPTY)


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, _EMPTY)


_EMPTY = PackageSealed(manifest_digest=bytes(32), file_count=0, total_bytes=0, as_of=0)
