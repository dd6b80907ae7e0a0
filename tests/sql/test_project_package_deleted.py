"""v1.package.deleted: the state before is kept; the destruction guard has a file of its own."""

import pytest

from artifactstore.events import PackageDeleted
from tests.sql.support import BOB, NOBODY, Log

DELETE = PackageDeleted(reason="old")


@pytest.mark.parametrize("state", ["open", "sealed"])
def test_the_package_is_deleted_and_its_state_before_is_kept(log: Log, state: str) -> None:
    package = log.package() if state == "open" else log.sealed()
    file = log.file(package, "a", "file:///a") if state == "open" else None
    assert log.effect(package, DELETE, actor=BOB) == {
        "artifact_packages": {
            package: {
                "state": "deleted",
                "prior_state": state,
                "deleted_at": log.time,
                "last_sequence": log.head,
            }
        }
    }
    assert file is None or log.rows("artifact_files")[file]["state"] == "ingested"


def test_a_package_is_deleted_once(log: Log) -> None:
    package = log.package()
    log.append(package, DELETE)
    log.refused("wrong-state", package, DELETE)


def test_a_purged_package_is_not_deleted(log: Log) -> None:
    log.refused("wrong-state", log.purged(), DELETE)


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, DELETE)
