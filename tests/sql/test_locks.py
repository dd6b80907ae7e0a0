"""How objects are to be locked, by what the log protects; and the notes of how they are."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from artifactstore.events import (
    Event,
    HoldPlaced,
    HoldReleased,
    NewEvent,
    PackageDeleted,
    PackagePurged,
    RetentionApplied,
    StorageRegistered,
    new_id,
)
from artifactstore.store import Row, Store
from artifactstore.store.locks import NotedLock
from artifactstore.stores.locks import Lock
from tests.sql.support import ANN, CONTENT, Log
from tests.sql.test_objects import STORE, doomed, ingest, objects, remove

EARLY = datetime(2098, 7, 6, 5, 4, 3, tzinfo=UTC)
LATE = datetime(2099, 7, 6, 5, 4, 3, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)

RULE: dict[tuple[datetime | None, datetime | None], tuple[str | None, datetime | None, bool]] = {
    (None, None): (None, None, False),
    (None, EARLY): ("governance", EARLY, False),
    (None, LATE): ("governance", LATE, False),
    (EARLY, None): ("compliance", EARLY, False),
    (EARLY, EARLY): ("compliance", EARLY, False),
    (LATE, None): ("compliance", LATE, False),
    (LATE, EARLY): ("compliance", LATE, False),
    (LATE, LATE): ("compliance", LATE, False),
    (EARLY, LATE): ("compliance", EARLY, True),
    # Whole seconds, never less.
    (None, LATE + MICRO): ("governance", LATE + SECOND, False),
    (LATE - MICRO, None): ("compliance", LATE, False),
    (LATE - MICRO, LATE): ("compliance", LATE, False),
    (LATE, LATE + MICRO): ("compliance", LATE, True),
}
"""Latest end of compliance and of governance → mode, end, and the hold that bridges one over the other."""


@pytest.mark.parametrize("held", [None, False, True])
@pytest.mark.parametrize("ends", RULE)
def test_the_rule(log: Log, ends: tuple[datetime | None, datetime | None], held: bool | None) -> None:
    mode, until, bridged = RULE[ends]
    (row,) = log.query("SELECT * FROM artifactstore.mirrored_lock(%s, %s, %s)", *ends, held)
    assert row == {"mode": mode, "until": until, "hold": bridged or bool(held)}


def page(log: Log, **more: Any) -> list[Row]:
    """A page of objects of the store."""
    return objects(log).locks.page(STORE, more.pop("after", None), more.pop("limit", 1_000), **more)


def wanted(log: Log, **more: Any) -> dict[str, Lock]:
    """How objects are to be locked, by URI."""
    return {row["uri"]: Lock(row["mode"], row["until"], row["hold"]) for row in page(log, **more)}


def retained(mode: str, until: datetime) -> Event:
    return RetentionApplied(mode=mode, until=until)


def held() -> HoldPlaced:
    return HoldPlaced(hold_id=new_id(), case="C-1", reason="r")


def test_what_shares_an_object_is_locked_by_the_strictest(log: Log) -> None:
    """Every combination of packages that name it, each with one kind of protection, in force or over."""
    past = log.time - timedelta(days=400)
    ended = past + timedelta(days=30)
    compliances: list[datetime | None] = [None, ended, EARLY, LATE]
    governances: list[datetime | None] = [None, ended, EARLY, LATE]
    holds = ["none", "placed", "released"]
    expected = {}
    early: list[tuple[UUID, Event]] = []
    for number, (compliance, governance, hold) in enumerate(product(compliances, governances, holds)):
        uri, packages = None, [log.package(f"p{number}-{n}") for n in range(4)]
        for package in packages:
            _, _, uri = ingest(log, package, uri=uri)
        for package, kind, end in (
            (packages[1], "compliance", compliance), (packages[2], "governance", governance)
        ):  # fmt: skip
            if end == ended:
                early.append((package, retained(kind, end)))
            elif end is not None:
                log.append(package, retained(kind, end))
        if hold != "none":
            placed = held()
            log.append(packages[3], placed)
            if hold == "released":
                log.append(packages[3], HoldReleased(hold_id=placed.hold_id, reason="r"))
        in_force = (None if compliance == ended else compliance, None if governance == ended else governance)
        mode, until, bridged = RULE[in_force]
        expected[str(uri)] = Lock(mode, until, bridged or hold == "placed")
    for package, event in early:
        log.append_at(past, package, event)
    assert wanted(log) == expected


def _live(log: Log, package: UUID) -> str:
    return ingest(log, package)[2]


def _removed(log: Log, package: UUID) -> str:
    file, _, uri = ingest(log, package)
    remove(log, package, file)
    return uri


def _moved(log: Log, package: UUID) -> str:
    """Its file has a copy elsewhere."""
    file, copy, uri = ingest(log, package)
    log.location(package, file, "file:///other")
    log.append(copy, log.retiring(copy))
    return uri


def _last(log: Log, package: UUID) -> str:
    """The last copy of a live file, which was found bad."""
    _, copy, uri = ingest(log, package)
    log.append(copy, log.failed(copy))
    log.append(copy, log.retiring(copy))
    return uri


def _retired(log: Log, package: UUID) -> str:
    file, copy, uri = ingest(log, package)
    remove(log, package, file)
    log.append(copy, log.retired(copy))
    return uri


GOVERNED, COMPLYING, HELD = Lock("governance", LATE), Lock("compliance", LATE), Lock(hold=True)
PROTECTION = {"governance": GOVERNED, "compliance": COMPLYING, "hold": HELD}
STATES = {
    _live: {"governance", "compliance", "hold"},
    _removed: {"compliance", "hold"},
    _moved: {"compliance", "hold"},
    _last: {"governance", "compliance", "hold"},
    _retired: set[str](),
}
"""What makes an object → what of the package, told after that, keeps it."""


@pytest.mark.parametrize("how", PROTECTION)
@pytest.mark.parametrize("make", STATES)
def test_what_is_kept_is_locked_and_what_is_doomed_is_not(log: Log, make: Any, how: str) -> None:
    package = log.package()
    uri = make(log, package)
    log.append(package, held() if how == "hold" else retained(how, LATE))
    kept = how in STATES[make]
    if make is _retired:
        assert wanted(log) == {}
    else:
        assert wanted(log) == {uri: PROTECTION[how] if kept else Lock()}
    assert [row["uri"] for row in doomed(log)] == ([uri] if not kept and make is not _retired else [])


def test_a_purge_with_bypass_wants_no_lock(log: Log) -> None:
    package = log.package()
    _, _, uri = ingest(log, package)
    log.append(package, retained("governance", LATE))
    log.append(package, PackageDeleted(reason="r", bypass_governance=True))
    assert wanted(log) == {uri: GOVERNED}
    log.append(package, PackagePurged(reason="r", file_count=1, bypass_governance=True))
    assert wanted(log) == {uri: Lock()}


def test_of_a_package_without_its_row_nothing_is_said(log: Log) -> None:
    """Nobody knows what protects it: its objects stay as they are."""
    package, other = log.package("a"), log.package("b")
    _, _, uri = ingest(log, package)
    ingest(log, other, uri=uri)
    ingest(log, other, "b")
    with log.guard_off():
        log.execute("DELETE FROM artifactstore.retention_state WHERE package_id = %s", package)
    assert uri not in wanted(log)
    assert len(wanted(log)) == 1


def test_pages_and_what_is_of_another_store(log: Log) -> None:
    package = log.package()
    uris = sorted(ingest(log, package, f"{n}")[2] for n in range(5))
    ingest(log, package, "elsewhere", backend="shelf")
    log.file(package, "local", "file:///b")
    assert list(wanted(log)) == uris
    assert list(wanted(log, limit=2)) == uris[:2]
    assert list(wanted(log, after=uris[2], limit=2)) == uris[3:]


def _applied(log: Log, package: UUID, _: str) -> None:
    log.append(package, retained("governance", LATE))


def _held(log: Log, package: UUID, _: str) -> None:
    log.append(package, held())


def _gone(log: Log, package: UUID, _: str) -> None:
    log.append(package, PackageDeleted(reason="r"))
    log.append(package, PackagePurged(reason="r", file_count=1))


def _named_by_another(log: Log, _: UUID, uri: str) -> None:
    ingest(log, log.package("another"), uri=uri)


def _registered_by_another(log: Log, _: UUID, uri: str) -> None:
    package = log.package("another")
    file = log.file(package)
    registered = StorageRegistered(
        package_id=package, file_id=file, backend=STORE, uri=uri, size=3, blake3=CONTENT
    )
    log.append(new_id(), registered)


def _given_up_by_another(log: Log, package: UUID, uri: str) -> None:
    file, copy, _ = ingest(log, package, "again", uri=uri)
    remove(log, package, file)
    head = log.head
    log.append(copy, log.retired(copy, "detached"))
    assert wanted(log, since=head).keys() == {uri}


@pytest.mark.parametrize(
    "change",
    [_applied, _held, _gone, _named_by_another, _registered_by_another, _given_up_by_another],
    ids=lambda change: change.__name__,
)
def test_what_events_are_about_is_looked_at(log: Log, change: Any) -> None:
    package, bystander = log.package("a"), log.package("b")
    _, _, uri = ingest(log, package)
    ingest(log, bystander)
    head = log.head
    assert wanted(log, since=head) == {}
    change(log, package, uri)
    assert wanted(log, since=head).keys() == {uri}
    assert wanted(log, since=log.head) == {}


# Notes.


def note(log: Log, uri: str, lock: Lock, seen: datetime | None = None, problem: str | None = None) -> None:
    objects(log).locks.note(STORE, [NotedLock(uri, lock, problem, seen)])


def noted(log: Log, uri: str) -> Row:
    (row,) = [row for row in page(log) if row["uri"] == uri]
    return row


def different(log: Log) -> list[str]:
    return [row["uri"] for row in page(log, different=True)]


def test_what_is_not_known_to_be_so_is_different(log: Log) -> None:
    package = log.package()
    _, _, uri = ingest(log, package)
    assert different(log) == []
    log.append(package, retained("governance", LATE))
    assert different(log) == [uri]
    note(log, uri, GOVERNED)
    assert different(log) == []
    row = noted(log, uri)
    assert (row["noted"], row["noted_mode"], row["noted_until"], row["noted_hold"]) == (
        True, "governance", LATE, False,
    )  # fmt: skip
    for other in (Lock(), COMPLYING, Lock("governance", LATE + SECOND), Lock("governance", LATE, True)):
        note(log, uri, other, row["applied_at"])
        assert different(log) == [uri]
        row = noted(log, uri)
    note(log, uri, GOVERNED, row["applied_at"], "AccessDenied")
    assert different(log) == [uri]
    assert objects(log).locks.problems() == [{"backend": STORE, "problem": "AccessDenied", "objects": 1}]
    log.execute("TRUNCATE artifactstore.store_locks")
    assert different(log) == [uri]


def test_retention_that_ended_in_the_store_is_none(log: Log) -> None:
    _, _, uri = ingest(log, log.package())
    note(log, uri, Lock("compliance", log.time - SECOND))
    assert different(log) == []


def test_who_was_overtaken_does_not_know_what_is_there(log: Log) -> None:
    package = log.package()
    _, _, uri = ingest(log, package)
    note(log, uri, Lock())
    first = noted(log, uri)["applied_at"]
    log.execute("SELECT pg_sleep(0.001)")
    note(log, uri, HELD, first)
    assert noted(log, uri)["applied_at"] > first
    note(log, uri, Lock(), first)
    assert (noted(log, uri)["applied_at"], different(log)) == (None, [uri])
    note(log, uri, Lock(), None)
    assert different(log) == []
    objects(log).locks.doubt(STORE, [uri, "store:none"])
    assert (noted(log, uri)["applied_at"], different(log)) == (None, [uri])


def test_what_is_gone_is_forgotten(log: Log) -> None:
    package = log.package()
    stays = ingest(log, package, "a")[2]
    gone = _retired(log, log.package("b"))
    for uri in (stays, gone):
        note(log, uri, HELD)
    assert objects(log).locks.forget("shelf") == 0
    assert objects(log).locks.forget(STORE) == 1
    assert [row["uri"] for row in log.query("SELECT uri FROM artifactstore.store_locks")] == [stays]


def test_what_is_protected_is_counted_once(log: Log) -> None:
    """Packages and bytes of a store; an object that several name has its bytes once."""
    packages = [log.package(f"{n}") for n in range(4)]
    _, _, shared = ingest(log, packages[0], size=5)
    ingest(log, packages[1], uri=shared, size=5)
    ingest(log, packages[1], "b", size=7)
    ingest(log, packages[2], size=11)
    ingest(log, packages[3], size=13, backend="shelf")
    log.append_all([NewEvent(held(), package, ANN) for package in (packages[0], packages[1], packages[3])])
    store: Store = objects(log)
    assert store.locks.protected([STORE]) == [{"backend": STORE, "packages": 2, "bytes": 12}]
    assert store.locks.protected([STORE, "shelf"])[1] == {"backend": "shelf", "packages": 1, "bytes": 13}
    assert store.locks.protected(["none"]) == []
