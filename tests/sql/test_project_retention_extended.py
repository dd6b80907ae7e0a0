"""v1.retention.extended: only later, and only from what is in force."""

from datetime import timedelta

import pytest

from artifactstore.events import PackageDeleted, Retention, RetentionExtended
from tests.sql.support import BOB, FAR, NOBODY, Log

MICROSECOND = timedelta(microseconds=1)
LATER = RetentionExtended(from_=FAR, to=FAR + MICROSECOND)


@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_retention_ends_later(log: Log, mode: str) -> None:
    package = log.package("tool", Retention(mode=mode, until=FAR, policy="p"))
    assert log.effect(package, LATER, actor=BOB) == {
        "retention_state": {
            package: {
                "retain_until": FAR + MICROSECOND,
                "extensions": 1,
                "last_actor": BOB,
                "last_sequence": log.head,
            }
        }
    }
    log.append(package, RetentionExtended(from_=FAR + MICROSECOND, to=FAR + timedelta(days=1)))
    row = log.rows("retention_state")[package]
    assert (row["retain_until"], row["extensions"], row["policy"]) == (FAR + timedelta(days=1), 2, "p")


@pytest.mark.parametrize("change", [timedelta(0), -MICROSECOND, -timedelta(days=36500)])
def test_rg01_an_extension_to_the_same_or_an_earlier_end_is_refused(log: Log, change: timedelta) -> None:
    package = log.package("tool", Retention(mode="compliance", until=FAR))
    log.refused("not-later", package, RetentionExtended(from_=FAR, to=FAR + change))


def test_an_extension_of_something_else_is_refused(log: Log) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    late = FAR + timedelta(days=9)
    log.refused("retention-changed", package, RetentionExtended(from_=FAR - MICROSECOND, to=late))
    log.refused("retention-changed", package, RetentionExtended(from_=FAR + MICROSECOND, to=FAR))
    log.append(package, LATER)
    log.refused("retention-changed", package, LATER)


def test_without_retention_there_is_nothing_to_extend(log: Log) -> None:
    log.refused("retention-changed", log.package(), LATER)


def test_lapsed_retention_can_be_extended_and_is_in_force_again(log: Log) -> None:
    package = log.package("tool", Retention(mode="compliance", until=FAR))
    log.append_at(FAR + timedelta(days=1), package, RetentionExtended(from_=FAR, to=FAR + timedelta(days=2)))
    delete = PackageDeleted(reason="old")
    log.refused_by_projector("retention-active", package, delete)


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, LATER)
