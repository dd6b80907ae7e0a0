"""Store: what its methods add to the SQL functions behind them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus

from artifactstore.codec import digest
from artifactstore.errors import ArtifactstoreError, BadInput, Busy, Forbidden, NotFound, Refused
from artifactstore.events import (
    FileIngested,
    Location,
    NewEvent,
    PackageCreated,
    PackageLabeled,
    PackageSealed,
    Request,
    manifest_digest,
    new_id,
)
from artifactstore.store import LogQuery, Store
from artifactstore.store.packages import Packages
from tests.databases import Connect

ANN = "user:ann"
CONTENT = digest(b"abc")


@pytest.fixture
def store(connect: Connect) -> Store:
    """A superuser's store on an empty log."""
    return Store(connect())


def create(store: Store, purl: str = "pkg:generic/app@1") -> UUID:
    """Append a package and return its id."""
    package_id = new_id()
    store.writes.append([NewEvent(PackageCreated(purl=purl), package_id, ANN)])
    return package_id


def file(package_id: UUID, path: str, locations: tuple[Location, ...] | None = None) -> NewEvent:
    """A new file of three bytes."""
    event = FileIngested(package_id=package_id, path=path, size=3, blake3=CONTENT, locations=locations)
    return NewEvent(event, new_id(), ANN)


def located(name: str) -> tuple[Location, ...]:
    return (Location(location_id=new_id(), backend="file", uri=f"file:///{name}"),)


def test_append_tells_where_each_event_landed(store: Store) -> None:
    package_id = create(store)
    appended = store.writes.append([file(package_id, "b"), file(package_id, "a")])
    assert [(one.position, one.sequence, one.appended) for one in appended] == [(1, 3, True), (2, 4, True)]
    assert [row["payload"]["path"] for row in store.log.events(LogQuery(since=2))] == ["b", "a"]


def test_append_of_nothing_is_refused_with_the_limit(store: Store) -> None:
    with pytest.raises(BadInput) as refused:
        store.writes.append([])
    assert (refused.value.code, refused.value.detail["limit"]) == ("too-large", 100_000)
    assert store.log.head() == 0


@pytest.mark.parametrize("files", [1, 7_000])
def test_many_files_in_one_append_are_contiguous(store: Store, files: int) -> None:
    """GAP10: no limit of parameters, which are arrays."""
    package_id = create(store)
    appended = store.writes.append(
        [file(package_id, f"f{number}", located(f"f{number}")) for number in range(files)]
    )
    assert [one.sequence for one in appended] == list(range(3, files + 3))
    assert store.packages.package_totals(package_id) == {
        "files": files,
        "bytes": 3 * files,
        "locations": {"registered": files},
    }


def test_more_events_than_an_append_takes_are_refused_whole(store: Store) -> None:
    """GAP10: with the limit, and nothing is left behind."""
    package_id = create(store)
    with pytest.raises(BadInput) as refused:
        store.writes.append([file(package_id, "f")] * 100_001)
    assert (refused.value.code, refused.value.detail["limit"]) == ("too-large", 100_000)
    assert (store.log.head(), list(store.packages.files(package_id))) == (2, [])


@pytest.mark.parametrize("actor", ["", "a" * 256, "user:\0"])
def test_actors_that_cannot_be_are_refused(store: Store, actor: str) -> None:
    with pytest.raises(BadInput) as refused:
        store.writes.append([NewEvent(PackageCreated(purl="pkg:generic/a@1"), new_id(), actor)])
    assert (refused.value.code, store.log.head()) == ("bad-actor", 0)


def test_expected_is_checked_per_event(store: Store) -> None:
    package_id = create(store)
    label = PackageLabeled(set={"a": "1"})
    with pytest.raises(Refused) as refused:
        store.writes.append([file(package_id, "a"), NewEvent(label, package_id, ANN, expected=1)])
    assert (refused.value.code, store.log.head()) == ("changed", 2)
    store.writes.append([file(package_id, "a"), NewEvent(label, package_id, ANN, expected=2)])
    assert store.packages.package(package_id)["last_sequence"] == 4


def test_a_request_is_appended_once_by_many_at_once(connect: Connect, store: Store) -> None:
    """RG07."""
    package_id = create(store)
    request = Request(key="k", digest=digest(b"body"), events=1)
    event = NewEvent(PackageLabeled(set={"a": "1"}), package_id, ANN, request=request)
    outcomes = at_once(8, connect, lambda one, _number: one.writes.append([event])[0])
    assert {one.sequence for one in outcomes} == {3}
    assert sum(one.appended for one in outcomes) == 1
    assert store.log.head() == 3


def test_one_of_many_at_once_gets_the_path_and_the_others_its_name(connect: Connect, store: Store) -> None:
    """RG06: in one package one wins and the others are refused by name; in their own packages all win."""
    package_id = create(store)
    outcomes = at_once(16, connect, lambda one, _number: one.writes.append([file(package_id, "same")]))
    refusals = [one for one in outcomes if isinstance(one, ArtifactstoreError)]
    assert [one.code for one in refusals] == ["path-taken"] * 15
    packages = [create(store, f"pkg:generic/own@{number}") for number in range(16)]
    outcomes = at_once(16, connect, lambda one, number: one.writes.append([file(packages[number], "same")]))
    assert not [one for one in outcomes if isinstance(one, ArtifactstoreError)]
    assert store.log.head() == 3 + 32


