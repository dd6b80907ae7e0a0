"""v1.retention.shortened: governance only, only earlier, and only from what is in force."""

from datetime import datetime, timedelta

import pytest

from artifactstore.events import Retention, RetentionExtended, RetentionShortened
from tests.sql.support import BOB, FAR, NOBODY, Log

MICROSECOND = timedelta(microseconds=1)


def shortened(to: datetime, from_: datetime = FAR) -> RetentionShortened:
    """A shortening of retention until ``FAR``."""
    return RetentionShortened(from_=from_, to=to, reason="storage is full", bypass_governance=True)


def test_governance_ends_earlier(log: Log) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    later = FAR + timedelta(days=1)
    log.append(package, RetentionExtended(from_=FAR, to=later))
    assert log.effect(package, shortened(FAR - MICROSECOND, later), actor=BOB) == {
        "retention_state": {
            package: {"retain_until": FAR - MICROSECOND, "last_actor": BOB, "last_sequence": log.head}
        }
    }
    assert log.rows("retention_state")[package]["extensions"] == 1


@pytest.mark.parametrize("change", [timedelta(0), MICROSECOND])
def test_a_shortening_to_the_same_or_a_later_end_is_refused(log: Log, change: timedelta) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    log.refused("not-earlier", package, shortened(FAR + change))


def test_rg01_compliance_is_never_shortened(log: Log) -> None:
    package = log.package("tool", Retention(mode="compliance", until=FAR))
    log.refused("compliance-locked", package, shortened(FAR - MICROSECOND))
    log.refused("compliance-locked", package, shortened(FAR, from_=FAR + MICROSECOND))
    log.refused_by_projector("compliance-locked", package, shortened(FAR - MICROSECOND), FAR)


def test_a_shortening_of_something_else_is_refused(log: Log) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    log.refused("retention-changed", package, shortened(FAR, from_=FAR + MICROSECOND))


def test_without_retention_there_is_nothing_to_shorten(log: Log) -> None:
    log.refused("retention-changed", log.package(), shortened(FAR - MICROSECOND))


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, shortened(FAR - MICROSECOND))


@pytest.mark.parametrize("flag", ["", ', "bypass_governance": false'])
def test_the_payload_must_say_that_governance_is_bypassed(log: Log, flag: str) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    payload = f'{{"from": "{FAR.isoformat()}", "to": "2099-01-01T00:00:00Z", "reason": "r"{flag}}}'
    with log.unchanged():
        detail = log.failure(
            "bad-payload", lambda: log.append_json("v1.retention.shortened", package, payload)
        )
    assert detail["field"] == "bypass_governance"
