"""v1.package.restored: back to the state before the deletion."""

import pytest

from artifactstore.events import HoldPlaced, PackageDeleted, PackageRestored, new_id
from tests.sql.support import NOBODY, Log

RESTORE = PackageRestored(reason="needed")


@pytest.mark.parametrize("state", ["open", "sealed"])
def test_the_package_is_what_it_was_and_no_longer_deleted(log: Log, state: str) -> None:
    package = log.package() if state == "open" else log.sealed()
    before = log.rows("artifact_packages")[package]
    log.append(package, PackageDeleted(reason="old"))
    assert log.effect(package, RESTORE) == {
        "artifact_packages": {
            package: {"state": state, "prior_state": None, "deleted_at": None, "last_sequence": log.head}
        }
    }
    assert log.rows("artifact_packages")[package] == before | {"last_sequence": log.head}


def test_a_hold_does_not_stand_in_the_way(log: Log) -> None:
    package = log.package()
    log.append(package, PackageDeleted(reason="old"))
    log.append(package, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    log.append(package, RESTORE)
    assert log.rows("artifact_packages")[package]["state"] == "open"


def test_only_deleted_packages_are_restored(log: Log) -> None:
    log.refused("wrong-state", log.package("open"), RESTORE)
    log.refused("wrong-state", log.sealed("sealed"), RESTORE)
    log.refused("wrong-state", log.purged("purged"), RESTORE)


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, RESTORE)
