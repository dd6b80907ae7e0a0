"""Keys of stores are used once: what the doors refuse of events that name or give up objects."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from artifactstore.events import (
    EVENT_TYPES,
    Event,
    FileIngested,
    FileRemoved,
    Location,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    Request,
    StorageRegistered,
    StorageRetired,
    catalogue,
    new_id,
)
from artifactstore.store import Store, prepare
from artifactstore.stores.keys import key_in, key_of, made_at, uri_of
from tests.databases import Connect
from tests.sql.support import ANN, CONTENT, Log
from tests.sql.test_check_bytes import replayed, told

STORE = "main"
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
TICK = timedelta(milliseconds=1)


def uri_at(instant: datetime) -> str:
    """The URI of an object whose id was made at an instant."""
    milliseconds = round(instant.timestamp() * 1000)
    tail = new_id().int & ((1 << 80) - 1)
    return uri_of(key_of(UUID(int=milliseconds << 80 | tail)))


def fresh() -> str:
    """The URI of an object that was made just now."""
    return uri_at(datetime.now(UTC))


def ingesting(package: UUID, uri: str, path: str = "a", backend: str = STORE) -> FileIngested:
    """A new file with a copy at the URI."""
    place = Location(location_id=new_id(), backend=backend, uri=uri)
    return FileIngested(package_id=package, path=path, size=3, blake3=CONTENT, locations=(place,))


def object_of(log: Log, package: UUID, path: str = "a", uri: str | None = None) -> tuple[UUID, UUID, str]:
    """A file with an object: ids of file and location, and the URI."""
    file, named = new_id(), uri or fresh()
    event = ingesting(package, named, path)
    log.append(file, event)
    assert event.locations is not None
    return file, event.locations[0].location_id, named


def by_ingesting(log: Log, uri: str, backend: str = STORE) -> tuple[UUID, Event]:
    """An event that names an object, of a package of its own."""
    return new_id(), ingesting(log.package(f"new{log.head}"), uri, backend=backend)


def by_registering(log: Log, uri: str, backend: str = STORE) -> tuple[UUID, Event]:
    """The same as a copy of a file that is there."""
    package = log.package(f"new{log.head}")
    return new_id(), StorageRegistered(
        package_id=package, file_id=log.file(package), backend=backend, uri=uri, size=3, blake3=CONTENT
    )


NAMING: dict[str, Callable[..., tuple[UUID, Event]]] = {
    "v1.file.ingested": by_ingesting,
    "v1.storage.registered": by_registering,
}
naming = pytest.mark.parametrize("name", NAMING.values(), ids=NAMING)


def test_these_are_all_events_that_name_a_place() -> None:
    assert {name for name in EVENT_TYPES if '"uri"' in str(catalogue()[name]).replace("'", '"')} == set(
        NAMING
    )


@naming
@pytest.mark.parametrize("age", [-59 * SECOND, timedelta(0), 7 * DAY - 5 * SECOND])
def test_what_was_just_uploaded_is_named(
    log: Log, name: Callable[..., tuple[UUID, Event]], age: timedelta
) -> None:
    log.append(*name(log, uri_at(datetime.now(UTC) - age)))


@naming
@pytest.mark.parametrize(
    ("age", "code"), [(-62 * SECOND, "bad-uri"), (-DAY, "bad-uri"), (7 * DAY + SECOND, "upload-expired")]
)
def test_what_comes_too_late_or_from_the_future_is_refused(
    log: Log, name: Callable[..., tuple[UUID, Event]], age: timedelta, code: str
) -> None:
    uri = uri_at(datetime.now(UTC) - age)
    subject, event = name(log, uri)
    with log.unchanged():
        detail = log.failure(code, lambda: log.append(subject, event))
    expected = {"position": 1, "event_type": event.event_type, "subject_id": str(subject)}
    expected |= {"backend": STORE, "uri": uri}
    assert {key: detail.get(key) for key in expected} == expected
    made = made_at(key_in(uri) or "")
    assert detail["made_at"] == log.value("SELECT artifactstore.show_time(%s)", made)


@pytest.mark.parametrize(
    ("age", "code"),
    [
        (-60 * SECOND - TICK, "bad-uri"),
        (-60 * SECOND, None),
        (7 * DAY, None),
        (7 * DAY + TICK, "upload-expired"),
    ],
)
def test_the_limits_are_exact(log: Log, age: timedelta, code: str | None) -> None:
    now = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    query = (
        "SELECT code FROM artifactstore.object_fault(ARRAY[ROW(9, %s, 'v1.storage.registered', %s, 'a',"
        " jsonb_build_object('backend', 'main', 'uri', %s::text))::artifactstore.decoded_event], 8)"
    )
    assert log.value(query, now, new_id(), uri_at(now - age)) == code


UUID4 = "0123456789ab4def8123456789abcd12"
GOOD = "0123456789ab7def8123456789abcd12"
FORMS = [
    "store:",
    "store:12",
    f"store:{GOOD}",
    f"store:13/{GOOD}",
    f"store:12/{UUID4}",
    f"store:12/{GOOD.replace('8123', 'c123')}",
    f"store:12/{GOOD.upper()}",
    f"store:12/{GOOD}\n",
    f"store:12/{GOOD}/",
    f"store:12/{GOOD[:-1]}",
    f"store:12/../12/{GOOD}",
    f"store://12/{GOOD}",
    f"store:12/{GOOD[:-2]}１２",
]


@naming
@pytest.mark.parametrize("uri", FORMS)
def test_what_is_no_key_of_ours_is_no_object(
    log: Log, name: Callable[..., tuple[UUID, Event]], uri: str
) -> None:
    subject, event = name(log, uri)
    with log.unchanged():
        assert log.failure("bad-uri", lambda: log.append(subject, event))["uri"] == uri


@pytest.mark.parametrize("uri", [*FORMS, f"store:12/{GOOD}", "file:///a", ""])
def test_sql_and_python_take_the_same_for_keys(log: Log, uri: str) -> None:
    key = key_in(uri)
    made = log.value("SELECT artifactstore.object_time(%s)", uri)
    assert made == (None if key is None else made_at(key))


@pytest.mark.parametrize("uri", ["STORE:12/" + GOOD, "store", "file:///store:1", "s3://store:12/x"])
def test_other_schemes_are_not_judged(log: Log, uri: str) -> None:
    for name in NAMING.values():
        log.append(*name(log, uri))


def let_be(log: Log, state: str) -> str:
    """An object that one location names, in this state; its URI."""
    package = log.package("first")
    file, copy, uri = object_of(log, package)
    if state in ("verified", "failed"):
        log.append(copy, log.verified(copy) if state == "verified" else log.failed(copy))
    elif state in ("retiring", "retired"):
        log.append(file, FileRemoved(package_id=package, reason="old"))
    if state == "retired":
        log.append(copy, log.retired(copy))
    return uri


@naming
@pytest.mark.parametrize("state", ["registered", "verified", "failed"])
def test_a_live_object_is_shared(log: Log, name: Callable[..., tuple[UUID, Event]], state: str) -> None:
    log.append(*name(log, let_be(log, state)))


@naming
@pytest.mark.parametrize("state", ["retiring", "retired"])
def test_a_doomed_object_is_never_named_again(
    log: Log, name: Callable[..., tuple[UUID, Event]], state: str
) -> None:
    uri = let_be(log, state)
    subject, event = name(log, uri)
    with log.unchanged():
        assert log.failure("bytes-going", lambda: log.append(subject, event))["uri"] == uri
    # What has the same key in another store is another object.
    log.append(*name(log, uri, backend="shelf"))


def test_an_object_that_is_long_known_is_shared_however_old_it_is(log: Log) -> None:
    package = log.package()
    uri = uri_at(datetime.now(UTC) - 400 * DAY)
    log.append_at(datetime.now(UTC), new_id(), ingesting(package, uri))
    log.append(*by_ingesting(log, uri))


def test_one_live_location_keeps_an_object_among_doomed_ones(log: Log) -> None:
    first, second = log.package("first"), log.package("second")
    file, copy, uri = object_of(log, first)
    object_of(log, second, uri=uri)
    log.append(file, FileRemoved(package_id=first, reason="old"))
    log.append(copy, log.retired(copy, "detached"))
    log.append(*by_ingesting(log, uri))


def test_the_first_of_many_events_that_is_wrong_is_named(log: Log) -> None:
    package = log.package()
    going = let_be(log, "retiring")
    events = [
        NewEvent(ingesting(package, fresh(), "a"), new_id(), ANN),
        NewEvent(ingesting(package, "file:///b", "b"), new_id(), ANN),
        NewEvent(ingesting(package, going, "c"), new_id(), ANN),
        NewEvent(ingesting(package, "store:", "d"), new_id(), ANN),
    ]
    with log.unchanged():
        detail = log.failure("bytes-going", lambda: log.append_all(events))
    assert (detail["position"], detail["subject_id"]) == (3, str(events[2].subject_id))


def test_any_of_the_copies_that_a_file_brings_is_judged(log: Log) -> None:
    package = log.package()
    good, going = fresh(), let_be(log, "retired")
    places = [Location(location_id=new_id(), backend=STORE, uri=uri) for uri in (good, "s3://b/k", going)]
    event = FileIngested(package_id=package, path="a", size=3, blake3=CONTENT, locations=tuple(places))
    with log.unchanged():
        assert log.failure("bytes-going", lambda: log.append(new_id(), event))["uri"] == going


@pytest.mark.parametrize("first", ["remove", "name"])
def test_what_is_removed_and_named_in_one_append_was_never_doomed(log: Log, first: str) -> None:
    """Renaming a file: committed states count, and in each of them a live location names the object."""
    package = log.package()
    file, copy, uri = object_of(log, package)
    events = [
        NewEvent(FileRemoved(package_id=package, reason="renamed"), file, ANN),
        NewEvent(ingesting(package, uri, "b"), new_id(), ANN),
    ]
    log.append_all(events if first == "remove" else events[::-1])
    assert log.query("SELECT * FROM artifactstore.doomed_objects('main', now() + interval '1 day', 9)") == []
    log.append(copy, log.retired(copy, "detached"))
    replayed(log)


def test_what_is_told_as_deleted_in_one_append_is_not_named_in_it(log: Log) -> None:
    """In either order; and one that was live when the append began is not told as deleted."""
    package = log.package()
    file, copy, uri = object_of(log, package)
    gone = [
        NewEvent(FileRemoved(package_id=package, reason="old"), file, ANN),
        NewEvent(log.retired(copy, "deleted"), copy, ANN),
    ]
    with log.unchanged():
        assert log.failure("not-retiring", lambda: log.append_all(gone))["position"] == 2
    log.append_all(gone[:1])
    again = NewEvent(ingesting(package, uri, "b"), new_id(), ANN)
    with log.unchanged():
        log.failure("bytes-going", lambda: log.append_all([gone[1], again]))
        log.failure("bytes-going", lambda: log.append_all([again, gone[1]]))
    log.append_all(gone[1:])


def test_deleted_is_told_of_what_was_doomed_when_the_append_began(log: Log) -> None:
    """Two files share an object: the last good one is given up in the append that tells of the deletion."""
    package = log.package()
    file, copy, uri = object_of(log, package, "a")
    other, live, _ = object_of(log, package, "b", uri)
    log.append(file, FileRemoved(package_id=package, reason="old"))
    events = [
        NewEvent(FileRemoved(package_id=package, reason="old"), other, ANN),
        NewEvent(log.retired(live, "detached"), live, ANN),
        NewEvent(log.retired(copy, "deleted"), copy, ANN),
    ]
    with log.unchanged():
        assert log.failure("bytes-needed", lambda: log.append_all(events))["position"] == 3
    log.append_all(events[:1])
    log.append_all(events[1:])
    replayed(log)


@pytest.mark.parametrize("state", ["registered", "verified", "failed"])
def test_an_object_is_told_as_deleted_only_when_it_was_to_go(log: Log, state: str) -> None:
    package = log.package()
    file, copy, uri = object_of(log, package)
    log.location(package, file, "file:///other")
    if state != "registered":
        log.append(copy, log.verified(copy) if state == "verified" else log.failed(copy))
    with log.unchanged():
        detail = log.failure("not-retiring", lambda: log.append(copy, log.retired(copy)))
    assert (detail["state"], detail["uri"]) == (state, uri)
    log.append(copy, log.retiring(copy))
    log.append(copy, log.retired(copy))


@pytest.mark.parametrize("outcome", ["not_found", "detached"])
def test_that_it_was_not_there_or_is_given_up_is_told_at_any_time(log: Log, outcome: str) -> None:
    package = log.package()
    file, copy, _ = object_of(log, package)
    log.location(package, file, "file:///other")
    log.append(copy, log.retired(copy, outcome))


def test_what_is_no_object_is_told_as_deleted_as_before(log: Log) -> None:
    package = log.package()
    copy = log.location(package, log.file(package, "a", "file:///other"))
    log.append(copy, log.retired(copy))


def test_a_log_is_not_judged_again(log: Log) -> None:
    """Rows of another log, and replays: what was named too late there, or again, is what it is."""
    package = log.package()
    uri = uri_at(datetime.now(UTC) - 40 * DAY)
    file = new_id()
    for subject, event in (
        (file, ingesting(package, uri)),
        (file, FileRemoved(package_id=package, reason="old")),
        (new_id(), ingesting(package, uri)),
        (new_id(), ingesting(package, "store:none", "b")),
    ):
        log.append_at(datetime.now(UTC), subject, event)
    replayed(log)


def test_a_request_that_is_known_is_not_judged_again(log: Log) -> None:
    package = log.package()
    file = new_id()
    event = ingesting(package, fresh())
    first = NewEvent(event, file, ANN, request=Request(key="k", digest=CONTENT, events=1))
    (sequence,) = log.append_all([first])
    log.append(file, FileRemoved(package_id=package, reason="old"))
    assert log.append_all([first]) == [sequence]


def test_a_command_among_many_is_refused_alone(connect: Connect) -> None:
    store = Store(connect("service"))
    package, file, copy, going = new_id(), new_id(), new_id(), fresh()
    place = Location(location_id=copy, backend=STORE, uri=going)
    store.writes.append(
        [
            NewEvent(PackageCreated(purl="pkg:generic/p@1"), package, ANN),
            NewEvent(
                FileIngested(package_id=package, path="a", size=3, blake3=CONTENT, locations=(place,)),
                file,
                ANN,
            ),
            NewEvent(FileRemoved(package_id=package, reason="old"), file, ANN),
        ]
    )
    gone = StorageRetired(package_id=package, file_id=file, outcome="deleted", reason="r")
    commands = [
        [NewEvent(ingesting(package, fresh(), "b"), new_id(), ANN)],
        [NewEvent(ingesting(package, going, "c"), new_id(), ANN)],
        [NewEvent(gone, copy, ANN)],
        [NewEvent(ingesting(package, "store:", "d"), new_id(), ANN)],
        [NewEvent(PackageDeleted(reason="old"), package, ANN)],
        [NewEvent(PackagePurged(reason="old", file_count=1), package, ANN)],
    ]
    outcomes, standing = store.writes.append_commands(
        [[prepare(one) for one in each] for each in commands], 5
    )
    head = standing.position.head
    assert list(map(told, outcomes)) == [head - 3, "bytes-going", head - 2, "bad-uri", head - 1, head]


def test_ids_of_objects_are_new_and_say_when_they_were_made(log: Log) -> None:
    before = log.value("SELECT clock_timestamp()")
    (row,) = log.query("SELECT artifactstore.new_object_ids(10000) AS ids, clock_timestamp() AS now")
    assert len(set(row["ids"])) == 10_000
    made = [made_at(key_of(one)) for one in row["ids"]]
    assert before - TICK <= min(made) <= max(made) <= row["now"]
    assert all(key_in(uri_of(key_of(one))) for one in row["ids"])
    assert len({key_of(one)[:2] for one in row["ids"]}) == 256


@pytest.mark.parametrize("count", [-1, 0, 10_001, None])
def test_not_none_nor_too_many_at_once(log: Log, count: int | None) -> None:
    detail = log.failure("too-large", lambda: log.value("SELECT artifactstore.new_object_ids(%s)", count))
    assert detail["limit"] == 10_000
    assert re.search("1 to 10000", detail["problem"])
