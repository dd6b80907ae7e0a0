"""Optimistic concurrency: p_expected is the version that the subject's row must have."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from artifactstore import codec
from artifactstore.events import (
    HoldPlaced,
    HoldReleased,
    NewEvent,
    PackageLabeled,
    RetentionApplied,
    StorageVerified,
    TokenIssued,
    new_id,
)
from tests.databases import Connect
from tests.log.door import (
    about,
    append,
    append_arrays,
    append_json,
    created,
    id_of,
    ingested,
    refused,
    request,
    scalar,
)
from tests.log.sessions import race


def label(package: NewEvent, value: str, expected: int | None) -> NewEvent:
    """An event on the package that changes it for every new value."""
    return about(package, PackageLabeled(set={"a": value}), expected=expected)


def test_zero_means_that_there_is_no_row(connect: Connect) -> None:
    service = connect("service")
    package = created(expected=0)
    assert append(service, package)[0].sequence == 2
    with refused(connect(), "changed") as refusal:
        append(service, label(package, "1", 0))
    assert refusal.detail | {"expected": 0, "actual": 2, "position": 1} == refusal.detail
    assert refusal.detail["subject_id"] == str(package.subject_id)


def test_row_that_should_be_there_is_not(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    append(service, created())
    with refused(observer, "changed") as refusal:
        append(service, created(expected=1))
    assert refusal.detail["actual"] == 0


def test_right_number_is_accepted_once(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    package = created()
    append(service, package)
    assert append(service, label(package, "1", 2))[0].sequence == 3
    for wrong in (2, 1, 4, -1, 2**62):
        with refused(observer, "changed"):
            append(service, label(package, "2", wrong))
    assert append(service, label(package, "2", 3))[0].sequence == 4


def test_append_json_expects_too(connect: Connect) -> None:
    writer, observer = connect("writer"), connect()
    package_id = new_id()
    purl = {"purl": "pkg:generic/a@1"}
    assert append_json(writer, "v1.package.created", package_id, purl, 0) == 2
    with refused(observer, "changed"):
        append_json(writer, "v1.package.labeled", package_id, {"set": {"a": "1"}}, 1)
    assert append_json(writer, "v1.package.labeled", package_id, {"set": {"a": "1"}}, 2) == 3
    assert append_json(writer, "v1.package.labeled", package_id, {"set": {"a": "2"}}) == 4


def test_every_kind_of_subject_has_a_number(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    package = created()
    package_id = id_of(package)
    file = ingested(package_id, "a", expected=0)
    until = datetime.now(UTC) + timedelta(days=1)
    append(service, package, file)
    log_id = scalar(observer, "SELECT log_id FROM artifactstore.log_epochs")
    location_id = scalar(observer, "SELECT location_id FROM artifactstore.storage_locations")
    check = StorageVerified(package_id=package_id, file_id=id_of(file), method="full_read")
    subjects = (
        (location_id, check, 3),
        (package_id, RetentionApplied(mode="governance", until=until), 2),
        (package_id, HoldPlaced(hold_id=new_id(), case="c", reason="r"), 5),
        (package_id, PackageLabeled(set={"a": "1"}), 2),
        (log_id, TokenIssued(token_id=new_id()), 1),
    )
    for sequence, (subject_id, event, version) in enumerate(subjects, start=4):
        with refused(observer, "changed") as refusal:
            append(service, about(subject_id, event, expected=version - 1))
        assert refusal.detail["actual"] == version
        (row,) = append(service, about(subject_id, event, expected=version))
        assert row.sequence == sequence
    with refused(observer, "changed") as refusal:
        append(service, about(file, ingested(package_id, "b").event, expected=0))
    assert refusal.detail["actual"] == 4, "the check of its copy changed the file too"


def test_second_event_on_a_subject_expects_what_nobody_can_know(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    package = created()
    append(service, package)
    for second in (2, 3, 0, -1):
        with refused(observer, "changed") as refusal:
            append(service, label(package, "1", 2), label(package, "2", second))
        assert refusal.detail | {"position": 2, "expected": second, "actual": None} == refusal.detail
    rows = append(service, label(package, "1", 2), label(package, "2", None))
    assert [row.sequence for row in rows] == [3, 4]


def test_a_package_and_its_retention_are_two_rows(connect: Connect) -> None:
    """They share their id; each has a number of its own, also within one append."""
    service, observer = connect("service"), connect()
    package = created()
    append(service, package)
    hold = HoldPlaced(hold_id=new_id(), case="c", reason="r")
    append(service, about(package, hold))
    release = HoldReleased(hold_id=hold.hold_id, reason="r")
    with refused(observer, "changed"):
        append(service, label(package, "1", 2), about(package, release, expected=2))
    rows = append(service, label(package, "1", 2), about(package, release, expected=3))
    assert [row.sequence for row in rows] == [4, 5]


def test_first_event_that_is_not_as_expected_is_named(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    package = created()
    append(service, package)
    with refused(observer, "changed") as refusal:
        append(service, created(expected=0), created(expected=7), label(package, "1", 9))
    assert refusal.detail | {"position": 2, "expected": 7} == refusal.detail


def test_known_request_is_not_judged_again(connect: Connect) -> None:
    service = connect("service")
    package = created(expected=0, request=request("key"))
    append(service, package)
    (row,) = append(service, package)
    assert (row.sequence, row.appended) == (2, False)


def test_expectations_are_as_many_as_events(connect: Connect) -> None:
    service, observer = connect("service"), connect()
    event = created()
    payload = event.payload()
    for expected in ([], [0, 0]):
        with refused(observer, "bad-payload"):
            append_arrays(
                service,
                [event.event.event_type],
                [event.subject_id],
                [event.actor],
                [payload],
                [codec.digest(payload)],
                expected,
            )


def test_of_many_with_one_expectation_one_wins(connect: Connect) -> None:
    package = created()
    append(connect("service"), package)
    results = race(
        [connect("service") for _ in range(8)],
        lambda connection, number: append(connection, label(package, str(number), 2)),
    )
    lost = [result for result in results if isinstance(result, psycopg.Error)]
    assert [failure.sqlstate for failure in lost] == ["ST040"] * 7
    assert scalar(connect(), "SELECT artifactstore.log_head()") == 3


@pytest.mark.parametrize("expected", [0, 2])
def test_refused_expectation_does_not_begin_the_log(connect: Connect, expected: int) -> None:
    service, observer = connect("service"), connect()
    package = created()
    with refused(observer, "changed" if expected else "not-found"):
        append(service, label(package, "1", expected))
