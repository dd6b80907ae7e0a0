"""v1.retention.escalated: governance becomes compliance, and never the other way."""

from datetime import timedelta

from artifactstore.events import Retention, RetentionApplied, RetentionEscalated, RetentionShortened
from tests.sql.support import BOB, FAR, NOBODY, Log

ESCALATE = RetentionEscalated()


def test_governance_becomes_compliance(log: Log) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR, policy="p"))
    assert log.effect(package, ESCALATE, actor=BOB) == {
        "retention_state": {package: {"mode": "compliance", "last_actor": BOB, "last_sequence": log.head}}
    }


def test_rg01_there_is_no_way_back_while_it_is_in_force(log: Log) -> None:
    package = log.package("tool", Retention(mode="governance", until=FAR))
    log.append(package, ESCALATE)
    log.refused("wrong-mode", package, ESCALATE)
    weaker = RetentionApplied(mode="governance", until=FAR + timedelta(days=1))
    log.refused("retention-active", package, weaker)
    sooner = RetentionShortened(from_=FAR, to=FAR - timedelta(days=1), reason="r", bypass_governance=True)
    log.refused("compliance-locked", package, sooner)
    log.append_at(FAR, package, weaker)
    assert log.rows("retention_state")[package]["mode"] == "governance"


def test_without_retention_there_is_nothing_to_escalate(log: Log) -> None:
    log.refused("wrong-mode", log.package(), ESCALATE)


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, ESCALATE)
