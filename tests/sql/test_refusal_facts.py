"""F40: a refusal carries what its caller needs next, the same however the event was folded."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest

from artifactstore import codec
from artifactstore.events import (
    Event,
    FileIngested,
    FileRemoved,
    HoldPlaced,
    HoldReleased,
    Location,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackageLabeled,
    PackagePurged,
    PackageRestored,
    PackageSealed,
    PackageYanked,
    Request,
    Retention,
    RetentionApplied,
    RetentionEscalated,
    RetentionExtended,
    RetentionShortened,
    StorageRegistered,
    StorageRetired,
    SystemInitialized,
    SystemRestored,
    TokenIssued,
    new_id,
)
from tests.sql.support import ANN, BOB, CONTENT, FAR, NOBODY, Log

SOONER = FAR.replace(year=2099)
FAR_SHOWN = "2100-01-01T00:00:00.000000Z"


class Refused(NamedTuple):
    """An event that is refused, and what DETAIL must say of it."""

    subject: UUID
    event: Event
    facts: dict[str, Any]


def ingested(package: UUID, path: str = "a.txt", *locations: Location) -> FileIngested:
    return FileIngested(package_id=package, path=path, size=3, blake3=CONTENT, locations=locations or None)


def registered(package: UUID, file: UUID, uri: str = "file:///a", size: int = 3) -> StorageRegistered:
    return StorageRegistered(
        package_id=package, file_id=file, backend="file", uri=uri, size=size, blake3=CONTENT
    )


def retired(package: UUID, file: UUID) -> StorageRetired:
    return StorageRetired(package_id=package, file_id=file, outcome="detached", reason="r")


def governed(log: Log) -> UUID:
    return log.package("kept", Retention(mode="governance", until=FAR))


def purged(log: Log) -> UUID:
    package = log.package("gone")
    log.append(package, PackageDeleted(reason="r"))
    log.append(package, PackagePurged(reason="r", file_count=0))
    return package


def held(log: Log) -> tuple[UUID, UUID]:
    package, hold = log.package("held"), new_id()
    log.append(package, HoldPlaced(hold_id=hold, case="case 7", reason="r"), BOB)
    return package, hold


def not_found_package(_: Log) -> Refused:
    return Refused(NOBODY, PackageYanked(reason="r"), {"missing": "package", "package_id": str(NOBODY)})


def not_found_file(log: Log) -> Refused:
    package = log.package()
    facts = {"missing": "file", "file_id": str(NOBODY), "package_id": str(package)}
    return Refused(NOBODY, FileRemoved(package_id=package, reason="r"), facts)


def not_found_location(log: Log) -> Refused:
    package = log.package()
    return Refused(NOBODY, retired(package, log.file(package)), {"missing": "location"})


def not_found_retention(_: Log) -> Refused:
    return Refused(NOBODY, RetentionEscalated(), {"missing": "package", "package_id": str(NOBODY)})


def id_taken_package(log: Log) -> Refused:
    package = log.package()
    facts = {"taken": "package", "purl": "pkg:generic/tool@1", "state": "open"}
    return Refused(package, PackageCreated(purl="pkg:generic/other@1"), facts)


def id_taken_file(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    facts = {"taken": "file", "package_id": str(package), "file_path": "a.txt", "state": "ingested"}
    return Refused(file, ingested(package, "b"), facts | {"path": "b"})


def id_taken_inline_location(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    again = Location(location_id=location, backend="s3", uri="s3://b")
    facts = {"taken": "location", "location_id": str(location), "file_id": str(file), "uri": "file:///a"}
    return Refused(new_id(), ingested(package, "b", again), facts)


def id_taken_location(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    return Refused(
        location, registered(package, file, "file:///b"), {"taken": "location", "file_id": str(file)}
    )


def wrong_package(log: Log) -> Refused:
    mine, other = log.package("a"), log.package("b")
    return Refused(log.file(mine), FileRemoved(package_id=other, reason="r"), {"package_id": str(mine)})


def bad_subject(log: Log) -> Refused:
    return Refused(NOBODY, TokenIssued(token_id=new_id()), {"log_id": str(log.log_id)})


def name_taken(log: Log) -> Refused:
    package = purged(log)
    facts = {"purl": "pkg:generic/gone@1", "package_id": str(package), "state": "purged"}
    return Refused(new_id(), PackageCreated(purl="pkg:generic/gone@1"), facts)


def not_future(log: Log) -> Refused:
    early = FAR.replace(year=2020)
    event = RetentionApplied(mode="governance", until=early)
    return Refused(log.package(), event, {"until": "2020-01-01T00:00:00.000000Z"})


def purged_already(log: Log) -> Refused:
    package = purged(log)
    at = log.value("SELECT artifactstore.show_time(purged_at) FROM artifactstore.artifact_packages")
    return Refused(package, PackageLabeled(set={"a": "b"}), {"purged_at": at})


def not_open(log: Log) -> Refused:
    package = log.package()
    log.append(package, PackageDeleted(reason="r"))
    return Refused(
        new_id(), ingested(package), {"state": "deleted", "package_id": str(package), "path": "a.txt"}
    )


def manifest_changed(log: Log) -> Refused:
    package = log.package()
    log.file(package)
    event = PackageSealed(manifest_digest=CONTENT, file_count=2, total_bytes=9, as_of=log.head)
    return Refused(package, event, {"file_count": 1, "total_bytes": 3, "as_of": log.head})


def no_change(log: Log) -> Refused:
    return Refused(log.package(), PackageYanked(reason="r"), {"state": "open", "yanked": False})


def wrong_state(log: Log) -> Refused:
    return Refused(log.package(), PackageRestored(reason="r"), {"state": "open"})


def legal_hold(log: Log) -> Refused:
    package, hold = held(log)
    at = log.value("SELECT artifactstore.show_time(placed_at) FROM artifactstore.retention_holds")
    held_now = {"hold_id": str(hold), "case": "case 7", "placed_by": BOB, "placed_at": at}
    facts = {"package_id": str(package), "hold_count": 1, "holds": [held_now]}
    return Refused(package, PackageDeleted(reason="r"), facts)


def legal_hold_of_a_file(log: Log) -> Refused:
    package, _ = held(log)
    event = FileRemoved(package_id=package, reason="r")
    return Refused(log.file(package), event, {"package_id": str(package), "hold_count": 1})


def retention_active(log: Log) -> Refused:
    package = governed(log)
    facts = {"package_id": str(package), "mode": "governance", "retain_until": FAR_SHOWN}
    return Refused(package, PackageDeleted(reason="r"), facts)


LAST_COPY = "it is the last copy of a live file, which is retired only as not_found"


def last_copy(log: Log, package: UUID) -> tuple[UUID, UUID]:
    """A file whose only copy failed, and that copy."""
    file = log.file(package)
    copy = log.location(package, file)
    log.append(copy, log.failed(copy))
    return file, copy


def legal_hold_of_a_last_copy(log: Log) -> Refused:
    package = log.package("held")
    file, copy = last_copy(log, package)
    log.append(package, HoldPlaced(hold_id=new_id(), case="case 7", reason="r"), BOB)
    facts = {"package_id": str(package), "file_id": str(file), "hold_count": 1, "problem": LAST_COPY}
    return Refused(copy, retired(package, file), facts)


def retention_active_of_a_last_copy(log: Log) -> Refused:
    package = governed(log)
    file, copy = last_copy(log, package)
    facts = {"package_id": str(package), "file_id": str(file), "mode": "governance",
             "retain_until": FAR_SHOWN, "problem": LAST_COPY}  # fmt: skip
    return Refused(copy, retired(package, file), facts)


def views_damaged(log: Log) -> Refused:
    package = log.package()
    forget_retention(log)
    facts = {"view": "retention_state", "package_id": str(package)}
    return Refused(package, PackageDeleted(reason="r"), facts)


def views_damaged_of_a_last_copy(log: Log) -> Refused:
    package = log.package()
    file, copy = last_copy(log, package)
    forget_retention(log)
    facts = {"view": "retention_state", "package_id": str(package), "file_id": str(file)}
    return Refused(copy, retired(package, file), facts)


def forget_retention(log: Log) -> None:
    """As somebody who writes views past the guard."""
    with log.guard_off():
        log.execute("DELETE FROM artifactstore.retention_state")


def bytes_needed(log: Log) -> Refused:
    package = log.package()
    file, needing = log.file(package), log.file(package, "b")
    copy, other = log.location(package, file), log.location(package, needing)
    log.append(file, FileRemoved(package_id=package, reason="r"))
    needed_by = {"location_id": str(other), "file_id": str(needing), "package_id": str(package),
                 "purl": "pkg:generic/tool@1", "state": "registered", "more": 0}  # fmt: skip
    return Refused(copy, log.retired(copy, "deleted"), {"needed_by": needed_by})


def bad_path(log: Log) -> Refused:
    return Refused(new_id(), ingested(log.package(), "../x"), {"path": "../x"})


def path_taken(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    facts = {"path": "a.txt", "file_id": str(file), "size": 3, "blake3": CONTENT.hex(), "state": "ingested"}
    return Refused(new_id(), ingested(package), facts)


def gone(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    log.append(file, FileRemoved(package_id=package, reason="r"))
    return Refused(
        new_id(), registered(package, file), {"state": "removed", "path": "a.txt", "file_id": str(file)}
    )


def digest_mismatch(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    return Refused(new_id(), registered(package, file, size=4), {"size": 3, "blake3": CONTENT.hex()})


def location_taken(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    location = log.location(package, file)
    facts = {"location_id": str(location), "state": "registered"}
    return Refused(new_id(), registered(package, file), facts)


def retired_already(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    location, _ = log.location(package, file), log.location(package, file, "file:///b")
    log.append(location, retired(package, file))
    return Refused(location, retired(package, file), {"outcome": "detached"})


def last_good_copy(log: Log) -> Refused:
    package = log.package()
    file = log.file(package)
    facts = {"file_id": str(file), "path": "a.txt", "backend": "file", "uri": "file:///a"}
    return Refused(log.location(package, file), retired(package, file), facts)


def retention_changed(log: Log) -> Refused:
    event = RetentionExtended(from_=SOONER, to=FAR)
    return Refused(governed(log), event, {"mode": "governance", "retain_until": FAR_SHOWN})


def not_later(log: Log) -> Refused:
    return Refused(governed(log), RetentionExtended(from_=FAR, to=SOONER), {"retain_until": FAR_SHOWN})


def not_earlier(log: Log) -> Refused:
    event = RetentionShortened(from_=FAR, to=FAR, reason="r", bypass_governance=True)
    return Refused(governed(log), event, {"retain_until": FAR_SHOWN})


def wrong_mode(log: Log) -> Refused:
    return Refused(log.package(), RetentionEscalated(), {"mode": "none"})


def compliance_locked(log: Log) -> Refused:
    package = log.package("c", Retention(mode="compliance", until=FAR))
    event = RetentionShortened(from_=FAR, to=SOONER, reason="r", bypass_governance=True)
    return Refused(package, event, {"mode": "compliance", "retain_until": FAR_SHOWN})


def hold_exists(log: Log) -> Refused:
    package, hold = held(log)
    event = HoldPlaced(hold_id=hold, case="other", reason="r")
    return Refused(package, event, {"hold_id": str(hold), "case": "case 7", "placed_by": BOB})


def no_such_hold(log: Log) -> Refused:
    package, hold = held(log)
    [shown] = [{"hold_id": str(hold)}]
    return Refused(
        package, HoldReleased(hold_id=NOBODY, reason="r"), {"hold_id": str(NOBODY), "holds": [shown]}
    )


def already_initialized(log: Log) -> Refused:
    event = SystemInitialized(log_id=NOBODY, epoch=1, epoch_id=new_id(), payload_profile="AS-CBOR/1")
    return Refused(NOBODY, event, {"log_id": str(log.log_id), "epoch": 1})


def wrong_epoch(log: Log) -> Refused:
    event = SystemRestored(epoch=7, epoch_id=new_id(), from_sequence=1, reason="r")
    return Refused(log.log_id, event, {"epoch": 1})


def too_large(log: Log) -> Refused:
    package = log.package()
    log.append(package, PackageLabeled(set={f"k{n}": "v" for n in range(256)}))
    return Refused(package, PackageLabeled(set={"one": "more"}), {"limit": 256, "labels": 257})


CASES: list[tuple[str, Callable[[Log], Refused]]] = [
    ("not-found", not_found_package),
    ("not-found", not_found_file),
    ("not-found", not_found_location),
    ("not-found", not_found_retention),
    ("id-taken", id_taken_package),
    ("id-taken", id_taken_file),
    ("id-taken", id_taken_inline_location),
    ("id-taken", id_taken_location),
    ("wrong-package", wrong_package),
    ("bad-subject", bad_subject),
    ("name-taken", name_taken),
    ("not-future", not_future),
    ("purged", purged_already),
    ("not-open", not_open),
    ("manifest-changed", manifest_changed),
    ("no-change", no_change),
    ("wrong-state", wrong_state),
    ("legal-hold", legal_hold),
    ("legal-hold", legal_hold_of_a_file),
    ("retention-active", retention_active),
    ("legal-hold", legal_hold_of_a_last_copy),
    ("retention-active", retention_active_of_a_last_copy),
    ("views-damaged", views_damaged),
    ("views-damaged", views_damaged_of_a_last_copy),
    ("bytes-needed", bytes_needed),
    ("bad-path", bad_path),
    ("path-taken", path_taken),
    ("gone", gone),
    ("digest-mismatch", digest_mismatch),
    ("location-taken", location_taken),
    ("retired", retired_already),
    ("last-good-copy", last_good_copy),
    ("retention-changed", retention_changed),
    ("not-later", not_later),
    ("not-earlier", not_earlier),
    ("wrong-mode", wrong_mode),
    ("compliance-locked", compliance_locked),
    ("hold-exists", hold_exists),
    ("no-such-hold", no_such_hold),
    ("already-initialized", already_initialized),
    ("wrong-epoch", wrong_epoch),
    ("too-large", too_large),
]
ELSEWHERE = {
    "empty": "there is nothing more to say",
    "nothing-to-do": "there is nothing more to say",
    "invalid-purl": "the door says what is wrong with it",
    "unknown-event-type": "the type is in every DETAIL",
    "request-mismatch": "a test of its own: the key is not in the event of its subject",
    "log-damaged": "it is no refusal of an event",
}


@pytest.mark.parametrize(("code", "make"), CASES, ids=[make.__name__ for _, make in CASES])
def test_f40_a_refusal_says_what_its_caller_needs(
    log: Log, code: str, make: Callable[[Log], Refused]
) -> None:
    refused = make(log)
    detail = log.refused(code, refused.subject, refused.event)
    for name, value in refused.facts.items():
        if name == "holds" and code == "no-such-hold":
            assert [hold["hold_id"] for hold in detail["holds"]] == [hold["hold_id"] for hold in value]
        else:
            assert detail[name] == value, name


def test_f40_every_refusal_of_a_projector_is_here(module_connection: psycopg.Connection[Any]) -> None:
    query = (
        "SELECT prosrc FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace"
        " AND (proname LIKE 'project\\_%' OR proname LIKE '%\\_problem' OR proname = 'check_location')"
    )
    names = {row[0] for row in module_connection.execute("SELECT name FROM artifactstore.error_codes")}
    raised = {
        code
        for (source,) in module_connection.execute(query)
        for code in re.findall(r"'([a-z-]+)'", source)
        if code in names
    }
    # States and codes share words; these are states where projectors name them.
    assert raised - {code for code, _ in CASES} - ELSEWHERE.keys() == set()


def test_f40_a_request_that_was_known_is_named(log: Log) -> None:
    """As replay would meet it: append tells a known key before that."""
    first = NewEvent(PackageCreated(purl="pkg:generic/a@1"), new_id(), ANN)
    request = Request(key="k", digest=CONTENT, events=1)
    log.append_all([NewEvent(first.event, first.subject_id, ANN, request=request)])
    head = log.head
    again = PackageCreated(purl="pkg:generic/b@1")
    sequence = log.insert(NewEvent(again, new_id(), ANN, request=Request(key="k", digest=CONTENT, events=1)))
    detail = log.failure("request-mismatch", lambda: log.project(sequence, sequence))
    assert (detail["key"], detail["first_sequence"], detail["sequence"]) == ("k", head, sequence)


@pytest.mark.parametrize("known", [0, 1, 2])
def test_f40_an_event_that_is_not_appended_has_a_position_and_no_sequence(log: Log, known: int) -> None:
    """Also when a part of the append was known already, in front of it or in the middle."""
    taken = log.package("taken")
    old = [
        NewEvent(
            PackageCreated(purl=f"pkg:generic/old{n}@1"), new_id(), ANN,
            request=Request(key=f"k{n}", digest=codec.digest(bytes([n])), events=1),
        )
        for n in range(known)
    ]  # fmt: skip
    if old:
        log.append_all(old)
    good = NewEvent(PackageCreated(purl="pkg:generic/new@1"), new_id(), ANN)
    bad = NewEvent(PackageCreated(purl="pkg:generic/taken@1"), new_id(), ANN)
    detail = log.failure("name-taken", lambda: log.append_all([*old[:1], good, *old[1:], bad]))
    assert detail["position"] == known + 2
    assert "sequence" not in detail
    assert (detail["package_id"], detail["purl"]) == (str(taken), "pkg:generic/taken@1")
    # What comes next in the transaction is not told by position any more.
    sequence = log.insert(bad)
    assert log.failure("name-taken", lambda: log.project(sequence, sequence))["sequence"] == sequence
