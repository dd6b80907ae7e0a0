"""v1.package.created: every column of the rows that it makes, and each reason to refuse it."""

from datetime import timedelta
from uuid import UUID

import pytest

from artifactstore.events import NewEvent, PackageCreated, Retention, new_id
from tests.sql.support import ANN, BOB, FAR, Log


def test_a_package_and_its_retention_row_are_made(log: Log) -> None:
    package = new_id()
    event = PackageCreated(
        purl="pkg:npm/%40scope/left-pad@1.0%2B2?arch=amd64#lib",
        media_type="application/x-tar",
        labels={"team": "a", "tier": ""},
        retention=Retention(mode="governance", until=FAR, policy="seven years"),
    )
    assert log.effect(package, event, actor=BOB) == {
        "artifact_packages": {
            package: {
                "package_id": package,
                "purl": "pkg:npm/%40scope/left-pad@1.0%2B2?arch=amd64#lib",
                "type": "npm",
                "namespace": "@scope",
                "name": "left-pad",
                "version": "1.0+2",
                "media_type": "application/x-tar",
                "state": "open",
                "prior_state": None,
                "yanked": False,
                "producer": BOB,
                "labels": {"team": "a", "tier": ""},
                "manifest_digest": None,
                "file_count": None,
                "total_bytes": None,
                "created_at": log.time,
                "sealed_at": None,
                "deleted_at": None,
                "purged_at": None,
                "created_sequence": 2,
                "last_sequence": 2,
            }
        },
        "retention_state": {
            package: {
                "package_id": package,
                "mode": "governance",
                "retain_until": FAR,
                "policy": "seven years",
                "hold_count": 0,
                "extensions": 0,
                "last_actor": BOB,
                "created_sequence": 2,
                "last_sequence": 2,
            }
        },
    }


def test_what_is_not_given_is_null_and_retention_is_none(log: Log) -> None:
    package = new_id()
    changes = log.effect(package, PackageCreated(purl="pkg:generic/tool"))
    row = changes["artifact_packages"][package]
    assert (row["namespace"], row["version"], row["media_type"], row["labels"]) == (None, None, None, {})
    retention = changes["retention_state"][package]
    assert (retention["mode"], retention["retain_until"], retention["policy"]) == ("none", None, None)


def test_an_id_is_used_once_whatever_the_purl(log: Log) -> None:
    package = log.package("a")
    log.refused("id-taken", package, PackageCreated(purl="pkg:generic/b@1"))


@pytest.mark.parametrize(
    "purl", ["generic/tool@1", "pkg:generic", "pkg:Generic/tool", "pkg:generic/tööl", "pkg:generic/a/../b"]
)
def test_a_text_that_is_no_purl_is_refused(log: Log, purl: str) -> None:
    log.refused("invalid-purl", new_id(), PackageCreated(purl=purl), at_door=True)


def test_a_purl_is_taken_while_its_package_lives(log: Log) -> None:
    log.package("tool")
    log.refused("name-taken", new_id(), PackageCreated(purl="pkg:generic/tool@1"))


def test_rg08_a_purl_stays_taken_after_a_purge_and_its_history_stays_in_the_log(log: Log) -> None:
    package = log.purged("tool")
    log.refused("name-taken", new_id(), PackageCreated(purl="pkg:generic/tool@1"))
    assert log.query(
        "SELECT event_type FROM artifactstore.events WHERE subject_id = %s ORDER BY sequence", package
    ) == [{"event_type": f"v1.package.{verb}"} for verb in ("created", "deleted", "purged")]


def test_purls_that_differ_in_one_byte_are_two_packages(log: Log) -> None:
    first, second = new_id(), new_id()
    log.append(first, PackageCreated(purl="pkg:generic/tool@1"))
    log.append(second, PackageCreated(purl="pkg:generic/Tool@1"))
    assert {first, second} == log.rows("artifact_packages").keys()


@pytest.mark.parametrize("early", [timedelta(0), timedelta(microseconds=1)])
def test_retention_that_is_over_at_once_is_refused(log: Log, early: timedelta) -> None:
    event = PackageCreated(
        purl="pkg:generic/tool@1", retention=Retention(mode="compliance", until=log.time - early)
    )
    log.refused("not-future", new_id(), event)


def test_retention_may_end_a_microsecond_later(log: Log) -> None:
    package = new_id()
    until = log.time + timedelta(microseconds=1)
    event = PackageCreated(purl="pkg:generic/tool@1", retention=Retention(mode="compliance", until=until))
    log.append_at(log.time, package, event)
    assert log.rows("retention_state")[package]["retain_until"] == until


def test_the_id_is_judged_before_the_purl_and_the_purl_before_retention(log: Log) -> None:
    package = log.package("tool")
    over = Retention(mode="governance", until=log.time)
    log.refused_by_projector("id-taken", package, PackageCreated(purl="no purl", retention=over))
    log.refused_by_projector("invalid-purl", new_id(), PackageCreated(purl="no purl", retention=over))
    log.refused("name-taken", new_id(), PackageCreated(purl="pkg:generic/tool@1", retention=over))


def test_two_of_one_range_that_share_a_purl_are_refused_at_the_second(log: Log) -> None:
    first, second = new_id(), new_id()

    def append_both() -> None:
        for package in (first, second):
            log.insert(_created(package))
        log.project(log.head - 1, log.head)

    assert log.failure("name-taken", append_both)["sequence"] == log.head + 2


def _created(package: UUID) -> NewEvent:
    return NewEvent(PackageCreated(purl="pkg:generic/tool@1"), package, ANN)
