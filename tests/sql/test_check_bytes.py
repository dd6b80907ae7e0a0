"""F01: bytes belong to (backend, uri), and are not given up while another location names them."""

from collections.abc import Callable
from uuid import UUID

import pytest

from artifactstore.events import (
    Event,
    FileIngested,
    FileRemoved,
    Location,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    StorageRetired,
    new_id,
)
from artifactstore.store import Outcome, Store, prepare
from tests.databases import Connect
from tests.sql.support import ANN, CONTENT, Log, Row

URI = "file:///shared"


def inline(log: Log, package: UUID, path: str = "a", uri: str = URI) -> tuple[UUID, UUID]:
    """A new file with an inline location; both ids."""
    file = log.file(package, path, uri)
    (location,) = [key for key, row in log.rows("storage_locations").items() if row["file_id"] == file]
    return file, location


def registered(log: Log, package: UUID, path: str = "a", uri: str = URI) -> tuple[UUID, UUID]:
    """A new file, then a location of it; both ids."""
    file = log.file(package, path)
    return file, log.location(package, file, uri)


def purge(log: Log, package: UUID, _: UUID) -> None:
    """Delete and purge a package with one file."""
    log.append(package, PackageDeleted(reason="old"))
    log.append(package, PackagePurged(reason="old", file_count=1))


def remove(log: Log, package: UUID, file: UUID) -> None:
    """Remove the file."""
    log.append(file, FileRemoved(package_id=package, reason="old"))


def move(log: Log, package: UUID, file: UUID) -> None:
    """Have another good copy, so that the first may be retired."""
    log.location(package, file, f"file:///elsewhere/{file}")


def needs(log: Log, location: UUID, more: int = 0) -> Row:
    """What a refusal says of a location that needs the bytes."""
    row = log.rows("storage_locations")[location]
    purl = log.rows("artifact_packages")[row["package_id"]]["purl"]
    ids = {name: str(row[name]) for name in ("location_id", "file_id", "package_id")}
    return {**ids, "purl": purl, "state": row["state"], "more": more}


def removal(log: Log, location: UUID) -> tuple[str | None, Row | None] | None:
    """What is to be done about a copy, and who needs its bytes; None if it is not asked any more."""
    rows = log.query("SELECT removal, needed_by FROM artifactstore.copy_removals(ARRAY[%s])", location)
    return (rows[0]["removal"], rows[0]["needed_by"]) if rows else None


@pytest.mark.parametrize("make", [inline, registered])
@pytest.mark.parametrize(
    ("end", "place"),
    [
        (purge, "another package"),
        (remove, "another package"),
        (remove, "the same package"),
        (move, "another package"),
        (move, "the same package"),
    ],
)
def test_f01_bytes_that_another_location_names_are_not_deleted(
    log: Log, make: Callable[..., tuple[UUID, UUID]], end: Callable[..., None], place: str
) -> None:
    package = log.package("first")
    other = package if place == "the same package" else log.package("second")
    file, location = make(log, package, "a")
    _, needing = make(log, other, "b")
    end(log, package, file)
    detail = log.refused("bytes-needed", location, log.retired(location, "deleted"))
    assert detail["needed_by"] == needs(log, needing)
    assert str(needing) in detail["problem"]
    assert removal(log, location) == (None if end is move else "detach", needs(log, needing))
    log.append(location, log.retired(location, "detached"))
    assert log.rows("storage_locations")[location]["retire_outcome"] == "detached"
    assert removal(log, location) is None
    assert removal(log, needing) == (None, None)


def test_f01_that_the_bytes_were_not_there_is_a_fact(log: Log) -> None:
    first, second = log.package("first"), log.package("second")
    file, location = inline(log, first)
    inline(log, second)
    remove(log, first, file)
    log.append(location, log.retired(location, "not_found"))


@pytest.mark.parametrize("other", [("s3", URI), ("file", URI + "/"), ("file", "FILE:///shared")])
def test_other_places_are_other_bytes(log: Log, other: tuple[str, str]) -> None:
    first, second = log.package("first"), log.package("second")
    file, location = inline(log, first)
    place = Location(location_id=new_id(), backend=other[0], uri=other[1])
    log.append(
        new_id(), FileIngested(package_id=second, path="a", size=3, blake3=CONTENT, locations=(place,))
    )
    remove(log, first, file)
    assert removal(log, location) == ("remove", None)
    log.append(location, log.retired(location, "deleted"))


