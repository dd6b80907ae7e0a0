"""v1.retention.applied: retention is set when there is none in force."""

from datetime import timedelta

import pytest

from artifactstore.events import (
    HoldPlaced,
    PackageDeleted,
    PackagePurged,
    Retention,
    RetentionApplied,
    RetentionExtended,
    new_id,
)
from tests.sql.support import BOB, FAR, NOBODY, Log

APPLY = RetentionApplied(mode="compliance", until=FAR, policy="seven years")
MICROSECOND = timedelta(microseconds=1)


def test_retention_is_set(log: Log) -> None:
    package = log.package()
    assert log.effect(package, APPLY, actor=BOB) == {
        "retention_state": {
            package: {
                "mode": "compliance",
                "retain_until": FAR,
                "policy": "seven years",
                "last_actor": BOB,
                "last_sequence": log.head,
            }
        }
    }


def test_lapsed_retention_is_replaced_with_all_that_belonged_to_it(log: Log) -> None:
    later = FAR + timedelta(days=1)
    package = log.package("tool", Retention(mode="compliance", until=FAR, policy="seven years"))
    log.append(package, HoldPlaced(hold_id=new_id(), case="c", reason="r"))
    log.append(package, RetentionExtended(from_=FAR, to=later))
    again = RetentionApplied(mode="governance", until=later + MICROSECOND)
    log.append_at(later, package, again, actor=BOB)
    assert log.rows("retention_state")[package] == {
        "package_id": package,
        "mode": "governance",
        "retain_until": later + MICROSECOND,
        "policy": None,
        "hold_count": 1,
        "extensions": 0,
        "last_actor": BOB,
        "created_sequence": 2,
        "last_sequence": log.head,
    }


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_rg01_retention_in_force_is_not_replaced(log: Log, mode: str) -> None:
    package = log.package("tool", Retention(mode=mode, until=FAR))
    for other in ("governance", "compliance"):
        for until in (FAR - timedelta(days=1), FAR, FAR + timedelta(days=1)):
            log.refused("retention-active", package, RetentionApplied(mode=other, until=until))
    event = RetentionApplied(mode=mode, until=FAR + timedelta(days=1))
    log.refused_by_projector("retention-active", package, event, FAR - MICROSECOND)


@pytest.mark.parametrize("early", [timedelta(0), MICROSECOND])
def test_retention_that_is_over_at_once_is_refused(log: Log, early: timedelta) -> None:
    log.refused("not-future", log.package(), RetentionApplied(mode="governance", until=log.time - early))


def test_retention_may_end_a_microsecond_later(log: Log) -> None:
    package = log.package()
    log.append_at(log.time, package, RetentionApplied(mode="governance", until=log.time + MICROSECOND))
    assert log.rows("retention_state")[package]["retain_until"] == log.time + MICROSECOND


def test_deleted_packages_can_be_retained_and_purged_ones_not(log: Log) -> None:
    package = log.package()
    log.append(package, PackageDeleted(reason="old"))
    log.append(package, APPLY)
    log.refused("purged", log.purged("other"), APPLY)


def test_a_purged_package_is_refused_before_its_retention_is_looked_at(log: Log) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    log.append(package, PackageDeleted(reason="old", bypass_governance=True))
    log.append(package, PackagePurged(reason="old", file_count=0, bypass_governance=True))
    log.refused("purged", package, APPLY)


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, APPLY)
