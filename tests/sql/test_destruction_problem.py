"""The destruction guard (RG01, RG02): holds, then retention, for each event that destroys."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import pytest

from artifactstore.events import (
    Event,
    FileRemoved,
    HoldPlaced,
    HoldReleased,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    Retention,
    RetentionApplied,
    RetentionEscalated,
    RetentionExtended,
    RetentionShortened,
    new_id,
)
from tests.databases import Connect
from tests.sql.support import FAR, Log

WHY = "to free space"
MICROSECOND = timedelta(microseconds=1)

Victim: TypeAlias = tuple[UUID, UUID, Callable[[bool | None], Event]]
"""A package, the subject of an event that would destroy it or a part of it, and the event by bypass flag."""


def removal(log: Log, retention: Retention | None) -> Victim:
    package = log.package("tool", retention)
    file = log.file(package)
    return package, file, lambda bypass: FileRemoved(package_id=package, reason=WHY, bypass_governance=bypass)


def deletion(log: Log, retention: Retention | None) -> Victim:
    package = log.package("tool", retention)
    return package, package, lambda bypass: PackageDeleted(reason=WHY, bypass_governance=bypass)


def sealed_deletion(log: Log, retention: Retention | None) -> Victim:
    package, _, event = deletion(log, retention)
    log.file(package)
    log.append(package, log.manifest(package))
    return package, package, event


def purge(log: Log, retention: Retention | None) -> Victim:
    package = log.package()
    log.append(package, PackageDeleted(reason=WHY))
    if retention is not None:
        log.append(package, RetentionApplied(mode=retention.mode, until=retention.until))
    return (
        package,
        package,
        lambda bypass: PackagePurged(reason=WHY, file_count=0, bypass_governance=bypass),
    )


every_destruction = pytest.mark.parametrize("destruction", [removal, deletion, sealed_deletion, purge])


@every_destruction
def test_without_hold_and_retention_it_is_allowed(
    log: Log, destruction: Callable[[Log, Retention | None], Victim]
) -> None:
    _, subject, event = destruction(log, None)
    assert log.effect(subject, event(None))


@every_destruction
@pytest.mark.parametrize("mode", ["governance", "compliance"])
@pytest.mark.parametrize("bypass", [None, False])
def test_retention_forbids_it(
    log: Log,
    destruction: Callable[[Log, Retention | None], Victim],
    mode: str,
    bypass: bool | None,
) -> None:
    _, subject, event = destruction(log, Retention(mode=mode, until=FAR))
    log.refused("retention-active", subject, event(bypass))


@every_destruction
def test_governance_can_be_bypassed_and_compliance_cannot(
    log: Log, destruction: Callable[[Log, Retention | None], Victim]
) -> None:
    package, subject, event = destruction(log, Retention(mode="governance", until=FAR))
    with log.connection.transaction(force_rollback=True):
        assert log.effect(subject, event(True))
    log.head = log.stored_head()
    log.append(package, RetentionEscalated())
    log.refused("retention-active", subject, event(True))


@every_destruction
@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_rg01_retention_ends_at_its_instant_to_the_microsecond(
    log: Log, destruction: Callable[[Log, Retention | None], Victim], mode: str
) -> None:
    _, subject, event = destruction(log, Retention(mode=mode, until=FAR))
    log.refused_by_projector("retention-active", subject, event(None), FAR - MICROSECOND)
    log.append_at(FAR, subject, event(None))
    assert log.stored_head() == log.head


@every_destruction
@pytest.mark.parametrize("bypass", [None, True])
@pytest.mark.parametrize("retention", [None, "governance", "lapsed"])
def test_rg02_a_hold_forbids_it_whatever_retention_and_bypass_say(
    log: Log,
    destruction: Callable[[Log, Retention | None], Victim],
    retention: str | None,
    bypass: bool | None,
) -> None:
    until = FAR if retention == "governance" else log.time + timedelta(seconds=3)
    package, subject, event = destruction(
        log, Retention(mode="governance", until=until) if retention else None
    )
    first, second = new_id(), new_id()
    for hold in (first, second):
        log.append(package, HoldPlaced(hold_id=hold, case="case 7", reason="subpoena"))
    now = FAR if retention == "lapsed" else log.time
    for hold in (first, second):
        log.refused_by_projector("legal-hold", subject, event(bypass), now)
        log.append(package, HoldReleased(hold_id=hold, reason="settled"))
    log.append_at(FAR, subject, event(bypass))


@every_destruction
def test_rg02_append_refuses_it_too(log: Log, destruction: Callable[[Log, Retention | None], Victim]) -> None:
    package, subject, event = destruction(log, None)
    log.append(package, HoldPlaced(hold_id=new_id(), case="case 7", reason="subpoena"))
    log.refused("legal-hold", subject, event(True))


def test_rg02_an_operator_who_bypasses_governance_is_stopped_by_a_hold_too(
    database: str, connect: Connect
) -> None:
    log = Log(connect())
    package = log.package("tool", Retention(mode="governance", until=FAR))
    hold = new_id()
    log.append(package, HoldPlaced(hold_id=hold, case="case 7", reason="subpoena"))
    operator = Log(connect("operator", conninfo=database))
    delete = '{"reason": "to free space", "bypass_governance": true}'
    with log.unchanged():
        operator.failure("legal-hold", lambda: operator.append_json("v1.package.deleted", package, delete))
    log.append(package, HoldReleased(hold_id=hold, reason="settled"))
    assert operator.append_json("v1.package.deleted", package, delete) == log.stored_head()
    assert log.rows("artifact_packages")[package]["state"] == "deleted"


def test_rg02_a_hold_on_another_package_does_not_matter(log: Log) -> None:
    package, other = log.package("a"), log.package("b")
    log.append(other, HoldPlaced(hold_id=new_id(), case="case 7", reason="subpoena"))
    assert log.effect(package, PackageDeleted(reason=WHY))


def test_extended_retention_forbids_until_its_new_end_and_shortened_until_its_own(log: Log) -> None:
    later, sooner = FAR + timedelta(days=1), FAR - timedelta(days=1)
    package = log.package("tool", Retention(mode="governance", until=FAR))
    delete = PackageDeleted(reason=WHY)
    log.append(package, RetentionExtended(from_=FAR, to=later))
    log.refused_by_projector("retention-active", package, delete, later - MICROSECOND)
    log.append(package, RetentionShortened(from_=later, to=sooner, reason=WHY, bypass_governance=True))
    log.refused_by_projector("retention-active", package, delete, sooner - MICROSECOND)
    log.append_at(sooner, package, delete)


@pytest.mark.parametrize(
    "moment",
    [datetime.fromisoformat("2026-03-29T01:30:00+00:00"), datetime.fromisoformat("2028-02-29T12:00:00Z")],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Chicago", "Pacific/Auckland"])
def test_rg04_the_end_does_not_depend_on_the_zone_of_the_session(
    log: Log, moment: datetime, zone: str
) -> None:
    log.set("TimeZone", zone)
    package = new_id()
    log.append_at(moment - timedelta(hours=1), package, _created_with_retention(moment))
    delete = PackageDeleted(reason=WHY)
    log.refused_by_projector("retention-active", package, delete, moment - MICROSECOND)
    log.append_at(moment, package, delete)


def _created_with_retention(until: datetime) -> PackageCreated:
    return PackageCreated(purl="pkg:generic/a@1", retention=Retention(mode="compliance", until=until))
