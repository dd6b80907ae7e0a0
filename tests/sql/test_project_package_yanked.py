"""v1.package.yanked and v1.package.unyanked: the flag of sealed packages."""

import pytest

from artifactstore.events import Event, PackageDeleted, PackageRestored, PackageUnyanked, PackageYanked
from tests.sql.support import NOBODY, Log

YANK = PackageYanked(reason="broken build")
UNYANK = PackageUnyanked(reason="it was not")


def test_the_flag_goes_up_and_down(log: Log) -> None:
    package = log.sealed()
    assert log.effect(package, YANK) == {
        "artifact_packages": {package: {"yanked": True, "last_sequence": log.head}}
    }
    assert log.effect(package, UNYANK) == {
        "artifact_packages": {package: {"yanked": False, "last_sequence": log.head}}
    }


def test_a_flag_that_is_so_already_is_refused(log: Log) -> None:
    package = log.sealed()
    log.refused("no-change", package, UNYANK)
    log.append(package, YANK)
    log.refused("no-change", package, YANK)


def test_only_sealed_packages_are_yanked(log: Log) -> None:
    log.refused("no-change", log.package("open"), YANK)
    log.refused("no-change", log.purged("purged"), YANK)
    deleted = log.sealed("deleted")
    log.append(deleted, YANK)
    log.append(deleted, PackageDeleted(reason="old"))
    log.refused("no-change", deleted, UNYANK)


def test_the_flag_outlives_deletion_and_restoration(log: Log) -> None:
    package = log.sealed()
    log.append(package, YANK)
    log.append(package, PackageDeleted(reason="old"))
    log.append(package, PackageRestored(reason="needed"))
    assert log.rows("artifact_packages")[package]["yanked"] is True


@pytest.mark.parametrize("event", [YANK, UNYANK])
def test_an_unknown_package_is_refused(log: Log, event: Event) -> None:
    log.refused("not-found", NOBODY, event)