def test_the_first_that_needs_them_is_told_and_how_many_more(log: Log) -> None:
    """Rather one that stays than one that is to go, too; among these the oldest."""
    packages = [log.package(f"p{n}") for n in range(4)]
    copies = [inline(log, package) for package in packages]
    remove(log, packages[0], copies[0][0])
    remove(log, packages[3], copies[3][0])
    detail = log.refused("bytes-needed", copies[3][1], log.retired(copies[3][1]))
    assert detail["needed_by"] == needs(log, copies[1][1], more=2)
    assert detail["problem"].endswith("of pkg:generic/p1@1 needs them, and 2 more")


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_f01_of_a_group_that_is_to_go_one_is_removed_and_that_last(log: Log, order: list[int]) -> None:
    """Two files of one package and one of another; who follows a list row by row leaks and loses nothing."""
    first, second = log.package("first"), log.package("second")
    copies = [inline(log, first, "a"), inline(log, second, "a"), inline(log, first, "b")]
    log.append(first, PackageDeleted(reason="old"))
    log.append(first, PackagePurged(reason="old", file_count=2))
    assert [removal(log, copy) for _, copy in copies] == [
        ("detach", needs(log, copies[1][1], more=1)),
        (None, needs(log, copies[0][1], more=1)),
        ("detach", needs(log, copies[1][1], more=1)),
    ]
    purge(log, second, copies[1][0])
    assert [told[0] for _, copy in copies if (told := removal(log, copy))] == ["detach", "detach", "wait"]

    deleted = []
    for _ in range(2):
        listed = [(copy, removal(log, copy)) for _, copy in (copies[n] for n in order)]
        for copy, told in listed:
            if told is None or told[0] == "wait":
                continue
            outcome = {"detach": "detached", "remove": "deleted"}[told[0] or ""]
            log.append(copy, log.retired(copy, outcome))
            deleted += [copy] * (outcome == "deleted")
    assert deleted == [copies[2][1]]
    assert {row["state"] for row in log.rows("storage_locations").values()} == {"retired"}


def test_a_claim_that_is_retiring_still_counts(log: Log) -> None:
    package = log.package()
    (one, first), (two, second) = inline(log, package, "a"), inline(log, package, "b")
    remove(log, package, one)
    remove(log, package, two)
    log.refused("bytes-needed", second, log.retired(second))
    log.append(first, log.retired(first, "detached"))
    assert removal(log, second) == ("remove", None)
    log.append(second, log.retired(second))


def test_a_failed_copy_still_needs_the_bytes(log: Log) -> None:
    package = log.package()
    (file, first), (_, second) = inline(log, package, "a"), inline(log, package, "b")
    log.append(second, log.failed(second))
    remove(log, package, file)
    assert log.refused("bytes-needed", first, log.retired(first))["needed_by"]["state"] == "failed"


def test_a_place_is_used_again_after_its_bytes_were_deleted(log: Log) -> None:
    """Folded anew, too: who comes later did not need what went before."""
    package = log.package()
    for number in range(3):
        file, location = inline(log, package, f"{number}")
        remove(log, package, file)
        log.append(location, log.retired(location, "deleted"))
    replayed(log)


def test_f01_one_append_of_many_events_is_judged_event_by_event(log: Log) -> None:
    """The set is folded in waves, in another order than that of the log."""
    first, second = log.package("first"), log.package("second")
    (one, early), (two, late) = inline(log, first), inline(log, second)
    remove(log, first, one)
    remove(log, second, two)

    def both(outcomes: tuple[str, str]) -> list[NewEvent]:
        events: list[tuple[UUID, Event]] = [
            (early, log.retired(early, outcomes[0])), (late, log.retired(late, outcomes[1])),
        ]  # fmt: skip
        return [NewEvent(event, subject, ANN) for subject, event in events]

    with log.unchanged():
        detail = log.failure("bytes-needed", lambda: log.append_all(both(("deleted", "detached"))))
    assert (detail["position"], detail["subject_id"]) == (1, str(early))
    assert "sequence" not in detail
    assert detail["needed_by"] == needs(log, late)
    with log.unchanged():
        detail = log.failure("bytes-needed", lambda: log.append_all(both(("deleted", "deleted"))))
    assert (detail["position"], detail["subject_id"]) == (1, str(early))
    log.append_all(both(("detached", "deleted")))
    replayed(log)