def test_roles_that_may_not_append_are_forbidden(connect: Connect, store: Store) -> None:
    package_id = create(store)
    reader = Store(connect("reader"))
    assert reader.packages.package(package_id)["purl"] == "pkg:generic/app@1"
    with pytest.raises(Forbidden):
        reader.writes.append([file(package_id, "a")])


def test_a_log_that_is_locked_is_busy(connect: Connect, store: Store) -> None:
    package_id = create(store)
    store.connection.execute("SET lock_timeout = '50ms'")
    with connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
        with pytest.raises(Busy) as busy:
            store.writes.append([file(package_id, "a")])
    assert busy.value.code == "busy"
    store.writes.append([file(package_id, "a")])


def test_another_isolation_level_is_refused_by_name(store: Store) -> None:
    store.connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with pytest.raises(BadInput) as refused, store.connection.transaction():
        create(store)
    assert refused.value.code == "wrong-isolation"


def test_sealing_reads_again_when_a_file_came_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    package_id = create(store)
    store.writes.append([file(package_id, "z")])
    late = [file(package_id, "a")]
    sealing = Packages.sealing

    def overtaken(one: Packages, package: UUID, reason: str | None = None) -> PackageSealed:
        event = sealing(one, package, reason)
        if late:
            Store(one.connection).writes.append([late.pop()])
        return event

    monkeypatch.setattr(Packages, "sealing", overtaken)
    _, event = store.writes.seal(package_id, ANN)
    assert event.file_count == 2
    assert event.manifest_digest == manifest_digest([("a", 3, CONTENT), ("z", 3, CONTENT)])


def test_sealing_gives_up_when_files_keep_coming(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    package_id = create(store)
    store.writes.append([file(package_id, "a")])
    sealing = Packages.sealing

    def overtaken(one: Packages, package: UUID, reason: str | None = None) -> PackageSealed:
        event = sealing(one, package, reason)
        Store(one.connection).writes.append([file(package_id, str(new_id()))])
        return event

    monkeypatch.setattr(Packages, "sealing", overtaken)
    with pytest.raises(Refused) as refused:
        store.writes.seal(package_id, ANN)
    assert refused.value.code == "manifest-changed"


def test_manifests_of_sealed_packages_are_found_again(store: Store) -> None:
    paths = ["a/b", "a-b", "ü", "a", "Z"]
    for number, count in enumerate((5, 1)):
        package_id = create(store, f"pkg:generic/app@{number}")
        store.writes.append([file(package_id, path) for path in paths[:count]])
        store.writes.seal(package_id, ANN)
    create(store, "pkg:generic/open@1")
    manifests = list(store.rebuilds.manifests())
    assert [one.purl for one in manifests] == ["pkg:generic/app@0", "pkg:generic/app@1"]
    assert [one.stated for one in manifests] == [one.found for one in manifests]
    assert [
        entry.path
        for entry in store.packages.manifest(store.packages.package("pkg:generic/app@0")["package_id"])
    ] == [
        "Z",
        "a",
        "a-b",
        "a/b",
        "ü",
    ]


def test_the_last_event_at_a_time_is_found(store: Store) -> None:
    package_id = create(store)
    for number in range(9):
        store.writes.append([file(package_id, str(number))])
    events = list(store.log.stored_events())
    for event in events:
        # Events of one append share their time.
        last = max(one.sequence for one in events if one.created_at == event.created_at)
        assert store.log.sequence_at(event.created_at) == last
    assert store.log.sequence_at(events[0].created_at - timedelta(microseconds=1)) == 0
    with pytest.raises(NotFound, match="has not come yet"):
        store.log.sequence_at(events[-1].created_at + timedelta(days=1))


def test_streams_can_be_left_early(store: Store) -> None:
    package_id = create(store)
    store.writes.append([file(package_id, str(number)) for number in range(5_000)])
    stream: Iterator[Any] = store.log.stored_events()
    assert next(stream).sequence == 1
    stream.close()  # type: ignore[attr-defined]
    assert store.connection.info.transaction_status == TransactionStatus.IDLE
    assert sum(1 for _ in store.log.stored_events(since=2)) == 5_000


def test_what_is_not_there_is_not_found(store: Store) -> None:
    lookups: list[Callable[[], object]] = [
        lambda: store.packages.package(new_id()),
        lambda: store.packages.package("pkg:generic/none@1"),
        lambda: store.packages.file(new_id()),
        lambda: store.packages.file_at(new_id(), "a"),
        lambda: store.packages.location(new_id()),
        lambda: store.packages.retention(new_id()),
    ]
    for lookup in lookups:
        with pytest.raises(NotFound):
            lookup()


def test_a_connection_that_is_gone_is_unavailable(connect: Connect, store: Store) -> None:
    connect().execute("SELECT pg_terminate_backend(%s)", (store.connection.info.backend_pid,))
    with pytest.raises(Busy) as failure:
        store.log.head()
    assert failure.value.code == "unavailable"


def at_once(clients: int, connect: Connect, act: Callable[[Store, int], Any]) -> list[Any]:
    """What each of many clients got that acted at the same moment, errors of ours as values."""
    stores = [Store(connect()) for _ in range(clients)]
    barrier = Barrier(clients)

    def client(number: int) -> Any:
        barrier.wait()
        try:
            return act(stores[number], number)
        except ArtifactstoreError as refusal:
            return refusal

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(client, range(clients)))