def test_f01_what_is_named_later_in_one_append_does_not_matter_earlier(log: Log) -> None:
    package = log.package()
    file, location = inline(log, package, "a")
    remove(log, package, file)
    again = NewEvent(
        FileIngested(
            package_id=package,
            path="a",
            size=3,
            blake3=CONTENT,
            locations=(Location(location_id=new_id(), backend="file", uri=URI),),
        ),
        new_id(),
        ANN,
    )
    deleted = NewEvent(log.retired(location, "deleted"), location, ANN)
    with log.unchanged():
        log.failure("bytes-needed", lambda: log.append_all([again, deleted]))
    log.append_all([deleted, again])
    replayed(log)


def test_the_histories_of_single_packages_refuse_nothing(log: Log) -> None:
    """Folded alone, the claims of other packages are not there: fewer claims, never a refusal of its own."""
    first, second = log.package("first"), log.package("second")
    (one, early), (two, late) = inline(log, first), inline(log, second)
    remove(log, first, one)
    log.append(early, log.retired(early, "detached"))
    remove(log, second, two)
    log.append(late, log.retired(late, "deleted"))
    log.set("search_path", "public")
    for package in (first, second):
        found = log.query("SELECT * FROM artifactstore.package_at(%s, %s)", package, log.head)
        assert found == [log.rows("artifact_packages")[package]]
    log.execute("SELECT artifactstore.create_view_set('alone')")
    for package in (first, second):
        log.execute(
            "SELECT artifactstore.project_sequences('alone', artifactstore.package_sequences(%s, %s))",
            package, log.head,
        )  # fmt: skip
        log.set("search_path", "public")
    for view in ("artifact_packages", "artifact_files", "storage_locations", "retention_state"):
        assert log.rows(view, "alone") == log.rows(view)


def test_f01_a_command_among_many_is_refused_alone(connect: Connect) -> None:
    """append_commands: in the group, in its halves, alone; the others are numbered without a hole."""
    store = Store(connect("service"))
    packages, files, copies = ([new_id() for _ in range(3)] for _ in range(3))
    for number, package in enumerate(packages):
        place = Location(location_id=copies[number], backend="file", uri=URI)
        store.writes.append(
            [
                NewEvent(PackageCreated(purl=f"pkg:generic/p{number}@1"), package, ANN),
                NewEvent(
                    FileIngested(package_id=package, path="a", size=3, blake3=CONTENT, locations=(place,)),
                    files[number],
                    ANN,
                ),
                NewEvent(FileRemoved(package_id=package, reason="old"), files[number], ANN),
            ]
        )

    def retire(number: int, outcome: str) -> list[NewEvent]:
        event = StorageRetired(
            package_id=packages[number], file_id=files[number], outcome=outcome, reason="old"
        )
        return [NewEvent(event, copies[number], ANN)]

    commands = [retire(0, "deleted"), retire(1, "detached"), retire(2, "deleted"), retire(0, "detached"),
                retire(2, "deleted")]  # fmt: skip
    outcomes, standing = store.writes.append_commands(
        [[prepare(one) for one in each] for each in commands], 5
    )
    head = standing.position.head
    assert list(map(told, outcomes)) == ["bytes-needed", head - 2, "bytes-needed", head - 1, head]


def told(outcome: Outcome) -> object:
    """The code of a refusal, or the sequence of the only event."""
    return outcome.code if isinstance(outcome, Exception) else outcome[0].sequence


def replayed(log: Log) -> None:
    """Assert that the log, folded as one range and one by one, gives the live views."""
    log.set("search_path", "public")
    log.execute("SELECT artifactstore.rebuild('whole')")
    log.execute("SELECT artifactstore.create_view_set('single')")
    log.set("search_path", "single, pg_temp")
    for sequence in range(1, log.head + 1):
        log.execute("SELECT artifactstore.project(%s, %s)", sequence, sequence)
    log.set("search_path", "public")
    assert log.dump("whole") == log.dump("single") == log.dump()
